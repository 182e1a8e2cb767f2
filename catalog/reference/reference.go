// Package reference holds lists that the State publishes about the territory: communes, groupings of communes, départements, regions. They
// are embedded, one compact file with its edition in the name, and read on first use (some 30 ms and 4 MiB). The package knows nothing of
// the rest of the house.
package reference

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Edition is the year of the lists: communes and groupings as they stand on 1 January.
const Edition = "2026"

//go:embed territoires-2026.tsv.gz
var packed []byte

// A Status says what a code of five characters stands for in the Code officiel géographique.
type Status uint8

// The statuses of a code.
const (
	Unknown  Status = iota
	Current         // a commune
	Divided         // a commune that is divided into arrondissements: Paris, Lyon, Marseille
	District        // a municipal arrondissement
	Past            // a commune that has become part of another
)

// A Commune is a commune or a municipal arrondissement of today.
type Commune struct {
	INSEE, Name        string
	Departement        string // code, such as "39", "2A" or "974"
	Region             string // code
	SIREN              string // "" for arrondissements and overseas communities
	EPCI               string // SIREN of its grouping with taxes of its own, "" when it has none
	Population         int    // municipal, 0 when it is not known
	PostalCodes        []string
	ArrondissementOf   string // INSEE code of the commune that it is an arrondissement of, else ""
	SplitIntoDistricts bool   // Paris, Lyon, Marseille
}

// An EPCI is a grouping of communes with taxes of its own.
type EPCI struct {
	SIREN, Name string
	Kind        string // CC, CA, CU, METRO or MET69
	Population  int    // municipal
	Communes    []string
}

// An Area is a département or a region.
type Area struct{ Code, Name, Region string }

// lists is the file, unpacked, and where its lines are.
type lists struct {
	text     string
	communes []uint32            // by slot: where the line of a code begins, plus one; 0 when there is none
	status   []Status            // by slot
	postal   []uint64            // a bit for each postal code
	epci     map[string]string   // line by SIREN
	sirens   map[string]uint32   // slot by SIREN
	members  map[string][]string // INSEE codes by SIREN of the grouping
	areas    [2]map[string]Area  // départements, regions
}

// load unpacks the lists. The file is part of the program: a fault in it is a fault of who built it.
var load = sync.OnceValue(func() *lists {
	l, err := unpack(packed)
	if err != nil {
		panic("reference: " + err.Error())
	}
	return l
})

// slots is how many codes of five characters there can be: two characters among digits, A and B, then three digits.
const slots = 12 * 12 * 1000

func unpack(packed []byte) (*lists, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("open list: %w", err)
	}
	b, err := io.ReadAll(zip)
	if err != nil {
		return nil, fmt.Errorf("unpack list: %w", err)
	}
	l := &lists{text: string(b), communes: make([]uint32, slots), status: make([]Status, slots), postal: make([]uint64, 100_000/64+1),
		epci: map[string]string{}, sirens: map[string]uint32{}, members: map[string][]string{}, areas: [2]map[string]Area{{}, {}}}
	at := 0
	for line := range strings.Lines(l.text) {
		if err := l.line(strings.TrimSuffix(line, "\n"), uint32(at)); err != nil {
			return nil, err
		}
		at += len(line)
	}
	for _, insee := range []string{"13055", "69123", "75056"} {
		i, _ := slot(insee)
		l.status[i] = Divided
	}
	return l, nil
}

func (l *lists) line(line string, at uint32) error {
	if len(line) < 4 || line[1] != '\t' {
		return fmt.Errorf("line %q has no kind", line)
	}
	code, rest, _ := strings.Cut(line[2:], "\t")
	switch line[0] {
	case 'R':
		l.areas[1][code] = Area{Code: code, Name: rest}
		return nil
	case 'D':
		name, region, _ := strings.Cut(rest, "\t")
		l.areas[0][code] = Area{Code: code, Name: name, Region: region}
		return nil
	case 'E':
		l.epci[code] = line
		return nil
	}
	i, ok := slot(code)
	if !ok {
		return fmt.Errorf("line %q has no code of a commune", line)
	}
	l.communes[i] = at + 1
	switch line[0] {
	case 'F':
		l.status[i] = Past
		return nil
	case 'A':
		l.status[i] = District
	default:
		l.status[i] = Current
	}
	cells := strings.Split(line, "\t")
	if siren := cells[5]; siren != "" {
		l.sirens[siren] = uint32(i)
	}
	if epci := cells[6]; epci != "" {
		l.members[epci] = append(l.members[epci], code)
	}
	for p := range strings.FieldsSeq(cells[8]) {
		if n, err := strconv.Atoi(p); err == nil && len(p) == 5 {
			l.postal[n/64] |= 1 << (n % 64)
		}
	}
	return nil
}

// slot is the number of a code of five characters.
func slot[T string | []byte](code T) (int, bool) {
	if len(code) != 5 {
		return 0, false
	}
	n := 0
	for i := range 5 {
		c := int(code[i])
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case i == 1 && (c == 'A' || c == 'B'):
			c -= 'A' - 10
		default:
			return 0, false
		}
		base := 10
		if i < 2 {
			base = 12
		}
		n = n*base + c
	}
	return n, true
}

// row returns the line of a code.
func (l *lists) row(i int) string {
	at := l.communes[i]
	if at == 0 {
		return ""
	}
	line := l.text[at-1:]
	return line[:strings.IndexByte(line, '\n')]
}

// StatusOf says what a code stands for. It allocates nothing. Letters must be capitals.
func StatusOf(insee []byte) Status {
	i, ok := slot(insee)
	if !ok {
		return Unknown
	}
	return load().status[i]
}

// NameOf is the name of a commune or arrondissement of today, "" for any other code. It allocates nothing.
func NameOf(insee []byte) string {
	i, ok := slot(insee)
	if !ok {
		return ""
	}
	l := load()
	if s := l.status[i]; s == Unknown || s == Past {
		return ""
	}
	name, _, _ := strings.Cut(l.row(i)[len("C\t01001\t"):], "\t")
	return name
}

// SuccessorOf is the code of the commune that a former one became part of, "" for any other code. It allocates nothing.
func SuccessorOf(insee []byte) string {
	i, ok := slot(insee)
	if !ok || load().status[i] != Past {
		return ""
	}
	line := load().row(i)
	return line[len(line)-5:]
}

// FindCommune finds a commune or municipal arrondissement of today by its INSEE code.
func FindCommune(insee string) (Commune, bool) {
	i, ok := slot(insee)
	if !ok {
		return Commune{}, false
	}
	return load().commune(i)
}

func (l *lists) commune(i int) (Commune, bool) {
	s := l.status[i]
	if s == Unknown || s == Past {
		return Commune{}, false
	}
	c := strings.Split(l.row(i), "\t")
	population, _ := strconv.Atoi(c[7])
	return Commune{INSEE: c[1], Name: c[2], Departement: c[3], Region: c[4], SIREN: c[5], EPCI: c[6], Population: population,
		PostalCodes: strings.Fields(c[8]), ArrondissementOf: c[9], SplitIntoDistricts: s == Divided}, true
}

// Former tells whether a code was a commune's that became part of another, and of which.
func Former(insee string) (successor string, ok bool) {
	successor = SuccessorOf([]byte(insee))
	return successor, successor != ""
}

// FindSIREN finds a commune of today by its SIREN.
func FindSIREN(siren string) (Commune, bool) {
	l := load()
	i, ok := l.sirens[siren]
	if !ok {
		return Commune{}, false
	}
	return l.commune(int(i))
}

// FindEPCI finds a grouping of communes by its SIREN.
func FindEPCI(siren string) (EPCI, bool) {
	l := load()
	line, ok := l.epci[siren]
	if !ok {
		return EPCI{}, false
	}
	c := strings.Split(line, "\t")
	population, _ := strconv.Atoi(c[4])
	return EPCI{SIREN: siren, Name: c[2], Kind: c[3], Population: population, Communes: slices.Clone(l.members[siren])}, true
}

// FindDepartement finds a département or an overseas community by its code: "39", "2A", "974".
func FindDepartement(code string) (Area, bool) {
	a, ok := load().areas[0][code]
	return a, ok
}

// FindRegion finds a region by its code: "84".
func FindRegion(code string) (Area, bool) {
	a, ok := load().areas[1][code]
	return a, ok
}

// IsPostalCode tells whether a commune of today has the postal code. It allocates nothing.
func IsPostalCode(code []byte) bool {
	if len(code) != 5 {
		return false
	}
	n := 0
	for _, c := range code {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return load().postal[n/64]&(1<<(n%64)) != 0
}

// IsDepartement tells whether a code is that of a département or an overseas community. It allocates nothing.
func IsDepartement(code []byte) bool { _, ok := load().areas[0][string(code)]; return ok }

// IsRegion tells whether a code is that of a region. It allocates nothing.
func IsRegion(code []byte) bool { _, ok := load().areas[1][string(code)]; return ok }

// Departements lists the départements and overseas communities by code.
func Departements() []Area { return load().sorted(0) }

// Regions lists the regions by code.
func Regions() []Area { return load().sorted(1) }

func (l *lists) sorted(kind int) (list []Area) {
	for _, code := range slices.Sorted(maps.Keys(l.areas[kind])) {
		list = append(list, l.areas[kind][code])
	}
	return list
}
