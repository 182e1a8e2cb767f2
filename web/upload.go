package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// CheckConfig bounds what visitors may have judged.
type CheckConfig struct {
	Judge     Judge  // nil: the site has no such page
	Dir       string // where a file stays while it is judged; "" is the system's folder for that
	MaxBytes  int64  // of one file
	PerMinute int    // requests of one client
	AtOnce    int    // judgments at once; eight times as many files may be on their way in
}

const (
	checkBurst = 5                // requests that one client may send in a row: half of those of a minute, but so many at least
	checkTime  = 30 * time.Second // for one judgment, address included
	checkWait  = 5 * time.Second  // for a free place
	formRoom   = 64 << 10         // bytes of a form besides its file
	formFields = 20               // parts of a form
	fieldRoom  = 4096             // bytes of one field
	leastRate  = 16 << 10         // bytes a second that a sender must keep up
	leastStart = 20 * time.Second // before that rate counts
	nameRoom   = 120              // characters of a file name that are shown
)

// A checkRoom is what one server keeps to stay within a CheckConfig.
type checkRoom struct {
	CheckConfig
	pace    *pace
	inside  room // files on their way in
	judging room
}

func newCheckRoom(c CheckConfig, now func() time.Time) *checkRoom {
	if c.MaxBytes <= 0 {
		c.MaxBytes = 50e6
	}
	if c.PerMinute <= 0 {
		c.PerMinute = 10
	}
	if c.AtOnce <= 0 {
		c.AtOnce = 2
	}
	return &checkRoom{CheckConfig: c, pace: newPace(c.PerMinute, max(checkBurst, c.PerMinute/2), now), inside: make(room, 8*c.AtOnce), judging: make(room, c.AtOnce)}
}

// A desk is where one request is received and judged: a folder of its own and a place among those that are served.
type desk struct {
	room  *checkRoom
	dir   string
	leave func()
	file  *os.File
	log   *slog.Logger

	upload Upload
	fields map[string]string // the short fields of the form or of the JSON body, without the file
}

// open admits a request: not too many of one client, not too many at all.
func (c *checkRoom) open(w http.ResponseWriter, r *http.Request, log *slog.Logger) (*desk, error) {
	if c.Judge == nil {
		return nil, errNotFound
	}
	if wait := c.pace.take(clientOf(r)); wait > 0 {
		return nil, &httpError{status: http.StatusTooManyRequests, retry: wait,
			message: "Vous avez demandé plusieurs vérifications à la suite. Attendez " + count(wait, "seconde", "secondes") + ", puis recommencez."}
	}
	leave, ok := c.inside.enter(r.Context(), checkWait)
	if !ok {
		return nil, errCheckBusy
	}
	dir, err := os.MkdirTemp(c.Dir, "verifier-")
	if err != nil {
		leave()
		return nil, unavailable("Le fichier ne peut pas être reçu pour le moment. Réessayez dans quelques minutes.", fmt.Errorf("make a folder for an upload: %w", err))
	}
	return &desk{room: c, dir: dir, leave: leave, log: log, fields: map[string]string{}}, nil
}

var errCheckBusy = &httpError{status: http.StatusServiceUnavailable, retry: 15, message: "D’autres fichiers sont en cours de vérification. Réessayez dans quelques secondes."}

// close deletes what was received and made, and gives the place back.
func (d *desk) close() {
	if d.file != nil {
		d.file.Close()
	}
	if err := os.RemoveAll(d.dir); err != nil {
		d.log.Error("upload not deleted", "error", err)
	}
	d.leave()
}

// receive reads the request into the desk's upload: a form, a raw body, or an address in JSON.
//
// A raw body is any type of content whose address names the file or the schema (?name=, ?schema=): a JSON document with neither would be read
// as the request {"url": …, "schema": …}.
func (d *desk) receive(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Content-Encoding") != "" {
		return problem(http.StatusUnsupportedMediaType, "Le corps de la demande est compressé. Envoyez le fichier tel quel ; un fichier .gz est lu aussi.")
	}
	most := d.room.MaxBytes + formRoom
	if r.ContentLength > 2*most {
		return d.tooLarge() // not worth reading to the end for a kinder answer
	}
	paced := &pacedBody{ReadCloser: r.Body, deadline: http.NewResponseController(w), start: time.Now()}
	paced.extend()
	r.Body = http.MaxBytesReader(w, paced, most)
	err := d.read(r)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		err = d.tooLarge()
	}
	if e := (*httpError)(nil); errors.As(err, &e) && e.status == http.StatusRequestEntityTooLarge {
		io.CopyN(io.Discard, paced, most) // a sender that is still writing would not read the answer
	}
	if err == nil && d.upload.File == nil && d.upload.URL == "" {
		err = problem(http.StatusBadRequest, "Aucun fichier n’a été reçu. Choisissez un fichier, ou donnez son adresse.")
	}
	return err
}

func (d *desk) tooLarge() error {
	return problem(http.StatusRequestEntityTooLarge, "Le fichier dépasse "+size(d.room.MaxBytes)+", le plus que cette page accepte. Vérifiez-le avec la commande « grenier validate », qui n’a pas de limite.")
}

func (d *desk) read(r *http.Request) error {
	q := r.URL.Query()
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return problem(http.StatusUnsupportedMediaType, "Le type du contenu est illisible : envoyez un formulaire (multipart/form-data), un fichier ou du JSON.")
	}
	d.upload.Schema, d.upload.Dir = q.Get("schema"), d.dir
	switch {
	case media == "multipart/form-data":
		err = d.form(r)
	case q.Has("name") || q.Has("schema"):
		err = d.save(q.Get("name"), r.Body)
	case media == "application/json":
		err = d.request(r.Body)
	case media == "application/x-www-form-urlencoded":
		return problem(http.StatusUnsupportedMediaType, "Un fichier s’envoie en multipart/form-data (curl -F file=@fichier), ou tel quel avec son nom dans l’adresse (?name=fichier.csv).")
	default:
		err = d.save("", r.Body)
	}
	return readFault(err)
}

// readFault words what broke while the request was read.
func readFault(err error) error {
	var ours *httpError
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &ours), errors.As(err, &tooLarge):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &httpError{status: http.StatusRequestTimeout, message: "L’envoi du fichier a été trop lent ou s’est interrompu. Recommencez ; si cela dure, compressez le fichier en .gz.", err: err}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, multipart.ErrMessageTooLarge):
		return &httpError{status: http.StatusBadRequest, message: "L’envoi du fichier s’est interrompu avant la fin. Recommencez.", err: err}
	}
	return err
}

// form reads a multipart form part by part; the file goes straight to the disk.
func (d *desk) form(r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return &httpError{status: http.StatusBadRequest, message: "Le formulaire reçu est mal écrit. Recommencez depuis la page.", err: err}
	}
	for range formFields {
		p, err := parts.NextPart()
		if err == io.EOF {
			return d.asked()
		}
		if err != nil {
			return formFault(err)
		}
		if err := d.part(p); err != nil {
			return err
		}
	}
	return problem(http.StatusBadRequest, "Le formulaire reçu a trop de champs. Recommencez depuis la page.")
}

func formFault(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return &httpError{status: http.StatusBadRequest, message: "Le formulaire reçu est mal écrit. Recommencez depuis la page.", err: err}
}

func (d *desk) part(p *multipart.Part) error {
	if p.FormName() == "file" {
		if p.FileName() == "" || d.file != nil {
			return nil // a browser sends an empty part when no file was chosen; only the first file counts
		}
		return d.save(p.FileName(), p)
	}
	b, err := io.ReadAll(io.LimitReader(p, fieldRoom+1))
	if err != nil {
		return formFault(err)
	}
	if len(b) > fieldRoom {
		return problem(http.StatusBadRequest, "Un champ du formulaire est trop long.")
	}
	d.fields[p.FormName()] = strings.ToValidUTF8(string(b), "")
	return nil
}

// asked takes over what the fields of a form ask for.
func (d *desk) asked() error {
	if v := strings.TrimSpace(d.fields["schema"]); v != "" {
		d.upload.Schema = v
	}
	if d.upload.File == nil {
		d.upload.URL = strings.TrimSpace(d.fields["url"])
	}
	return nil
}

// request reads {"url": …, "schema": …}.
func (d *desk) request(body io.Reader) error {
	var asked struct {
		URL    string `json:"url"`
		Schema string `json:"schema"`
	}
	dec := json.NewDecoder(io.LimitReader(body, formRoom))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&asked); err != nil || asked.URL == "" {
		return problem(http.StatusBadRequest, "La demande en JSON s’écrit {\"url\": \"https://…\", \"schema\": \"auto\"}. Pour envoyer un fichier JSON tel quel, donnez son nom dans l’adresse (?name=fichier.json).")
	}
	d.upload.URL, d.upload.Schema = asked.URL, asked.Schema
	return nil
}

// save writes the file into the desk's folder.
func (d *desk) save(name string, body io.Reader) (err error) {
	if d.file, err = os.Create(filepath.Join(d.dir, "recu")); err != nil {
		return fmt.Errorf("create a file for an upload: %w", err)
	}
	n, err := io.Copy(d.file, body)
	if err != nil {
		return fmt.Errorf("receive an upload: %w", err)
	}
	if n > d.room.MaxBytes {
		return d.tooLarge()
	}
	if n == 0 && name == "" {
		return nil // an empty body: nothing was sent
	}
	d.upload.Name, d.upload.Size, d.upload.File = FileName(name), n, d.file
	return nil
}

// FileName keeps of a name what may be shown: no folder, nothing invisible, not too long.
func FileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.TrimSpace(strings.Join(strings.Fields(clean(name)), " "))
	if runes := []rune(name); len(runes) > nameRoom {
		ext := []rune(path.Ext(name))
		if len(ext) > 10 {
			ext = nil
		}
		name = string(runes[:nameRoom-1-len(ext)]) + "…" + string(ext)
	}
	if name == "" || name == "." || name == "/" {
		return "fichier"
	}
	return name
}

// A pacedBody is a body whose sender must keep up a rate (SECURITY.md W-10): a large file on a slow line gets its time, a trickle does not.
type pacedBody struct {
	io.ReadCloser
	deadline *http.ResponseController
	start    time.Time
	n        int64
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	b.extend()
	return n, err
}

func (b *pacedBody) extend() {
	// A writer without deadlines (a test's) has no slow sender either.
	_ = b.deadline.SetReadDeadline(b.start.Add(leastStart + time.Duration(b.n/leastRate)*time.Second))
}
