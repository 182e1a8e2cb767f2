package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"grenier/harvest"
	"grenier/schemas"
	"grenier/web"
)

// uploads is how the folders of files under judgment are called, in the program's temporary folder.
const uploads = "verifier-*"

// A visitorJudge judges what visitors hand in, with the engine of the harvest and of `grenier validate`.
type visitorJudge struct {
	set *schemas.Set
	// client is its own: a visitor reaches the public Internet and what check.allow opens, never what harvest.allow opens to the members' sources.
	client *harvest.Client
}

var _ web.Judge = visitorJudge{}

// visitorChecks is what the portal needs to judge files. What a killed process left behind is deleted first.
func (p *program) visitorChecks(ctx context.Context) (web.CheckConfig, error) {
	c := p.config.Check
	dsn, err := p.resolve(p.config.Database)
	if err != nil {
		return web.CheckConfig{}, err
	}
	client, err := harvest.NewClient(harvest.ClientConfig{
		Allow: c.Allow, Deny: p.ownAddresses(ctx, dsn), UserAgent: p.config.Harvest.UserAgent, MaxBytes: c.MaxBytes, CAFiles: p.config.Harvest.CAFiles,
	})
	if err != nil {
		return web.CheckConfig{}, fmt.Errorf("check.allow : %w", err)
	}
	left, err := filepath.Glob(filepath.Join(p.temp, uploads))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return web.CheckConfig{}, fmt.Errorf("delete old uploads: %w", err)
	}
	return web.CheckConfig{Judge: visitorJudge{p.schemas, client}, Dir: p.temp, MaxBytes: c.MaxBytes, PerMinute: c.PerMinute, AtOnce: c.AtOnce}, nil
}

// Judge reads and judges one upload.
func (j visitorJudge) Judge(ctx context.Context, u web.Upload) (*web.Verdict, error) {
	in, done, err := j.input(ctx, u)
	if err != nil {
		return nil, err
	}
	defer done()
	s, how, err := j.schema(ctx, in, u.Schema)
	if err != nil {
		return nil, err
	}
	v := harvest.Validation{Schema: s, Language: u.Language}
	out := &web.Verdict{Schema: s}
	if u.Fix {
		out.Report, out.Repaired, err = fix(ctx, in, v, u.Dir)
	} else {
		out.Report, err = harvest.Validate(ctx, in, v)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && (out.Report == nil || out.Report.Stats.Errors == 0) {
		return nil, err // not the file's fault, or the report would say so
	}
	out.Report.Recognition = how
	return out, nil
}

// input is the file that was sent, or what its address answers.
func (j visitorJudge) input(ctx context.Context, u web.Upload) (in harvest.Input, done func(), err error) {
	if u.File != nil {
		return harvest.Input{Name: u.Name, Size: u.Size, ReaderAt: u.File}, func() {}, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.URL, nil)
	if err != nil {
		return in, nil, &web.Refusal{Reason: web.Unreachable, French: "Cette adresse est mal écrite. Elle commence par https:// ou http://."}
	}
	resp, err := j.client.Do(req)
	if err != nil {
		return in, nil, unreachable(ctx, err)
	}
	defer resp.Body.Close()
	f, err := os.Create(filepath.Join(u.Dir, "telecharge"))
	if err != nil {
		return in, nil, fmt.Errorf("create a file for a download: %w", err)
	}
	n, err := io.Copy(f, resp.Body)
	if err != nil {
		f.Close()
		return in, nil, unreachable(ctx, err)
	}
	return harvest.Input{Name: downloadName(resp), MediaType: resp.Header.Get("Content-Type"), Size: n, ReaderAt: f}, func() { f.Close() }, nil
}

// unreachable says that an address gives no file. Whether nobody answers or the guard refuses makes no difference to a visitor (SECURITY.md S-09).
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	french := "Aucun fichier n’a pu être lu à cette adresse. Ouvrez-la dans votre navigateur pour la vérifier ; si le fichier s’y trouve, enregistrez-le et déposez-le ici."
	if status := (*harvest.StatusError)(nil); errors.As(err, &status) {
		french = "Le serveur de cette adresse répond par une erreur (" + strconv.Itoa(status.Code) + "). Vérifiez l’adresse dans votre navigateur, ou enregistrez le fichier et déposez-le ici."
	}
	return &web.Refusal{Reason: web.Unreachable, French: french}
}

// downloadName is what the answer calls its file.
func downloadName(resp *http.Response) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return web.FileName(params["filename"])
	}
	return web.FileName(path.Base(resp.Request.URL.Path))
}

// schema finds the schema that was asked for, or recognises it. The version of a schema of documents is that of the document, as in `grenier
// validate`.
func (j visitorJudge) schema(ctx context.Context, in harvest.Input, ref string) (*schemas.Schema, *schemas.Recognition, error) {
	if ref == "" || ref == auto {
		return j.recognise(ctx, in)
	}
	s, err := j.set.Lookup(ref)
	if err != nil {
		return nil, nil, &web.Refusal{Reason: web.UnknownSchema, French: "Ce schéma n’est pas de ceux que le service connaît. Choisissez-en un dans la liste, ou laissez-le reconnaître."}
	}
	if s.Form == schemas.Document && ref == s.ID.Name() && len(j.set.Versions(ref)) > 1 {
		if r, err := harvest.RecognizeVersion(ctx, in, j.set, ref, harvest.DecodeOptions{}); err == nil {
			return r.Schema, nil, nil
		}
	}
	return s, nil, ctx.Err()
}

func (j visitorJudge) recognise(ctx context.Context, in harvest.Input) (*schemas.Schema, *schemas.Recognition, error) {
	r, err := harvest.Recognize(ctx, in, j.set, harvest.DecodeOptions{})
	said := (*harvest.Sentence)(nil)
	switch {
	case err == nil:
		return r.Schema, &schemas.Recognition{Candidates: r.Candidates, Dress: r.Dress}, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, harvest.ErrNotRecognized):
		return nil, nil, &web.Refusal{Reason: web.Unrecognised, French: sentence(err)}
	case errors.As(err, &said):
		return nil, nil, &web.Refusal{Reason: web.Unreadable, French: said.French}
	}
	return nil, nil, err
}

// htmlReports writes what `grenier validate` found as one page.
func htmlReports(w io.Writer, set *schemas.Set, v *validateCommand, fixes []*harvest.Fixed) error {
	var files []web.FileReport
	for _, f := range fixes {
		o := web.ReportOptions{Language: v.Lang, Unfixed: v.Fix == ""}
		if s, err := set.Lookup(f.Before.Schema + "@" + f.Before.Version); err == nil { // a schema that was read from a file is in no set
			o.Schema = s
		}
		if f.After != f.Before {
			o.Repaired = f.After
		}
		files = append(files, web.FileReport{Report: f.Before, ReportOptions: o})
	}
	return web.WriteReports(w, files)
}

// fix judges and mends a file into dir.
func fix(ctx context.Context, in harvest.Input, v harvest.Validation, dir string) (*schemas.Report, *web.Repaired, error) {
	done, err := harvest.Fix(ctx, in, v, dir)
	if done == nil {
		return nil, nil, err
	}
	if done.Path == "" || done.After == nil {
		return done.Before, nil, err
	}
	st, bad := os.Stat(done.Path)
	if bad != nil {
		return done.Before, nil, errors.Join(err, bad)
	}
	return done.Before, &web.Repaired{Name: filepath.Base(done.Path), Path: done.Path, Size: st.Size(), Report: done.After}, err
}
