// Package folder reads the files that business software drops into a folder of this machine or of a mounted share. It leaves alone what
// is still being written, and never leaves the folders that the administrator opened.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"grenier/harvest"

	"golang.org/x/text/unicode/norm"
)

// Kind is the connector's entry in the list.
var Kind = harvest.Define("folder", "Dossier de dépôt sur le serveur", open)

// Config is the connector's configuration.
type Config struct {
	Path    string         `json:"path" required:"true" help:"Chemin complet du dossier, dans l’un de ceux que l’administrateur a ouverts."`
	Pattern string         `json:"pattern" help:"Motif des noms de fichiers, par exemple « BAL_*.csv » ; majuscules et minuscules se valent ; tous les fichiers par défaut."`
	Settle  *time.Duration `json:"settle" help:"Temps sans modification après lequel un fichier est jugé complet : 30s par défaut."`
	Latest  bool           `json:"latest" help:"Ne lire que le fichier le plus récent du dossier."`
}

const usualSettle = 30 * time.Second

// A source is one configured folder.
type source struct {
	root    string // the opened folder, absolute
	inside  string // path within root, "." for root itself
	pattern string
	settle  time.Duration
	latest  bool
	now     func() time.Time
}

func open(c Config, env harvest.Env) (harvest.Source, error) {
	s := &source{pattern: fold(c.Pattern), settle: usualSettle, latest: c.Latest, now: env.Now}
	if s.pattern == "" {
		s.pattern = "*"
	}
	if c.Settle != nil {
		s.settle = max(*c.Settle, 0)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if _, err := path.Match(s.pattern, ""); err != nil || strings.Contains(s.pattern, "/") {
		return nil, fault("le motif «\u00a0"+c.Pattern+"\u00a0» n’est pas un motif de nom de fichier", "Écrivez-le avec * et ?, sans dossier.", path.ErrBadPattern)
	}
	var ok bool
	if s.root, s.inside, ok = within(env.Folders, c.Path); !ok {
		return nil, fault("le dossier «\u00a0"+c.Path+"\u00a0» n’est pas de ceux que Grenier peut lire",
			"L’administrateur de la plateforme, et lui seul, peut l’ouvrir, en ajoutant dans grenier.yaml, à la liste «\u00a0harvest.folders\u00a0», la ligne\u00a0: - \""+c.Path+"\"", errOutside)
	}
	return s, nil
}

var errOutside = errors.New("folder outside of those opened")

func fault(what, todo string, err error) error {
	return harvest.Permanent(harvest.Say("La configuration de la source est incorrecte\u00a0: "+what+". Rien n’a été lu. "+todo, err))
}

// within finds the opened folder that holds dir, and dir's path in it.
func within(folders []string, dir string) (root, inside string, ok bool) {
	if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) {
		return "", "", false
	}
	for _, f := range folders {
		rel, err := filepath.Rel(filepath.Clean(f), filepath.Clean(dir))
		if filepath.IsAbs(f) && err == nil && filepath.IsLocal(rel) {
			return f, rel, true
		}
	}
	return "", "", false
}

// Fetch implements harvest.Source.
func (s *source) Fetch(ctx context.Context, last harvest.State, fn func(harvest.Document) error) (harvest.State, error) {
	dir, err := s.openDir()
	if err != nil {
		return "", unreadable(err)
	}
	defer dir.Close()
	known := recall(last)
	files, err := s.list(ctx, dir, known)
	if err != nil {
		return "", err
	}
	if known.are(files) {
		return "", harvest.ErrUnchanged
	}
	next := memory{Files: map[string]mark{}}
	for _, f := range files {
		if err := context.Cause(ctx); err != nil {
			return "", err
		}
		switch err := handOver(ctx, dir, f, known, fn); {
		case errors.Is(err, errGone):
			continue // as if it had been removed before the listing
		case err != nil:
			return "", err
		}
		next.Files[f.title] = f.mark
	}
	if len(next.Files) == 0 {
		return "", emptyFolder()
	}
	return next.state(), nil
}

// openDir opens the folder so that no link inside it leads out of the folder that was opened to Grenier.
func (s *source) openDir() (*os.Root, error) {
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return nil, err
	}
	if s.inside == "." {
		return root, nil
	}
	defer root.Close()
	return root.OpenRoot(s.inside)
}

func unreadable(err error) error {
	why := "Le dossier de la source n’a pas pu être lu."
	if errors.Is(err, fs.ErrNotExist) {
		why = "Le dossier de la source n’existe pas, ou son disque n’est pas monté."
	}
	if errors.Is(err, fs.ErrPermission) {
		why = "Grenier n’a pas le droit de lire le dossier de la source."
	}
	return harvest.Say(why+" La dernière version reste en ligne. Prévenez l’administrateur de la plateforme.", fmt.Errorf("open folder: %w", err))
}

func emptyFolder() error {
	return harvest.Say("Le dossier de la source ne contient aucun fichier à lire. La dernière version reste en ligne. Vérifiez que le logiciel y dépose bien son export, et le motif des noms.",
		errors.New("no file to read in the folder"))
}

// errGone is a file that went between the listing and its reading.
var errGone = errors.New("file gone")

// handOver gives one file to fn, without its bytes when they are those of the last published Fetch.
func handOver(ctx context.Context, dir *os.Root, f file, known memory, fn func(harvest.Document) error) error {
	doc := harvest.Document{Name: f.title, MediaType: mime.TypeByExtension(path.Ext(strings.ToLower(f.title))), Modified: f.modified}
	if known.Files[f.title] == f.mark {
		doc.Same = true
		return fn(doc)
	}
	body, err := dir.OpenFile(f.name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe put in its place must not hold us
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return harvest.Say("Le fichier «\u00a0"+f.title+"\u00a0» n’a pas pu être ouvert. La dernière version reste en ligne. Vérifiez que Grenier a le droit de le lire.", fmt.Errorf("open dropped file: %w", err))
	}
	defer body.Close()
	reader := &settled{ctx: ctx, file: f, body: body}
	if err := reader.check(); err != nil {
		return err
	}
	doc.Body = reader
	return fn(doc)
}

// settled reads a file and answers for its having been whole: nobody wrote into it since it was listed.
type settled struct {
	ctx  context.Context
	file file
	body *os.File
	read int64
}

func (r *settled) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.body.Read(p)
	r.read += int64(n)
	if err != io.EOF {
		return n, err
	}
	if moved := r.check(); moved != nil {
		return n, moved
	}
	if r.read != r.file.mark.Size {
		return n, r.moved(io.ErrUnexpectedEOF)
	}
	return n, io.EOF
}

func (r *settled) check() error {
	info, err := r.body.Stat()
	if err != nil {
		return fmt.Errorf("read dropped file: %w", err)
	}
	if !info.Mode().IsRegular() || markOf(info) != r.file.mark {
		return r.moved(io.ErrUnexpectedEOF)
	}
	return nil
}

func (r *settled) moved(err error) error {
	return busy(r.file.title, fmt.Errorf("file written while it was read: %w", err))
}

// busy is a file that its owner is writing: a new try will find it whole.
func busy(title string, err error) error {
	return harvest.Say("Le fichier «\u00a0"+title+"\u00a0» est en cours d’écriture. La dernière version reste en ligne. Un nouvel essai est prévu\u00a0; il n’y a rien à faire.", err)
}

// fold makes names comparable: one form of accents, small letters.
func fold(name string) string { return strings.ToLower(norm.NFC.String(name)) }
