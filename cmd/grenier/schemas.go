package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"grenier/harvest"
	"grenier/schemas"
)

type schemasCommand struct {
	List   schemasListCommand   `cmd:"" default:"1" help:"Liste les schémas, et les versions proposées."`
	Show   schemasShowCommand   `cmd:"" help:"Montre un schéma : ses colonnes et ce qu’elles attendent."`
	Update schemasUpdateCommand `cmd:"" help:"Lit le registre national et propose les versions nouvelles, avec ce qu’elles changeraient."`
	Adopt  schemasAdoptCommand  `cmd:"" help:"Adopte une version proposée : les sources sont jugées par elle."`
	Refuse schemasRefuseCommand `cmd:"" help:"Refuse une version proposée."`
}

// registryOf is the folder of the versions that came from the national registry.
func registryOf(c Config) *harvest.Registry {
	return &harvest.Registry{Dir: filepath.Join(c.Data, "schemas"), Base: schemas.National(), Policy: harvest.AdoptPolicy(c.Schemas.Adopt)}
}

// schemasOf are the schemas that a configuration's sources are judged by: those of the program and those adopted.
func schemasOf(c Config) (*schemas.Set, error) {
	set, err := registryOf(c).Set()
	if err != nil {
		return nil, usage("%s", sentence(err))
	}
	return set, nil
}

type schemasListCommand struct {
	JSON bool `name:"json" help:"Pour un programme."`
}

// Run lists the newest version of each schema.
func (c *schemasListCommand) Run(t *terminal, cmd *commands) error {
	conf, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return err
	}
	registry := registryOf(conf)
	set, err := schemasOf(conf)
	if err != nil {
		return err
	}
	kept, err := registry.Versions()
	if err != nil {
		return err
	}
	if c.JSON {
		return c.json(t, set, kept)
	}
	for _, v := range kept {
		if v.Verdict == harvest.Proposed {
			t.describeVersion(v)
		}
	}
	for _, s := range set.All() {
		fmt.Fprintf(t.out, "%s %s\n", pad(string(s.ID), 44), clip(s.Title, max(20, width(t.out)-45)))
	}
	return nil
}

func (c *schemasListCommand) json(t *terminal, set *schemas.Set, kept []harvest.RegistryVersion) error {
	type line struct {
		Name     string                    `json:"name"`
		Title    string                    `json:"title"`
		Versions []schemas.ID              `json:"versions"`
		Registry []harvest.RegistryVersion `json:"registry,omitempty"`
	}
	lines, at := []line{}, map[string]int{}
	for _, s := range set.All() {
		at[s.ID.Name()] = len(lines)
		lines = append(lines, line{Name: s.ID.Name(), Title: s.Title, Versions: set.Versions(s.ID.Name())})
	}
	for _, v := range kept {
		i, ok := at[v.ID.Name()]
		if !ok {
			i = len(lines)
			at[v.ID.Name()] = i
			lines = append(lines, line{Name: v.ID.Name(), Title: v.Title, Versions: []schemas.ID{}})
		}
		lines[i].Registry = append(lines[i].Registry, v)
	}
	return printJSON(t.out, lines)
}

// describeVersion tells what became of a version, and what it changes for the sources.
func (t *terminal) describeVersion(v harvest.RegistryVersion) {
	switch {
	case v.Verdict == harvest.Refused:
		fmt.Fprintf(t.out, "%s %s : refusé. %s\n", t.paint(31, "✗"), v.ID, v.Why)
		return
	case v.Verdict == harvest.Adopted:
		fmt.Fprintf(t.out, "%s %s : adopté.", t.paint(32, "✓"), v.ID)
	default:
		fmt.Fprintf(t.out, "%s %s : proposé.", t.paint(33, "+"), v.ID)
	}
	worse := 0
	for _, e := range v.Effects {
		if e.Held || e.Unknown || e.After > e.Before {
			worse++
		}
	}
	switch {
	case len(v.Effects) == 0:
		fmt.Fprintln(t.out, " Aucune source ne suit ce schéma.")
	case worse == 0 && len(v.Effects) == 1:
		fmt.Fprintln(t.out, " Rien ne change pour la source qui suit ce schéma.")
	case worse == 0:
		fmt.Fprintf(t.out, " Rien ne change pour les %s sources qui suivent ce schéma.\n", number(len(v.Effects)))
	default:
		fmt.Fprintf(t.out, " %s sur %s :\n", plural(worse, "source touchée", "sources touchées"), number(len(v.Effects)))
	}
	t.describeEffects(v.Effects, worse)
}

// describeEffects lists the sources that lose something, which come first.
func (t *terminal) describeEffects(effects []harvest.Effect, worse int) {
	const shown = 20
	for i, e := range effects {
		if !(e.Held || e.Unknown || e.After > e.Before) {
			continue
		}
		if i == shown {
			fmt.Fprintf(t.out, "    et %s.\n", plural(worse-shown, "autre", "autres"))
			return
		}
		switch {
		case e.Unknown:
			fmt.Fprintf(t.out, "    %s : %s\n", e.Source, e.Cause)
		case e.Held:
			fmt.Fprintf(t.out, "    %s : la prochaine livraison serait retenue. %s\n", e.Source, e.Cause)
		default:
			fmt.Fprintf(t.out, "    %s : %s aujourd’hui, %s avec cette version, sur %s. %s\n", e.Source,
				plural(e.Before, "ligne écartée", "lignes écartées"), number(e.After), plural(e.Rows, "ligne", "lignes"), e.Cause)
		}
	}
}

type schemasUpdateCommand struct {
	URL   string   `name:"url" placeholder:"ADRESSE" help:"Adresse du catalogue du registre (« schemas.registry » par défaut)."`
	Adopt []string `placeholder:"ORG/NOM@VERSION" help:"Adopte ces versions aussitôt, quoi qu’elles changent."`
	JSON  bool     `name:"json" help:"Pour un programme."`
}

// Run reads the national registry. Exit 1 when it cannot be read, or when something in it could not.
func (c *schemasUpdateCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, registry, err := t.openRegistry(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	address := c.URL
	if address == "" {
		address = p.config.Schemas.Registry
	}
	u, err := registry.Update(ctx, address)
	if err != nil {
		return err
	}
	for _, id := range c.Adopt {
		v, err := registry.Decide(ctx, schemas.ID(id), harvest.Adopted, true)
		if err != nil {
			return err
		}
		for i := range u.News {
			if u.News[i].ID == v.ID {
				u.News[i] = v
			}
		}
	}
	if c.JSON {
		err = printJSON(t.out, u)
	} else {
		t.describeUpdate(u)
	}
	if err == nil && len(u.Failed) > 0 {
		err = exitError{code: exitBad}
	}
	return err
}

func (t *terminal) describeUpdate(u harvest.Update) {
	fmt.Fprintf(t.out, "Registre lu : %s, %s.\n", plural(u.Schemas, "schéma", "schémas"), plural(len(u.News), "nouveauté", "nouveautés"))
	proposed := false
	for _, v := range u.News {
		t.describeVersion(v)
		proposed = proposed || v.Verdict == harvest.Proposed
	}
	for _, text := range u.Failed {
		fmt.Fprintf(t.out, "%s %s\n", t.paint(31, "✗"), text)
	}
	if proposed {
		fmt.Fprintln(t.out, "Rien n’est changé. « grenier schemas adopt ORG/NOM@VERSION » adopte une version proposée, « grenier schemas refuse » la refuse.")
	}
}

// openRegistry opens the program, and the registry with all it needs. An adopted schema that is damaged does not keep it from opening: updating
// is what mends it.
func (t *terminal) openRegistry(ctx context.Context, cmd *commands) (*program, *harvest.Registry, error) {
	c, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return nil, nil, err
	}
	p, err := t.assembleWith(ctx, c, schemas.National())
	if err != nil {
		return nil, nil, err
	}
	g := registryOf(c)
	g.Fetch = func(ctx context.Context, address string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
		defer cancel()
		text, err := fetch(ctx, p.client, address)
		return text, err
	}
	g.Effects = p.runner().Foresee
	g.Now = time.Now
	return p, g, nil
}

type schemasAdoptCommand struct {
	Schema string `arg:"" name:"schéma" help:"ORG/NOM@VERSION."`
	Yes    bool   `short:"y" help:"Même si des sources y perdent des lignes."`
}

// Run adopts a version that was proposed. Exit 1 when sources would lose rows and --yes is not given.
func (c *schemasAdoptCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, registry, err := t.openRegistry(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	v, err := registry.Decide(ctx, schemas.ID(c.Schema), harvest.Adopted, c.Yes)
	if errors.Is(err, harvest.ErrEffects) {
		t.describeVersion(v)
		return exitError{exitBad, "Rien n’est changé. Prévenez les membres concernés, puis ajoutez --yes pour l’adopter quand même."}
	}
	if err != nil {
		return err
	}
	t.describeVersion(v)
	fmt.Fprintln(t.out, "Un service en marche la prend à son redémarrage.")
	return nil
}

type schemasRefuseCommand struct {
	Schema string `arg:"" name:"schéma" help:"ORG/NOM@VERSION."`
}

// Run refuses a version that was proposed, or takes an adoption back.
func (c *schemasRefuseCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	conf, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return err
	}
	v, err := registryOf(conf).Decide(ctx, schemas.ID(c.Schema), harvest.Refused, true)
	if err != nil {
		return err
	}
	t.describeVersion(v)
	return nil
}

type schemasShowCommand struct {
	Schema string `arg:"" name:"schéma" help:"ORG/NOM ou ORG/NOM@VERSION."`
	JSON   bool   `name:"json" help:"Pour un programme."`
}

// Run shows one schema.
func (c *schemasShowCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	s, err := t.namedSchema(ctx, c.Schema, cmd)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, s)
	}
	fmt.Fprintf(t.out, "%s\n%s\n%s\n\n", t.paint(1, s.Title+" ("+string(s.ID)+")"), s.Description, s.URL)
	for i := range s.Fields {
		f := &s.Fields[i]
		need := "facultatif"
		if f.Constraints.Required {
			need = "obligatoire"
		}
		fmt.Fprintf(t.out, "%s %s %s %s\n", pad(f.Name, 34), pad(string(f.Type), 10), pad(need, 12), clip(f.Title, max(12, width(t.out)-60)))
	}
	return nil
}
