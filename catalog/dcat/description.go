package dcat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/google/uuid"
)

// A Description is what a catalogue says of one dataset, ready to be written in any syntax: its nodes, packed. It takes hardly more room than the
// texts in it, and is kept in the store (Keeper).
type Description struct {
	Dataset uuid.UUID
	Schema  string // national schema, "" without
	Series  bool   // the dataset is the département's series of its schema
	HVD     string // category
	nodes   string
}

// errPacked says that bytes are no packed description: they are derived, so they are made again.
var errPacked = errors.New("not a packed description")

// Pack writes a description as it is kept.
func (d Description) Pack() []byte {
	b := append([]byte(nil), d.Dataset[:]...)
	b = packText(b, d.Schema)
	b = packText(b, d.HVD)
	series := byte(0)
	if d.Series {
		series = 1
	}
	b = append(append(b, series), d.nodes...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Unpack reads what Pack wrote, and nothing else: bytes that were damaged are an error.
func Unpack(b []byte) (d Description, err error) {
	if len(b) < len(d.Dataset)+4 {
		return d, errPacked
	}
	b, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(b, castagnoli) != sum {
		return d, errPacked
	}
	copy(d.Dataset[:], b)
	u := unpacker{rest: string(b[len(d.Dataset):])}
	d.Schema, d.HVD = u.text(), u.text()
	d.Series = u.byte() == 1
	d.nodes = u.rest
	if u.err != nil {
		return Description{}, fmt.Errorf("description of dataset %s: %w", d.Dataset, u.err)
	}
	return d, nil
}

// each calls yield for the nodes, the dataset's own first; a node is good until the next one, of this description or another in the same room.
func (d Description) each(room *room, yield func(*node) bool) error {
	u := unpacker{rest: d.nodes, room: room}
	var n node
	for u.rest != "" {
		u.node(&n)
		if u.err != nil {
			return fmt.Errorf("description of dataset %s: %w", d.Dataset, u.err)
		}
		if !yield(&n) {
			return nil
		}
	}
	return nil
}

const (
	packedShared = 1
	packedBlank  = 2 // in an object: a blank node follows
)

func packText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func packRef(b []byte, r ref) []byte { return packText(append(b, byte(r.space)), r.rest) }

func packNode(b []byte, n *node) []byte {
	flags := byte(0)
	if n.shared {
		flags = packedShared
	}
	b = packRef(append(b, flags), n.ref)
	b = append(b, byte(len(n.types)))
	for _, c := range n.types {
		b = append(b, byte(c))
	}
	b = binary.AppendUvarint(b, uint64(len(n.props)))
	for _, p := range n.props {
		b = append(b, byte(p.property))
		b = binary.AppendUvarint(b, uint64(len(p.objects)))
		for _, o := range p.objects {
			switch {
			case o.blank != nil:
				b = packNode(append(b, packedBlank), o.blank)
			case properties[p.property].kind.resource:
				b = packRef(append(b, 0), o.ref)
			default:
				b = packText(append(b, 0), o.text)
			}
		}
	}
	return b
}

// An unpacker cuts pieces off what is packed. After an error it returns nothing.
type unpacker struct {
	rest string
	err  error
	room *room
}

// A room is where the parts of a node are put, one node after another.
type room struct {
	types   []class
	props   []prop
	objects []object
}

// cut is the next n places of a shelf, empty. What was cut before keeps its own when the shelf grows.
func cut[T any](shelf *[]T, n int) []T {
	from := len(*shelf)
	if from+n > cap(*shelf) {
		*shelf, from = make([]T, 0, max(64, 2*cap(*shelf), n)), 0
	}
	*shelf = (*shelf)[:from+n]
	places := (*shelf)[from : from+n : from+n]
	clear(places)
	return places
}

func (u *unpacker) fail() {
	u.rest, u.err = "", errPacked
}

func (u *unpacker) byte() byte {
	if u.rest == "" {
		u.fail()
		return 0
	}
	c := u.rest[0]
	u.rest = u.rest[1:]
	return c
}

func (u *unpacker) count() int {
	n, shift := uint64(0), 0
	for {
		c := u.byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			break
		}
		if shift += 7; shift > 28 {
			u.fail()
			return 0
		}
	}
	if n > uint64(len(u.rest)) { // what is counted takes a byte at least
		u.fail()
		return 0
	}
	return int(n)
}

func (u *unpacker) text() string {
	n := u.count()
	s := u.rest[:n]
	u.rest = u.rest[n:]
	return s
}

func (u *unpacker) ref() ref {
	s := space(u.byte())
	if s >= lastSpace {
		u.fail()
		return ref{}
	}
	return ref{s, u.text()}
}

func (u *unpacker) node(n *node) {
	u.room.types, u.room.props, u.room.objects = u.room.types[:0], u.room.props[:0], u.room.objects[:0]
	u.nested(n, 0)
}

func (u *unpacker) nested(n *node, depth int) {
	*n = node{shared: u.byte() == packedShared, ref: u.ref()}
	types := u.text()
	n.types = cut(&u.room.types, len(types))
	for i := range types {
		if n.types[i] = class(types[i]); n.types[i] >= lastClass {
			u.fail()
		}
	}
	count := u.count()
	n.props = cut(&u.room.props, count)
	for i := range n.props {
		p := property(u.byte())
		if p >= lastProperty || depth > 2 {
			u.fail()
			n.props = n.props[:i]
			return
		}
		n.props[i] = prop{p, cut(&u.room.objects, u.count())}
		for k := range n.props[i].objects {
			u.object(&n.props[i].objects[k], properties[p].kind, depth)
		}
	}
}

func (u *unpacker) object(o *object, k kind, depth int) {
	switch u.byte() {
	case packedBlank:
		o.blank = &node{}
		u.nested(o.blank, depth+1)
	case 0:
		if k.resource {
			o.ref = u.ref()
		} else {
			o.text = u.text()
		}
	default:
		u.fail()
	}
}
