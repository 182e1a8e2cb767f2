package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"grenier/harvest"
	"grenier/schemas"
)

// auto, in place of a schema's name, has it recognised from the content.
const auto = "auto"

const (
	maxSchema     = 4 << 20 // bytes of a schema that is fetched or read
	schemaTimeout = 30 * time.Second
)

// A schemaChoice is what --schema says: one schema, or what a file is to be looked into for.
type schemaChoice struct {
	set    *schemas.Set
	schema *schemas.Schema // nil: each file tells
	name   string          // the one schema whose version each file tells, "" for any schema
}

// chooseSchema reads --schema: a name known, the path or the address of a Table Schema or a JSON Schema, or auto. A name without version of a
// schema of documents leaves the choice of the layout to the file.
func (t *terminal) chooseSchema(ctx context.Context, ref string, cmd *commands) (schemaChoice, error) {
	var c schemaChoice
	var err error
	if c.set, err = t.schemas(cmd); err != nil || ref == auto {
		return c, err
	}
	s, err := t.namedSchema(ctx, ref, cmd)
	if err != nil {
		return c, err
	}
	if s.Form == schemas.Document && ref == s.ID.Name() && len(c.set.Versions(ref)) > 1 {
		c.name = ref
		return c, nil
	}
	c.schema = s
	return c, nil
}

// of is the schema of one file, and how it was recognised, nil when it was named.
func (c schemaChoice) of(ctx context.Context, in harvest.Input) (*schemas.Schema, *schemas.Recognition, error) {
	if c.schema != nil {
		return c.schema, nil, nil
	}
	if c.name != "" {
		r, err := harvest.RecognizeVersion(ctx, in, c.set, c.name, harvest.DecodeOptions{})
		if err == nil {
			return r.Schema, nil, nil
		}
		if ctx.Err() != nil {
			return nil, nil, err
		}
		s, err := c.set.Lookup(c.name) // the newest will say what is wrong with the file
		return s, nil, err
	}
	r, err := harvest.Recognize(ctx, in, c.set, harvest.DecodeOptions{})
	switch {
	case ctx.Err() != nil:
		return nil, nil, err
	case errors.Is(err, harvest.ErrNotRecognized):
		return nil, nil, usage("%s : %s « grenier schemas list » montre ceux qui sont connus.", in.Name, sentence(err))
	case err != nil:
		return nil, nil, usage("%s : %s", in.Name, sentence(err))
	}
	return r.Schema, &schemas.Recognition{Candidates: r.Candidates, Dress: r.Dress}, nil
}

// recognized tells how the schema of a file was found.
func (t *terminal) recognized(r *schemas.Recognition) {
	if r == nil {
		return
	}
	fmt.Fprintln(t.out, harvest.Recognition{Candidates: r.Candidates}.Summary())
	if len(r.Dress) > 0 {
		fmt.Fprintln(t.out, "  "+strings.Join(r.Dress, " "))
	}
}

// schemas are those that the configuration's sources are judged by.
func (t *terminal) schemas(cmd *commands) (*schemas.Set, error) {
	c, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return nil, err
	}
	return schemasOf(c)
}

// namedSchema finds a schema by its name, or reads the one that a path or an address leads to.
func (t *terminal) namedSchema(ctx context.Context, ref string, cmd *commands) (*schemas.Schema, error) {
	if lower := strings.ToLower(ref); strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") {
		text, err := t.fetchSchema(ctx, ref, cmd)
		if err != nil {
			return nil, usage("Le schéma %s ne peut pas être lu. %s", ref, unpublished.Replace(sentence(err)))
		}
		return parseSchema(ref, path.Base(strings.SplitN(ref, "?", 2)[0]), "adresse", text)
	}
	if st, err := os.Stat(ref); err == nil && !st.IsDir() {
		if st.Size() > maxSchema {
			return nil, usage("Le fichier %s dépasse %s : ce n’est pas un schéma.", ref, size(maxSchema))
		}
		text, err := os.ReadFile(ref)
		if err != nil {
			return nil, usage("Le schéma %s ne peut pas être lu : %s.", ref, whyNot(err))
		}
		return parseSchema(ref, filepath.Base(ref), "fichier", text)
	}
	set, err := t.schemas(cmd)
	if err != nil {
		return nil, err
	}
	s, err := set.Lookup(ref)
	if err != nil {
		return nil, usage("%v « grenier schemas list » montre ceux qui sont connus.", err)
	}
	return s, nil
}

// unpublished takes out of the client's sentences what only matters to a harvest.
var unpublished = strings.NewReplacer(" La dernière version reste en ligne.", "", " de la source", "")

// fetchSchema reads an address with the one client that knows which may be asked: harvest.allow opens private ones.
func (t *terminal) fetchSchema(ctx context.Context, address string, cmd *commands) ([]byte, error) {
	c, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return nil, err
	}
	client, err := harvest.NewClient(harvest.ClientConfig{Allow: c.Harvest.Allow, UserAgent: c.Harvest.UserAgent, MaxBytes: maxSchema, CAFiles: c.Harvest.CAFiles})
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	return fetch(ctx, client, address)
}

// fetch reads what an address answers.
func fetch(ctx context.Context, client *harvest.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, harvest.Say("L’adresse n’est pas lisible : vérifiez-la.", err)
	}
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// parseSchema compiles a schema that stands in no set; kind says where it comes from.
func parseSchema(ref, name, kind string, text []byte) (*schemas.Schema, error) {
	id := schemas.ID(strings.TrimSuffix(name, path.Ext(name)) + "@" + kind)
	var probe struct {
		Fields []json.RawMessage `json:"fields"`
	}
	if err := json.Unmarshal(text, &probe); err != nil && !json.Valid(text) {
		return nil, usage("Le schéma %s n’est pas lisible : ce n’est pas du JSON. Donnez un fichier Table Schema ou JSON Schema.", ref)
	}
	var s *schemas.Schema
	var err error
	if probe.Fields != nil {
		s, err = schemas.ParseTable(id, text)
	} else {
		s, err = schemas.ParseDocument(id, text, nil)
	}
	if err != nil {
		return nil, usage("Le schéma %s n’est pas valable : %v", ref, err)
	}
	return s, nil
}
