// Package s3 keeps blobs in a bucket of any store that speaks the S3 protocol: publish.BlobStore.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"grenier/publish"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// A Store keeps blobs as objects under a prefix of one bucket. It is safe for concurrent use, also by several processes.
//
// A blob is put on condition that its key is free, whether it is one request or many parts; a server that knows no conditions is asked without.
// Requests that a server or the way to it loses are made again by the client, ten times within seconds.
type Store struct {
	client       *minio.Client
	endpoint     string
	bucket       string
	prefix       string      // "" or ends with a slash
	noConditions atomic.Bool // the server knows none
}

var (
	_ publish.BlobStore = (*Store)(nil)
	_ publish.Signer    = (*Store)(nil)
)

// Open connects to the bucket that address names, and checks that it is there:
//
//	s3://bucket?endpoint=s3.exemple.fr&region=fr-par&prefix=grenier&access_key=env:NAME&secret_key=file:/path
//
// endpoint is a host, with its port when it is not the usual one. insecure=true speaks HTTP without TLS. The two keys are references, which
// secret turns into what they refer to; without them the bucket is used without signature.
func Open(ctx context.Context, address string, secret func(ref string) (string, error)) (*Store, error) {
	c, err := parse(address)
	if err != nil {
		return nil, err
	}
	client, err := c.connect(secret)
	if err != nil {
		return nil, fmt.Errorf("open s3 bucket %s: %w", c.bucket, err)
	}
	found, err := client.BucketExists(ctx, c.bucket)
	if err != nil {
		return nil, fmt.Errorf("open s3 bucket %s at %s: %w", c.bucket, c.endpoint, err)
	}
	if !found {
		return nil, fmt.Errorf("open s3 bucket %s at %s: no such bucket", c.bucket, c.endpoint)
	}
	return &Store{client: client, endpoint: c.endpoint, bucket: c.bucket, prefix: c.prefix}, nil
}

// A config is a parsed address.
type config struct {
	bucket, prefix, endpoint, region string
	accessKey, secretKey             string // references
	insecure                         bool
}

// parse reads an address; it is strict, for a misspelt option would be a bucket in the wrong place.
func parse(address string) (c config, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return c, errors.New("s3 address is no URL") // the error would quote it, and someone may have put a key there
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return c, errors.New("s3 address is not like s3://bucket?endpoint=host")
	}
	known := []string{"endpoint", "region", "insecure", "access_key", "secret_key", "prefix"}
	for name, values := range q {
		if !slices.Contains(known, name) || len(values) != 1 {
			return c, fmt.Errorf("s3 address: option %q is unknown or given twice (known: %s)", name, strings.Join(known, ", "))
		}
	}
	c = config{bucket: u.Host, endpoint: q.Get("endpoint"), region: q.Get("region"), accessKey: q.Get("access_key"), secretKey: q.Get("secret_key")}
	if v := q.Get("insecure"); v != "" {
		if c.insecure, err = strconv.ParseBool(v); err != nil {
			return c, errors.New("s3 address: insecure is neither true nor false")
		}
	}
	if c.endpoint == "" {
		return c, errors.New("s3 address: no endpoint")
	}
	if (c.accessKey == "") != (c.secretKey == "") {
		return c, errors.New("s3 address: access_key and secret_key go together")
	}
	if p := strings.Trim(q.Get("prefix"), "/"); p != "" {
		if err := publish.CheckKey(p); err != nil {
			return c, fmt.Errorf("s3 address: prefix: %w", err)
		}
		c.prefix = p + "/"
	}
	return c, nil
}

func (c config) connect(secret func(string) (string, error)) (*minio.Client, error) {
	creds := credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	if c.accessKey != "" {
		access, err := secret(c.accessKey)
		if err != nil {
			return nil, fmt.Errorf("access_key: %w", err)
		}
		key, err := secret(c.secretKey)
		if err != nil {
			return nil, fmt.Errorf("secret_key: %w", err)
		}
		creds = credentials.NewStaticV4(access, key, "")
	}
	transport, err := minio.DefaultTransport(!c.insecure)
	if err != nil {
		return nil, err
	}
	transport.Proxy = nil // the environment must not decide where blobs go
	transport.ResponseHeaderTimeout = time.Minute
	return minio.New(c.endpoint, &minio.Options{Creds: creds, Secure: !c.insecure, Region: c.region, Transport: transport})
}

// Open implements publish.BlobStore. ctx must live as long as the Blob is read. Reading in order is one request; each ReadAt is one of
// its range.
func (s *Store) Open(ctx context.Context, key string) (publish.Blob, error) {
	if err := publish.CheckKey(key); err != nil {
		return nil, err
	}
	o, err := s.client.GetObject(ctx, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	if err == nil {
		if _, err = o.Stat(); err != nil {
			_ = o.Close()
		}
	}
	if err != nil {
		return nil, s.failed("open", key, err)
	}
	return o, nil
}

// Stat implements publish.BlobStore.
func (s *Store) Stat(ctx context.Context, key string) (int64, error) {
	info, err := s.stat(ctx, key)
	return info.Size, err
}

func (s *Store) stat(ctx context.Context, key string) (minio.ObjectInfo, error) {
	if err := publish.CheckKey(key); err != nil {
		return minio.ObjectInfo{}, err
	}
	info, err := s.client.StatObject(ctx, s.bucket, s.prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return minio.ObjectInfo{}, s.failed("stat", key, err)
	}
	return info, nil
}

// Delete implements publish.BlobStore.
func (s *Store) Delete(ctx context.Context, key string) error {
	if _, err := s.Stat(ctx, key); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := s.client.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{}); err != nil {
		return s.failed("delete", key, err)
	}
	return nil
}

// Expire implements publish.BlobStore, but for one thing: the protocol has no deletion on condition of an age, so an object that is renewed
// during the milliseconds between the two requests is lost.
func (s *Store) Expire(ctx context.Context, key string, before time.Time) (gone bool, err error) {
	info, err := s.stat(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !info.LastModified.Before(before) {
		return false, err
	}
	if err := s.client.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{}); err != nil {
		return false, s.failed("expire", key, err)
	}
	return true, nil
}

// Each implements publish.BlobStore.
func (s *Store) Each(ctx context.Context, prefix string, fn func(key string, size int64, modified time.Time) error) error {
	if err := publish.CheckPrefix(prefix); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return s.failed("list", prefix, o.Err)
		}
		key := strings.TrimPrefix(o.Key, s.prefix)
		if publish.CheckKey(key) != nil { // folders that some tools make, other people's objects
			continue
		}
		if err := fn(key, o.Size, o.LastModified); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// failed says what was done to which key of which bucket at which server, and is fs.ErrNotExist when there is no such key.
func (s *Store) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	if r.Code == minio.NoSuchKey || r.StatusCode == http.StatusNotFound && r.Code != minio.NoSuchBucket && r.Code != "NoSuchUpload" {
		return &fs.PathError{Op: op, Path: key, Err: fs.ErrNotExist}
	}
	return fmt.Errorf("%s %s in the s3 bucket %s at %s: %w", op, key, s.bucket, s.endpoint, err)
}
