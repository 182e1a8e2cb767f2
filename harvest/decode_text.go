package harvest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"grenier/schemas"
)

// The names of the encodings, as recipes write them and reports tell them.
const (
	encodingUTF8   = "utf-8"
	encodingUTF16  = "utf-16"
	encodingANSI   = "windows-1252"
	encodingLatin9 = "iso-8859-15"
	encodingDOS    = "cp850"
	encodingMac    = "macintosh"
)

const (
	bomUTF8 = "\xef\xbb\xbf"
	bomLE   = "\xff\xfe"
	bomBE   = "\xfe\xff"
)

// A plainText hands a document over as UTF-8, from first byte to last, whatever its encoding. Bytes that its encoding does not have come
// out as broken UTF-8, so that whoever cuts the text into cells finds them with utf8.Valid; suspect says whether there are any.
type plainText struct {
	in       io.ReaderAt
	start    int64 // behind the byte order mark
	off      int64
	size     int64
	encoding string
	suspect  bool       // some bytes are broken or NUL: cells must be looked at
	spoilt   [][2]int64 // where they are, for UTF-8, in order; nil: anywhere

	hasty   bool        // only the beginning of the document was looked at: more looks at the rest
	seen    *census     // of what more handed over as UTF-8, while that is not settled
	high    *[128]int64 // how often each byte from 0x80 was handed over, in a one-byte encoding
	guessed bool        // that encoding is the one that looks most French

	table *[128]uint32     // UTF-8 of the high half of a one-byte encoding: the bytes from the lowest on, their number in the highest
	order binary.ByteOrder // of UTF-16
	raw   []byte
}

// errHasty says that a document does not go on as its beginning let one think: what was read of it is void.
var errHasty = errors.New("the encoding is not what the beginning of the document says")

// openText finds the encoding of in: what want says, else the byte order mark, else the bytes themselves, all of them.
func openText(in Input, want string) (*plainText, error) { return openPlain(in, want, false) }

// openPlain is openText that may be hasty: it looks at the beginning of the document, and at the rest when it is read, so that most
// documents are read once. The text is that of openText all the same, or else more ends with errHasty.
func openPlain(in Input, want string, hasty bool) (*plainText, error) {
	t := &plainText{in: in, size: in.Size, hasty: hasty}
	head := make([]byte, min(in.Size, 4096))
	if err := readFull(in, head, 0); err != nil {
		return nil, err
	}
	t.mark(head)
	want = strings.ToLower(strings.TrimSpace(want))
	page, name := charset(want)
	switch want {
	case "", encodingUTF8, "utf8":
	case encodingUTF16, "utf16":
		t.order = cmp.Or[binary.ByteOrder](t.order, nakedOrder(head), binary.LittleEndian)
	default:
		if page == nil {
			return nil, Say(fmt.Sprintf("L’encodage « %s » n’est pas connu. Choisissez utf-8, windows-1252, iso-8859-15, cp850, macintosh ou utf-16.", want),
				fmt.Errorf("unknown encoding %q", want))
		}
	}
	if want == "" && t.start == 0 {
		t.order = nakedOrder(head)
	}
	switch {
	case t.order != nil:
		t.encoding, t.suspect = encodingUTF16, true
		return t, nil
	case page != nil && t.start == 0:
		return t, t.singleByte(name, page)
	}
	return t, t.settle(t.start > 0 || want != "")
}

// mark recognises a byte order mark and steps behind it.
func (t *plainText) mark(head []byte) {
	switch {
	case bytes.HasPrefix(head, []byte(bomUTF8)):
		t.start = 3
	case bytes.HasPrefix(head, []byte(bomLE)):
		t.start, t.order = 2, binary.LittleEndian
	case bytes.HasPrefix(head, []byte(bomBE)):
		t.start, t.order = 2, binary.BigEndian
	}
	t.off = t.start
}

// nakedOrder recognises UTF-16 without its mark: European text has a NUL in nearly every other byte.
func nakedOrder(head []byte) binary.ByteOrder {
	if len(head) < 4 {
		return nil
	}
	var nul [2]int
	for i, c := range head {
		if c == 0 {
			nul[i&1]++
		}
	}
	switch most, half := len(head)*2/5, len(head)/20; {
	case nul[1] >= most && nul[0] <= half:
		return binary.LittleEndian
	case nul[0] >= most && nul[1] <= half:
		return binary.BigEndian
	}
	return nil
}

// settle looks at the whole document. It is UTF-8 when nothing is broken, and also when well-formed sequences of several bytes are at
// least twice as many as broken ones: a good file with a few bad cells, which become faults. Text in a one-byte encoding does not look so:
// it would need capitals followed by signs ("É»") more often than accents. A sequence cut by the end of the document does not
// count. Everything else is a one-byte encoding, which any bytes could be, so the bad cells of a file that is mostly broken are not told.
func (t *plainText) settle(told bool) error {
	t.encoding, t.seen = encodingUTF8, &census{told: told}
	if t.hasty {
		return nil
	}
	return t.conclude()
}

// conclude settles the encoding of a document of which nothing was handed over yet, or the beginning as UTF-8, by the rest of it.
func (t *plainText) conclude() error {
	c := t.seen
	if err := c.take(t.in, t.off, t.size); err != nil {
		return err
	}
	t.seen = nil
	switch {
	case c.isUTF8():
		t.suspect, t.spoilt = len(c.spoilt) > 0, c.spoilt
		return nil
	case t.off > t.start:
		return errHasty
	}
	return t.singleByte("", nil)
}

// watch looks at text that more is about to hand over as UTF-8, and tells how much of it to hand over now: a sequence that its end cuts waits.
// It may change the encoding.
func (t *plainText) watch(text []byte) (n int, err error) {
	before := *t.seen
	n = t.seen.judge(text, t.off, t.off+int64(len(text)) == t.size)
	if t.seen.isUTF8() {
		t.suspect, t.spoilt = len(t.seen.spoilt) > 0, t.seen.spoilt
		return n, nil
	}
	*t.seen = before
	return len(text), t.conclude()
}

// hastyBytes is how much of a document is looked at to guess its one-byte encoding in haste.
const hastyBytes = 1 << 20

// singleByte prepares the table of a one-byte encoding: page, or the one in which the document looks most French.
func (t *plainText) singleByte(name string, page *charmap.Charmap) error {
	size := t.size
	if t.hasty {
		size = min(size, t.off+hastyBytes)
	}
	high, nul, err := histogram(t.in, t.off, size)
	if err != nil {
		return err
	}
	if page == nil {
		page, name = mostFrench(high)
		t.guessed = true
	}
	t.encoding, t.suspect, t.spoilt = name, nul, nil
	t.table, t.high = new([128]uint32), new([128]int64)
	for i := range t.table {
		code := []byte{0xff}
		if r, ok := letterOf(page, byte(0x80+i)); ok {
			code = utf8.AppendRune(nil, r)
		} else {
			t.suspect = t.suspect || high[i] > 0
		}
		for k, c := range code {
			t.table[i] |= uint32(c) << (8 * k)
		}
		t.table[i] |= uint32(len(code)) << 24
	}
	return nil
}

// agree looks at what was just decoded from t.raw in a one-byte encoding that was found in haste.
func (t *plainText) agree() error {
	t.suspect = t.suspect || bytes.IndexByte(t.raw, 0) >= 0
	for i, n := range t.high {
		t.suspect = t.suspect || n > 0 && t.table[i] == 0xff|1<<24
	}
	if !t.guessed || !t.done() {
		return nil
	}
	if _, name := mostFrench(t.high); name != t.encoding {
		return errHasty
	}
	return nil
}

// letterOf decodes a byte; a C1 control stands for "no such character", as Windows-1252 leaves five places empty.
func letterOf(page *charmap.Charmap, b byte) (rune, bool) {
	r := page.DecodeByte(b)
	return r, r != utf8.RuneError && (r < 0x80 || r > 0x9f)
}

func charset(name string) (*charmap.Charmap, string) {
	switch name {
	case encodingANSI, "cp1252", "ansi", "iso-8859-1", "latin1":
		return charmap.Windows1252, encodingANSI // ISO-8859-1 with the places it leaves empty
	case encodingLatin9, "latin9":
		return charmap.ISO8859_15, encodingLatin9
	case encodingDOS, "ibm850":
		return charmap.CodePage850, encodingDOS
	case encodingMac, "mac-roman", "macroman":
		return charmap.Macintosh, encodingMac
	}
	return nil, ""
}

// mostFrench chooses among the one-byte encodings that French software writes. Windows-1252 unless another one reads at least twice
// as French.
func mostFrench(high *[128]int64) (*charmap.Charmap, string) {
	best, name := charmap.Windows1252, encodingANSI
	most := max(frenchness(best, high), 1) * 2
	for _, n := range []string{encodingDOS, encodingMac} {
		page, _ := charset(n)
		if s := frenchness(page, high); s > most {
			best, name, most = page, n, s
		}
	}
	return best, name
}

// frenchness weighs what the high bytes would be: small letters most, then capitals, then signs; anything else speaks against.
func frenchness(page *charmap.Charmap, high *[128]int64) (score int64) {
	for i, n := range high {
		r, ok := letterOf(page, byte(0x80+i))
		switch {
		case !ok:
			score -= 5 * n
		case strings.ContainsRune("éèêëàâäçùûüîïôöÿœæ", r):
			score += 4 * n
		case strings.ContainsRune("ÉÈÊÀÂÇÙÛÎÏÔŒÆ«»’°€²³\u00a0…–—“”·", r):
			score += n
		default:
			score -= 2 * n
		}
	}
	return score
}

// A census counts what decides whether bytes are UTF-8.
type census struct {
	told          bool       // the document says that it is UTF-8: what is broken only counts as that
	multi, broken int64      // sequences of several bytes, well-formed or not
	cut           bool       // the last broken one is cut by the end of the document
	spoilt        [][2]int64 // stretches of the document that begin and end with broken bytes or NULs
}

func (c *census) isUTF8() bool {
	return c.told || c.broken == 0 || c.multi >= 2*c.broken || c.broken == 1 && c.cut && c.multi > 0
}

// hopeless says that the rest cannot make the bytes look like UTF-8 again, unless it is another file.
func (c *census) hopeless() bool { return c.broken >= 1000 && c.multi < c.broken/10 && !c.told }

const highBits = 0x8080808080808080

func (c *census) take(in io.ReaderAt, off, size int64) error {
	buf := make([]byte, schemas.BlockBytes)
	for off < size && !c.hopeless() {
		p := buf[:min(int64(len(buf)), size-off)]
		if err := readFull(in, p, off); err != nil {
			return err
		}
		off += int64(c.judge(p, off, off+int64(len(p)) == size))
	}
	return nil
}

// judge looks at p, which is at off in the document, and returns how much it has judged: all of it but a sequence that p's end may have cut.
func (c *census) judge(p []byte, off int64, last bool) (n int) {
	from, to := bytes.IndexByte(p, 0), 0
	if from >= 0 {
		to = bytes.LastIndexByte(p, 0) + 1
	}
	broken := func(i int) {
		c.broken++
		if from < 0 || i < from {
			from = i
		}
		to = max(to, i+1)
	}
	for n < len(p) && !c.hopeless() {
		if n = c.plain(p, n); n == len(p) || p[n] < utf8.RuneSelf {
			continue
		}
		if !utf8.FullRune(p[n:]) {
			if !last {
				break
			}
			broken(n)
			c.cut = true
			n = len(p)
			continue
		}
		_, size := utf8.DecodeRune(p[n:])
		if size == 1 {
			broken(n)
		} else {
			c.multi++
		}
		n += size
	}
	if from >= 0 {
		c.spoilt = append(c.spoilt, [2]int64{off + int64(from), off + int64(to)})
	}
	return n
}

// plain steps over ASCII and well-formed sequences of two bytes, the first of which is at i, eight bytes at a time. It returns where
// something else begins, or the first ASCII byte before it.
func (c *census) plain(p []byte, i int) int {
	open := uint64(0) // 0x80 when the byte before i leads a sequence
	for ; i+8 <= len(p); i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		high := w & highBits
		if high|open == 0 {
			continue
		}
		lead := high & (w << 1)
		follow := high ^ lead
		// Leads of three bytes or more, and those (C0, C1) that could only write ASCII.
		rare := lead & (w<<2 | ^(w&(ones*0x1e) + ones*0x7e))
		if rare|(follow^(lead<<8|open)) != 0 {
			break
		}
		open = lead >> 56
		c.multi += int64(bits.OnesCount64(lead))
	}
	if open != 0 {
		c.multi--
		return i - 1
	}
	for i < len(p) && p[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// histogram counts the bytes from 0x80.
func histogram(in io.ReaderAt, off, size int64) (high *[128]int64, nul bool, err error) {
	high = new([128]int64)
	buf := make([]byte, schemas.BlockBytes)
	for off < size {
		p := buf[:min(int64(len(buf)), size-off)]
		if err := readFull(in, p, off); err != nil {
			return nil, false, err
		}
		i := 0
		for ; i+8 <= len(p); i += 8 {
			for m := binary.LittleEndian.Uint64(p[i:]) & highBits; m != 0; m &= m - 1 {
				high[p[i+bits.TrailingZeros64(m)>>3]&0x7f]++
			}
		}
		for ; i < len(p); i++ {
			if p[i] >= 0x80 {
				high[p[i]&0x7f]++
			}
		}
		nul = nul || bytes.IndexByte(p, 0) >= 0
		off += int64(len(p))
	}
	return high, nul, nil
}

// rewind goes back to the first byte.
func (t *plainText) rewind() { t.off = t.start }

// clean tells whether the document has nothing broken between two offsets.
func (t *plainText) clean(from, to int64) bool {
	if t.spoilt == nil {
		return !t.suspect
	}
	next := sort.Search(len(t.spoilt), func(i int) bool { return t.spoilt[i][1] > from })
	return next == len(t.spoilt) || t.spoilt[next][0] >= to
}

// done tells whether all was handed over.
func (t *plainText) done() bool { return t.off >= t.size }

// more appends the UTF-8 of up to n bytes of the document to dst.
func (t *plainText) more(dst []byte, n int) ([]byte, error) {
	n = int(min(int64(n), t.size-t.off))
	if t.encoding == encodingUTF16 {
		n = max(n&^1, int(min(2, t.size-t.off)))
	}
	if t.encoding == encodingUTF8 {
		at := len(dst)
		dst = growBytes(dst, n)[:at+n]
		err := readFull(t.in, dst[at:], t.off)
		if err == nil && t.seen != nil {
			n, err = t.watch(dst[at:])
		}
		if err != nil {
			return dst[:at], err
		}
		if t.encoding != encodingUTF8 {
			return t.more(dst[:at], n)
		}
		t.off += int64(n)
		return dst[:at+n], nil
	}
	t.raw = growBytes(t.raw[:0], n)[:n]
	if err := readFull(t.in, t.raw, t.off); err != nil {
		return dst, err
	}
	t.off += int64(n)
	if t.order != nil {
		return t.units(dst)
	}
	dst = t.bytes(dst)
	if t.hasty {
		return dst, t.agree()
	}
	return dst, nil
}

// bytes decodes t.raw, one byte a character. It writes up to eight bytes where fewer count, and goes on behind those that do.
func (t *plainText) bytes(dst []byte) []byte {
	src, n := t.raw, len(dst)
	dst = growBytes(dst, 3*len(src)+8)
	dst = dst[:cap(dst)]
	for i := 0; i < len(src); {
		for i+8 <= len(src) {
			w := binary.LittleEndian.Uint64(src[i:])
			binary.LittleEndian.PutUint64(dst[n:], w)
			if m := w & highBits; m != 0 {
				k := bits.TrailingZeros64(m) >> 3
				i, n = i+k, n+k
				break
			}
			i, n = i+8, n+8
		}
		if i == len(src) {
			break
		}
		c := src[i]
		i++
		if c < 0x80 { // near the end
			dst[n] = c
			n++
			continue
		}
		t.high[c-0x80]++
		code := t.table[c-0x80]
		binary.LittleEndian.PutUint32(dst[n:], code)
		n += int(code >> 24)
	}
	return dst[:n]
}

// units decodes t.raw, two bytes a unit. A high surrogate at the very end is left for the next call.
func (t *plainText) units(dst []byte) ([]byte, error) {
	src := t.raw
	if len(src) == 1 {
		return append(dst, 0xff), nil
	}
	for i := 0; i+1 < len(src); i += 2 {
		r := rune(t.order.Uint16(src[i:]))
		if !utf16.IsSurrogate(r) {
			dst = utf8.AppendRune(dst, r)
			continue
		}
		if i+3 >= len(src) && !t.done() && len(src) > 2 {
			t.off -= 2
			return dst, nil
		}
		pair := utf8.RuneError
		if i+3 < len(src) {
			pair = utf16.DecodeRune(r, rune(t.order.Uint16(src[i+2:])))
		}
		if pair == utf8.RuneError {
			dst = append(dst, 0xff)
			continue
		}
		dst = utf8.AppendRune(dst, pair)
		i += 2
	}
	return dst, nil
}

// growBytes makes room for n more bytes.
func growBytes(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	c := make([]byte, len(b), max(len(b)+n, 2*cap(b)))
	copy(c, b)
	return c
}

// readFull reads all of p at off. A document shorter than it was said to be is io.ErrUnexpectedEOF.
func readFull(in io.ReaderAt, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := in.ReadAt(p, off)
		p, off = p[n:], off+int64(n)
		if len(p) == 0 {
			return nil
		}
		if err == io.EOF || err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read at byte %d: %w", off, err)
		}
	}
	return nil
}
