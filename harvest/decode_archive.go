package harvest

import (
	"archive/zip"
	"bufio"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// An archive is a zip document read under the limits of SECURITY.md F-01: what comes out is counted as it comes, whatever the
// headers say.
type archive struct {
	files map[string]*zip.File // by name in lower case
	total int64                // bytes that came out so far
}

func openArchive(in Input) (*archive, error) {
	z, err := zip.NewReader(in, in.Size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // nothing is ever written under these names
		return nil, unreadable(err)
	}
	if len(z.File) > maxEntries {
		return nil, errBomb
	}
	a := &archive{files: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			return nil, errEncrypted
		}
		name := strings.ToLower(strings.ReplaceAll(f.Name, `\`, "/"))
		if _, twice := a.files[name]; twice && !strings.HasSuffix(name, "/") {
			return nil, unreadable(fmt.Errorf("two entries named %q", name))
		}
		a.files[name] = f
	}
	return a, disjoint(z.File)
}

// workbookFormat tells the format of the workbook: xlsx or ods. Another kind of archive is an error.
func (a *archive) workbookFormat() (string, error) {
	has := func(name string) bool { _, ok := a.files[name]; return ok }
	switch {
	case has("xl/workbook.bin"):
		return "", Say("Le classeur est au format XLSB, qui n’est pas lu. Enregistrez-le en XLSX ou en CSV.", errors.New("xlsb document"))
	case has("word/document.xml"), has("ppt/presentation.xml"):
		return "", errOffice
	case has("_rels/.rels"), has("xl/workbook.xml"):
		return "xlsx", nil
	case has("mimetype"), has("meta-inf/manifest.xml"):
		if has("content.xml") || has("encrypted-package") {
			return "ods", nil
		}
	}
	return "", errArchive
}

// What an archive is that is no spreadsheet.
var (
	errOffice  = Say("Le fichier est un document de bureautique, pas un tableau. Fournissez l’export en CSV ou en XLSX.", errors.New("office document"))
	errArchive = Say("Le fichier est une archive ZIP, pas un tableau. Fournissez directement le fichier CSV, XLSX ou JSON qu’elle contient.", errors.New("zip archive"))
)

// unreadable is the error of an archive or a workbook that does not follow its format.
func unreadable(err error) error {
	return Say("Le classeur est incomplet ou abîmé : rien n’en est publié. Ouvrez-le dans votre tableur, enregistrez-le de nouveau en XLSX, ou exportez-le en CSV.", fmt.Errorf("read archive: %w", err))
}

// disjoint checks that no two entries share bytes, as those of a bomb without nesting do.
func disjoint(files []*zip.File) error {
	type extent struct{ from, to int64 }
	extents := make([]extent, 0, len(files))
	for _, f := range files {
		from, err := f.DataOffset()
		if err != nil {
			return unreadable(err)
		}
		extents = append(extents, extent{from - 30 - int64(len(f.Name)), from + int64(f.CompressedSize64)})
	}
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(extents); i++ {
		if extents[i].from < extents[i-1].to {
			return errBomb
		}
	}
	return nil
}

// open reads one entry. A name that is not there is fs-like: ok is false.
func (a *archive) open(name string) (r *counted, ok bool, err error) {
	f, ok := a.files[strings.ToLower(strings.TrimPrefix(path.Clean("/"+name), "/"))]
	if !ok {
		return nil, false, nil
	}
	body, err := f.Open()
	if err != nil {
		return nil, true, unreadable(err)
	}
	return &counted{archive: a, body: body, packed: int64(f.CompressedSize64)}, true, nil
}

// A counted reads an entry and stops when it, or all together, grow beyond the limits.
type counted struct {
	archive *archive
	body    io.ReadCloser
	packed  int64
	read    int64
	mark    int64 // where the last token began
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.read += int64(n)
	c.archive.total += int64(n)
	if expanded(c.read, c.packed) || c.archive.total > maxExpanded || c.read-c.mark > maxToken {
		return 0, errBomb
	}
	if err != nil && err != io.EOF {
		err = unreadable(err)
	}
	return n, err
}

// Close closes the entry.
func (c *counted) Close() error { return c.body.Close() }

// maxToken is how large one XML token may be, and each part that is held whole: list of sheets, relations, styles.
const maxToken = 8 << 20

// decodePart reads a small XML part into v. A part that is not there leaves v as it is.
func (a *archive) decodePart(name string, v any) error {
	r, ok, err := a.open(name)
	if err != nil || !ok {
		return err
	}
	defer r.Close()
	if err := xml.NewDecoder(bufio.NewReaderSize(r, 64<<10)).Decode(v); err != nil {
		return orUnreadable(err)
	}
	return nil
}

// orUnreadable gives a sentence to an error that has none.
func orUnreadable(err error) error {
	var s *Sentence
	if errors.As(err, &s) {
		return err
	}
	return unreadable(err)
}

// An xmlPart is a large XML part, read token by token.
type xmlPart struct {
	*counted
	dec   *xml.Decoder
	depth int
}

func (a *archive) openPart(name string) (*xmlPart, bool, error) {
	r, ok, err := a.open(name)
	if err != nil || !ok {
		return nil, ok, err
	}
	return &xmlPart{counted: r, dec: xml.NewDecoder(bufio.NewReaderSize(r, 64<<10))}, true, nil
}

// next returns the next token; names are local ones. A document type is refused.
func (x *xmlPart) next() (xml.Token, error) {
	x.mark = x.read
	t, err := x.dec.RawToken()
	if err == io.EOF && x.depth > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		return nil, err
	}
	if err != nil {
		return nil, orUnreadable(err)
	}
	switch t.(type) {
	case xml.StartElement:
		x.depth++
	case xml.EndElement:
		x.depth--
	case xml.Directive:
		return nil, unreadable(errors.New("document type in a workbook"))
	}
	if x.depth < 0 || x.depth > maxDepth {
		return nil, unreadable(errors.New("xml nesting"))
	}
	return t, nil
}

// attribute finds an attribute by its local name.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}
