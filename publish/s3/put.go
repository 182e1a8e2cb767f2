package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"grenier/publish"

	"github.com/minio/minio-go/v7"
)

// partSize is how much of a blob is in memory at once. A blob that fits is one request; a longer one is made of parts.
const partSize = 16 << 20

// buffers keeps what parts are read into.
var buffers = sync.Pool{New: func() any { b := make([]byte, partSize); return &b }}

// Put implements publish.BlobStore.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) error {
	there, err := s.begin(ctx, key)
	if there == young || err != nil {
		return err
	}
	return s.failed("put", key, s.send(ctx, key, r, there))
}

// Adopt implements publish.BlobStore.
func (s *Store) Adopt(ctx context.Context, key, path string) error {
	there, err := s.begin(ctx, key)
	if err != nil {
		return err
	}
	if there != young {
		if err := s.sendFile(ctx, key, path, there); err != nil {
			return s.failed("adopt", key, err)
		}
	}
	return os.Remove(path)
}

func (s *Store) sendFile(ctx context.Context, key, path string, there presence) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.send(ctx, key, f, there)
}

// A presence is what is kept under a key that is given.
type presence int

const (
	absent presence = iota
	young
	old // is sent anew, which makes it young: some servers leave the date of what is copied onto itself
)

// renewAfter is how old an object is left as it is. Tests change it.
var renewAfter = 12 * time.Hour

// begin checks what must hold before anything is sent.
func (s *Store) begin(ctx context.Context, key string) (presence, error) {
	info, err := s.stat(ctx, key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent, nil
	case err != nil:
		return absent, err
	case time.Since(info.LastModified) > renewAfter:
		return old, nil
	}
	return young, nil
}

// send sends what r yields. It appears whole under its key at the last request, on condition that the key is still free; a key taken meanwhile is no
// error, for it names the same bytes.
func (s *Store) send(ctx context.Context, key string, r io.Reader, there presence) error {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	n, err := fill(ctx, r, *buffer)
	if err != nil && err != io.EOF { //nolint:errorlint // fill's own end
		return err
	}
	if err == nil {
		return s.sendParts(ctx, key, r, *buffer, there)
	}
	return s.place(ctx, key, there, func(o minio.PutObjectOptions) error {
		o.SendContentMd5, o.ContentType = true, contentType
		_, err := s.client.PutObject(ctx, s.bucket, s.prefix+key, bytes.NewReader((*buffer)[:n]), int64(n), o)
		return err
	})
}

const contentType = "application/octet-stream"

// fill reads until the buffer is full, or to the end: io.EOF. A stream that stops short is never taken for one that ends.
func fill(ctx context.Context, r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		var k int
		k, err = r.Read(b[n:])
		n += k
	}
	if n == len(b) && (err == nil || err == io.EOF) { //nolint:errorlint // readers return io.EOF itself
		return n, nil // whether more comes is asked next time
	}
	return n, err
}

// sendParts sends the full buffer, then what else r yields, a part at a time. The parts of an upload that fails are thrown away.
func (s *Store) sendParts(ctx context.Context, key string, r io.Reader, buffer []byte, there presence) (err error) {
	core, name := minio.Core{Client: s.client}, s.prefix+key
	id, err := core.NewMultipartUpload(ctx, s.bucket, name, minio.PutObjectOptions{ContentType: contentType})
	if err != nil {
		return fmt.Errorf("begin parts: %w", err)
	}
	defer func() {
		if err != nil {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortWithin)
			defer cancel()
			_ = core.AbortMultipartUpload(late, s.bucket, name, id)
		}
	}()
	var sent []minio.CompletePart
	for n, end := len(buffer), error(nil); n > 0; {
		part, err := core.PutObjectPart(ctx, s.bucket, name, id, len(sent)+1, bytes.NewReader(buffer[:n]), int64(n), minio.PutObjectPartOptions{})
		if err != nil {
			return fmt.Errorf("send part %d: %w", len(sent)+1, err)
		}
		sent = append(sent, minio.CompletePart{PartNumber: part.PartNumber, ETag: part.ETag})
		if end != nil {
			break
		}
		if n, end = fill(ctx, r, buffer); end != nil && end != io.EOF { //nolint:errorlint // fill's own end
			return end
		}
	}
	return s.place(ctx, key, there, func(o minio.PutObjectOptions) error {
		_, err := core.CompleteMultipartUpload(ctx, s.bucket, name, id, sent, o)
		return err
	})
}

// abortWithin bounds the throwing away of parts, which a caller who gave up does not wait for longer.
const abortWithin = 20 * time.Second

// placings is how often a last request is tried when another writer of the same key is at it.
const placings = 5

// place makes the last request, on condition that the key is free unless it is to be renewed. A server that knows no such condition is asked
// without it, after a look.
func (s *Store) place(ctx context.Context, key string, there presence, request func(minio.PutObjectOptions) error) error {
	for n := 1; ; n++ {
		var o minio.PutObjectOptions
		if there == absent && !s.noConditions.Load() {
			o.SetMatchETagExcept("*")
		}
		err := request(o)
		answer := minio.ToErrorResponse(err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return err
		case answer.StatusCode == http.StatusNotImplemented && there == absent && s.noConditions.CompareAndSwap(false, true):
		case answer.StatusCode == http.StatusPreconditionFailed, answer.Code == "NoSuchUpload": // the second: our own request arrived, its answer did not
			_, seen := s.stat(ctx, key)
			if seen == nil {
				return nil
			}
			return errors.Join(err, seen)
		case answer.StatusCode == http.StatusConflict && n < placings: // another writer's request is under way
			if _, seen := s.stat(ctx, key); seen == nil {
				return nil
			}
			if err := wait(ctx, time.Duration(n)*200*time.Millisecond); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Sign implements publish.Signer: an address at which anybody reads the object for a while.
func (s *Store) Sign(ctx context.Context, key string, o publish.SignOptions) (string, error) {
	if err := publish.CheckKey(key); err != nil {
		return "", err
	}
	u, err := s.client.PresignedGetObject(ctx, s.bucket, s.prefix+key, o.Lasts, o.Query())
	if err != nil {
		return "", s.failed("sign", key, err)
	}
	return u.String(), nil
}
