package schemas

import "strings"

// A HelpText explains one rule to the person whose file broke it: no code, no expression.
type HelpText struct {
	Title string // the rule in a few words
	Text  string // what it wants, why, and what to do
	Right string // a value, row or header that is right; "" when an example would not help
	Wrong string // one that is not
}

// Help explains the rule behind an Issue.Type and, with "constraint-error", an Issue.Constraint. ok is false for a code that nothing in the
// program gives.
func Help(kind, constraint, language string) (text HelpText, ok bool) {
	t := speaking(language)
	key := kind
	if kind == "constraint-error" {
		key = constraint
	}
	if h, ok := helpTexts[key]; ok {
		return HelpText{Title: t.say(h.title), Text: t.say(h.text), Right: h.right, Wrong: h.wrong}, true
	}
	if kind == "constraint-error" || kind == "json-schema" { // any other keyword of JSON Schema
		return Help("json-schema/any", "", language)
	}
	return t.alertHelp(kind)
}

// alertHelp explains an alert of the base adresse locale by the words of the alert itself.
func (t speech) alertHelp(kind string) (HelpText, bool) {
	_, code, _ := strings.Cut(kind, ".")
	words, ok := balSpecial[kind]
	for k := 0; !ok && k < len(balWords); k++ {
		if balCodes[k] == code && code != "" {
			words, ok = balWords[k], true
		}
	}
	if h, known := helpTexts[code]; known {
		return HelpText{Title: t.say(h.title), Text: t.say(h.text)}, true
	}
	if !ok {
		h, isFile := helpTexts[kind[:strings.IndexByte(kind+".", '.')]+".*"]
		return HelpText{Title: t.say(h.title), Text: t.say(h.text)}, isFile
	}
	title := t.say(words[0])
	if words[2] != "" {
		title = t.say(words[0], t.quote("…"))
	}
	text := t.say("La base nationale des adresses applique ses propres règles, en plus du format du fichier.")
	if words[1] != "" {
		text += " " + t.say(words[1])
	}
	return HelpText{Title: title, Text: text}, true
}

type helpWords struct {
	title, text  phrase
	right, wrong string
}

// helpTexts explain each code of VALIDATION.md sections 1 and 7, each constraint, each warning, and the codes of JSON records.
var helpTexts = map[string]helpWords{
	// The file.
	"source-error":      {title: "Le fichier ou une de ses lignes ne se lit pas", text: "Le contenu est vide, abîmé ou d’un autre genre que son nom ne le dit : rien ne peut en être contrôlé. Ouvrez le fichier dans votre tableur, vérifiez qu’il s’affiche bien, et enregistrez-le de nouveau au format CSV."},
	"format-error":      {title: "Ce format de fichier n’est pas admis", text: "Les fichiers lus sont les tableaux CSV, XLSX, ODS et XLS, et les fichiers JSON pour les schémas qui le demandent. Enregistrez votre tableau dans l’un de ces formats.", right: "subventions.csv", wrong: "subventions.pdf"},
	"encoding-error":    {title: "Des caractères sont illisibles", text: "Une partie du fichier n’est pas enregistrée comme le reste, et des lettres accentuées ne peuvent plus être lues. Enregistrez de nouveau tout le fichier en choisissant l’encodage UTF-8.", right: "Forêt", wrong: "For�t"},
	"scheme-error":      {title: "Le fichier est introuvable", text: "L’adresse ou le chemin donné ne mène à aucun fichier. Vérifiez-le, et que le fichier est bien accessible.", right: "https://www.example.fr/subventions.csv", wrong: "www.example.fr/subventions"},
	"compression-error": {title: "L’archive ne s’ouvre pas", text: "Le fichier est compressé d’une façon inconnue, ou abîmé. Décompressez-le et donnez le tableau lui-même."},
	// The schema.
	"schema-error": {title: "Le schéma lui-même est fautif", text: "La faute n’est pas dans votre fichier mais dans le modèle d’après lequel il est jugé. Signalez-la à l’opérateur de la plateforme."},
	"field-error":  {title: "Une colonne du schéma est mal décrite", text: "La faute n’est pas dans votre fichier mais dans le modèle d’après lequel il est jugé. Signalez-la à l’opérateur de la plateforme."},
	"check-error":  {title: "Un contrôle du schéma ne peut pas s’exécuter", text: "La faute n’est pas dans votre fichier mais dans le modèle d’après lequel il est jugé. Signalez-la à l’opérateur de la plateforme."},
	// The header.
	"error":                  {title: "Deux colonnes portent le même nom", text: "On ne peut pas savoir laquelle des deux contient les données du schéma : aucune ligne n’est contrôlée. Donnez à chaque colonne un nom différent, et retirez les colonnes vides.", right: "nom, montant, date", wrong: "nom, montant, montant"},
	"metadata-error":         {title: "Deux colonnes du schéma ont presque le même nom", text: "La faute n’est pas dans votre fichier mais dans le modèle d’après lequel il est jugé. Signalez-la à l’opérateur de la plateforme."},
	"blank-header":           {title: "La première ligne est vide", text: "La première ligne du tableau doit donner le nom de chaque colonne, tel que le schéma l’écrit. Ajoutez cette ligne, ou retirez les lignes vides qui la précèdent."},
	"unmatched-header":       {title: "Aucune colonne n’est celle du schéma", text: "Les noms de la première ligne ne sont pas ceux du schéma : le fichier est peut-être d’un autre genre, ou sa première ligne est un titre. Vérifiez le schéma choisi, puis reprenez ses noms de colonnes.", right: "nomAttribuant, idAttribuant", wrong: "Liste des subventions 2024"},
	"missing-label":          {title: "Une colonne obligatoire manque", text: "Le schéma demande cette colonne dans tous les fichiers. Ajoutez-la avec son nom exact, majuscules et accents compris, et remplissez-la à chaque ligne.", right: "dateConvention", wrong: "Date de convention"},
	"extra-label":            {title: "Une colonne est de trop", text: "Le schéma ne connaît pas cette colonne. Retirez-la, ou vérifiez l’orthographe de son nom."},
	"incorrect-label":        {title: "Une colonne n’a pas le nom attendu", text: "Le nom d’une colonne doit être exactement celui du schéma, majuscules et accents compris.", right: "idAttribuant", wrong: "ID attribuant"},
	"blank-label":            {title: "Une colonne n’a pas de nom", text: "Donnez un nom à cette colonne dans la première ligne, ou retirez-la si elle est vide."},
	"duplicate-label":        {title: "Un nom de colonne est donné deux fois", text: "Donnez à chaque colonne un nom différent, et retirez les colonnes vides."},
	"missing-header-warn":    {title: "Une colonne facultative manque", text: "Le fichier reste valide. Vous pouvez ajouter la colonne quand vous connaissez ces informations."},
	"extra-header-warn":      {title: "Une colonne n’est pas dans le schéma", text: "Le fichier reste valide, mais cette colonne n’est ni contrôlée ni publiée. Vérifiez que son nom n’est pas celui d’une colonne du schéma mal orthographié."},
	"disordered-header-warn": {title: "Les colonnes sont dans un autre ordre", text: "Le fichier reste valide : chaque colonne est reconnue par son nom. L’ordre du schéma facilite la lecture."},
	// The rows.
	"blank-row":        {title: "Une ligne est vide", text: "Une ligne sans aucune valeur n’est pas une donnée. Supprimez la ligne entière dans le tableur, et non seulement son contenu."},
	"extra-cell":       {title: "Une ligne a trop de cellules", text: "La ligne a plus de cellules qu’il n’y a de colonnes. Le plus souvent, un texte contient le signe qui sépare les colonnes : mettez ce texte entre guillemets, ou enregistrez de nouveau depuis le tableur.", right: "\"12, rue des Tilleuls\",Vaubrun", wrong: "12, rue des Tilleuls,Vaubrun"},
	"missing-cell":     {title: "Une ligne a trop peu de cellules", text: "La ligne s’arrête avant la dernière colonne. Enregistrez de nouveau le fichier depuis le tableur : il complétera les lignes par des cellules vides."},
	"table-dimensions": {title: "Le tableau est trop grand", text: "Le fichier dépasse le nombre de lignes ou de colonnes que le schéma admet. Partagez-le en plusieurs fichiers."},
	"primary-key":      {title: "Deux lignes ont le même identifiant", text: "Le schéma demande que chaque ligne ait un identifiant qui lui est propre. Retirez le doublon, ou corrigez l’identifiant répété ; une ligne ne doit pas non plus rester sans identifiant."},
	"foreign-key":      {title: "Une référence ne mène nulle part", text: "La cellule renvoie à une autre ligne du fichier, qui ne s’y trouve pas. Corrigez la référence, ou ajoutez la ligne."},
	// The cells.
	"type-error":   {title: "La valeur n’est pas du bon type", text: "Chaque colonne attend une sorte de valeur : une date, un nombre, oui ou non… Les dates s’écrivent année-mois-jour, les nombres sans espace ni unité, avec un point devant les décimales.", right: "2024-03-15", wrong: "15/03/2024"},
	"unique-error": {title: "La même valeur est donnée deux fois", text: "Le schéma demande que les valeurs de cette colonne soient toutes différentes. Retirez la ligne en double, ou corrigez la valeur fausse."},
	"required":     {title: "Une valeur obligatoire manque", text: "Le schéma demande que cette information soit donnée à chaque ligne. Remplissez la cellule ; si vous ne connaissez pas la valeur, la ligne ne peut pas être publiée."},
	"enum":         {title: "La valeur n’est pas dans la liste", text: "Le schéma donne la liste des valeurs admises, qui s’écrivent exactement ainsi, majuscules et accents compris.", right: "aide en numéraire", wrong: "Aide en Numeraire"},
	"pattern":      {title: "La valeur n’a pas la forme attendue", text: "Cette colonne attend une écriture précise, par exemple un nombre fixe de chiffres sans espace. Comparez avec l’exemple donné dans le rapport.", right: "W123456789", wrong: "123456789"},
	"minimum":      {title: "La valeur est trop petite", text: "Le schéma fixe une valeur minimale. Vérifiez le nombre ou la date, et son unité.", right: "0.5", wrong: "-1"},
	"maximum":      {title: "La valeur est trop grande", text: "Le schéma fixe une valeur maximale. Vérifiez le nombre ou la date, et son unité : une part de la moitié peut s’écrire 0.5 ou 50.", right: "0.5", wrong: "50"},
	"minLength":    {title: "La valeur est trop courte", text: "Le schéma demande plus de caractères, ou d’éléments. La valeur a peut-être été coupée."},
	"maxLength":    {title: "La valeur est trop longue", text: "Le schéma admet moins de caractères, ou d’éléments. Raccourcissez la valeur, ou vérifiez qu’elle est dans la bonne colonne."},
	// The national checks.
	"french-siren-value":              {title: "Le numéro SIREN n’est pas bon", text: "Un numéro SIREN a neuf chiffres, dont le dernier permet de vérifier les autres : un chiffre mal recopié se voit. Cherchez l’organisme sur annuaire-entreprises.data.gouv.fr et recopiez son numéro.", right: "217399906", wrong: "217399907"},
	"french-siret-value":              {title: "Le numéro SIRET n’est pas bon", text: "Un numéro SIRET a quatorze chiffres : les neuf du SIREN, puis cinq pour l’établissement. Le dernier permet de vérifier les autres. Cherchez l’organisme sur annuaire-entreprises.data.gouv.fr et recopiez son numéro ; dans le tableur, donnez à la colonne le format texte pour garder les zéros.", right: "21739990600015", wrong: "21739990600016"},
	"nomenclature-actes-value":        {title: "La matière de l’acte n’est pas reconnue", text: "Écrivez l’une des neuf matières de la nomenclature des actes, une barre oblique sans espace, puis la sous-matière.", right: "Finances locales/Subventions", wrong: "Subventions"},
	"year-interval-value":             {title: "La période d’années est mal écrite", text: "Écrivez deux années de quatre chiffres séparées par une barre oblique, la plus ancienne d’abord.", right: "2024/2025", wrong: "2024-25"},
	"cohesive-columns-value":          {title: "Des colonnes qui vont ensemble ne sont remplies qu’en partie", text: "Ces colonnes n’ont de sens qu’ensemble : remplissez-les toutes sur la ligne, ou laissez-les toutes vides."},
	"compare-columns-value":           {title: "Deux colonnes se contredisent", text: "Le schéma demande un ordre entre deux colonnes de la ligne, par exemple une fin qui ne précède pas le début. Vérifiez laquelle des deux est fausse.", right: "2024-01-01 puis 2024-12-31", wrong: "2024-12-31 puis 2024-01-01"},
	"sum-columns-value":               {title: "Le total n’est pas la somme des colonnes", text: "Le schéma demande que cette colonne soit exactement la somme d’autres. Refaites le calcul, ou corrigez le montant erroné.", right: "10 + 5 = 15", wrong: "10 + 5 = 16"},
	"one-of-required":                 {title: "Il faut remplir l’une ou l’autre colonne", text: "Ces colonnes se remplacent : l’une au moins doit être remplie sur chaque ligne."},
	"opening-hours-value":             {title: "Les horaires sont mal écrits", text: "Les horaires s’écrivent comme dans OpenStreetMap, avec les jours abrégés en anglais : Mo, Tu, We, Th, Fr, Sa, Su.", right: "Mo-Fr 09:00-12:30,14:00-17:00", wrong: "Lu-Ve 9h-12h30"},
	"phone-number-value":              {title: "Le numéro de téléphone n’est pas complet", text: "Écrivez les dix chiffres d’un numéro français, ou le numéro international qui commence par le signe plus.", right: "+33 1 99 00 12 34", wrong: "99 00 12 34"},
	"french-gps-coordinates":          {title: "Le point n’est pas en France", text: "La longitude et la latitude désignent un lieu hors de France. Vérifiez les deux valeurs, leur signe et leur point décimal ; elles s’écrivent en degrés, la longitude d’abord.", right: "-0.5594, 47.4707", wrong: "0.5594, 12.4707"},
	"reversed-french-gps-coordinates": {title: "La longitude et la latitude sont inversées", text: "Échangez les deux valeurs : la longitude vient d’abord, puis la latitude.", right: "-0.5594, 47.4707", wrong: "47.4707, -0.5594"},
	"id-rnb":                          {title: "L’identifiant de bâtiment n’est pas bon", text: "L’identifiant du référentiel national des bâtiments a douze caractères, chiffres de 1 à 9 et lettres majuscules, sans I, O ni U.", right: "PG46YY6YWCX8", wrong: "PG46-YY6Y-WCX"},
	// The formats of the national validator, usable as checks.
	"code-commune-insee": {title: "Le code de commune n’existe pas", text: "Le code ne figure pas dans la liste officielle de l’INSEE. Vérifiez-le, et donnez à la colonne le format texte dans le tableur pour garder le zéro du début.", right: "01004", wrong: "1004"},
	"code-departement":   {title: "Le code de département n’existe pas", text: "Le code ne figure pas dans la liste officielle de l’INSEE. Vérifiez-le, et donnez à la colonne le format texte dans le tableur pour garder le zéro du début.", right: "01", wrong: "1"},
	"code-region":        {title: "Le code de région n’existe pas", text: "Le code ne figure pas dans la liste officielle de l’INSEE. Vérifiez-le, et donnez à la colonne le format texte dans le tableur pour garder le zéro du début.", right: "01", wrong: "1"},
	"code-postal":        {title: "Le code postal n’existe pas", text: "Aucune commune n’a ce code postal. Vérifiez-le, et donnez à la colonne le format texte dans le tableur pour garder le zéro du début.", right: "01500", wrong: "1500"},
	"code-fantoir":       {title: "Le code de voie n’est pas bon", text: "Un code de voie FANTOIR a quatre caractères, parfois suivis d’une lettre qui les contrôle. Recopiez-le depuis le fichier des voies.", right: "0150", wrong: "150"},
	"code-pays-iso2":     {title: "Le code de pays n’existe pas", text: "Un code de pays a deux lettres majuscules, selon la norme internationale.", right: "FR", wrong: "France"},
	"code-pays-iso3":     {title: "Le code de pays n’existe pas", text: "Un code de pays a trois lettres majuscules, selon la norme internationale.", right: "FRA", wrong: "France"},
	"commune":            {title: "La commune n’existe pas", text: "Le nom ne figure pas dans la liste officielle. Écrivez-le exactement comme l’INSEE, majuscules, accents et traits d’union compris.", right: "Angers", wrong: "Angés"},
	"canton":             {title: "Le canton n’existe pas", text: "Le nom ne figure pas dans la liste officielle. Écrivez-le exactement comme l’INSEE, majuscules, accents et traits d’union compris."},
	"departement":        {title: "Le département n’existe pas", text: "Le nom ne figure pas dans la liste officielle. Écrivez-le exactement comme l’INSEE, majuscules, accents et traits d’union compris.", right: "Maine-et-Loire", wrong: "Maine et Loire"},
	"region":             {title: "La région n’existe pas", text: "Le nom ne figure pas dans la liste officielle. Écrivez-le exactement comme l’INSEE, majuscules, accents et traits d’union compris.", right: "Pays de la Loire", wrong: "Pays-de-Loire"},
	"pays":               {title: "Le pays n’existe pas", text: "Le nom ne figure pas dans la liste officielle des pays. Écrivez-le en français, majuscules et accents compris.", right: "Belgique", wrong: "Belgium"},
	"rna":                {title: "Le numéro d’association n’est pas bon", text: "Le numéro du répertoire national des associations est un W suivi de neuf chiffres.", right: "W123456789", wrong: "123456789"},
	// What could not be judged.
	"check-warn":       {title: "Un contrôle n’a pas eu lieu", text: "La plateforme n’a pas pu appliquer l’un des contrôles du schéma. Le fichier reste valide si tous les autres réussissent."},
	"foreign-key-warn": {title: "Une référence à un autre fichier n’a pas été vérifiée", text: "Le schéma renvoie à un autre tableau, qui n’a pas été fourni. Le fichier reste valide."},
	"no-record":        {title: "Le document est vide", text: "Le fichier se lit, mais il ne contient aucun enregistrement. Vérifiez l’export du logiciel, et la période qu’il couvre."},
	"document-dress":   {title: "Le document n’est pas rangé comme le schéma le veut", text: "Les enregistrements ont été trouvés à une autre place du fichier que celle que le schéma prévoit. Demandez à l’éditeur du logiciel un export à la bonne forme."},
	"decp-date":        {title: "Une date de la commande publique n’existe pas", text: "Le schéma national ne vérifie que la forme des dates. Celle-ci n’est pas au calendrier : écrivez l’année, le mois et le jour.", right: "2024-05-17", wrong: "2024-13-45"},
	"decp-siret":       {title: "Un numéro SIRET de la commande publique est faux", text: "Le schéma national ne compte que les chiffres. Le dernier chiffre de ce numéro ne concorde pas avec les autres : recopiez-le depuis annuaire-entreprises.data.gouv.fr.", right: "21739990600015", wrong: "21739990600016"},
	"decp-date-order":  {title: "La publication précède la notification", text: "Un marché se publie après sa notification. Vérifiez laquelle des deux dates est fausse.", right: "2024-05-17 puis 2024-06-01", wrong: "2024-06-01 puis 2024-05-17"},
	"decp-duplicate":   {title: "Le même contrat est donné deux fois", text: "Chez un même acheteur, chaque contrat a son propre numéro. Retirez le doublon, ou corrigez le numéro."},
	"source-warn":      {title: "Le fichier a été lu d’une façon particulière", text: "La plateforme a dû deviner comment lire le fichier : encodage, séparateur, ligne de titre. Vérifiez ce qu’elle en dit."},
	"repair-ambiguous": {title: "Une réparation possible n’a pas été faite", text: "La valeur peut se lire de deux façons, et la plateforme ne choisit jamais à votre place. Corrigez-la vous-même.", right: "2024-04-03", wrong: "03/04/2024"},
	"repair-refused":   {title: "Une réparation n’a pas été gardée", text: "La réparation n’aurait pas conservé le sens des données : elle a été abandonnée, et la valeur d’origine est restée."},
	// Records of documents.
	"duplicate-member":                    {title: "Une rubrique est donnée deux fois", text: "Le même nom apparaît deux fois dans un objet, et l’une des deux valeurs serait perdue. Gardez la bonne."},
	"extra-member":                        {title: "Une rubrique n’est pas prévue", text: "Le schéma ne connaît pas cette rubrique à cet endroit. Retirez-la, ou vérifiez l’orthographe de son nom."},
	"unmatched-record":                    {title: "La sorte d’enregistrement n’est pas reconnue", text: "L’enregistrement n’est d’aucune des sortes que le schéma admet à cet endroit, par exemple un marché ou un contrat de concession. Vérifiez qu’il est dans la bonne liste."},
	"const":                               {title: "La valeur n’est pas celle qui est imposée", text: "Le schéma impose une valeur unique à cet endroit, écrite exactement ainsi."},
	"format":                              {title: "La valeur n’a pas le format attendu", text: "La rubrique attend une date, une adresse ou une autre écriture précise. Comparez avec l’exemple donné dans le rapport.", right: "2024-03-15", wrong: "15/03/2024"},
	"exclusiveMinimum":                    {title: "La valeur est trop petite", text: "Le schéma demande une valeur plus grande que cette limite. Vérifiez le nombre et son unité."},
	"exclusiveMaximum":                    {title: "La valeur est trop grande", text: "Le schéma demande une valeur plus petite que cette limite. Vérifiez le nombre et son unité."},
	"multipleOf":                          {title: "Le nombre n’est pas un multiple de celui qui est imposé", text: "Le schéma limite le pas ou le nombre de décimales. Arrondissez la valeur comme il le demande."},
	"minItems":                            {title: "La liste est vide ou trop courte", text: "Le schéma demande au moins un certain nombre d’éléments. Si la rubrique est facultative et que vous n’avez rien à y mettre, retirez-la plutôt que de la laisser vide."},
	"maxItems":                            {title: "La liste est trop longue", text: "Le schéma limite le nombre d’éléments. Retirez ceux qui sont de trop."},
	"uniqueItems":                         {title: "La liste contient un doublon", text: "Chaque élément de la liste doit être différent. Retirez le doublon."},
	"minProperties":                       {title: "L’objet a trop peu de rubriques", text: "Le schéma demande d’autres rubriques à cet endroit. Ajoutez celles qui manquent."},
	"maxProperties":                       {title: "L’objet a trop de rubriques", text: "Le schéma limite le nombre de rubriques à cet endroit. Retirez celles qui sont de trop."},
	"dependencies":                        {title: "Une rubrique en appelle une autre", text: "Quand cette rubrique est présente, le schéma en demande une autre à côté. Ajoutez-la."},
	"oneOf":                               {title: "La valeur n’a aucune des formes admises", text: "Le schéma admet plusieurs formes à cet endroit, et la valeur n’en suit aucune exactement. Comparez-la avec l’exemple du schéma."},
	"anyOf":                               {title: "La valeur n’a aucune des formes admises", text: "Le schéma admet plusieurs formes à cet endroit, et la valeur n’en suit aucune exactement. Comparez-la avec l’exemple du schéma."},
	"contains":                            {title: "Il manque un élément à la liste", text: "Le schéma demande que la liste contienne un élément d’une forme donnée. Ajoutez-le."},
	"json-schema/any":                     {title: "La valeur n’est pas admise à cet endroit", text: "Le schéma interdit cette valeur ici. Comparez l’enregistrement avec l’exemple du schéma."},
	"file.*":                              {title: "Le fichier n’a pas la forme que la base nationale lit", text: "La base nationale des adresses veut un fichier CSV en UTF-8, avec des points-virgules entre les colonnes. Enregistrez-le de nouveau ainsi."},
	"field.*":                             {title: "Une colonne attendue par la base nationale manque", text: "La base nationale des adresses demande cette colonne dans chaque base adresse locale. Ajoutez-la avec son nom exact."},
	"rows.*":                              {title: "Les lignes ne s’accordent pas entre elles", text: "La base nationale des adresses veut un fichier d’une seule commune, dont les identifiants sont donnés à toutes les lignes ou à aucune."},
	"lieudit_complement_nom_not_declared": {title: "Un lieu-dit n’a pas de ligne à lui", text: "Le nom est donné comme complément d’une adresse. Ajoutez une ligne pour ce lieu-dit, avec le numéro 99999. Le fichier reste valide."},
	"other":                               {title: "D’autres erreurs, moins fréquentes", text: "Le rapport regroupe ici les causes les plus rares. Corrigez d’abord les plus fréquentes, puis vérifiez le fichier de nouveau."},
}
