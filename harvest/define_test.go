package harvest

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type shared struct {
	Timeout time.Duration `json:"timeout" help:"Temps accordé à une réponse"`
}

type pagesConfig struct {
	Next string `json:"next" help:"Chemin de l’adresse suivante"`
	Size int    `json:"size" help:"Objets par page"`
}

type sampleConfig struct {
	URL      string            `json:"url" help:"Adresse" required:"true"`
	Others   []string          `json:"others,omitempty" help:"Autres adresses"`
	Password string            `json:"password" help:"Mot de passe" secret:"true"`
	Port     uint16            `json:"port" help:"Port"`
	Ratio    float64           `json:"ratio" help:"Part"`
	Latest   *bool             `json:"latest" help:"Le plus récent seulement"`
	Headers  map[string]string `json:"headers" help:"En-têtes"`
	Pages    *pagesConfig      `json:"pages" help:"Pagination"`
	Steps    []pagesConfig     `json:"steps" help:"Étapes"`
	Bind     netip.Addr        `json:"bind" help:"Adresse locale"`
	Body     any               `json:"body" help:"Corps"`
	shared
	Shared2 shared `json:"-"`
}

func defined(got *sampleConfig) Kind {
	return Define("sample", "Essai", func(c sampleConfig, _ Env) (Source, error) {
		*got = c
		return nil, nil
	})
}

func TestDefine_DescribesEachOption(t *testing.T) {
	var c sampleConfig
	want := []Option{
		{Name: "url", Type: "texte", Help: "Adresse", Required: true},
		{Name: "others", Type: "liste", Help: "Autres adresses"},
		{Name: "password", Type: "texte", Help: "Mot de passe", Secret: true},
		{Name: "port", Type: "nombre", Help: "Port"},
		{Name: "ratio", Type: "nombre", Help: "Part"},
		{Name: "latest", Type: "oui/non", Help: "Le plus récent seulement"},
		{Name: "headers", Type: "table", Help: "En-têtes"},
		{Name: "pages", Type: "groupe", Help: "Pagination"},
		{Name: "pages.next", Type: "texte", Help: "Chemin de l’adresse suivante"},
		{Name: "pages.size", Type: "nombre", Help: "Objets par page"},
		{Name: "steps", Type: "liste", Help: "Étapes"},
		{Name: "steps.next", Type: "texte", Help: "Chemin de l’adresse suivante"},
		{Name: "steps.size", Type: "nombre", Help: "Objets par page"},
		{Name: "bind", Type: "texte", Help: "Adresse locale"},
		{Name: "body", Type: "libre", Help: "Corps"},
		{Name: "timeout", Type: "durée", Help: "Temps accordé à une réponse"},
	}
	if diff := cmp.Diff(want, defined(&c).Options); diff != "" {
		t.Error(diff)
	}
}

func TestDefine_ReadsAConfiguration(t *testing.T) {
	var got sampleConfig
	config := `{"url": "https://exemple.test/a", "others": ["b", "c"], "password": "env:MOT", "port": 8080, "ratio": 0.25, "latest": false,
		"headers": {"X-Cle": "1"}, "pages": {"next": "liens.suite", "size": 50}, "steps": [{"size": 1}, {"next": "n"}], "bind": "127.0.0.1", "body": {"a": [1]}, "timeout": "1m30s"}`
	if _, err := defined(&got).Open(json.RawMessage(config), Env{}); err != nil {
		t.Fatal(err)
	}
	no := false
	want := sampleConfig{
		URL: "https://exemple.test/a", Others: []string{"b", "c"}, Password: "env:MOT", Port: 8080, Ratio: 0.25, Latest: &no, Headers: map[string]string{"X-Cle": "1"},
		Pages: &pagesConfig{"liens.suite", 50}, Steps: []pagesConfig{{Size: 1}, {Next: "n"}}, Bind: netip.MustParseAddr("127.0.0.1"),
		Body: map[string]any{"a": []any{1.0}}, shared: shared{90 * time.Second},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sampleConfig{}, shared{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestDefine_TakesTextsThatARecipeFilled(t *testing.T) {
	var got sampleConfig
	if _, err := defined(&got).Open(json.RawMessage(`{"url": 213900137, "others": "seul", "port": "22", "latest": "oui", "ratio": "1e-1"}`), Env{}); err != nil {
		t.Fatal(err)
	}
	if got.URL != "213900137" || len(got.Others) != 1 || got.Others[0] != "seul" || got.Port != 22 || !*got.Latest || got.Ratio != 0.1 {
		t.Errorf("got %+v", got)
	}
}

func TestDefine_SaysEveryFaultInFrench(t *testing.T) {
	for _, c := range []struct {
		config string
		want   []string
	}{
		{``, []string{"url : cette option est obligatoire"}},
		{`{"url": ""}`, []string{"url : cette option est obligatoire"}},
		{`[1]`, []string{"pas un objet JSON"}},
		{`{"url": "a", "ulr": "b"}`, []string{"ulr : option inconnue ; vouliez-vous dire « url »"}},
		{`{"url": ["a"], "port": "vingt", "latest": 3, "headers": "x"}`, []string{"url : attend un texte", "port : attend un nombre", "latest : attend oui ou non", "headers : attend des clés"}},
		{`{"url": "a", "timeout": 30}`, []string{"timeout : attend une durée avec son unité"}},
		{`{"url": "a", "timeout": "-3s"}`, []string{"timeout : attend une durée"}},
		{`{"url": "a", "port": 70000}`, []string{"port : cette valeur n’est pas acceptée"}},
		{`{"url": "a", "bind": "ici"}`, []string{"bind : cette valeur n’est pas acceptée"}},
		{`{"url": "a", "pages": {"nxt": "x", "size": "y"}}`, []string{"pages.size : attend un nombre", "pages.nxt : option inconnue ; vouliez-vous dire « next »"}},
		{`{"url": "a", "steps": [{"size": true}, "x"]}`, []string{"steps[0].size : attend un nombre", "steps[1] : valeur inattendue"}},
		{`{"url": "a", "others": ["b", {"c": 1}]}`, []string{"others[1] : valeur inattendue"}},
		{`{"url": "a", "headers": {"X": ["1"]}}`, []string{"headers.X : attend un texte"}},
	} {
		var got sampleConfig
		_, err := defined(&got).Open(json.RawMessage(c.config), Env{})
		var faults FaultList
		if !errors.As(err, &faults) || !IsPermanent(err) {
			t.Errorf("%s: got %v, want permanent faults", c.config, err)
			continue
		}
		if len(faults) != len(c.want) {
			t.Errorf("%s: got %q, want %d faults", c.config, faults, len(c.want))
			continue
		}
		for i, w := range c.want {
			if !strings.Contains(breakable(faults[i]), w) {
				t.Errorf("%s: fault %d is %q, want %q", c.config, i, faults[i], w)
			}
			if !strings.Contains(breakable(SentenceOf(err)), w) {
				t.Errorf("%s: the sentence %q lacks %q", c.config, SentenceOf(err), w)
			}
		}
	}
}

func TestDefine_NeverRepeatsASecret(t *testing.T) {
	var got sampleConfig
	_, err := defined(&got).Open(json.RawMessage(`{"url": "a", "password": "tres-secret"}`), Env{})
	if err == nil || !strings.Contains(breakable(SentenceOf(err)), "password : un secret ne s’écrit pas ici") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(SentenceOf(err)+err.Error(), "tres-secret") {
		t.Errorf("the secret shows in %v", err)
	}
}

func TestDefine_PanicsOnAProgrammersMistake(t *testing.T) {
	mistakes := map[string]func(){
		"has no help": func() {
			Define("x", "X", func(struct {
				A string `json:"a"`
			}, Env) (Source, error) {
				return nil, nil
			})
		},
		"pages.a has no help": func() {
			Define("x", "X", func(struct {
				Pages struct {
					A string `json:"a"`
				} `json:"pages" help:"Pages"`
			}, Env) (Source, error) {
				return nil, nil
			})
		},
		"no json tag": func() {
			Define("x", "X", func(struct {
				A string `help:"a"`
			}, Env) (Source, error) {
				return nil, nil
			})
		},
		"no configuration can hold": func() {
			Define("x", "X", func(struct {
				A chan int `json:"a" help:"a"`
			}, Env) (Source, error) {
				return nil, nil
			})
		},
		"not a struct": func() { Define("x", "X", func(string, Env) (Source, error) { return nil, nil }) },
		"declared twice": func() {
			Define("x", "X", func(struct {
				A       string `json:"timeout" help:"a"`
				Timeout shared `json:"-"`
				shared
			}, Env) (Source, error) {
				return nil, nil
			})
		},
	}
	for want, define := range mistakes {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if r, _ := recover().(string); !strings.Contains(r, want) {
					t.Errorf("panicked with %q, want %q", r, want)
				}
			}()
			define()
		})
	}
}
