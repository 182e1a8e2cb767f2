package harvest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"grenier/catalog"
	"grenier/schemas"
)

// A NamedFile is one file that `grenier apply` was given.
type NamedFile struct {
	Name string
	Text []byte
	Open func(name string) ([]byte, error) // reads what lies beside the file or below it; nil: nothing does
}

// A manifestFile is what one YAML document may hold, unless it is a recipe itself.
type manifestFile struct {
	Members []manifestMember `yaml:"members"`
	Recipes []any            `yaml:"recipes"` // each as ParseRecipe reads it
	Sources []manifestSource `yaml:"sources"`
}

// A manifestSource is a source, or with Members the same source for several members.
type manifestSource struct {
	ID       string            `yaml:"id"` // default: SIREN and the last part of the key; may hold ${member.…} and parameters
	Member   string            `yaml:"member"`
	Members  any               `yaml:"members"` // "all", a list of SIREN, or {kind: commune}
	Recipe   string            `yaml:"recipe"`
	Params   map[string]string `yaml:"params"` // may hold ${member.…}, filled at each run
	Key      string            `yaml:"key"`    // default: the recipe's; may hold ${member.…} and parameters
	Schedule string            `yaml:"schedule"`
	Disabled bool              `yaml:"disabled"`
	Gate     GateOptions       `yaml:"gate"` // thresholds of its own, over the recipe's
}

// gate is what the source says of its own, nil when it says nothing.
func (s manifestSource) gate() *catalog.Gate {
	if s.Gate == (GateOptions{}) {
		return nil
	}
	g := catalog.Gate(s.Gate)
	return &g
}

// ReadManifest reads what `grenier apply FILE…` takes: members (CSV, or YAML under members:), recipes (a YAML file each, or under recipes:) and
// sources (YAML under sources:).
//
// Sources may refer to the members and recipes of all the files and of known: what the catalogue holds and, where the caller wants
// them to be at hand, the recipes that ship; of two known recipes with one name the last wins, and a file's wins over both. The
// members and recipes of known that a source refers to are part of the result. The error is a FaultList with every fault of
// every file, in French, each with its file and line; then the result is worth nothing.
func ReadManifest(files []NamedFile, known catalog.Manifest, set *schemas.Set, cs Connectors) (catalog.Manifest, error) {
	r := manifestReader{
		set: set, cs: cs,
		members: map[string]foundMember{}, recipes: map[string]*foundRecipe{}, ids: map[string]string{}, keys: map[string]int{},
	}
	r.know(known)
	logs := make([]*faultLog, len(files))
	var pending []func()
	for i, f := range files {
		logs[i] = &faultLog{file: f.Name}
		if looksLikeCSV(f) {
			r.readMembersCSV(logs[i], f)
			continue
		}
		docs := readYAML(logs[i], f.Text)
		if len(docs) == 0 && len(logs[i].list) == 0 {
			logs[i].add(0, nil, "ce fichier est vide")
		}
		for _, doc := range docs {
			text := f.Text
			if len(docs) > 1 {
				text = marshalNode(doc.Node)
			}
			pending = append(pending, r.document(doc, text, f))
		}
	}
	for _, sources := range pending { // once every member and recipe is known
		sources()
	}
	r.doubles(known.Sources)
	var faults FaultList
	for _, l := range logs {
		faults = append(faults, l.faults()...)
	}
	if len(faults) > 0 {
		return catalog.Manifest{}, faults
	}
	return r.result(), nil
}

// BundledRecipes reads the recipes at the top of fsys, as the catalogue keeps them. It does not judge them.
func BundledRecipes(fsys fs.FS) ([]catalog.Recipe, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list recipes: %w", err)
	}
	var recipes []catalog.Recipe
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read recipe %s: %w", name, err)
		}
		recipes = append(recipes, newCatalogRecipe(strings.TrimSuffix(path.Base(name), ".yaml"), text))
	}
	return recipes, nil
}

func newCatalogRecipe(name string, text []byte) catalog.Recipe {
	sum := sha256.Sum256(text)
	return catalog.Recipe{Name: name, Text: string(text), Hash: hex.EncodeToString(sum[:])}
}

// A manifestReader gathers what the files say.
type manifestReader struct {
	set     *schemas.Set
	cs      Connectors
	members map[string]foundMember
	recipes map[string]*foundRecipe
	sources []foundSource
	logos   []catalog.Logo
	ids     map[string]string // source → where it is
	keys    map[string]int    // member and dataset key → its source's place in sources
}

type foundMember struct {
	catalog.Member
	where string // "" when only known
	used  bool
}

type foundRecipe struct {
	catalog.Recipe
	where  string  // "" when only known
	parsed *Recipe // nil until needed, or when it has faults
	err    error
	used   bool
}

type foundSource struct {
	catalog.Source
	at yamlNode
}

func (s foundSource) where() string { return fmt.Sprintf("%s:%d", s.at.log.file, s.at.Line) }

// feeds is what the source makes: one dataset of one member.
func (s foundSource) feeds() string { return s.Member + " " + s.Key }

func (r *manifestReader) know(known catalog.Manifest) {
	for _, m := range known.Members {
		m.Datasets = 0
		r.members[m.SIREN] = foundMember{Member: m}
	}
	for _, recipe := range known.Recipes {
		r.recipes[recipe.Name] = &foundRecipe{Recipe: recipe}
	}
}

// document reads one YAML document; the function it returns reads its sources.
func (r *manifestReader) document(n yamlNode, text []byte, file NamedFile) (sources func()) {
	if _, ok := n.at("connector"); ok {
		r.recipe(n, text)
		return func() {}
	}
	n.strict(reflect.TypeFor[manifestFile]())
	var f manifestFile
	_ = n.Decode(&f) // what is wrong with it has been noted
	for i := range f.Members {
		at, _ := n.at("members", i)
		r.member(memberAt(at), f.Members[i].member(), file.logo(f.Members[i].Logo))
	}
	for i := range f.Recipes {
		at, _ := n.at("recipes", i)
		if at.Kind != yaml.MappingNode {
			at.fault(nil, "attend une recette")
			continue
		}
		r.recipe(at, marshalNode(at.Node))
	}
	return func() {
		for i := range f.Sources {
			at, _ := n.at("sources", i)
			r.source(at, f.Sources[i])
		}
	}
}

func marshalNode(n *yaml.Node) []byte {
	text, err := yaml.Marshal(n)
	if err != nil { // it was read from YAML just now
		panic(fmt.Sprintf("harvest: write YAML node back: %v", err))
	}
	return text
}

func (r *manifestReader) recipe(n yamlNode, text []byte) {
	parsed := parseRecipe(n, text, r.set, r.cs)
	where := fmt.Sprintf("%s:%d", n.log.file, n.Line)
	if before := r.recipes[parsed.Name]; before != nil && before.where != "" {
		n.fault(yamlPath{"name"}, "la recette %s est déjà définie (%s)", cited(parsed.Name), before.where)
		return
	}
	r.recipes[parsed.Name] = &foundRecipe{Recipe: newCatalogRecipe(parsed.Name, text), where: where, parsed: parsed}
}

// source checks one entry of sources: and adds the sources it makes.
func (r *manifestReader) source(n yamlNode, s manifestSource) {
	recipe := r.recipeOf(n, s.Recipe)
	members := r.membersOf(n, s)
	if s.Schedule != "" {
		if _, err := ParseSchedule(s.Schedule, time.UTC); err != nil {
			n.fault(yamlPath{"schedule"}, "%s", SentenceOf(err))
		}
	}
	checkGate(n, s.Gate)
	if recipe == nil {
		return
	}
	r.params(n, s, recipe)
	for _, m := range members {
		r.sourceFor(n, s, recipe, m)
	}
}

// recipeOf finds the recipe of a source; nil, noted, when there is none that works.
func (r *manifestReader) recipeOf(n yamlNode, name string) *Recipe {
	if name == "" {
		n.fault(yamlPath{"recipe"}, "le nom de la recette est obligatoire")
		return nil
	}
	found := r.recipes[name]
	if found == nil {
		n.fault(yamlPath{"recipe"}, "recette inconnue\u00a0: %s%s", cited(name), proposal(name, sortedKeys(r.recipes)))
		return nil
	}
	found.used = true
	if found.parsed == nil && found.err == nil {
		found.parsed, found.err = ParseRecipe(name, []byte(found.Text), r.set, r.cs)
	}
	if found.err != nil {
		n.fault(yamlPath{"recipe"}, "la recette %s, déjà au catalogue, n’est plus acceptée\u00a0: %s", cited(name), strings.ReplaceAll(found.err.Error(), "\n", "\u00a0; "))
	}
	return found.parsed
}

// membersOf are the members that a source is for.
func (r *manifestReader) membersOf(n yamlNode, s manifestSource) []catalog.Member {
	several, ok := n.at("members")
	switch {
	case ok == (s.Member != ""):
		n.fault(nil, "indiquez member (un SIREN) ou members (all, une liste de SIREN, ou kind)")
		return nil
	case !ok:
		at, _ := n.at("member")
		return r.named(at, s.Member)
	}
	switch x := plain(several.Node).(type) {
	case string:
		if x == "all" {
			return r.kind(several, "")
		}
	case []any:
		var members []catalog.Member
		for i := range x {
			at, _ := several.at(i)
			members = append(members, r.named(at, at.Value)...)
		}
		return members
	case map[string]any:
		kind, ok := x["kind"].(string)
		if ok && len(x) == 1 && slices.Contains(memberKinds, catalog.MemberKind(kind)) {
			return r.kind(several, catalog.MemberKind(kind))
		}
	}
	several.fault(nil, "attend all, une liste de SIREN, ou kind suivi d’un type de membre (%s)", joinKinds())
	return nil
}

// named is the member of a SIREN, as a list of one.
func (r *manifestReader) named(n yamlNode, siren string) []catalog.Member {
	m, ok := r.members[siren]
	if !ok {
		n.fault(nil, "membre inconnu\u00a0: %s\u00a0; ajoutez-le aux membres", cited(siren))
		return nil
	}
	m.used = true
	r.members[siren] = m
	return []catalog.Member{m.Member}
}

// kind lists the members of a kind, all for "", by SIREN.
func (r *manifestReader) kind(n yamlNode, kind catalog.MemberKind) []catalog.Member {
	var members []catalog.Member
	for _, siren := range sortedKeys(r.members) {
		if kind == "" || r.members[siren].Kind == kind {
			members = append(members, r.named(n, siren)...)
		}
	}
	if len(members) == 0 {
		n.fault(nil, "aucun membre ne correspond")
	}
	return members
}

// params refuses parameters that the recipe does not know, and texts that cannot be filled.
func (r *manifestReader) params(n yamlNode, s manifestSource, recipe *Recipe) {
	known := recipe.parameters()
	for _, name := range sortedKeys(s.Params) {
		at := yamlPath{"params", name}
		if !slices.Contains(known, name) {
			n.fault(at, "la recette %s n’a pas ce paramètre%s", cited(recipe.Name), proposal(name, known))
		}
		_, err := expand(s.Params[name], func(v string) string {
			if memberTexts[v] == nil {
				n.fault(at, "nom inconnu\u00a0: ${%s}\u00a0; un paramètre ne peut contenir que %s", v, strings.Join(sortedKeys(memberTexts), ", "))
			}
			return ""
		})
		if err != nil {
			n.fault(at, "${…} incomplet\u00a0: écrivez ${member.siren}, ou $$ pour un dollar")
		}
	}
}

// sourceFor adds the source of one member.
func (r *manifestReader) sourceFor(n yamlNode, s manifestSource, recipe *Recipe, m catalog.Member) {
	who := cited(m.Name) + " (" + m.SIREN + ")"
	for _, name := range recipe.unfilled(m, s.Params) {
		if strings.HasPrefix(name, "member.") || s.Params[name] != "" {
			n.fault(yamlPath{"params"}, "%s\u00a0: rien ne remplit ${%s}", who, name)
			continue
		}
		n.fault(yamlPath{"params"}, "paramètre manquant\u00a0: %s", cited(name))
	}
	fill := recipe.filler(m, s.Params)
	id, key := fill.text(s.ID), fill.text(s.Key)
	if len(fill.missing) > 0 {
		n.fault(nil, "%s\u00a0: rien ne remplit %s", who, strings.Join(fill.missing, ", "))
		return
	}
	setDefault(&key, recipe.Key())
	setDefault(&id, m.SIREN+"/"+path.Base(key))
	if !datasetKey.MatchString(key) {
		n.fault(yamlPath{"key"}, "%s\u00a0: lettres sans accent, chiffres, points, tirets, et / entre les parties", cited(key))
	}
	if s.ID != "" && !datasetKey.MatchString(id) {
		n.fault(yamlPath{"id"}, "%s\u00a0: lettres sans accent, chiffres, points, tirets, et / entre les parties", cited(id))
	}
	r.options(n, s, recipe, m)
	r.sources = append(r.sources, foundSource{catalog.Source{
		ID: id, Member: m.SIREN, Recipe: recipe.Name, Params: s.Params, Key: key, Schedule: s.Schedule, Disabled: s.Disabled,
		Gate: s.gate(),
	}, n})
}

// options judges the connector's configuration once it is filled.
func (r *manifestReader) options(n yamlNode, s manifestSource, recipe *Recipe, m catalog.Member) {
	kind, ok := r.cs.Named(recipe.Connector)
	fill := recipe.filler(m, s.Params)
	options, _ := fill.any(recipe.Options).(map[string]any)
	if !ok || len(fill.missing) > 0 {
		return
	}
	for _, f := range checkOptions(kind.Options, options, false) {
		n.fault(yamlPath{"params"}, "option %s du connecteur %s\u00a0: %s", f.path, kind.Name, f.text)
	}
}

// doubles refuses sources of one name, and two that would make one dataset. known are the catalogue's: the files replace those
// they name.
func (r *manifestReader) doubles(known []catalog.Source) {
	for i, s := range r.sources {
		if first, again := r.ids[s.ID]; again {
			s.at.fault(yamlPath{"id"}, "la source %s est déjà définie (%s)\u00a0; donnez un id à l’une des deux", cited(s.ID), first)
			continue
		}
		r.ids[s.ID] = s.where()
		if s.Disabled {
			continue
		}
		if first, again := r.keys[s.feeds()]; again {
			s.at.fault(yamlPath{"key"}, "le jeu %s du membre %s a déjà une source (%s)\u00a0; donnez une autre clé (key)", cited(s.Key), s.Member, r.sources[first].where())
			continue
		}
		r.keys[s.feeds()] = i
	}
	for _, old := range known {
		i, again := r.keys[foundSource{Source: old}.feeds()]
		if _, replaced := r.ids[old.ID]; again && !replaced && !old.Disabled {
			r.sources[i].at.fault(yamlPath{"id"}, "le jeu %s du membre %s est déjà alimenté par la source %s du catalogue\u00a0; gardez cet id, ou désactivez l’ancienne source (disabled)",
				cited(old.Key), old.Member, cited(old.ID))
		}
	}
}

// result is what was found, in a stable order: that of the SIREN, of the recipes' names, of the files for sources.
func (r *manifestReader) result() catalog.Manifest {
	m := catalog.Manifest{Logos: r.logos}
	for _, siren := range sortedKeys(r.members) {
		if f := r.members[siren]; f.where != "" || f.used {
			m.Members = append(m.Members, f.Member)
		}
	}
	for _, name := range sortedKeys(r.recipes) {
		if f := r.recipes[name]; f.where != "" || f.used {
			m.Recipes = append(m.Recipes, f.Recipe)
		}
	}
	for _, s := range r.sources {
		m.Sources = append(m.Sources, s.Source)
	}
	return m
}
