package harvest

// english is what the sentences about unreadable documents are in English, by the whole French sentence. Sentences that carry a name or a
// number, and those of the harvest itself (sources, recipes, network), have only their French.
var english = map[string]string{
	"La cellule contient des caractères illisibles (montrés « \ufffd ») : son encodage n’est pas celui du reste du fichier. Enregistrez tout le fichier en UTF-8.":      "The cell holds unreadable characters (shown as “\ufffd”): its encoding is not that of the rest of the file. Save the whole file in UTF-8.",
	"La cellule contient un caractère nul (montré « \ufffd »), qui n’est pas du texte. Retirez-le.":                                                                     "The cell holds a null character (shown as “\ufffd”), which is not text. Remove it.",
	"Grenier a reçu une page web au lieu d’un fichier : souvent une page de connexion ou d’erreur. Rien n’en est publié. Vérifiez l’adresse et les droits d’accès.":     "Grenier received a web page instead of a file: often a sign-in or error page. Nothing of it is published. Check the address and the access rights.",
	"Le classeur contient trop de textes différents pour être lu. Exportez-le en CSV, qui n’a pas cette limite.":                                                        "The workbook holds too many different texts to be read. Export it as CSV, which has no such limit.",
	"Le classeur est au format XLSB, qui n’est pas lu. Enregistrez-le en XLSX ou en CSV.":                                                                               "The workbook is in the XLSB format, which is not read. Save it as XLSX or CSV.",
	"Le classeur est au format d’Excel 95 ou plus ancien, qui n’est pas lu. Enregistrez-le en XLSX ou en CSV.":                                                          "The workbook is in the format of Excel 95 or older, which is not read. Save it as XLSX or CSV.",
	"Le classeur est incomplet ou abîmé : rien n’en est publié. Ouvrez-le dans votre tableur, enregistrez-le de nouveau en XLSX, ou exportez-le en CSV.":                "The workbook is incomplete or damaged: nothing of it is published. Open it in your spreadsheet, save it again as XLSX, or export it as CSV.",
	"Le classeur est protégé par un mot de passe : son contenu ne peut pas être lu. Enregistrez-le sans mot de passe.":                                                  "The workbook is protected by a password: its content cannot be read. Save it without a password.",
	"Le classeur est vide : il n’y a rien à publier. Vérifiez l’export du logiciel.":                                                                                    "The workbook is empty: there is nothing to publish. Check the software’s export.",
	"Le document JSON ne contient aucun enregistrement : il n’y a rien à publier. Vérifiez l’export du logiciel.":                                                       "The JSON document holds no record: there is nothing to publish. Check the software’s export.",
	"Le fichier compressé grossit démesurément une fois ouvert : il est refusé par précaution. Fournissez l’export non compressé, ou découpez-le.":                      "The compressed file grows beyond all measure once opened: it is refused as a precaution. Provide the export uncompressed, or in parts.",
	"Le fichier est un document de bureautique, pas un tableau. Fournissez l’export en CSV ou en XLSX.":                                                                 "The file is an office document, not a table. Provide the export as CSV or XLSX.",
	"Le fichier est une archive ZIP, pas un tableau. Fournissez directement le fichier CSV, XLSX ou JSON qu’elle contient.":                                             "The file is a ZIP archive, not a table. Provide the CSV, XLSX or JSON file that it holds.",
	"Le fichier est vide : il n’y a rien à publier. Vérifiez l’export du logiciel.":                                                                                     "The file is empty: there is nothing to publish. Check the software’s export.",
	"Le fichier ne contient que des lignes vides : il n’y a rien à publier. Vérifiez l’export du logiciel.":                                                             "The file holds only empty lines: there is nothing to publish. Check the software’s export.",
	"Le fichier n’est ni un tableau ni du texte : son contenu n’est pas lisible ici. Fournissez l’export en CSV, en XLSX ou en JSON.":                                   "The file is neither a table nor text: its content cannot be read here. Provide the export as CSV, XLSX or JSON.",
	"Le fichier reçu est un document PDF, dont les données ne peuvent pas être lues. Fournissez l’export en CSV ou en XLSX.":                                            "The file is a PDF document, whose data cannot be read. Provide the export as CSV or XLSX.",
	"Le fichier reçu n’a pas pu être lu jusqu’au bout. Vérifiez que le dépôt du fichier est terminé, puis recommencez.":                                                 "The file could not be read to its end. Check that its upload is complete, then try again.",
	"Le fichier reçu n’a pas pu être lu jusqu’au bout\u00a0: rien n’en est publié. Vérifiez l’export du logiciel.":                                                      "The file could not be read to its end: nothing of it is published. Check the software’s export.",
	"Les lignes de la feuille ne sont pas rangées et elle est trop grande pour l’être ici. Enregistrez le classeur en XLSX ou en CSV.":                                  "The rows of the sheet are not in order, and it is too large to be put in order here. Save the workbook as XLSX or CSV.",
	"L’archive gzip contient elle-même une archive ou un classeur. Fournissez le fichier compressé une seule fois.":                                                     "The gzip archive itself holds an archive or a workbook. Provide the file compressed only once.",
	"L’archive gzip en contient une autre. Fournissez le fichier compressé une seule fois.":                                                                             "The gzip archive holds another one. Provide the file compressed only once.",
	"L’archive gzip est incomplète ou abîmée : rien n’en est publié. Vérifiez que le dépôt du fichier est terminé, puis recommencez.":                                   "The gzip archive is incomplete or damaged: nothing of it is published. Check that its upload is complete, then try again.",
	"Une ligne du classeur contient trop de texte pour être lue. Vérifiez l’export.":                                                                                    "A row of the workbook holds too much text to be read. Check the export.",
	"La cellule dépasse 1 Mo ; la ligne est écartée. Vérifiez les guillemets et les séparateurs de cette ligne.":                                                        "The cell exceeds 1 MB; the row is set aside. Check the quotation marks and separators of this line.",
	"Un guillemet ouvre cette cellule et rien ne la ferme : la ligne a été lue seule, guillemet compris. Fermez le guillemet, ou doublez-le s’il fait partie du texte.": "A quotation mark opens this cell and nothing closes it: the line was read alone, quotation mark included. Close the quotation mark, or double it if it is part of the text.",
	"Le fichier reçu n’a pas pu être lu. La dernière version reste en ligne ; vérifiez l’export du logiciel.":                                                           "The file could not be read. The last version stays online; check the software’s export.",
}

// translate is the English of a sentence, or the sentence itself.
func translate(french string) string {
	if s, ok := english[french]; ok {
		return s
	}
	return french
}
