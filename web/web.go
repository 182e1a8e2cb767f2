// Package web answers HTTP: the portal, its JSON twins, feeds and downloads.
package web

import (
	"log/slog"
	"net/http"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"

	"github.com/google/uuid"
)

// Config is what a Server needs.
type Config struct {
	Store     catalog.Store
	Index     catalog.Index
	Blobs     publish.BlobStore
	Schemas   *schemas.Set
	Namespace uuid.UUID
	BaseURL   string // public address without a slash at the end
	Site      Site
	Version   string // of the program
	Now       func() time.Time
	Location  *time.Location
	Log       *slog.Logger
}

// Site is what the portal says of itself.
type Site struct {
	Name     string // "Données ouvertes du Val-d’Aurence"
	Operator string // "Numérival"
	SIREN    string // of the operator (OPSN)
	Email    string
	Demo     bool // shows « données fictives » on every page
}

// A Server answers HTTP.
type Server struct{}

// New parses the templates and prepares the routes; a template that does not parse is an error.
func New(c Config) (*Server, error) { panic("not written yet") }

// Handler is the public site with its middleware.
func (s *Server) Handler() http.Handler { panic("not written yet") }

// Admin answers /healthz, /readyz and /metrics, for the admin address when it is set; Handler answers them too when it is not.
func (s *Server) Admin() http.Handler { panic("not written yet") }
