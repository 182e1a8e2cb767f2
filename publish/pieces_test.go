package publish_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"grenier/publish"
)

// seriesOfPieces presses a series of some members and returns its Parquet file.
func seriesOfPieces(t testing.TB) (*seriesPlace, publish.SeriesOrder, publish.SeriesFile) {
	t.Helper()
	p := newSeriesPlace(t)
	o := p.order(t, seriesSchema(), randomMembers(rand.New(rand.NewPCG(11, 4)), seriesSchema(), 60))
	return p, o, file(t, p.press(t, o), "parquet", 0)
}

func TestPieces_ReadAsOneFileFromAnywhere(t *testing.T) {
	p, _, f := seriesOfPieces(t)
	whole := p.read(t, f.Key)
	if sum := sha256.Sum256(whole); int64(len(whole)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
		t.Fatalf("%d bytes of %d, or other ones", len(whole), f.Bytes)
	}
	b, err := p.blobs.Open(t.Context(), f.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := iotest.TestReader(b, whole); err != nil {
		t.Error(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from := r.Int64N(f.Bytes)
		got := make([]byte, 1+r.Int64N(min(f.Bytes-from, 5000)))
		if n, err := b.ReadAt(got, from); n != len(got) || err != nil || !bytes.Equal(got, whole[from:from+int64(n)]) {
			t.Fatalf("%d bytes from %d: %d of them, %v, or others", len(got), from, n, err)
		}
	}
}

func TestPieces_TakeLittleRoomBesideTheFilesOfTheirParts(t *testing.T) {
	p, _, f := seriesOfPieces(t)
	own, err := p.inner.Stat(t.Context(), f.Key)
	if err != nil || own >= f.Bytes {
		t.Errorf("%d bytes describe a file of %d, %v", own, f.Bytes, err)
	}
	if n, err := p.blobs.Stat(t.Context(), f.Key); n != f.Bytes || err != nil {
		t.Errorf("the file has %d bytes, %v, want %d", n, err, f.Bytes)
	}
}

func TestPieces_SayWhichFileIsGone(t *testing.T) {
	p, o, f := seriesOfPieces(t)
	if err := p.inner.Delete(t.Context(), o.Parts[0].Parquet); err != nil {
		t.Fatal(err)
	}
	b, err := p.blobs.Open(t.Context(), f.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := io.ReadAll(b); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), o.Parts[0].Parquet) {
		t.Errorf("got %v", err)
	}
}

func TestPieces_OfAClosedFileAreNotRead(t *testing.T) {
	p, _, f := seriesOfPieces(t)
	b, err := p.blobs.Open(t.Context(), f.Key)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("read")
	}
}

// A description may be damaged anywhere: an error, never a panic or a file of another length.
func FuzzPieces(f *testing.F) {
	p, _, file := seriesOfPieces(f)
	good := whole(f, p.inner, file.Key)
	f.Add(good)
	f.Add(good[len(good)-200:])
	f.Add([]byte("GRPC"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key := "list/ab/fuzzed.parquet"
		store := publish.Assembling(openDir(t))
		if err := store.Put(t.Context(), key, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		b, err := store.Open(t.Context(), key)
		if err != nil {
			return
		}
		defer b.Close()
		size, err := store.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, io.LimitReader(b, 1<<20)); err == nil && n < min(size, 1<<20) {
			t.Errorf("%d bytes of %d without an error", n, size)
		}
	})
}

func whole(t testing.TB, blobs publish.BlobStore, key string) []byte {
	t.Helper()
	b, err := blobs.Open(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
