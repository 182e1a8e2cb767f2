// Package http fetches files and paged answers over HTTP and HTTPS: one address, several, or an API that hands out its records page
// by page. Files that did not change cost one short answer; a transfer that breaks off is taken up where it stopped.
package http

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"time"

	"grenier/harvest"
)

// Kind is the connector's entry in the list.
var Kind = harvest.Define("http", "Fichier ou API sur le Web (HTTP, HTTPS)", open)

// Config is the connector's configuration.
type Config struct {
	URL      string            `json:"url" help:"Adresse du fichier ou de la première page, https:// de préférence."`
	URLs     []string          `json:"urls" help:"Plusieurs adresses, lues dans cet ordre ; remplace url."`
	Headers  map[string]string `json:"headers" help:"En-têtes joints à chaque demande ; une valeur « env:… » ou « file:… » désigne un secret."`
	Query    map[string]string `json:"query" help:"Paramètres ajoutés à chaque adresse, une clé d’API par exemple ; une valeur « env:… » ou « file:… » désigne un secret."`
	User     string            `json:"user" help:"Identifiant, pour un serveur qui demande un mot de passe."`
	Password string            `json:"password" secret:"true" help:"Mot de passe, désigné par « env:… » ou « file:… »."`
	Pages    *Pages            `json:"pages" help:"Pour une API qui rend ses enregistrements page par page : next, ou bien param."`
	Retries  *int              `json:"retries" help:"Nouveaux essais d’un document après un délai dépassé, une coupure ou une panne du serveur ; 3 par défaut, 0 pour aucun."`
	Timeout  time.Duration     `json:"timeout" help:"Temps maximal pour lire un document, par exemple « 10m » ; par défaut, celui de toute la lecture."`
}

// Pages says how an API goes from one page to the next.
type Pages struct {
	Next      string `json:"next" help:"Membre JSON qui contient l’adresse de la page suivante, en pointillés : « links.next »."`
	Param     string `json:"param" help:"Paramètre qui porte le numéro de la page ou du premier enregistrement, à la place de next ; la lecture s’arrête à la première page vide ou à une réponse 404."`
	Start     *int   `json:"start" help:"Première valeur de param : 1 par défaut, 0 quand step est indiqué."`
	Step      int    `json:"step" help:"Ce que l’on ajoute à param d’une page à l’autre : 1 par défaut ; pour un numéro d’enregistrement, la même valeur que size."`
	SizeParam string `json:"size_param" help:"Paramètre qui porte le nombre d’enregistrements par page."`
	Size      int    `json:"size" help:"Nombre d’enregistrements par page à demander."`
	Records   string `json:"records" help:"Membre JSON qui contient les enregistrements, en pointillés ; par défaut la racine, ou son seul tableau."`
	Max       int    `json:"max" help:"Nombre de pages au-delà duquel la lecture est une erreur : 10000 par défaut."`
}

// A source is one configured address, list of addresses or API.
type source struct {
	conf    Config
	env     harvest.Env
	urls    []*url.URL
	retries int
	pause   time.Duration // before the first new try, at most; doubled each time
}

const (
	usualRetries = 3
	usualPause   = time.Second
	usualMax     = 10_000
)

func open(c Config, env harvest.Env) (harvest.Source, error) {
	if env.HTTP == nil {
		return nil, errors.New("http connector without a client")
	}
	s := &source{conf: c, env: env, retries: usualRetries, pause: usualPause}
	if c.Retries != nil {
		s.retries = max(*c.Retries, 0)
	}
	if faults := s.check(); len(faults) > 0 {
		return nil, harvest.Permanent(harvest.Say("La configuration de la source est incorrecte\u00a0: "+faults.Error()+". Rien n’a été lu\u00a0; corrigez la recette ou les paramètres.", faults))
	}
	for _, u := range s.urls {
		if u.Scheme == "http" && !isLoopback(u) && env.Log != nil {
			env.Log.Warn("address without encryption", "host", u.Host)
		}
	}
	return s, nil
}

func isLoopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// Fetch implements harvest.Source.
func (s *source) Fetch(ctx context.Context, last harvest.State, fn func(harvest.Document) error) (harvest.State, error) {
	keys, err := s.keys()
	if err != nil {
		return "", err
	}
	if s.conf.Pages != nil {
		return s.fetchPages(ctx, keys, recall(last), fn)
	}
	return s.fetchFiles(ctx, keys, recall(last), fn)
}

// Hosts are the remote hosts that Fetch asks.
func (s *source) Hosts() []string {
	hosts := make([]string, len(s.urls))
	for i, u := range s.urls {
		hosts[i] = u.Host
	}
	return hosts
}

// fetchFiles hands over the files at s.urls. Those that the server calls unchanged wait until one is found that changed.
func (s *source) fetchFiles(ctx context.Context, k *keys, last memory, fn func(harvest.Document) error) (harvest.State, error) {
	var same []harvest.Document
	var next memory
	names := namesOf(s.urls, k)
	changed := !last.has(names) // a file that came or went is a change too
	for i, u := range s.urls {
		known := last.named(names[i])
		d, err := s.get(ctx, k, u, known)
		if err != nil {
			return "", err
		}
		if d.same {
			next.Files = append(next.Files, known)
			same = append(same, harvest.Document{Name: known.Name, Modified: known.modified(), Same: true})
			continue
		}
		changed = true
		err = handOver(same, fn)
		same = nil
		if err == nil {
			err = fn(d.document(names[i]))
		}
		next.Files = append(next.Files, d.remember(names[i]))
		d.Close()
		if err != nil {
			return "", err
		}
	}
	if !changed {
		return "", harvest.ErrUnchanged
	}
	if err := handOver(same, fn); err != nil {
		return "", err
	}
	return next.state(), nil
}

// handOver gives the documents that waited to fn.
func handOver(same []harvest.Document, fn func(harvest.Document) error) error {
	for _, d := range same {
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}
