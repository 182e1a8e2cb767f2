package web

import (
	"slices"
	"strings"

	"grenier/catalog"
)

// A snippet is a few lines of code that read a dataset, as they are.
type snippet struct{ Title, Code string }

// snippets read a dataset with four tools. Each names the dataset's own addresses and columns, and runs as it stands.
func (s *Server) snippets(d *catalog.Dataset, columns []column) (out []snippet) {
	csv := slices.IndexFunc(d.Files, func(f catalog.File) bool { return f.Format == "csv" })
	if csv >= 0 {
		f := d.Files[csv]
		code := "# le fichier entier\ncurl -L -o '" + f.Name + "' '" + s.BaseURL + filePath(f) + "'"
		if _, ok := parquetIn(d); ok {
			code += "\n# cinq lignes, en JSON\ncurl '" + s.BaseURL + rowsPath(d.ID.String()) + "?page_size=5'"
		}
		out = append(out, snippet{"curl", code})
	}
	f, ok := parquetIn(d)
	if !ok {
		return out
	}
	address := s.BaseURL + filePath(f)
	return append(out,
		snippet{"DuckDB", duckQuery(address, columns)},
		snippet{"Python", "import pandas as pd  # avec pyarrow\n\nlignes = pd.read_parquet(\"" + address + "\")\nprint(lignes.head(10))"},
		snippet{"R", "library(arrow)\n\nlignes <- read_parquet(\"" + address + "\")\nhead(lignes, 10)"})
}

// duckQuery sums euros by what tells most of a row, where there are both; else it shows ten rows.
func duckQuery(address string, columns []column) string {
	money := slices.IndexFunc(columns, func(c column) bool { return c.look == lookEuros })
	by := slices.IndexFunc(columns, func(c column) bool {
		return has(nameWords(c.Name), []string{"beneficiaire", "titulaire", "nature", "type"}) && !isCode(nameWords(c.Name)) && isText(&c)
	})
	if money < 0 || by < 0 {
		return "SELECT *\nFROM '" + address + "'\nLIMIT 10;"
	}
	return "SELECT " + sqlName(columns[by].Name) + ", sum(" + sqlName(columns[money].Name) + ") AS total\nFROM '" + address + "'\nGROUP BY ALL\nORDER BY total DESC\nLIMIT 10;"
}

// sqlName quotes a column's name for SQL.
func sqlName(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\n", " "), `"`, `""`) + `"`
}

// bibTeX is the citation for those who write papers.
func (s *Server) bibTeX(d *catalog.Dataset, p *datasetPage) string {
	plain := func(text string) string {
		return strings.NewReplacer("{", "", "}", "", "\\", "", "%", "\\%", "&", "\\&", "#", "\\#", "$", "\\$", "_", "\\_", "\n", " ").Replace(clean(text))
	}
	day := p.Online.In(s.Location)
	return "@misc{" + d.Slug + "-v" + number(d.Version) + ",\n  author = {{" + plain(d.Member.Name) + "}},\n  title = {{" + plain(d.Title) + "}},\n  year = {" + day.Format("2006") +
		"},\n  month = {" + day.Format("1") + "},\n  version = {" + number(d.Version) + "},\n  note = {" + plain(p.License.Title) + "},\n  url = {" + p.Identity + "}\n}"
}
