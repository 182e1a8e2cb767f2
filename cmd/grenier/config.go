package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"

	"grenier/catalog"
	"grenier/harvest"
)

// Config is everything that can be set. Each key is a line of docs/configuration.md (a test compares); the environment says the same
// with GRENIER_ and two underscores for a dot: GRENIER_HARVEST__WORKERS.
type Config struct {
	Data      string `koanf:"data"`       // folder of the embedded parts
	Database  string `koanf:"database"`   // sqlite:PATH, or postgres://… (may be a reference)
	Blobs     string `koanf:"blobs"`      // file:DIR, or s3://…
	Index     string `koanf:"index"`      // bleve:DIR, or meilisearch:http://…
	Addr      string `koanf:"addr"`       // where the portal listens
	AdminAddr string `koanf:"admin_addr"` // where /healthz, /readyz and /metrics listen; "" is with the portal
	BaseURL   string `koanf:"base_url"`   // public address
	Timezone  string `koanf:"timezone"`
	MinFree   int64  `koanf:"min_free"`  // bytes that files to publish must leave on the disk
	Downloads string `koanf:"downloads"` // "streamed", or "signed": files in S3 are fetched there

	Site    SiteConfig    `koanf:"site"`
	Harvest HarvestConfig `koanf:"harvest"`
	Schemas SchemasConfig `koanf:"schemas"`
	Check   CheckConfig   `koanf:"check"`
	Log     LogConfig     `koanf:"log"`

	Territory TerritoryConfig `koanf:"territory"`
	Map       MapConfig       `koanf:"map"`
}

// SiteConfig is what the portal says of itself.
type SiteConfig struct {
	Name     string `koanf:"name"`
	Operator string `koanf:"operator"`
	SIREN    string `koanf:"siren"`
	Email    string `koanf:"email"`
	Director string `koanf:"director"` // who answers for what is published, for the legal notice
	Host     string `koanf:"host"`     // who hosts it, for the legal notice
	Demo     bool   `koanf:"-"`

	Logo          string          `koanf:"logo"`          // file of its mark
	Colours       catalog.Colours `koanf:"colours"`       // of the portal
	Accessibility string          `koanf:"accessibility"` // file of the declaration
	Privacy       string          `koanf:"privacy"`       // mailbox of who answers for personal data
}

// HarvestConfig bounds what harvesting does.
type HarvestConfig struct {
	Workers   int                 `koanf:"workers"`   // runs at once
	Allow     []string            `koanf:"allow"`     // private targets that sources may reach: "10.20.3.4:443"
	Folders   []string            `koanf:"folders"`   // folders that the folder connector may read
	MaxBytes  int64               `koanf:"max_bytes"` // of one document
	Timeout   time.Duration       `koanf:"timeout"`   // of one run
	Jitter    time.Duration       `koanf:"jitter"`    // spread of scheduled starts
	KeepRuns  time.Duration       `koanf:"keep_runs"` // how long runs that no version needs are kept
	UserAgent string              `koanf:"user_agent"`
	CAFiles   []string            `koanf:"ca_files"`
	Hosts     map[string]HostRule `koanf:"hosts"` // by host or host:port; "*" is the rule of the others
}

// CheckConfig bounds what visitors may have judged on « Vérifier un fichier » and through the API.
type CheckConfig struct {
	MaxBytes  int64    `koanf:"max_bytes"`  // of one file
	PerMinute int      `koanf:"per_minute"` // requests of one visitor
	AtOnce    int      `koanf:"at_once"`    // judgments at once
	Allow     []string `koanf:"allow"`      // private addresses that visitors may have read, as harvest.allow
}

// MapConfig says how maps look.
type MapConfig struct {
	Style string `koanf:"style"` // address of a MapLibre style for the background; "" is none
}

// TerritoryConfig says what is known of the members' territories.
type TerritoryConfig struct {
	Outlines string `koanf:"outlines"` // GeoJSON file
}

// SchemasConfig says where new versions of schemas come from and what becomes of them.
type SchemasConfig struct {
	Registry string `koanf:"registry"` // address of the national registry's catalogue
	Adopt    string `koanf:"adopt"`    // without a person: never, compatible, always
}

// HostRule bounds what one remote host is asked.
type HostRule struct {
	Parallel int           `koanf:"parallel"`
	Every    time.Duration `koanf:"every"`
}

// LogConfig is the diary.
type LogConfig struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // text or json
}

// Default is the configuration without any file: all parts embedded, under data.
func Default() Config {
	return Config{
		Data: "grenier-data", Addr: "127.0.0.1:8080", Timezone: "Europe/Paris", MinFree: minFree, Downloads: "streamed",
		Site:    SiteConfig{Name: "Données ouvertes", Operator: "Votre opérateur de services numériques"},
		Harvest: HarvestConfig{Workers: 4, MaxBytes: 100 << 20, Timeout: 15 * time.Minute, Jitter: 30 * time.Minute, KeepRuns: 180 * 24 * time.Hour},
		Check:   CheckConfig{MaxBytes: 50e6, PerMinute: 10, AtOnce: 2},
		Schemas: SchemasConfig{Registry: "https://schema.data.gouv.fr/schemas/schemas.json", Adopt: string(harvest.AdoptNever)},
		Log:     LogConfig{Level: "info", Format: "text"},
	}
}

// complete derives what depends on other keys.
func (c *Config) complete() {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&c.Database, "sqlite:"+filepath.Join(c.Data, "grenier.db"))
	set(&c.Blobs, "file:"+filepath.Join(c.Data, "blobs"))
	set(&c.Index, "bleve:"+filepath.Join(c.Data, "index"))
	set(&c.BaseURL, "http://"+c.Addr)
	set(&c.Harvest.UserAgent, "Grenier/"+version()+" (+"+c.BaseURL+")")
	if len(c.Harvest.Folders) == 0 {
		c.Harvest.Folders = []string{filepath.Join(c.Data, "depots")}
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
}

// loadConfig reads the configuration: defaults, then the file, then the environment. Every fault is reported at once, with its path.
func loadConfig(path, data string, environ []string) (Config, error) {
	k := koanf.New("/") // not ".": hosts have dots
	if err := k.Load(structs.Provider(Default(), "koanf"), nil); err != nil {
		return Config{}, err
	}
	known := k.Copy()
	if path == "" {
		path = "grenier.yaml"
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			path = ""
		}
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Config{}, usage("La configuration %s ne peut pas être lue : %s.", path, whyNot(err))
		}
	}
	if err := k.Load(env.Provider("/", env.Opt{Prefix: "GRENIER_", EnvironFunc: func() []string { return settings(environ) }, TransformFunc: variable}), nil); err != nil {
		return Config{}, err
	}
	faults := unknownKeys(k, known)
	var c Config
	if err := k.Unmarshal("", &c); err != nil {
		faults = append(faults, err.Error())
	}
	if data != "" {
		c.Data = data
	}
	c.complete()
	faults = append(faults, c.Validate()...)
	if len(faults) > 0 {
		return c, usage("La configuration a %d défaut(s) :\n  %s", len(faults), strings.Join(faults, "\n  "))
	}
	return c, nil
}

// settings leaves out the variables that tests and tools use.
func settings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(s string) bool {
		return strings.HasPrefix(s, "GRENIER_TEST_") || strings.HasPrefix(s, "GRENIER_SECRET_")
	})
}

// variable turns GRENIER_HARVEST__WORKERS=4 into harvest.workers; lists are separated by commas.
func variable(name, value string) (string, any) {
	key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "GRENIER_")), "__", "/")
	switch key {
	case "harvest/allow", "check/allow", "harvest/folders", "harvest/ca_files":
		return key, strings.Split(value, ",")
	}
	return key, value
}

func unknownKeys(k, known *koanf.Koanf) (faults []string) {
	names := slices.Collect(maps.Keys(known.All()))
	for _, key := range k.Keys() {
		if slices.Contains(names, key) || known.Exists(key) {
			continue
		}
		if rest, ok := strings.CutPrefix(key, "harvest/hosts/"); ok && (strings.HasSuffix(rest, "/parallel") || strings.HasSuffix(rest, "/every")) {
			continue
		}
		faults = append(faults, strings.ReplaceAll(key, "/", ".")+" : clé inconnue")
	}
	return faults
}

// Validate reports every fault, each with its path.
func (c *Config) Validate() (faults []string) {
	bad := func(path, format string, args ...any) {
		faults = append(faults, path+" : "+fmt.Sprintf(format, args...))
	}
	if u, err := url.Parse(c.BaseURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		bad("base_url", "« %s » n’est pas une adresse http ou https", c.BaseURL)
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		bad("timezone", "« %s » est inconnu ; exemple : Europe/Paris", c.Timezone)
	}
	for path, v := range map[string]struct {
		value string
		kinds []string
	}{
		"database": {c.Database, []string{"sqlite:", "postgres://", "postgresql://", "env:", "file:"}},
		"blobs":    {c.Blobs, []string{"file:", "s3://"}},
		"index":    {c.Index, []string{"bleve:", "meilisearch:"}},
	} {
		if !slices.ContainsFunc(v.kinds, func(k string) bool { return strings.HasPrefix(v.value, k) }) {
			bad(path, "doit commencer par %s", strings.Join(v.kinds, " ou "))
		}
	}
	if err := c.Site.Colours.Check(); err != nil {
		bad("site.colours", "%s", err)
	}
	if u, err := url.Parse(c.Map.Style); c.Map.Style != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil) {
		bad("map.style", "« %s » n’est pas une adresse http ou https", c.Map.Style)
	}
	if c.MinFree < 0 {
		bad("min_free", "0 ou plus, en octets")
	}
	if c.Downloads != "streamed" && c.Downloads != "signed" {
		bad("downloads", "streamed ou signed")
	}
	if c.Harvest.Workers < 1 || c.Harvest.Workers > 64 {
		bad("harvest.workers", "entre 1 et 64")
	}
	if c.Harvest.MaxBytes < 1<<10 {
		bad("harvest.max_bytes", "au moins 1024")
	}
	if c.Harvest.KeepRuns < 24*time.Hour {
		bad("harvest.keep_runs", "au moins 24h")
	}
	if c.Check.MaxBytes < 1<<10 {
		bad("check.max_bytes", "au moins 1024")
	}
	if c.Check.PerMinute < 1 || c.Check.PerMinute > 600 {
		bad("check.per_minute", "entre 1 et 600")
	}
	if c.Check.AtOnce < 1 || c.Check.AtOnce > 64 {
		bad("check.at_once", "entre 1 et 64")
	}
	if u, err := url.Parse(c.Schemas.Registry); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		bad("schemas.registry", "« %s » n’est pas une adresse http ou https", c.Schemas.Registry)
	}
	if !slices.Contains([]harvest.AdoptPolicy{harvest.AdoptNever, harvest.AdoptCompatible, harvest.AdoptAlways}, harvest.AdoptPolicy(c.Schemas.Adopt)) {
		bad("schemas.adopt", "never, compatible ou always")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		bad("log.level", "debug, info, warn ou error")
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		bad("log.format", "text ou json")
	}
	slices.Sort(faults)
	return faults
}

// secret resolves a reference, "env:NAME" or "file:PATH".
func (t *terminal) secret(ref string) (string, error) {
	switch kind, name, _ := strings.Cut(ref, ":"); kind {
	case "env":
		for _, e := range t.env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v, nil
			}
		}
		return "", fmt.Errorf("la variable d’environnement %s n’est pas définie", name)
	case "file":
		b, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("secret illisible : %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	return "", errors.New("un secret se donne par référence : env:NOM ou file:CHEMIN")
}
