package rehearsal

import (
	"fmt"
	"strings"
)

// An Effect is what a fault costs.
type Effect string

// The effects, worst first.
const (
	Stops   Effect = "stop"    // the whole harvest fails, or harms what was harvested before
	Fails   Effect = "fail"    // the dataset is refused; an older one stays as it was
	Skips   Effect = "skip"    // the dataset is passed over
	Loses   Effect = "lose"    // a field is not stored, or stored wrong
	Invalid Effect = "invalid" // data.gouv.fr takes it, DCAT-AP does not
	Advice  Effect = "advice"  // nothing is wrong; it would be worth more
)

// rank orders effects, 0 the worst.
func (e Effect) rank() int {
	for i, one := range []Effect{Stops, Fails, Skips, Loses, Invalid} {
		if e == one {
			return i
		}
	}
	return 5
}

// Fault tells an effect that must be mended from a mere advice.
func (e Effect) Fault() bool { return e != Advice }

// A rule is one thing that a catalogue can do wrong. What takes the arguments of its finding.
type rule struct {
	effect Effect
	what   string // what is wrong and what follows
	fix    string // what to do
}

// rules are all of them, by their code. Their sources are the sections of the DCAT contract, in this order.
var rules = map[string]rule{
	// Transport.
	"unreachable":       {Stops, "L’adresse ne répond pas (%s). Le moissonnage échoue.", "Vérifiez le nom, le certificat et que le serveur répond depuis l’extérieur."},
	"redirect":          {Stops, "L’adresse renvoie vers une autre (%s, réponse %s). data.gouv.fr refuse toute redirection : le moissonnage échoue.", "Donnez l’adresse finale, avec https et le bon nom, dans la source comme dans les liens vers les pages suivantes."},
	"status":            {Stops, "L’adresse répond %s au lieu de 200. Le moissonnage échoue, et rien n’est archivé.", "Rétablissez la page, puis répétez."},
	"unknown-syntax":    {Stops, "Ni la fin de l’adresse ni le type annoncé (« %s ») ne disent comment lire la page. Le moissonnage échoue.", "Donnez une adresse qui se termine par .ttl, .rdf ou .jsonld."},
	"syntax-changes":    {Invalid, "La page annonce le type « %s », qui n’est pas la syntaxe de la première adresse. data.gouv.fr garde la première ; d’autres lecteurs s’y tromperont.", "Annoncez le type qui correspond à l’adresse."},
	"charset":           {Loses, "Le type annoncé (« %s ») ne dit pas l’encodage. data.gouv.fr lit alors en ISO-8859-1 : tous les accents sont abîmés.", "Ajoutez « ; charset=utf-8 » au type de la réponse."},
	"syntax":            {Stops, "La page ne se lit pas (%s). Le moissonnage échoue.", "Corrigez la page à l’endroit indiqué."},
	"remote-context":    {Stops, "La page demande des définitions à une autre adresse (%s). Si elle ne répond pas, le moissonnage échoue.", "Écrivez le contexte dans la page."},
	"page-size":         {Stops, "La page est trop grande pour être lue (%s).", "Faites des pages de 100 à 200 jeux de données."},
	"paging-views":      {Stops, "La page a %s descriptions de pagination : une seule, prise au hasard, est suivie, et des jeux peuvent manquer.", "Laissez exactement une vue par page."},
	"paging-loop":       {Stops, "La page suivante (%s) a déjà été lue. data.gouv.fr tournerait sans fin.", "La dernière page ne doit pas avoir de page suivante."},
	"paging-limit":      {Stops, "Le catalogue a plus de %s pages : la répétition s’arrête là.", "Faites des pages de 100 à 200 jeux de données."},
	"empty":             {Stops, "Le catalogue ne contient aucun jeu de données. Après sept jours, data.gouv.fr archive tous ceux qu’il avait reçus.", "Répondez 503 tant que le catalogue ne peut pas être établi."},
	"too-many":          {Advice, "Le catalogue compte %s jeux de données ; au-delà de 1 000, une source devient lente à moissonner.", "Partagez-le en plusieurs catalogues."},
	"too-heavy":         {Advice, "Le catalogue pèse %s Mo ; au-delà de 10 Mo, un moissonneur peut ne pas réussir à le garder.", "Partagez-le en plusieurs catalogues."},
	"private-address":   {Advice, "Le catalogue est lu à une adresse interne (%s) : data.gouv.fr ne peut pas l’atteindre, et refuse les fichiers qui s’y trouvent.", "Répétez avec l’adresse publique avant d’inscrire la source."},
	"iri-syntax":        {Stops, "L’adresse « %s » contient un caractère interdit. Le moissonnage échoue à la fin, quand le catalogue est gardé.", "Remplacez ce caractère par son code, comme %%20 pour l’espace."},
	"relative-iri":      {Loses, "L’adresse « %s » n’est pas complète : data.gouv.fr la complète par « file:/// ».", "Écrivez l’adresse entière, avec https."},
	"control-character": {Invalid, "Le texte « %s » contient un caractère de contrôle. La même page en RDF/XML est illisible.", "Retirez ce caractère, souvent venu d’un collage."},

	// Identity.
	"iri":               {Invalid, "Ce jeu de données n’a pas d’adresse à lui.", "Donnez-lui une adresse permanente."},
	"identifier":        {Skips, "L’identifiant manque : data.gouv.fr passe ce jeu de données.", "Donnez exactement un identifiant, l’adresse permanente du jeu."},
	"identifier-many":   {Loses, "Il y a %s identifiants : data.gouv.fr en prend un au hasard, et peut créer un double au moissonnage suivant.", "Laissez un seul identifiant."},
	"identifier-text":   {Invalid, "L’identifiant « %s » n’est pas un texte.", "Écrivez-le comme un texte, pas comme un lien."},
	"identifier-unique": {Fails, "L’identifiant « %s » est déjà celui d’un autre jeu ou d’une API : data.gouv.fr refuse le second.", "Donnez à chacun son identifiant."},
	"identifier-local":  {Advice, "L’identifiant « %s » n’est pas une adresse : il n’est reconnu que dans cette source.", "Prenez l’adresse permanente du jeu comme identifiant."},

	// Datasets.
	"title":            {Skips, "Le titre manque : data.gouv.fr passe ce jeu de données.", "Donnez un titre en français."},
	"title-service":    {Fails, "Le titre de l’API manque : data.gouv.fr la refuse.", "Donnez un titre en français."},
	"title-fr":         {Loses, "Aucun titre n’est en français : data.gouv.fr en garde un d’une autre langue.", "Ajoutez le titre en français."},
	"description":      {Advice, "La description a %s caractères. Au-dessous de cent un, la note de qualité baisse.", "Dites en deux phrases ce que contient le jeu, pour quelle période et à quel rythme."},
	"description-html": {Loses, "La description contient « %s », pris pour une balise : ce mot disparaît.", "Écrivez la description sans chevrons."},
	"alt-label":        {Fails, "Le sigle dépasse 128 caractères : data.gouv.fr refuse tout le jeu de données.", "Ne donnez qu’un vrai sigle, ou rien."},
	"keyword":          {Loses, "Un mot-clé est un lien : data.gouv.fr l’ignore.", "Écrivez les mots-clés comme des textes."},
	"keyword-length":   {Loses, "Le mot-clé « %s » est trop court ou trop long : data.gouv.fr le retire.", "Choisissez des mots-clés de 3 à 96 caractères."},
	"theme-label":      {Loses, "Le thème porte un nom (« %s ») : data.gouv.fr en fait un mot-clé.", "Laissez l’adresse du thème sans nom."},
	"hvd-theme":        {Loses, "La catégorie de données de forte valeur n’est pas répétée parmi les thèmes : data.gouv.fr ne la voit pas.", "Répétez-la parmi les thèmes."},
	"hvd-act":          {Invalid, "Le règlement européen sur les données de forte valeur n’est pas cité.", "Citez le règlement 2023/138 sur le jeu de données."},
	"frequency":        {Loses, "La fréquence « %s » n’est pas connue : data.gouv.fr garde l’ancienne sans le dire.", "Prenez un code de la liste européenne."},
	"frequency-none":   {Advice, "La fréquence de mise à jour manque : la note de qualité perd un point ou deux.", "Dites à quel rythme le jeu est mis à jour."},
	"temporal":         {Fails, "La période couverte contient « %s », qui n’est pas une date entière : data.gouv.fr refuse tout le jeu de données.", "Écrivez année, mois et jour, comme 2024-01-05, avec le type de date."},
	"temporal-iri":     {Loses, "La période couverte est un lien (%s) : data.gouv.fr le suit à chaque moissonnage, et la perd s’il ne répond pas.", "Écrivez la période dans la page, sans adresse."},
	"temporal-none":    {Advice, "La période couverte manque : la note de qualité perd un point.", "Dites de quand à quand vont les données."},
	"spatial":          {Loses, "Le contour du territoire ne se lit pas (« %s ») : data.gouv.fr ne garde aucune couverture.", "Écrivez un polygone fermé, longitude d’abord."},
	"spatial-crs":      {Loses, "Le contour du territoire commence par un système de coordonnées, que data.gouv.fr ne comprend pas.", "Écrivez le polygone seul, en longitude et latitude."},
	"spatial-order":    {Loses, "Le contour du territoire est hors de la Terre, ou latitude et longitude y sont inversées.", "Écrivez la longitude d’abord."},
	"spatial-none":     {Advice, "Aucun contour de territoire n’est donné : un nom ou un code ne sont pas lus, et la note de qualité perd un point.", "Donnez le contour ou la boîte du territoire."},
	"licence":          {Loses, "La licence « %s » n’est pas reconnue par data.gouv.fr : le jeu paraît « licence non précisée ».", "Prenez l’adresse de la Licence Ouverte ou d’une autre licence de data.gouv.fr."},
	"licence-none":     {Loses, "La licence manque : le jeu paraît « licence non précisée », et personne ne sait s’il peut s’en servir.", "Donnez une licence à chaque fichier."},
	"licence-label":    {Loses, "La licence porte un nom (« %s ») : data.gouv.fr cherche ce nom au lieu de l’adresse.", "Laissez l’adresse de la licence sans nom."},
	"contact":          {Loses, "Le contact n’a pas de nom, ou ni adresse électronique ni formulaire : data.gouv.fr le retire.", "Donnez dans la page le nom du service et son adresse électronique."},
	"contact-none":     {Advice, "Aucun contact n’est donné : les réutilisateurs ne savent pas à qui écrire.", "Donnez l’adresse électronique d’un service."},
	"landing-page":     {Loses, "La page du jeu (« %s ») n’est pas une adresse web, ou est celle du jeu lui-même : le lien d’origine manque.", "Donnez l’adresse de la page que lisent les visiteurs."},
	"date":             {Fails, "« %s » n’est pas une date : data.gouv.fr refuse tout le jeu de données.", "Écrivez la date comme 2024-01-05T08:00:00Z."},
	"date-type":        {Invalid, "La date « %s » n’a pas le type d’une date.", "Donnez-lui le type de date ou de date et heure."},
	"date-future":      {Loses, "La date de modification est dans l’avenir (%s) : data.gouv.fr l’ignore.", "Vérifiez l’horloge, ou la date écrite."},
	"has-part":         {Loses, "Le jeu a des parties : data.gouv.fr en fait des fichiers sans nom.", "Retirez ces liens."},
	"conforms-to":      {Loses, "Plusieurs schémas sont donnés : data.gouv.fr en garde un au hasard.", "Laissez le seul schéma contrôlé."},
	"schema-url":       {Loses, "L’adresse « %s » n’est celle d’aucun schéma national : data.gouv.fr la garde comme un simple lien, sans badge.", "Recopiez l’adresse exacte du catalogue des schémas."},
	"schema-node":      {Loses, "Le schéma n’est pas désigné par son adresse.", "Donnez l’adresse du schéma."},

	// Files.
	"file-none":       {Advice, "Le jeu de données n’a aucun fichier.", "Donnez au moins un fichier."},
	"file-url-none":   {Loses, "Un fichier n’a pas d’adresse : data.gouv.fr l’ignore.", "Donnez l’adresse de téléchargement."},
	"file-url":        {Fails, "« %s » n’est pas une adresse web publique : data.gouv.fr refuse tout le jeu de données.", "Donnez une adresse complète en https."},
	"file-url-unique": {Loses, "Deux fichiers ont la même adresse (%s) : data.gouv.fr n’en garde qu’un.", "Donnez une adresse à chaque fichier."},
	"file-url-moving": {Loses, "L’adresse « %s » contient %s : elle changera, et data.gouv.fr gardera l’ancien fichier pour toujours.", "Donnez une adresse permanente, qui sert toujours la dernière version."},
	"media-type":      {Loses, "Le type « %s » n’a pas la forme que data.gouv.fr raccourcit : il est gardé tout entier.", "Prenez l’adresse de l’IANA qui commence par https."},
	"byte-size":       {Fails, "La taille « %s » n’est pas un nombre d’octets : data.gouv.fr refuse tout le jeu de données.", "Écrivez le nombre d’octets, sans unité."},
	"checksum":        {Fails, "L’empreinte du fichier est écrite comme DCAT-AP le veut, ou sans son algorithme : data.gouv.fr refuse tout le jeu de données.", "Retirez les empreintes du catalogue moissonné."},
	"checksum-plain":  {Invalid, "L’empreinte du fichier n’a pas le type que DCAT-AP demande ; avec lui, data.gouv.fr la refuserait.", "Retirez les empreintes du catalogue moissonné."},
	"file-words":      {Advice, "Aucun fichier n’est décrit : la note de qualité perd un point.", "Décrivez en une phrase ce que contient le fichier."},
	"file-closed":     {Advice, "Aucun fichier n’est dans un format ouvert : la note de qualité perd un point.", "Ajoutez un CSV."},
	"file-away":       {Loses, "Le fichier %s ne se télécharge pas (%s) : data.gouv.fr le dit indisponible.", "Rétablissez le fichier à cette adresse."},
	"file-length":     {Loses, "Le fichier %s fait %s octets et le catalogue en annonce %s.", "Annoncez la taille exacte du fichier."},

	// APIs.
	"access-service": {Loses, "L’API est rattachée à un fichier : data.gouv.fr ne la montre pas comme une API.", "Retirez ce lien du fichier."},
	"endpoint":       {Loses, "L’adresse de l’API (« %s ») n’est pas une adresse web.", "Donnez une adresse complète en https."},
	"serves-dataset": {Fails, "L’API sert un jeu (%s) dont l’identifiant n’est pas sur la page : data.gouv.fr la refuse.", "Répétez cet identifiant sur la page de l’API."},

	// DCAT-AP.
	"ap-missing":   {Invalid, "%s : « %s » manque, que DCAT-AP exige.", "Ajoutez cette information."},
	"ap-several":   {Invalid, "%s : « %s » est donné plusieurs fois, DCAT-AP n’en admet qu’un.", "N’en laissez qu’un."},
	"ap-kind-node": {Invalid, "« %s » (%s) est un texte là où DCAT-AP veut un lien ou un nœud.", "Donnez l’adresse de ce qui est désigné."},
	"ap-kind-text": {Invalid, "« %s » (%s) est un lien là où DCAT-AP veut un texte.", "Écrivez un texte."},
	"ap-datatype":  {Invalid, "« %s » (« %s ») n’a pas le type que DCAT-AP demande.", "Donnez à cette valeur son type."},
	"ap-list":      {Invalid, "« %s » (%s) n’est pas un code de la liste européenne.", "Prenez un code de la liste."},
	"ap-class":     {Invalid, "« %s » (%s) n’est pas décrit dans la page comme DCAT-AP le demande.", "Dites dans la page ce qu’est ce nœud."},
}

// A Finding is one fault, or one advice, and where it is.
type Finding struct {
	Rule     string `json:"rule"`
	Effect   Effect `json:"effect"`
	Page     string `json:"page,omitempty"`
	Item     string `json:"item,omitempty"`     // address of the dataset or API
	Title    string `json:"title,omitempty"`    // of it
	Node     string `json:"node,omitempty"`     // what is at fault inside it: a file
	Property string `json:"property,omitempty"` // "dct:license"
	Text     string `json:"text"`               // French: what, and what follows
	Fix      string `json:"fix"`                // French: what to do
}

// finding words a rule.
func finding(code string, args ...any) Finding {
	r, ok := rules[code]
	if !ok {
		panic("rehearsal: no rule " + code)
	}
	text := r.what
	if len(args) > 0 || strings.Contains(text, "%") {
		text = fmt.Sprintf(text, args...)
	}
	return Finding{Rule: code, Effect: r.effect, Text: spaced(text), Fix: spaced(strings.ReplaceAll(r.fix, "%%", "%"))}
}

// spaced keeps the marks of French on the line of their word.
func spaced(s string) string {
	return strings.NewReplacer("« ", "«\u00a0", " »", "\u00a0»", " :", "\u00a0:", " ;", "\u00a0;", " %", "\u00a0%").Replace(s)
}

// prefixes are those that people write.
var prefixes = []struct{ prefix, iri string }{
	{"dcat:", dcat}, {"dct:", dct}, {"dcatap:", dcatap}, {"foaf:", foaf}, {"vcard:", vcard}, {"skos:", skos}, {"spdx:", spdx}, {"hydra:", hydra}, {"rdfs:", rdfs}, {"rdf:", rdfNS}, {"xsd:", xsd},
}

// curie shortens an address of a vocabulary.
func curie(iri string) string {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(iri, p.iri); ok {
			return p.prefix + rest
		}
	}
	return iri
}

// short cuts a value that is quoted in a sentence.
func short(v string) string {
	v = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '·'
		}
		return r
	}, v)
	if r := []rune(v); len(r) > 90 {
		return string(r[:89]) + "…"
	}
	return v
}

// labels are what people call classes and properties.
var labels = map[string]string{
	dcat + "Catalog": "Catalogue", dcat + "Dataset": "Jeu de données", dcat + "DatasetSeries": "Série de jeux", dcat + "Distribution": "Fichier", dcat + "DataService": "API",
	foaf + "Agent": "Organisation", dct + "PeriodOfTime": "Période", dct + "Location": "Territoire", spdx + "Checksum": "Empreinte",
	dct + "title": "titre", dct + "description": "description", dct + "publisher": "organisation qui publie", dct + "creator": "auteur", dct + "language": "langue", dct + "license": "licence",
	foaf + "homepage": "page d’accueil", dct + "issued": "date de publication", dct + "modified": "date de modification", dct + "created": "date de création", dct + "spatial": "territoire",
	dct + "temporal": "période couverte", dcat + "themeTaxonomy": "liste des thèmes", dcat + "dataset": "jeux de données", dcat + "service": "API", dcat + "catalog": "catalogues",
	dct + "identifier": "identifiant", dcat + "keyword": "mots-clés", dcat + "theme": "thème", dct + "accrualPeriodicity": "fréquence", dct + "accessRights": "droits d’accès",
	dcat + "contactPoint": "contact", dcat + "landingPage": "page du jeu", foaf + "page": "page", dct + "conformsTo": "schéma", dct + "provenance": "provenance",
	dcat + "distribution": "fichiers", dcat + "inSeries": "série", dcat + "version": "version", dcat + "temporalResolution": "pas de temps", dcatap + "hvdCategory": "catégorie de forte valeur",
	dcatap + "applicableLegislation": "règlement applicable",
	dcat + "accessURL":               "adresse d’accès", dcat + "downloadURL": "adresse de téléchargement", dct + "format": "format", dcat + "mediaType": "type de fichier", dcat + "compressFormat": "compression",
	dcat + "packageFormat": "archive", dcat + "byteSize": "taille", spdx + "checksum": "empreinte", dct + "rights": "droits", dcatap + "availability": "disponibilité", dcat + "accessService": "API d’accès",
	dcat + "endpointURL": "adresse de l’API", dcat + "endpointDescription": "description technique", dcat + "servesDataset": "jeux servis",
	foaf + "name": "nom", dct + "type": "type", dcat + "startDate": "début", dcat + "endDate": "fin", dcat + "bbox": "boîte", dcat + "centroid": "centre",
	spdx + "algorithm": "algorithme", spdx + "checksumValue": "valeur", skos + "altLabel": "sigle", dct + "hasPart": "parties", hydra + "next": "page suivante",
}

func label(iri string) string {
	if l, ok := labels[iri]; ok {
		return l
	}
	return curie(iri)
}

// Label is what people call a property that a Finding names: « licence » for "dct:license".
func Label(property string) string {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(property, p.prefix); ok {
			return label(p.iri + rest)
		}
	}
	return property
}
