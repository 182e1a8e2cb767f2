package harvest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"grenier/schemas"
)

// A Verdict says what became of a version that the national registry published.
type Verdict string

// The verdicts. Only an adopted version judges anything.
const (
	Proposed Verdict = "proposed"
	Adopted  Verdict = "adopted"
	Refused  Verdict = "refused" // it is no schema that can be used; or a person refused it
)

// An AdoptPolicy says which versions are adopted without a person.
type AdoptPolicy string

// The policies.
const (
	AdoptNever      AdoptPolicy = "never"
	AdoptCompatible AdoptPolicy = "compatible" // when no source would lose a row
	AdoptAlways     AdoptPolicy = "always"
)

// A RegistryVersion is one version that came from the registry.
type RegistryVersion struct {
	ID      schemas.ID        `json:"id"`
	Title   string            `json:"title,omitempty"`
	URL     string            `json:"url"`
	SHA256  string            `json:"sha256"` // of what the address answered
	Files   map[string]string `json:"files"`  // SHA-256 of each file kept
	Fetched time.Time         `json:"fetched"`
	Verdict Verdict           `json:"verdict"`
	Decided time.Time         `json:"decided,omitzero"`
	Why     string            `json:"why,omitempty"`     // French: why it was refused
	Effects []Effect          `json:"effects,omitempty"` // what it changes for the sources, worst first
}

// Harmless tells whether no source would lose anything.
func (v RegistryVersion) Harmless() bool {
	return !slices.ContainsFunc(v.Effects, func(e Effect) bool { return e.worse() })
}

// An Effect is what another version of its schema does to one source, judged on the documents it last published.
type Effect struct {
	Source  string `json:"source"`
	Rows    int64  `json:"rows"`
	Before  int64  `json:"rejected_before"`
	After   int64  `json:"rejected_after"`
	Held    bool   `json:"held,omitempty"`    // the next delivery would not be published at all
	Unknown bool   `json:"unknown,omitempty"` // it could not be judged
	Cause   string `json:"cause,omitempty"`   // French: the first cause
}

func (e Effect) worse() bool { return e.Held || e.Unknown || e.After > e.Before }

// A Registry keeps, in a folder, the versions of schemas that were published after those that the program brings along:
// ORG/NAME/VERSION/schema.json, and what is known of them in state.json. It changes what sources are judged by only when a version is adopted.
type Registry struct {
	Dir    string
	Base   *schemas.Set // what the program brings along
	Policy AdoptPolicy
	Fetch  func(ctx context.Context, url string) ([]byte, error)
	// Effects tells what a version changes for the sources; current and next are the sets without it and with it.
	Effects func(ctx context.Context, current, next *schemas.Set, id schemas.ID) ([]Effect, error)
	Now     func() time.Time
}

// registryState is state.json.
type registryState struct {
	URL      string            `json:"url,omitempty"`
	Checked  time.Time         `json:"checked,omitzero"`
	Schemas  int               `json:"schemas,omitempty"` // that the registry listed
	Versions []RegistryVersion `json:"versions"`
}

func (s *registryState) find(id schemas.ID) *RegistryVersion {
	for i := range s.Versions {
		if s.Versions[i].ID == id {
			return &s.Versions[i]
		}
	}
	return nil
}

// Versions lists what the folder keeps, by name.
func (g *Registry) Versions() ([]RegistryVersion, error) {
	s, err := g.read()
	return s.Versions, err
}

// Set is the base with the adopted versions. An adopted version whose file is not what was adopted is an error: nothing may be judged by something
// else unnoticed.
func (g *Registry) Set() (*schemas.Set, error) {
	s, err := g.read()
	if err != nil {
		return nil, err
	}
	return g.with(s, "")
}

// with is the base with the adopted versions and, unless "", one more.
func (g *Registry) with(s registryState, more schemas.ID) (*schemas.Set, error) {
	var ids []schemas.ID
	for _, v := range s.Versions {
		if v.Verdict != Adopted && v.ID != more {
			continue
		}
		if err := g.intact(v); err != nil {
			return nil, err
		}
		ids = append(ids, v.ID)
	}
	if len(ids) == 0 {
		return g.Base, nil
	}
	set, err := g.Base.With(os.DirFS(g.Dir), ids...)
	if err != nil {
		return nil, Say("Un schéma adopté ne peut pas être lu. Lancez « grenier schemas update », qui le reprend au registre.", err)
	}
	return set, nil
}

// intact compares the files of a version with what was kept.
func (g *Registry) intact(v RegistryVersion) error {
	for name, sum := range v.Files {
		text, err := os.ReadFile(filepath.Join(g.folder(v.ID), name))
		if err == nil && hexSum(text) != sum {
			err = errors.New("the file is not the one that was kept")
		}
		if err != nil {
			return Say(fmt.Sprintf("Le schéma %s, pris au registre, est abîmé ou a été modifié sur le disque. Lancez « grenier schemas update », qui le reprend, ou restaurez le dossier %s.", v.ID, g.Dir),
				fmt.Errorf("schema %s: %s: %w", v.ID, name, err))
		}
	}
	return nil
}

func (g *Registry) folder(id schemas.ID) string {
	return filepath.Join(g.Dir, filepath.FromSlash(id.Name()), id.Version())
}

func (g *Registry) read() (s registryState, err error) {
	text, err := os.ReadFile(filepath.Join(g.Dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return registryState{}, Say(fmt.Sprintf("L’état des schémas (%s) ne peut pas être lu. Restaurez-le d’une sauvegarde.", filepath.Join(g.Dir, "state.json")), fmt.Errorf("read schema state: %w", err))
	}
	return s, nil
}

func (g *Registry) write(s registryState) error {
	slices.SortFunc(s.Versions, func(a, b RegistryVersion) int {
		if c := strings.Compare(a.ID.Name(), b.ID.Name()); c != 0 {
			return c
		}
		return schemas.CompareVersions(b.ID.Version(), a.ID.Version())
	})
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write schema state: %w", err)
	}
	return writeDurably(filepath.Join(g.Dir, "state.json"), append(text, '\n'))
}

func (g *Registry) now() time.Time {
	if g.Now != nil {
		return g.Now().UTC()
	}
	return time.Now().UTC()
}

// An Update is what reading the registry brought.
type Update struct {
	Schemas int               `json:"schemas"` // that the registry lists
	Known   int               `json:"known"`   // of these, schemas of whose newest version nothing was to be learnt
	News    []RegistryVersion `json:"news"`
	Failed  []string          `json:"failed,omitempty"` // French: what could not be fetched; the next update tries again
}

const maxSchemaText = 4 << 20

// Update reads the registry at url and keeps the versions that are newer than all that is known of their schema: proposed, or adopted when the
// policy says so, or refused when they do not compile. A registry that cannot be read or that lost half of its schemas changes nothing.
func (g *Registry) Update(ctx context.Context, url string) (Update, error) {
	var u Update
	s, err := g.read()
	if err != nil {
		return u, err
	}
	listed, err := g.catalogue(ctx, url, s)
	if err != nil {
		return u, err
	}
	u.Schemas = listed.schemas
	for _, v := range listed.newest {
		if !g.wanted(s, v.ID) {
			u.Known++
			continue
		}
		text, err := g.fetch(ctx, v.URL)
		if ctx.Err() != nil {
			return u, context.Cause(ctx)
		}
		if err != nil {
			u.Failed = append(u.Failed, fmt.Sprintf("%s n’a pas pu être lu\u00a0: %s", v.ID, SentenceOf(err)))
			continue
		}
		if err := g.keep(ctx, &s, &v, text); err != nil {
			return u, err
		}
		u.News = append(u.News, v)
	}
	s.URL, s.Schemas, s.Checked = url, listed.schemas, g.now()
	return u, g.write(s)
}

// wanted tells whether a version is to be fetched: it is newer than what judges now, and was neither proposed nor refused by a person; or its
// files are damaged.
func (g *Registry) wanted(s registryState, id schemas.ID) bool {
	if v := s.find(id); v != nil {
		return v.Verdict == Refused && len(v.Files) == 0 || g.intact(*v) != nil
	}
	for _, v := range s.Versions {
		if v.Verdict == Adopted && v.ID.Name() == id.Name() && schemas.CompareVersions(v.ID.Version(), id.Version()) >= 0 {
			return false
		}
	}
	return g.Base.Newer(id)
}

func (g *Registry) fetch(ctx context.Context, url string) ([]byte, error) {
	text, err := g.Fetch(ctx, url)
	if err == nil && len(text) > maxSchemaText {
		err = Say("Il dépasse 4\u00a0Mo\u00a0: ce n’est pas un schéma.", fmt.Errorf("schema of %d bytes", len(text)))
	}
	return text, err
}

// keep verifies a version, foresees its effects and stores it. v is filled.
func (g *Registry) keep(ctx context.Context, s *registryState, v *RegistryVersion, text []byte) error {
	old := s.find(v.ID)
	v.SHA256, v.Fetched, v.Verdict, v.Files = hexSum(text), g.now(), Proposed, map[string]string{}
	if old != nil && old.Verdict == Adopted {
		if old.SHA256 != v.SHA256 {
			return Say(fmt.Sprintf("Le schéma adopté %s est abîmé sur le disque, et le registre en publie maintenant un autre texte. Rien n’est changé\u00a0: restaurez le dossier %s d’une sauvegarde.", v.ID, g.Dir),
				fmt.Errorf("schema %s: the registry's text has changed", v.ID))
		}
		v.Verdict, v.Decided, v.Effects = old.Verdict, old.Decided, old.Effects
	}
	files, compiled, err := g.Base.Derive(v.ID, v.URL, text)
	if err != nil {
		v.Verdict, v.Decided, v.Why = Refused, g.now(), "Le schéma publié n’est pas utilisable\u00a0: "+firstLine(err.Error())+"."
		s.put(*v)
		return nil
	}
	v.Title = compiled.Title
	for name, content := range files {
		v.Files[name] = hexSum(content)
		if err := writeDurably(filepath.Join(g.folder(v.ID), name), content); err != nil {
			return fmt.Errorf("keep schema %s: %w", v.ID, err)
		}
	}
	s.put(*v)
	if v.Verdict == Adopted {
		return nil
	}
	if v.Effects, err = g.foresee(ctx, *s, v.ID); err != nil {
		return err
	}
	if g.Policy == AdoptAlways || g.Policy == AdoptCompatible && v.Harmless() {
		v.Verdict, v.Decided = Adopted, g.now()
	}
	s.put(*v)
	return nil
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(text, ".")
}

func (s *registryState) put(v RegistryVersion) {
	if old := s.find(v.ID); old != nil {
		*old = v
		return
	}
	s.Versions = append(s.Versions, v)
}

// foresee tells what a version that is kept changes for the sources, worst first.
func (g *Registry) foresee(ctx context.Context, s registryState, id schemas.ID) ([]Effect, error) {
	if g.Effects == nil {
		return nil, nil
	}
	without := s
	without.Versions = slices.DeleteFunc(slices.Clone(s.Versions), func(v RegistryVersion) bool { return v.ID == id })
	current, err := g.with(without, "")
	if err != nil {
		return nil, err
	}
	next, err := g.with(s, id)
	if err != nil {
		return nil, err
	}
	list, err := g.Effects(ctx, current, next, id)
	if err != nil {
		return nil, fmt.Errorf("foresee schema %s: %w", id, err)
	}
	slices.SortStableFunc(list, func(a, b Effect) int {
		if a.Held != b.Held {
			return b2i(b.Held) - b2i(a.Held)
		}
		return int(b.After - b.Before - a.After + a.Before)
	})
	return list, nil
}

// ErrEffects is an adoption that would cost some source rows, and that nobody has confirmed.
var ErrEffects = errors.New("sources would lose rows")

// Decide adopts or refuses a version. Effects are foreseen anew; with ErrEffects nothing is changed, unless despite is set.
func (g *Registry) Decide(ctx context.Context, id schemas.ID, verdict Verdict, despite bool) (RegistryVersion, error) {
	s, err := g.read()
	if err != nil {
		return RegistryVersion{}, err
	}
	v := s.find(id)
	switch {
	case v == nil:
		return RegistryVersion{}, Say(fmt.Sprintf("Aucune version %s n’est proposée. « grenier schemas list » montre celles qui le sont.", id), fmt.Errorf("schema %s: %w", id, schemas.ErrUnknown))
	case len(v.Files) == 0 && verdict == Adopted:
		return *v, Say(fmt.Sprintf("Le schéma %s ne peut pas être adopté. %s", id, v.Why), fmt.Errorf("schema %s: not usable", id))
	case verdict == Adopted:
		if v.Effects, err = g.foresee(ctx, s, id); err != nil {
			return *v, err
		}
		if !v.Harmless() && !despite {
			return *v, ErrEffects
		}
		v.Why = ""
	default:
		v.Why = "Refusé par une personne."
	}
	v.Verdict, v.Decided = verdict, g.now()
	return *v, g.write(s)
}

// listing is what the registry's catalogue says.
type listing struct {
	schemas int
	newest  []RegistryVersion // the newest version of each schema that can be read
}

// catalogue reads the registry's catalogue.
func (g *Registry) catalogue(ctx context.Context, url string, s registryState) (l listing, err error) {
	const kept = " Rien n’est changé\u00a0; les schémas connus restent en place."
	text, err := g.Fetch(ctx, url)
	if ctx.Err() != nil {
		return l, context.Cause(ctx)
	}
	if err != nil {
		return l, Say("Le registre national des schémas n’a pas pu être lu."+kept+" Vérifiez l’adresse («\u00a0schemas.registry\u00a0») ou réessayez plus tard.", fmt.Errorf("read registry: %w", err))
	}
	if l, err = parseCatalogue(text); err != nil {
		return l, Say("Ce qui se trouve à l’adresse du registre n’est pas un catalogue de schémas."+kept+" Vérifiez l’adresse («\u00a0schemas.registry\u00a0»).", err)
	}
	if 2*l.schemas < s.Schemas {
		return l, Say(fmt.Sprintf("Le registre ne liste plus que %s schémas, contre %s la fois précédente\u00a0: il est sans doute incomplet.%s Réessayez plus tard.", frenchInt(int64(l.schemas)), frenchInt(int64(s.Schemas)), kept),
			fmt.Errorf("registry shrank from %d to %d schemas", s.Schemas, l.schemas))
	}
	return l, nil
}

var (
	registryName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}/[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$`)
	registryVersion = regexp.MustCompile(`^v?[0-9][A-Za-z0-9_.+-]{0,39}$`)
)

// parseCatalogue reads the registry's list. Of each schema that is a Table Schema or a JSON Schema it keeps the newest version.
func parseCatalogue(text []byte) (l listing, err error) {
	var c struct {
		Schemas []struct {
			Name     string `json:"name"`
			Type     string `json:"schema_type"`
			Versions []struct {
				Name string `json:"version_name"`
				URL  string `json:"schema_url"`
			} `json:"versions"`
		} `json:"schemas"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return l, fmt.Errorf("read registry: %w", err)
	}
	if len(c.Schemas) == 0 {
		return l, errors.New("read registry: no schemas in it")
	}
	l.schemas = len(c.Schemas)
	for _, s := range c.Schemas {
		if s.Type != "tableschema" && s.Type != "jsonschema" || !registryName.MatchString(s.Name) {
			continue
		}
		var newest RegistryVersion
		for _, v := range s.Versions {
			id := schemas.ID(s.Name + "@" + strings.TrimPrefix(v.Name, "v"))
			if registryVersion.MatchString(v.Name) && !strings.Contains(v.Name, "..") && (newest.ID == "" || schemas.CompareVersions(id.Version(), newest.ID.Version()) > 0) {
				newest = RegistryVersion{ID: id, URL: v.URL}
			}
		}
		if newest.ID != "" {
			l.newest = append(l.newest, newest)
		}
	}
	return l, nil
}

func hexSum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// writeDurably replaces a file, whole: after a crash it is the old one or the new one.
func writeDurably(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
