package harvest

import (
	"sync"
	"time"

	"grenier/catalog"
)

// RetentionOptions say which versions of the dataset are kept. What is not said is the default; 0 months or years keep none of them.
type RetentionOptions struct {
	Last   int  `yaml:"last"`   // newest versions; 10
	Months *int `yaml:"months"` // the last version of so many months; 24
	Years  *int `yaml:"years"`  // the last version of so many years; 10
}

// The default retention.
const (
	keptVersions = 10
	keptMonths   = 24
	keptYears    = 10
)

// Retention is what the recipe keeps: `keep` alone is that many versions and nothing else.
func (r *Recipe) Retention() catalog.PrunePolicy {
	if r.Keep > 0 {
		return catalog.PrunePolicy{Last: r.Keep, Location: france()}
	}
	p := catalog.PrunePolicy{Last: keptVersions, Months: keptMonths, Years: keptYears, Location: france()}
	o := r.Retain
	if o == nil {
		return p
	}
	if o.Last > 0 {
		p.Last = o.Last
	}
	if o.Months != nil {
		p.Months = *o.Months
	}
	if o.Years != nil {
		p.Years = *o.Years
	}
	return p
}

// france is the time zone that months and years are counted in.
var france = sync.OnceValue(func() *time.Location {
	if paris, err := time.LoadLocation("Europe/Paris"); err == nil {
		return paris
	}
	return time.UTC
})

// retention checks keep and retention.
func (c *recipeCheck) retention() {
	if c.Keep < 0 {
		c.fault(yamlPath{"keep"}, "attend un nombre de versions, à partir de 1")
	}
	o := c.Retain
	if o == nil {
		return
	}
	if c.Keep != 0 {
		c.fault(yamlPath{"keep"}, "donnez «\u00a0keep\u00a0» ou «\u00a0retention\u00a0», pas les deux")
	}
	if o.Last < 0 {
		c.fault(yamlPath{"retention", "last"}, "attend un nombre de versions, à partir de 1")
	}
	if o.Months != nil && *o.Months < 0 {
		c.fault(yamlPath{"retention", "months"}, "attend un nombre de mois, à partir de 0")
	}
	if o.Years != nil && *o.Years < 0 {
		c.fault(yamlPath{"retention", "years"}, "attend un nombre d’années, à partir de 0")
	}
}
