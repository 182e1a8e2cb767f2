package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"grenier/harvest"
	"grenier/schemas"
)

// judge judges a file, and repairs it when that was asked for.
func (v *validateCommand) judge(ctx context.Context, in harvest.Input, how harvest.Validation) (*harvest.Fixed, error) {
	if v.Fix == "" {
		r, err := harvest.Validate(ctx, in, how)
		return &harvest.Fixed{Before: r, After: r}, err
	}
	return harvest.Fix(ctx, in, how, v.Fix)
}

// shown is the report to print: for a person that of the file as it came, for a program that of the repaired one, which has the repairs.
func (v *validateCommand) shown(f *harvest.Fixed) *schemas.Report {
	if v.Format == "text" {
		return f.Before
	}
	return f.After
}

func (v *validateCommand) printFixes(t *terminal, fixes []*harvest.Fixed) {
	if v.Fix == "" || v.Format != "text" {
		return
	}
	for _, f := range fixes {
		t.repaired(f)
	}
}

// repaired prints what a repair did: what, how often, where, and how to undo it.
func (t *terminal) repaired(f *harvest.Fixed) {
	for _, w := range f.After.Warnings {
		if strings.HasPrefix(w.Type, "repair-") && (f.Path == "" || f.After.Valid) { // else the report below says it
			fmt.Fprintf(t.out, "  %s %s\n", t.paint(33, "à noter\u00a0:"), w.Message)
		}
	}
	if f.Path == "" {
		fmt.Fprintf(t.out, "%s : rien à réparer sans changer le sens des données.\n", f.Before.File)
		return
	}
	fmt.Fprintf(t.out, "%s : réparé.\n", f.Before.File)
	for _, r := range f.After.Repairs {
		fmt.Fprintf(t.out, "  %s\n", repairLine(r))
	}
	if f.After.Valid {
		fmt.Fprintf(t.out, "%s Fichier réparé\u00a0: %s, conforme, %s.\n", t.paint(32, "✓"), f.Path, plural(f.After.Stats.Rows, "ligne", "lignes"))
	} else {
		fmt.Fprintf(t.out, "Fichier réparé\u00a0: %s. Il reste à corriger\u00a0:\n", f.Path)
		t.report(f.After)
	}
	fmt.Fprintf(t.out, "  Chaque cellule réparée est dans %s.\n", f.List)
	fmt.Fprintf(t.out, "  Pour retrouver l’original\u00a0: grenier undo %s\n", shellWord(f.Undo))
}

// shellWord is a path as a shell reads it.
func shellWord(path string) string {
	if strings.ContainsAny(path, " \t'\"\\$&;()<>|*?!`#~[]{}") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// repairWords say what each operation did, for one cell and for several.
var repairWords = map[string][2]string{
	"encoding":      {"fichier écrit en UTF-8", ""},
	"delimiter":     {"séparateur du schéma entre les colonnes", ""},
	"header-label":  {"colonne remise à son nom officiel", "colonnes remises à leur nom officiel"},
	"trim":          {"cellule débarrassée des espaces qui l’entouraient", "cellules débarrassées des espaces qui les entouraient"},
	"currency":      {"montant débarrassé du signe euro", "montants débarrassés du signe euro"},
	"percent":       {"nombre débarrassé du signe pour cent", "nombres débarrassés du signe pour cent"},
	"thousands":     {"nombre écrit sans espaces", "nombres écrits sans espaces"},
	"decimal-comma": {"nombre écrit avec un point décimal", "nombres écrits avec un point décimal"},
	"date-fr":       {"date remise au format AAAA-MM-JJ", "dates remises au format AAAA-MM-JJ"},
	"datetime-fr":   {"date et heure remise au format AAAA-MM-JJTHH:MM:SS", "dates et heures remises au format AAAA-MM-JJTHH:MM:SS"},
	"excel-date":    {"nombre de tableur remis en date", "nombres de tableur remis en dates"},
	"siret-spaces":  {"numéro SIRET ou SIREN écrit sans espaces", "numéros SIRET ou SIREN écrits sans espaces"},
	"siret-zero":    {"numéro SIRET ou SIREN qui a retrouvé son premier zéro", "numéros SIRET ou SIREN qui ont retrouvé leur premier zéro"},
	"insee-zero":    {"code de commune qui a retrouvé son premier zéro", "codes de commune qui ont retrouvé leur premier zéro"},
	"boolean-words": {"oui ou non écrit comme le schéma le veut", "oui ou non écrits comme le schéma le veut"},
	"enum-case":     {"valeur écrite comme dans la liste du schéma", "valeurs écrites comme dans la liste du schéma"},
	"lonlat-swap":   {"coordonnée échangée avec l’autre (longitude et latitude)", "coordonnées échangées avec l’autre (longitude et latitude)"},
	"lambert93":     {"coordonnée convertie de Lambert-93 en degrés", "coordonnées converties de Lambert-93 en degrés"},
}

// repairLine says one kind of repair: « 400 dates remises au format AAAA-MM-JJ dans dateConvention, par exemple 12/03/2024 → 2024-03-12 ».
func repairLine(r schemas.Repair) string {
	words, ok := repairWords[r.Op]
	if !ok {
		words = [2]string{"cellule réparée (" + r.Op + ")", "cellules réparées (" + r.Op + ")"}
	}
	line := words[0]
	if words[1] != "" {
		line = plural(r.Count, words[0], words[1])
	}
	if r.Field != "" && r.Op != "header-label" {
		line += " dans " + r.Field
	}
	if s := r.Sample; s != nil {
		example := ", par exemple "
		if r.Count == 1 {
			example = "\u00a0: "
		}
		line += example + visible(s.Before) + " → " + visible(s.After)
	}
	return line
}

// visible is a sample as a person can see it.
func visible(text string) string {
	switch text {
	case "":
		return "(vide)"
	case "\t":
		return "tabulation"
	}
	if strings.TrimSpace(text) != text || strings.ContainsRune(text, '\n') {
		return "«" + strings.ReplaceAll(text, "\n", " ") + "»"
	}
	return text
}

type undoCommand struct {
	File     string `arg:"" name:"fichier" help:"Fichier d’annulation, dont le nom finit par -annulation.zst."`
	Repaired string `placeholder:"FICHIER" help:"Fichier réparé (celui du même nom, à côté du fichier d’annulation)."`
	Out      string `placeholder:"FICHIER" help:"Où écrire l’original (à côté du fichier d’annulation, sous son nom suivi de -original)."`
}

// Run gives a file back as it was before validate --fix.
func (u *undoCommand) Run(ctx context.Context, t *terminal) error {
	base, ok := strings.CutSuffix(u.File, "-annulation.zst")
	if u.Repaired == "" && !ok {
		return usage("Indiquez un fichier dont le nom finit par « -annulation.zst », ou le fichier réparé avec --repaired.")
	}
	if u.Repaired == "" {
		u.Repaired = base + "-corrige.csv"
	}
	if u.Out == "" {
		name, err := harvest.UndoName(u.File)
		if err != nil {
			return usage("%s", harvest.SentenceOf(err))
		}
		ext := filepath.Ext(name)
		u.Out = filepath.Join(filepath.Dir(u.File), strings.TrimSuffix(name, ext)+"-original"+ext)
		if _, err := os.Lstat(u.Out); err == nil {
			return usage("Le fichier %s existe déjà. Choisissez un autre nom avec --out.", u.Out)
		}
	}
	if err := harvest.Undo(ctx, u.File, u.Repaired, u.Out); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return usage("%s", harvest.SentenceOf(err))
	}
	fmt.Fprintf(t.out, "L’original est dans %s, octet pour octet.\n", u.Out)
	return nil
}
