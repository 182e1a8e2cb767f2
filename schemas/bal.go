package schemas

import (
	"fmt"
	"slices"
	"strings"
)

// A Base Adresse Locale is not judged by its Table Schema but by the alerts of the national address base's own validator (VALIDATION.md
// section 10): each alert has a grade by profile, and a file is valid when no alert is graded an error. A schema asks for them by the
// property "rules": "bal/1.4". The Table Schema then only says which columns are published, and as what.

// balField is a column that the alerts speak of.
type balField uint8

const (
	balIDCommune balField = iota
	balIDToponyme
	balIDAdresse
	balCle
	balUID
	balVoie
	balToponyme
	balComplement
	balNumero
	balSuffixe
	balCommune
	balCommuneNom
	balDeleguee
	balDelegueeNom
	balPosition
	balX
	balY
	balLong
	balLat
	balParcelles
	balSource
	balDate
	balCertification
	balFields
)

// balNames are the columns as their header writes them, and the profiles that have them.
var balNames = [balFields]struct{ name, profiles string }{
	{"id_ban_commune", "1.4 1.5"}, {"id_ban_toponyme", "1.4 1.5"}, {"id_ban_adresse", "1.4 1.5"}, {"cle_interop", "1.3 1.4"}, {"uid_adresse", "1.3"},
	{"voie_nom", "1.3 1.4"}, {"toponyme", "1.5"}, {"lieudit_complement_nom", "1.3 1.4 1.5"}, {"numero", "1.3 1.4 1.5"}, {"suffixe", "1.3 1.4 1.5"},
	{"commune_insee", "1.3 1.4 1.5"}, {"commune_nom", "1.3 1.4 1.5"}, {"commune_deleguee_insee", "1.3 1.4 1.5"}, {"commune_deleguee_nom", "1.3 1.4 1.5"},
	{"position", "1.3 1.4 1.5"}, {"x", "1.3 1.4 1.5"}, {"y", "1.3 1.4 1.5"}, {"long", "1.3 1.4 1.5"}, {"lat", "1.3 1.4 1.5"}, {"cad_parcelles", "1.3 1.4 1.5"},
	{"source", "1.3 1.4 1.5"}, {"date_der_maj", "1.3 1.4 1.5"}, {"certification_commune", "1.3 1.4 1.5"},
}

// balLocal are the columns that may be repeated in a regional language, as voie_nom_bre; balLanguages are the languages.
var (
	balLocal     = []balField{balVoie, balToponyme, balComplement, balCommuneNom, balDelegueeNom}
	balLanguages = []string{"fra", "bre", "eus", "gsw", "cos", "gcr", "gcf", "rcf", "swb", "oci", "cat", "pcd", "oc-provenc", "oc-nicard", "vls", "fr-gallo",
		"aji", "dhv", "nen", "pri", "ty", "mrq", "pmt", "mrv", "frp"}
)

// balKind is an alert, without the column that it speaks of.
type balKind uint8

const (
	balSpaces balKind = iota
	balEmpty
	balType
	balStructure
	balCase
	balCommuneUnknown
	balCommunePast
	balStreetCode
	balStreetUnsaid
	balNumberBad
	balNumberShort
	balShort
	balLengthy
	balCharacter
	balUnderscore
	balCapitals
	balTooBig
	balZero
	balPrefix
	balStart
	balFuzzy
	balValue
	balComma
	balPipe
	balDateBad
	balDateOld
	balDateFuture

	balRowNumber // alerts of rows, from here
	balRowNoCommune
	balRowCommuneName
	balRowSameName
	balRowNoPosition
	balRowNoPoint
	balRowPointOutside
	balRowPointApart
	balRowIncomplete
	balRowHeadTown
	balRowIDs
	balRowStreetNames
	balRowStreetIDs
	balRowAddresses
	balRowAddressIDs
	balRowUndeclared
	balKinds
)

var balCodes = [balKinds]string{"espaces_debut_fin", "valeur_manquante", "type_invalide", "structure_invalide", "casse_invalide", "commune_invalide", "commune_ancienne",
	"voie_invalide", "voie_non_renseignee", "numero_invalide", "numero_prefixe_manquant", "trop_court", "trop_long", "caractere_invalide", "contient_tiret_bas",
	"casse_incorrecte", "trop_grand", "not_to_be_zero", "contient_prefixe", "debut_invalide", "enum_fuzzy", "valeur_invalide", "separateur_decimal_invalide",
	"pipe_debut_fin", "date_invalide", "date_ancienne", "date_future",
	"incoherence_numero", "commune_manquante", "commune_nom_invalide", "voie_nom_have_same_lieudit_complement_nom", "position_manquante", "longlat_vides",
	"longlat_invalides", "longlat_xy_incoherents", "adresse_incomplete", "chef_lieu_invalide", "lack_of_id_ban", "different_voie_nom_with_same_id_ban_toponyme",
	"different_id_ban_toponyme_with_same_voie_nom", "different_adresse_with_same_id_ban_adresse", "different_id_ban_adresses_with_same_adresse",
	"lieudit_complement_nom_not_declared"}

// balErrors are the alerts that make a file invalid, with the first profile in which they do. Every other alert is a warning or an
// information: both are told as warnings.
var balErrors = map[string]string{
	"1.3": `cle_interop.structure_invalide cle_interop.commune_invalide cle_interop.numero_invalide cle_interop.valeur_manquante cle_interop.numero_prefixe_manquant
		cle_interop.casse_invalide voie_nom.valeur_manquante voie_nom.trop_court voie_nom.trop_long voie_nom.caractere_invalide numero.valeur_manquante
		numero.type_invalide numero.trop_grand numero.contient_prefixe suffixe.debut_invalide suffixe.trop_long suffixe.espaces_debut_fin
		commune_insee.commune_invalide commune_insee.valeur_manquante commune_insee.espaces_debut_fin x.valeur_invalide y.valeur_invalide long.valeur_invalide
		lat.valeur_invalide x.separateur_decimal_invalide y.separateur_decimal_invalide long.separateur_decimal_invalide lat.separateur_decimal_invalide
		date_der_maj.date_invalide row.incoherence_numero row.commune_manquante row.longlat_vides row.longlat_invalides row.adresse_incomplete
		field.voie_nom.missing field.numero.missing field.commune_insee.missing field.long.missing field.lat.missing rows.empty
		file.encoding.non_standard file.delimiter.non_standard file.linebreak.non_standard`,
	"1.4": `id_ban_commune.type_invalide id_ban_toponyme.type_invalide id_ban_adresse.type_invalide row.lack_of_id_ban row.cog_no_match_id_ban_commune
		rows.multi_id_ban_commune rows.every_line_required_id_ban`,
	"1.5": `field.id_ban_commune.missing field.id_ban_toponyme.missing field.id_ban_adresse.missing field.toponyme.missing toponyme.valeur_manquante
		toponyme.trop_court toponyme.trop_long toponyme.caractere_invalide`,
}

// A balPlan is a profile made ready to judge. It is immutable.
type balPlan struct {
	profile string
	known   [balFields]bool // the profile has the column
	cell    [balFields][balKinds]bool
	row     [balKinds]bool
	errors  map[string]bool
}

// compileRules reads the property "rules" of a schema.
func compileRules(rules string) (*balPlan, error) {
	if rules == "" {
		return nil, nil
	}
	profile, ok := strings.CutPrefix(rules, "bal/")
	profiles := []string{"1.3", "1.4", "1.5"}
	if last := slices.Index(profiles, profile); ok && last >= 0 {
		return newBALPlan(profile, profiles[:last+1]), nil
	}
	return nil, fmt.Errorf("« rules » : règles « %s » inconnues ; sont connues bal/1.3, bal/1.4 et bal/1.5", rules)
}

func newBALPlan(profile string, upTo []string) *balPlan {
	p := &balPlan{profile: profile, errors: map[string]bool{}}
	for _, version := range upTo {
		for alert := range strings.FieldsSeq(balErrors[version]) {
			p.errors[alert] = true
		}
	}
	for f, n := range balNames {
		p.known[f] = strings.Contains(n.profiles, profile)
		for k := range balRowNumber {
			p.cell[f][k] = p.errors[n.name+"."+balCodes[k]]
		}
	}
	for k := balRowNumber; k < balKinds; k++ {
		p.row[k] = p.errors["row."+balCodes[k]]
	}
	return p
}

// WithoutRules returns the schema as its Table Schema alone says it. It is the same schema when it has no other rules.
func (s *Schema) WithoutRules() *Schema {
	if s.Rules == "" {
		return s
	}
	t := *s
	t.Rules = ""
	t.lazy = &lazy{build: func() (*plan, error) { return newPlan(&t) }}
	return &t
}

// BALProfile guesses the version of the Base Adresse Locale that a header was written for: "1.5", "1.4" or "1.3".
func BALProfile(labels []string) string {
	for _, id := range []string{"id_ban_commune", "id_ban_toponyme", "id_ban_adresse"} {
		if !slices.Contains(labels, id) {
			return "1.3"
		}
	}
	if slices.Contains(labels, "toponyme") {
		return "1.5"
	}
	return "1.4"
}

// localized finds the column that a label repeats in a regional language.
func localized(label string) (balField, bool) {
	for _, f := range balLocal {
		if language, ok := strings.CutPrefix(label, balNames[f].name+"_"); ok && slices.Contains(balLanguages, language) {
			return f, true
		}
	}
	return 0, false
}

// balHeader reports the columns that the document lacks, and those that will not be published.
func (c *Checker) balHeader(labels []string, rep *Report) {
	p, absent := c.plan.bal, 0
	for f, n := range balNames {
		if !p.known[f] || c.bal.at[f] >= 0 {
			continue
		}
		absent++
		i := Issue{Type: "field." + n.name + ".missing", Field: n.name, Hint: c.similar(n.name, labels)}
		if p.errors[i.Type] {
			i.Column = len(labels) + absent
			i.Message = c.say("La colonne obligatoire %s manque.", c.quote(n.name))
			rep.Add(i)
			continue
		}
		i.Message = c.say("La colonne facultative %s manque. Le fichier reste valide.", c.quote(n.name))
		rep.Warn(i)
	}
	for _, pos := range c.extra {
		rep.Warn(c.extraWarning(labels[pos], pos+1))
	}
}

// Source tells the Checker how the document was read, once that is known: what a file may look like is part of some rules. It does
// nothing for any other schema.
func (c *Checker) Source(info SourceInfo, rep *Report) {
	if c.bal == nil {
		return
	}
	tell := func(what string, message phrase, hint phrase, args ...any) {
		rep.first(Issue{Type: "file." + what + ".non_standard", Message: c.say(message, args...), Hint: c.say(hint)})
	}
	switch info.Format {
	case "csv", "tsv", "txt":
	default:
		tell("encoding", "Le fichier n’est pas un fichier CSV : la base nationale ne le lira pas.", "Enregistrez le tableau au format CSV, en UTF-8, avec des points-virgules.")
		return
	}
	if info.LineBreak == "cr" {
		tell("linebreak", "Les lignes se terminent à l’ancienne façon des Mac : la base nationale ne les lira pas.", "Enregistrez de nouveau le fichier avec un logiciel récent.")
	}
	if info.Delimiter != ";" && c.bal.columns != nil && c.bal.labels > 1 {
		tell("delimiter", "Les colonnes sont séparées par %s, et non par des points-virgules.", "Enregistrez le fichier avec le point-virgule pour séparateur.", c.delimiterName(info.Delimiter))
	}
	if e := strings.ToLower(info.Encoding); e != "" && e != "utf-8" && e != "utf-8-sig" && e != "ascii" {
		tell("encoding", "Le fichier est encodé en %s, et non en UTF-8.", "Enregistrez le fichier en UTF-8.", info.Encoding)
	}
}

func (t speech) delimiterName(d string) string {
	switch d {
	case ",":
		return t.say("des virgules")
	case "\t":
		return t.say("des tabulations")
	case "|":
		return t.say("des barres verticales")
	}
	return t.quote(d)
}

// first counts an error of the whole file and puts it before the others, also when there is no room left.
func (r *Report) first(i Issue) {
	r.Add(i)
	if n := len(r.Errors); n > 0 && (r.Errors[n-1] == i || n >= r.max()) {
		copy(r.Errors[1:], r.Errors[:n-1])
		r.Errors[0] = i
	}
}
