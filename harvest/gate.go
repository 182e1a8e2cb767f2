package harvest

import (
	"fmt"
	"slices"
	"strings"

	"grenier/catalog"
	"grenier/schemas"
)

// The default thresholds of the gate (SECURITY.md P-06).
const (
	gateShrink    = 0.70
	gateShrinkMin = 20
	gateInvalid   = 0.05
	gateUsual     = 0.01 // "the last version had under 1 % of refused rows"
	gateGrow      = 10
	gateOverlap   = 0.50
)

// A delivery is what the gate compares: one version, published or to be.
type delivery struct {
	accepted, rejected int64
	columns            []string
	sketch             []uint64
}

// gate says, in a French sentence, why the delivery must wait for a person; "" lets it through.
func (l *line) gate() string {
	if l.ask.Accept != "" {
		return l.acceptOther()
	}
	g := l.recipe.Gate.over(l.source.Gate)
	if g.Off != "" {
		return ""
	}
	now := delivery{l.run.Accepted, l.run.Rejected, l.run.Columns, l.run.Sketch}
	if why := heldAlone(now, l.run.Report, l.judged.schema); why != "" {
		return l.heldSentence(why)
	}
	if why := heldAgainst(g.withDefaults(), l.source.Published, now, l.judged.schema); why != "" {
		return l.heldSentence(why)
	}
	return ""
}

// acceptOther holds a delivery that is not the one a person looked at and accepts: it changed since it was held.
func (l *line) acceptOther() string {
	if l.waiting == nil || sameDelivery(l.waiting.Documents, l.run.Documents) {
		return ""
	}
	return l.heldSentence("Le fichier a changé depuis la livraison retenue\u00a0: regardez la nouvelle avant de l’accepter.")
}

func (l *line) heldSentence(why string) string {
	if p := l.source.Published; p != nil {
		return why + " La version du " + frenchDay(p.Ended) + " reste en ligne. Vérifiez l’export\u00a0; s’il est juste, demandez à votre opérateur de l’accepter."
	}
	return why + " Rien n’est encore publié. Vérifiez l’export\u00a0; s’il est juste, demandez à votre opérateur de l’accepter."
}

// heldAlone holds what no version should be: nothing in it, or a required column that is not there.
func heldAlone(now delivery, r *schemas.Report, s *schemas.Schema) string {
	var missing []string
	for i := range s.Fields {
		name := s.Fields[i].Name
		if slices.ContainsFunc(r.Counts, func(c schemas.Count) bool {
			return (c.Type == "missing-label" || c.Type == "field."+name+".missing") && c.Field == name
		}) {
			missing = append(missing, cited(name))
		}
	}
	switch {
	case len(missing) == 1:
		return "La colonne obligatoire " + missing[0] + " manque dans le fichier reçu."
	case len(missing) > 1:
		return fmt.Sprintf("%d colonnes obligatoires manquent dans le fichier reçu\u00a0: %s.", len(missing), strings.Join(missing, ", "))
	case now.accepted == 0 && now.rejected == 0:
		return "Le fichier reçu ne contient aucune ligne."
	case now.accepted == 0 && now.rejected == 1:
		return "La seule ligne reçue n’est pas conforme."
	case now.accepted == 0:
		return fmt.Sprintf("Aucune des %s lignes reçues n’est conforme.", frenchInt(now.rejected))
	}
	return ""
}

// heldAgainst compares a delivery with what was published before.
func heldAgainst(g GateOptions, last *catalog.RunMark, now delivery, s *schemas.Schema) string {
	if last == nil {
		return ""
	}
	if gone := vanished(s, last.Columns, now.columns); gone != "" {
		return "La colonne obligatoire " + cited(gone) + ", présente jusqu’ici, a disparu du fichier reçu."
	}
	usual := median(append([]int64(nil), last.History...))
	if len(last.History) == 0 {
		usual = last.Rows
	}
	lost := usual - now.accepted
	switch {
	case lost > g.ShrinkMin && float64(now.accepted) < g.Shrink*float64(usual):
		return fmt.Sprintf("Le fichier reçu a perdu %d\u00a0%% de ses lignes\u00a0: %s au lieu de %s d’habitude.", percent(lost, usual), frenchInt(now.accepted), frenchInt(usual))
	case share(now.rejected, now.accepted) > g.Invalid && share(last.Rejected, last.Rows) < gateUsual:
		return notValid(now.rejected, now.rejected+now.accepted) + ", alors que presque toutes l’étaient jusqu’ici."
	case usual > 0 && float64(now.accepted) > g.Grow*float64(usual):
		return fmt.Sprintf("Le fichier reçu est anormalement grand\u00a0: %s lignes au lieu de %s d’habitude.", frenchInt(now.accepted), frenchInt(usual))
	}
	if kept, ok := overlap(last.Sketch, now.sketch); ok && kept < g.Overlap {
		return fmt.Sprintf("Le fichier reçu ne contient plus qu’environ %d\u00a0%% des lignes déjà publiées, d’après leurs identifiants.", int(kept*100))
	}
	return ""
}

// over is the recipe's gate with what a source says of its own: its thresholds replace the recipe's one by one. A source that names a threshold is
// watched, even when its recipe asks for no hold.
func (g GateOptions) over(own *catalog.Gate) GateOptions {
	if own == nil {
		return g
	}
	g.Off = own.Off
	for _, x := range []struct {
		to *float64
		by float64
	}{{&g.Shrink, own.Shrink}, {&g.Invalid, own.Invalid}, {&g.Grow, own.Grow}, {&g.Overlap, own.Overlap}} {
		if x.by != 0 {
			*x.to = x.by
		}
	}
	if own.ShrinkMin != 0 {
		g.ShrinkMin = own.ShrinkMin
	}
	return g
}

func (g GateOptions) withDefaults() GateOptions {
	if g.Shrink == 0 {
		g.Shrink = gateShrink
	}
	if g.ShrinkMin == 0 {
		g.ShrinkMin = gateShrinkMin
	}
	if g.Invalid == 0 {
		g.Invalid = gateInvalid
	}
	if g.Grow == 0 {
		g.Grow = gateGrow
	}
	if g.Overlap == 0 {
		g.Overlap = gateOverlap
	}
	return g
}

// vanished names a required column that the last version had and the delivery lacks.
func vanished(s *schemas.Schema, before, now []string) string {
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Constraints.Required && slices.Contains(before, f.Name) && !slices.Contains(now, f.Name) {
			return f.Name
		}
	}
	return ""
}

// median of at least one number; the mean of the two middle ones, rounded up, when they are even in number.
func median(v []int64) int64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	m := len(v) / 2
	if len(v)%2 == 1 {
		return v[m]
	}
	return (v[m-1] + v[m] + 1) / 2
}

func share(rejected, accepted int64) float64 {
	if rejected+accepted == 0 {
		return 0
	}
	return float64(rejected) / float64(rejected+accepted)
}

func notValid(rejected, all int64) string {
	if rejected == 1 {
		return "1 ligne sur " + frenchInt(all) + " n’est pas conforme"
	}
	return frenchInt(rejected) + " lignes sur " + frenchInt(all) + " ne sont pas conformes"
}

func percent(part, whole int64) int64 { return (part*100 + whole/2) / whole }
