package publish

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"grenier/schemas"
)

const (
	xmlHead     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	sheetSpace  = `http://schemas.openxmlformats.org/spreadsheetml/2006/main`
	officeSpace = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	sheetHead   = xmlHead + `<worksheet xmlns="` + sheetSpace + `">`
)

// An xlsxPart is a file of the archive that is the same in every workbook.
type xlsxPart struct{ name, content string }

// xlsxFirstParts come first in the archive, where programs look for what kind of archive it is.
var xlsxFirstParts = []xlsxPart{
	{"[Content_Types].xml", xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet2.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`},
	{"_rels/.rels", xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="` + officeSpace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/_rels/workbook.xml.rels", xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="` + officeSpace + `/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="` + officeSpace + `/worksheet" Target="worksheets/sheet2.xml"/>` +
		`<Relationship Id="rId3" Type="` + officeSpace + `/styles" Target="styles.xml"/></Relationships>`},
	{"xl/styles.xml", xlsxStyles},
}

// xlsxStyles has the cell styles in the order of the constants: general, text, integer, date, moment, header, title, wrapped text.
const xlsxStyles = xmlHead + `<styleSheet xmlns="` + sheetSpace + `">` +
	`<numFmts count="2"><numFmt numFmtId="164" formatCode="[$-40C]dd/mm/yyyy"/><numFmt numFmtId="165" formatCode="[$-40C]dd/mm/yyyy\ hh:mm:ss"/></numFmts>` +
	`<fonts count="3"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="14"/><name val="Calibri"/></font></fonts>` +
	`<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>` +
	`<fill><patternFill patternType="solid"><fgColor rgb="FFE8EEF4"/><bgColor indexed="64"/></patternFill></fill></fills>` +
	`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="8">` +
	`<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
	`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1"/>` +
	`<xf numFmtId="49" fontId="2" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>` +
	`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>` +
	`</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`

func (x *xlsxWriter) writeParts(parts []xlsxPart) error {
	for _, p := range parts {
		if err := x.begin(p.name); err != nil {
			return err
		}
		x.buf = append(x.buf, p.content...)
		if err := x.flush(); err != nil {
			return err
		}
	}
	return nil
}

// beginData begins the sheet of data: a header that stays in sight, columns as wide as their names and kinds of value want.
func (x *xlsxWriter) beginData() {
	x.buf = append(x.buf, sheetHead+`<sheetViews><sheetView tabSelected="1" workbookViewId="0">`+
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews><cols>`...)
	for i := range x.schema.Fields {
		f := &x.schema.Fields[i]
		x.buf = fmt.Appendf(x.buf, `<col min="%d" max="%d" width="%d" style="%d" customWidth="1"/>`, i+1, i+1, columnWidth(f), columnStyle(f))
	}
	x.buf = append(x.buf, "</cols><sheetData>\n"...)
	x.beginRow()
	for i := range x.schema.Fields {
		x.text(i, xlsxHeader, []byte(x.schema.Fields[i].Name))
	}
	x.buf = append(x.buf, "</row>\n"...)
}

// columnWidth is in characters. The header wants room for the arrow of the filter.
func columnWidth(f *schemas.Field) int {
	least := 12
	switch f.Physical() {
	case schemas.Micros:
		least = 20
	case schemas.Text:
		least = 16
	}
	return min(max(utf8.RuneCountInString(f.Name)+4, least), 50)
}

func columnStyle(f *schemas.Field) int {
	switch f.Physical() {
	case schemas.Int64:
		return xlsxInteger
	case schemas.Float, schemas.Bool:
		return xlsxGeneral
	case schemas.Days:
		return xlsxDate
	case schemas.Micros:
		return xlsxMoment
	}
	return xlsxText
}

// endData ends the sheet of data; spreadsheets are asked not to complain of numbers that are texts.
func (x *xlsxWriter) endData() {
	last := x.lastColumn()
	x.buf = fmt.Appendf(x.buf, `</sheetData><autoFilter ref="A1:%s%d"/><ignoredErrors><ignoredError sqref="A1:%s%d" numberStoredAsText="1"/></ignoredErrors></worksheet>`,
		last, x.rows, last, x.rows)
}

func (x *xlsxWriter) lastColumn() string { return x.refs[len(x.schema.Fields)-1] }

// writeWorkbook writes the list of sheets, of which that of data has rows rows.
func (x *xlsxWriter) writeWorkbook(rows int) error {
	return x.writeParts([]xlsxPart{{"xl/workbook.xml", fmt.Sprintf(xmlHead+`<workbook xmlns="%s" xmlns:r="%s"><bookViews><workbookView activeTab="0"/></bookViews>`+
		`<sheets><sheet name="Données" sheetId="1" r:id="rId1"/><sheet name="Notice" sheetId="2" r:id="rId2"/></sheets>`+
		`<definedNames><definedName name="_xlnm._FilterDatabase" localSheetId="0" hidden="1">'Données'!$A$1:$%s$%d</definedName></definedNames></workbook>`,
		sheetSpace, officeSpace, x.lastColumn(), rows)}})
}

// xlsxNoticeColumns is how many columns the notice has.
const xlsxNoticeColumns = 5

// writeNotice writes the second sheet: where the table is from, what to know of it, what its columns mean.
func (x *xlsxWriter) writeNotice(rows int) error {
	if err := x.begin("xl/worksheets/sheet2.xml"); err != nil {
		return err
	}
	cut := x.cut
	x.rows = 0
	x.buf = append(x.buf, sheetHead+`<cols><col min="1" max="1" width="30" customWidth="1"/><col min="2" max="2" width="45" customWidth="1"/>`+
		`<col min="3" max="4" width="16" customWidth="1"/><col min="5" max="5" width="90" customWidth="1"/></cols><sheetData>`...)
	x.line(xlsxTitle, x.meta.Title)
	for _, l := range x.origin(rows) {
		if l[1] != "" {
			x.line(xlsxWrapped, l[0], l[1])
		}
	}
	x.line(xlsxWrapped)
	for _, remark := range x.remarks(cut) {
		x.line(xlsxText, remark)
	}
	x.line(xlsxWrapped)
	x.line(xlsxHeader, "Colonne", "Libellé", "Contenu", "Obligatoire", "Signification")
	for i := range x.schema.Fields {
		x.line(xlsxWrapped, columnNotice(&x.schema.Fields[i])...)
		if err := x.flushFull(); err != nil {
			return err
		}
	}
	x.buf = append(x.buf, `</sheetData></worksheet>`...)
	return x.flush()
}

// line adds a row of texts.
func (x *xlsxWriter) line(style int, texts ...string) {
	x.beginRow()
	for c, text := range texts {
		if text != "" {
			x.text(c, style, []byte(text))
		}
	}
	x.buf = append(x.buf, "</row>\n"...)
}

// origin says where the table is from.
func (x *xlsxWriter) origin(rows int) [][2]string {
	return [][2]string{
		{"Producteur", x.meta.Publisher},
		{"Page du jeu de données", x.meta.Source},
		{"Licence", x.meta.License},
		{"Schéma", x.schema.Title},
		{"Version du schéma", string(x.schema.ID)},
		{"Adresse du schéma", x.schema.URL},
		{"Lignes", strconv.Itoa(rows)},
	}
}

// remarks say what a reader should know of the sheet of data.
func (x *xlsxWriter) remarks(cut int) (list []string) {
	list = append(list, "Les identifiants et les codes sont du texte\u00a0: leurs zéros de tête sont gardés.")
	for i := range x.schema.Fields {
		if x.schema.Fields[i].Type == schemas.Datetime {
			list = append(list, "Les heures données avec un fuseau sont en temps universel (UTC)\u00a0; les autres sont écrites telles quelles.")
			break
		}
	}
	switch {
	case cut == 1:
		list = append(list, "Une cellule est coupée et se termine par «\u00a0…\u00a0»\u00a0: une feuille n’en tient que 32\u202f767 caractères. Le fichier CSV la donne en entier.")
	case cut > 1:
		list = append(list, strconv.Itoa(cut)+" cellules sont coupées et se terminent par «\u00a0…\u00a0»\u00a0: une feuille n’en tient que 32\u202f767 caractères. Le fichier CSV les donne en entier.")
	}
	return list
}

// columnNotice says what a column means.
func columnNotice(f *schemas.Field) []string {
	required := "non"
	if f.Constraints.Required {
		required = "oui"
	}
	return []string{f.Name, f.Title, typeWord(f.Type), required, f.Description}
}

// typeWords name the types for people.
var typeWords = map[schemas.Type]string{
	schemas.Integer: "nombre entier", schemas.Number: "nombre", schemas.Boolean: "oui ou non", schemas.Date: "date", schemas.Datetime: "date et heure",
	schemas.Time: "heure", schemas.Year: "année", schemas.YearMonth: "mois", schemas.Duration: "durée", schemas.Geopoint: "position",
	schemas.GeoJSON: "géométrie", schemas.Array: "liste", schemas.Object: "objet",
}

func typeWord(t schemas.Type) string {
	if w, ok := typeWords[t]; ok {
		return w
	}
	return "texte"
}
