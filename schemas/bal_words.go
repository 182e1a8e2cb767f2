package schemas

// alertType is the code of an alert: the column and what is wrong, as the national validator writes it.
func (c *Checker) alertType(i int, k balKind) string {
	if k >= balRowNumber {
		return "row." + balCodes[k]
	}
	return c.bal.columns[i].name + "." + balCodes[k]
}

// alertColumn is the column in bal.columns that an alert points to, -1 for none.
func alertColumn(f *fault) int { return int(f.n>>1) - 1 }

func (c *Checker) alertField(f *fault) string {
	if i := alertColumn(f); i >= 0 {
		return c.bal.columns[i].name
	}
	return ""
}

// tellAlert tells what makes no file invalid: warnings, and empty lines, which the national validator leaves out. It returns false for
// all else.
func (c *Checker) tellAlert(f *fault, rep *Report) bool {
	switch {
	case f.code == codeAlert && f.n&1 == 0:
		c.brief = false
		rep.Warn(c.issue(f))
		return true
	case f.code == codeBlank && c.in.Count[f.row] <= 1:
		c.state[f.row] |= rowBad
		issue := c.issue(f)
		c.reasons = append(c.reasons, issue)
		rep.Warn(issue)
		return true
	}
	return false
}

// wordAlert words an alert.
func (c *Checker) wordAlert(i *Issue, f *fault) {
	if at := alertColumn(f); at >= 0 {
		col := &c.bal.columns[at]
		if i.Column = col.pos + 1; col.pos < c.in.Width {
			i.Cell = cut(c.in.Cell(int(f.row), col.pos), MaxCell)
		}
	}
	k := balKind(f.variant)
	words := &balWords[k]
	if special, ok := balSpecial[i.Type]; ok {
		words = &special
	}
	if i.Message = c.say(words[0]); words[2] != "" {
		i.Message = c.say(words[0], c.quote(i.Cell))
	}
	if words[1] != "" {
		i.Hint = c.hint(func() string { return c.say(words[1]) })
	}
}

// quoted marks messages that quote the cell.
const quoted = "quoted"

// balWords are what is wrong, what would be right, and whether the message quotes the cell.
var balWords = [balKinds][3]phrase{
	balSpaces:         {"%s commence ou finit par une espace.", "Retirez les espaces autour de la valeur.", quoted},
	balEmpty:          {"La valeur manque.", "Remplissez la cellule : cette information est attendue à chaque ligne."},
	balType:           {"%s n’est pas un identifiant de la base nationale.", "Reprenez l’identifiant entier, sur 36 caractères, tel que la base nationale l’a donné.", quoted},
	balStructure:      {"%s n’est pas une clé d’interopérabilité.", "Écrivez le code de la commune, le code de la voie sur 4 caractères, le numéro sur 5 chiffres, puis le suffixe, séparés par des tirets bas : 31591_0150_00012_bis.", quoted},
	balCase:           {"La clé %s contient des majuscules.", "Écrivez la clé en minuscules.", quoted},
	balCommuneUnknown: {"%s n’est le code d’aucune commune.", "Vérifiez le code INSEE. À Paris, Lyon et Marseille, c’est celui de l’arrondissement.", quoted},
	balCommunePast:    {"%s est le code d’une ancienne commune.", "Donnez le code de la commune actuelle, et celui-ci comme commune déléguée. Le fichier reste valide.", quoted},
	balStreetCode:     {"Le code de voie de la clé %s n’a pas 4 caractères.", "Écrivez les 4 caractères du code de voie, ou xxxx s’il n’est pas connu. Le fichier reste valide.", quoted},
	balStreetUnsaid:   {"La clé %s ne dit pas le code de la voie.", "C’est permis. Le fichier reste valide.", quoted},
	balNumberBad:      {"Le numéro de la clé %s n’est pas fait de chiffres.", "Écrivez le numéro sur 5 chiffres : 00012.", quoted},
	balNumberShort:    {"Le numéro de la clé %s n’a pas 5 chiffres.", "Complétez le numéro par des zéros devant : 00012.", quoted},
	balShort:          {"%s est trop court pour un nom de voie : il faut au moins 3 caractères.", "Écrivez le nom entier.", quoted},
	balLengthy:        {"%s est trop long pour un nom de voie : il faut au plus 200 caractères.", "Écrivez le nom seul.", quoted},
	balCharacter:      {"%s contient un caractère illisible.", "Le fichier a sans doute été enregistré avec un mauvais encodage : corrigez le nom et enregistrez en UTF-8.", quoted},
	balUnderscore:     {"%s contient un tiret bas.", "Remplacez-le par une espace. Le fichier reste valide.", quoted},
	balCapitals:       {"%s n’est pas écrit en minuscules avec majuscule initiale.", "Écrivez par exemple « Rue des Tilleuls ». Le fichier reste valide.", quoted},
	balTooBig:         {"%s est trop grand pour un numéro.", "Le plus grand numéro est 99999, qui désigne un lieu-dit sans numéro.", quoted},
	balZero:           {"Le numéro est 0.", "Un lieu-dit sans numéro s’écrit 99999. Le fichier reste valide."},
	balPrefix:         {"Le numéro %s commence par un zéro.", "Écrivez le numéro sans zéro devant.", quoted},
	balStart:          {"Le suffixe %s ne commence ni par une lettre ni par un chiffre.", "Écrivez par exemple « bis », « ter » ou « a ».", quoted},
	balFuzzy:          {"%s s’écrit autrement.", "Écrivez la valeur exactement ainsi : entrée, segment, bâtiment, parcelle, délivrance postale, cage d’escalier, logement ou service technique. Le fichier reste valide.", quoted},
	balValue:          {"%s n’est pas une valeur admise.", "", quoted},
	balComma:          {"Le nombre %s s’écrit avec un point, et non une virgule.", "Remplacez la virgule par un point.", quoted},
	balPipe:           {"%s commence ou finit par une barre verticale.", "La barre verticale sépare deux parcelles : retirez celle qui est de trop. Le fichier reste valide.", quoted},
	balDateBad:        {"%s n’est pas une date au format AAAA-MM-JJ.", "Écrivez par exemple « 2024-09-03 ».", quoted},
	balDateOld:        {"La date %s est antérieure à 2010.", "Vérifiez la date. Le fichier reste valide.", quoted},
	balDateFuture:     {"La date %s n’est pas encore passée.", "Vérifiez la date. Le fichier reste valide.", quoted},
	balRowNumber:      {"Le numéro %s n’est pas celui de la clé d’interopérabilité.", "Corrigez l’un des deux : ils doivent dire le même numéro.", quoted},
	balRowNoCommune:   {"La ligne ne dit pas sa commune.", "Remplissez la colonne « commune_insee »."},
	balRowCommuneName: {"%s n’est pas le nom officiel de la commune qui porte ce code.", "Vérifiez le nom et le code. Le fichier reste valide.", quoted},
	balRowSameName:    {"Le complément %s répète le nom de la voie.", "Laissez le complément vide s’il n’apprend rien de plus. Le fichier reste valide.", quoted},
	balRowNoPosition:  {"L’emplacement du point n’est pas dit.", "Dites ce que le point désigne : entrée, bâtiment, parcelle… Le fichier reste valide."},
	balRowNoPoint:     {"L’adresse n’a pas de coordonnées.", "Remplissez la longitude et la latitude."},
	balRowPointOutside: {"La longitude et la latitude ne désignent aucun point du territoire français.",
		"Vérifiez les deux valeurs : elles sont peut-être échangées, ou écrites dans une autre projection."},
	balRowPointApart:  {"Les coordonnées x et y sont à plus de 10 mètres de la longitude et de la latitude.", "Vérifiez la projection de x et y. Le fichier reste valide."},
	balRowIncomplete:  {"L’adresse est incomplète : il lui faut un numéro et un nom de voie ou de lieu-dit.", "Remplissez les deux. Un lieu-dit sans numéro porte le numéro 99999."},
	balRowHeadTown:    {"%s n’est pas une commune déléguée de la commune de la ligne.", "Vérifiez les deux codes. Le fichier reste valide.", quoted},
	balRowIDs:         {"La ligne n’a qu’une partie de ses identifiants de la base nationale.", "Donnez les trois (commune, voie, adresse), ou aucun. Un lieu-dit sans numéro n’a pas d’identifiant d’adresse."},
	balRowStreetNames: {"L’identifiant de la voie est déjà donné avec un autre nom que %s.", "Une voie garde un seul nom sous un identifiant. Le fichier reste valide.", quoted},
	balRowStreetIDs:   {"La même voie est déjà donnée avec un autre identifiant que %s.", "Une voie garde un seul identifiant. Le fichier reste valide.", quoted},
	balRowAddresses:   {"L’identifiant de cette adresse est déjà celui d’une autre adresse.", "Chaque adresse a son identifiant. Le fichier reste valide."},
	balRowAddressIDs:  {"La même adresse est déjà donnée avec un autre identifiant que %s.", "Retirez le doublon, ou corrigez l’identifiant. Le fichier reste valide.", quoted},
}

// balSpecial are the words of alerts that need their own in one column.
var balSpecial = map[string][3]phrase{
	"cle_interop.commune_invalide":            {"La clé %s ne commence par le code d’aucune commune.", "Vérifiez le code INSEE. À Paris, Lyon et Marseille, c’est celui de l’arrondissement.", quoted},
	"cle_interop.commune_ancienne":            {"La clé %s commence par le code d’une ancienne commune.", "Donnez le code de la commune actuelle. Le fichier reste valide.", quoted},
	"numero.type_invalide":                    {"%s n’est pas un numéro.", "Écrivez le numéro en chiffres seulement ; « bis » ou « a » va dans la colonne « suffixe ».", quoted},
	"uid_adresse.type_invalide":               {"%s contient un identifiant qui n’est pas de la base nationale.", "Reprenez les identifiants entiers, de 36 caractères chacun. Le fichier reste valide.", quoted},
	"suffixe.trop_long":                       {"Le suffixe %s est trop long : il faut au plus 9 caractères.", "Écrivez par exemple « bis », « ter » ou « a ».", quoted},
	"suffixe.caractere_invalide":              {"Le suffixe %s contient un signe.", "Écrivez des lettres et des chiffres seulement. Le fichier reste valide.", quoted},
	"position.valeur_invalide":                {"%s n’est pas une position connue.", "Les positions sont : entrée, segment, bâtiment, parcelle, délivrance postale, cage d’escalier, logement et service technique. Le fichier reste valide.", quoted},
	"cad_parcelles.valeur_invalide":           {"%s n’est pas une liste de parcelles.", "Une parcelle s’écrit sur 14 caractères ; la barre verticale en sépare deux. Le fichier reste valide.", quoted},
	"certification_commune.valeur_invalide":   {"%s ne dit pas si l’adresse est certifiée.", "Écrivez 1 si la commune certifie l’adresse, 0 sinon. Le fichier reste valide.", quoted},
	"x.valeur_invalide":                       {"%s n’est pas une coordonnée.", "Écrivez un nombre en mètres, avec un point : 539416.13.", quoted},
	"y.valeur_invalide":                       {"%s n’est pas une coordonnée.", "Écrivez un nombre en mètres, avec un point : 539416.13.", quoted},
	"long.valeur_invalide":                    {"%s n’est pas une longitude.", "Écrivez un nombre de degrés, avec un point : 1.028392.", quoted},
	"lat.valeur_invalide":                     {"%s n’est pas une latitude.", "Écrivez un nombre de degrés, avec un point : 43.111637.", quoted},
	"commune_deleguee_insee.commune_invalide": {"%s n’est le code d’aucune commune, actuelle ou ancienne.", "Vérifiez le code INSEE. Le fichier reste valide.", quoted},
}
