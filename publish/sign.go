package publish

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A Signer is a BlobStore that gives addresses at which anybody reads one blob for a while, from the store itself.
type Signer interface {
	Sign(ctx context.Context, key string, o SignOptions) (address string, err error)
}

// SignOptions say how long a signed address lasts and what the answer says of the file.
type SignOptions struct {
	Lasts       time.Duration
	MediaType   string // Content-Type
	Disposition string // Content-Disposition
}

// Query is how S3's protocol asks for the headers of the answer.
func (o SignOptions) Query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"response-content-type": o.MediaType, "response-content-disposition": o.Disposition} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Sign implements Signer as far as the store within does: what is assembled while it is read has no address of its own.
func (a *assembling) Sign(ctx context.Context, key string, o SignOptions) (string, error) {
	signer, ok := a.BlobStore.(Signer)
	if !ok || strings.HasPrefix(key, listPrefix) {
		return "", fmt.Errorf("sign %s: %w", key, errors.ErrUnsupported)
	}
	return signer.Sign(ctx, key, o)
}
