package main

import (
	"io"
	"os"
	"time"

	"grenier/catalog"
	"grenier/web"
)

// siteOf is what the portal says of itself: the configuration, and the files that it names.
func (p *program) siteOf(c SiteConfig) (web.Site, error) {
	s := web.Site{Name: c.Name, Operator: c.Operator, SIREN: c.SIREN, Email: c.Email, Director: c.Director, Host: c.Host, Demo: c.Demo, Colours: c.Colours, Privacy: c.Privacy}
	if c.Logo != "" {
		data, err := readAtMost(c.Logo, catalog.MaxLogo+1)
		if err != nil {
			return s, usage("site.logo : %s ne peut pas être lu : %s.", c.Logo, whyNot(err))
		}
		if s.Logo, err = catalog.ReadLogo(data); err != nil {
			return s, usage("site.logo : %s : %s.", c.Logo, err)
		}
	}
	if c.Accessibility != "" {
		text, err := readAtMost(c.Accessibility, 1<<20)
		if err != nil {
			return s, usage("site.accessibility : %s ne peut pas être lu : %s.", c.Accessibility, whyNot(err))
		}
		if s.Declaration, err = web.ReadDeclaration(text); err != nil {
			return s, usage("site.accessibility : %s : %s.", c.Accessibility, err)
		}
		if s.Declaration.Old(time.Now()) {
			p.log.Warn("the declaration of accessibility has passed its three years", "file", c.Accessibility, "date", s.Declaration.Date.Format(time.DateOnly))
		}
	}
	return s, nil
}

// readAtMost reads the first bytes of a file.
func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}
