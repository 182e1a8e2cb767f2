package schemas

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// balGood is an address without any alert, by column.
var balGood = map[string]string{
	"id_ban_commune": "c41f9d37-86ab-4e02-9d15-38a7be620f4c", "id_ban_toponyme": "7b0e4a92-1c5d-4f68-a3b7-d2e8f6015c94", "id_ban_adresse": "2f6c1d0e-5b7a-4c39-8e21-90d4c7b1a635",
	"uid_adresse": "", "cle_interop": "39013_0150_00012", "commune_insee": "39013", "commune_nom": "Arbois", "commune_deleguee_insee": "", "commune_deleguee_nom": "",
	"voie_nom": "Rue des Tilleuls", "toponyme": "Rue des Tilleuls", "lieudit_complement_nom": "", "numero": "12", "suffixe": "", "position": "entrée",
	"x": "911128.81", "y": "6648477.47", "long": "5.7741", "lat": "46.9031", "cad_parcelles": "390130000A00112", "source": "Commune", "date_der_maj": "2024-09-03",
	"certification_commune": "1",
}

func balSchema(t *testing.T, profile string) *Schema {
	t.Helper()
	s, err := National().Lookup("etalab/schema-bal@" + profile + ".0")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judgeAddresses judges rows that differ from the good one as said: "numero=12bis; suffixe=".
func judgeAddresses(t *testing.T, s *Schema, without string, rows ...string) *Report {
	t.Helper()
	var labels []string
	for i := range s.Fields {
		if name := s.Fields[i].Name; !slices.Contains(strings.Fields(without), name) {
			labels = append(labels, name)
		}
	}
	rep, c := NewReport(s), s.NewChecker()
	if !c.Begin(labels, rep) {
		t.Fatal("the header was refused")
	}
	var in Block
	var out Batch
	in.Reset(len(labels))
	for n, row := range rows {
		cells := make([][]byte, len(labels))
		for i, name := range labels {
			cells[i] = []byte(balGood[name])
		}
		for change := range strings.SplitSeq(row, ";") {
			if name, value, ok := strings.Cut(strings.TrimLeft(change, " "), "="); ok {
				i := slices.Index(labels, name)
				if i < 0 {
					t.Fatalf("no column %q", name)
				}
				cells[i] = []byte(value)
			}
		}
		in.AppendRecord(int64(n+2), int64(n+2), cells...)
	}
	c.Check(&in, &out, rep)
	c.Source(SourceInfo{Format: "csv", Encoding: "utf-8", Delimiter: ";"}, rep)
	c.End(rep)
	rep.Finish()
	return rep
}

// has tells under which grade an alert is in the report: "E", "W" or "-".
func has(r *Report, alert string) string {
	is := func(i Issue) bool { return i.Type == alert }
	switch {
	case slices.ContainsFunc(r.Errors, is):
		return "E"
	case slices.ContainsFunc(r.Warnings, is):
		return "W"
	}
	return "-"
}

func TestBAL_EachAlertHasItsGradeByProfile(t *testing.T) {
	for _, c := range []struct {
		row, alert string
		grades     string // in 1.3, 1.4, 1.5; " " where the profile lacks the column
	}{
		{"cle_interop=39013_0150", "cle_interop.structure_invalide", "EE "},
		{"cle_interop=39013__00012", "cle_interop.structure_invalide", "EE "},
		{"cle_interop=39013_0150_00012_", "cle_interop.structure_invalide", "EE "},
		{"cle_interop=99001_0150_00012", "cle_interop.commune_invalide", "EE "},
		{"cle_interop=01340_0150_00012", "cle_interop.commune_ancienne", "WW "},
		{"cle_interop=39013_015_00012", "cle_interop.voie_invalide", "WW "},
		{"cle_interop=39013_xxxx_00012", "cle_interop.voie_non_renseignee", "WW "},
		{"cle_interop=39013_0150_0012a", "cle_interop.numero_invalide", "EE "},
		{"cle_interop=39013_0150_12", "cle_interop.numero_prefixe_manquant", "EE "},
		{"cle_interop=39013_B150_00012", "cle_interop.casse_invalide", "EE "},
		{"cle_interop=", "cle_interop.valeur_manquante", "EE "},
		{"cle_interop= 39013_0150_00012", "cle_interop.espaces_debut_fin", "WW "},
		{"uid_adresse=@c:c41f9d37", "uid_adresse.type_invalide", "W  "},
		{"uid_adresse=@a:2f6c1d0e-5b7a-4c39-8e21-90d4c7b1a635", "row.lack_of_id_ban", "W  "},
		{"id_ban_commune=c41f9d37", "id_ban_commune.type_invalide", " EE"},
		{"id_ban_toponyme=7b0e4a92-1c5d-1f68-a3b7-d2e8f6015c94", "id_ban_toponyme.type_invalide", " EE"},
		{"id_ban_adresse=2f6c1d0e-5b7a-4c39-7e21-90d4c7b1a635", "id_ban_adresse.type_invalide", " EE"},
		{"id_ban_adresse=", "row.lack_of_id_ban", " EE"},
		{"id_ban_adresse=; numero=99999", "row.lack_of_id_ban", " --"},
		{"voie_nom=Av", "voie_nom.trop_court", "EE "},
		{"voie_nom=" + strings.Repeat("a", 201), "voie_nom.trop_long", "EE "},
		{"voie_nom=" + strings.Repeat("é", 200), "voie_nom.trop_long", "-- "},
		{"voie_nom=Rue de la Libert\ufffd", "voie_nom.caractere_invalide", "EE "},
		{"voie_nom=Rue_Haute", "voie_nom.contient_tiret_bas", "WW "},
		{"voie_nom=RUE HAUTE", "voie_nom.casse_incorrecte", "WW "},
		{"voie_nom=", "row.adresse_incomplete", "EE "},
		{"toponyme=Av", "toponyme.trop_court", "  E"},
		{"toponyme=" + strings.Repeat("a", 201), "toponyme.trop_long", "  E"},
		{"toponyme=\ufffdglise", "toponyme.caractere_invalide", "  E"},
		{"toponyme=RUE HAUTE", "toponyme.casse_incorrecte", "  W"},
		{"toponyme=", "row.adresse_incomplete", "  E"},
		{"numero=", "numero.valeur_manquante", "EEE"},
		{"numero=12bis", "numero.type_invalide", "EEE"},
		{"numero=-7", "numero.type_invalide", "EEE"},
		{"numero=100000", "numero.trop_grand", "EEE"},
		{"numero=012", "numero.contient_prefixe", "EEE"},
		{"numero=0", "numero.not_to_be_zero", "WWW"},
		{"numero= 12", "numero.espaces_debut_fin", "WWW"},
		{"suffixe=-b", "suffixe.debut_invalide", "EEE"},
		{"suffixe=abcdefghij", "suffixe.trop_long", "EEE"},
		{"suffixe=a-b", "suffixe.caractere_invalide", "WWW"},
		{"suffixe=bis ", "suffixe.espaces_debut_fin", "EEE"},
		{"commune_insee=99001", "commune_insee.commune_invalide", "EEE"},
		{"commune_insee=75056", "commune_insee.commune_invalide", "EEE"}, // Paris has arrondissements
		{"commune_insee=01340", "commune_insee.commune_ancienne", "WWW"},
		{"commune_insee=", "commune_insee.valeur_manquante", "EEE"},
		{"commune_insee=39013 ", "commune_insee.espaces_debut_fin", "EEE"},
		{"commune_nom=Arbais", "row.commune_nom_invalide", "WWW"},
		{"commune_nom=ARBOIS", "commune_nom.casse_incorrecte", "WWW"},
		{"commune_deleguee_insee=01340", "row.chef_lieu_invalide", "WWW"},
		{"commune_deleguee_insee=39013", "row.chef_lieu_invalide", "---"},
		{"commune_deleguee_insee=99999", "commune_deleguee_insee.commune_invalide", "WWW"},
		{"lieudit_complement_nom=R. des tilleuls", "row.voie_nom_have_same_lieudit_complement_nom", "WWW"},
		{"lieudit_complement_nom=Les Granges", "row.lieudit_complement_nom_not_declared", "WWW"},
		{"x=911128,81", "x.separateur_decimal_invalide", "EEE"},
		{"y=6 648 477", "y.valeur_invalide", "EEE"},
		{"long=5,7741", "long.separateur_decimal_invalide", "EEE"},
		{"lat=+46.9", "lat.valeur_invalide", "EEE"},
		{"lat=4e1", "lat.valeur_invalide", "EEE"},
		{"long=", "row.longlat_vides", "EEE"},
		{"long=; numero=99999; position=", "row.longlat_vides", "---"},
		{"long=46.9031; lat=5.7741", "row.longlat_invalides", "EEE"},
		{"x=911148.81", "row.longlat_xy_incoherents", "WWW"},
		{"x=911137.81", "row.longlat_xy_incoherents", "---"},
		{"position=Entree", "position.enum_fuzzy", "WWW"},
		{"position=cage d'escalier", "position.enum_fuzzy", "WWW"},
		{"position=ici", "position.valeur_invalide", "WWW"},
		{"position=", "row.position_manquante", "WWW"},
		{"cad_parcelles=A 112", "cad_parcelles.valeur_invalide", "WWW"},
		{"cad_parcelles=|390130000A00112", "cad_parcelles.pipe_debut_fin", "WWW"},
		{"source=", "source.valeur_manquante", "WWW"},
		{"date_der_maj=", "date_der_maj.valeur_manquante", "WWW"},
		{"date_der_maj=03/09/2024", "date_der_maj.date_invalide", "EEE"},
		{"date_der_maj=2024-02-30", "date_der_maj.date_invalide", "EEE"},
		{"date_der_maj=2009-12-31", "date_der_maj.date_ancienne", "WWW"},
		{"date_der_maj=2999-01-01", "date_der_maj.date_future", "WWW"},
		{"certification_commune=oui", "certification_commune.valeur_invalide", "WWW"},
		{"cle_interop=39013_0150_00013", "row.incoherence_numero", "EE "},
		{"cle_interop=; commune_insee=", "row.commune_manquante", "EE "},
		{"commune_insee=", "row.commune_manquante", "--E"},
	} {
		for i, profile := range []string{"1.3", "1.4", "1.5"} {
			if c.grades[i] == ' ' {
				continue
			}
			rep := judgeAddresses(t, balSchema(t, profile), "", c.row)
			if got, want := has(rep, c.alert), c.grades[i:i+1]; got != want {
				t.Errorf("%s, %s: %s is %s, want %s\n%+v\n%+v", profile, c.row, c.alert, got, want, rep.Errors, rep.Warnings)
			}
			if bad := has(rep, c.alert) == "E"; bad && (rep.Valid || rep.Stats.Rejected != 1) {
				t.Errorf("%s, %s: %+v", profile, c.row, rep.Stats)
			}
		}
	}
}

func TestBAL_AGoodAddressHasNoAlert(t *testing.T) {
	for _, profile := range []string{"1.3", "1.4", "1.5"} {
		if rep := judgeAddresses(t, balSchema(t, profile), "", ""); !rep.Valid || rep.Stats.Warnings != 0 || rep.Stats.Accepted != 1 {
			t.Errorf("%s: %+v %+v", profile, rep.Errors, rep.Warnings)
		}
	}
}

func TestBAL_AbsentColumnsByProfile(t *testing.T) {
	grades := map[string]string{"numero": "EEE", "commune_insee": "EEE", "long": "EEE", "lat": "EEE", "voie_nom": "EE ", "toponyme": "  E", "id_ban_commune": " WE", "id_ban_toponyme": " WE",
		"id_ban_adresse": " WE", "cle_interop": "WW ", "position": "WWW", "x": "WWW", "source": "WWW", "date_der_maj": "WWW", "certification_commune": "WWW", "suffixe": "WWW", "commune_nom": "WWW"}
	for column, by := range grades {
		for i, profile := range []string{"1.3", "1.4", "1.5"} {
			if by[i] == ' ' {
				continue
			}
			rep := judgeAddresses(t, balSchema(t, profile), column, "")
			if got := has(rep, "field."+column+".missing"); got != by[i:i+1] {
				t.Errorf("%s without %s: %s, want %c", profile, column, got, by[i])
			}
		}
	}
}

func TestBAL_AlertsOfTheWholeTable(t *testing.T) {
	noID := "id_ban_commune=; id_ban_toponyme=; id_ban_adresse="
	other := "; id_ban_adresse=94e8b2a7-3d60-4f1c-b985-07c2e6a41f5d; cle_interop=39013_0150_00014; numero=14"
	for _, c := range []struct {
		alert, want string
		rows        []string
	}{
		{"rows.empty", "E", nil},
		{"rows.every_line_required_id_ban", "E", []string{"", noID}},
		{"rows.every_line_required_id_ban", "-", []string{noID, noID}},
		{"rows.multi_id_ban_commune", "E", []string{"", "id_ban_commune=0d93c6e5-4f17-4ab2-8c60-e51b7a29f384" + other}},
		{"rows.multi_id_ban_commune", "-", []string{"", other}},
		{"row.different_voie_nom_with_same_id_ban_toponyme", "W", []string{"", "voie_nom=Rue Basse" + other}},
		{"row.different_voie_nom_with_same_id_ban_toponyme", "-", []string{"", "voie_nom=R. DES TILLEULS" + other}},
		{"row.different_id_ban_toponyme_with_same_voie_nom", "W", []string{"", "id_ban_toponyme=0d93c6e5-4f17-4ab2-8c60-e51b7a29f384" + other}},
		{"row.different_adresse_with_same_id_ban_adresse", "W", []string{"", "numero=14; cle_interop=39013_0150_00014"}},
		{"row.different_id_ban_adresses_with_same_adresse", "W", []string{"", "id_ban_adresse=94e8b2a7-3d60-4f1c-b985-07c2e6a41f5d"}},
		{"row.lieudit_complement_nom_not_declared", "-", []string{"lieudit_complement_nom=Les Granges", "voie_nom=Les Granges; numero=99999; cle_interop=39013_b014_99999; id_ban_adresse="}},
	} {
		rep := judgeAddresses(t, balSchema(t, "1.4"), "", c.rows...)
		if got := has(rep, c.alert); got != c.want {
			t.Errorf("%q: %s is %s, want %s\n%+v\n%+v", c.rows, c.alert, got, c.want, rep.Errors, rep.Warnings)
		}
	}
}

func TestBAL_TheFileItselfIsJudged(t *testing.T) {
	s := balSchema(t, "1.4")
	for _, c := range []struct {
		info  SourceInfo
		alert string
	}{
		{SourceInfo{Format: "csv", Encoding: "utf-8", Delimiter: ";", LineBreak: "crlf"}, ""},
		{SourceInfo{Format: "csv", Encoding: "windows-1252", Delimiter: ";"}, "file.encoding.non_standard"},
		{SourceInfo{Format: "csv", Encoding: "utf-8", Delimiter: ","}, "file.delimiter.non_standard"},
		{SourceInfo{Format: "csv", Encoding: "utf-8", Delimiter: ";", LineBreak: "cr"}, "file.linebreak.non_standard"},
		{SourceInfo{Format: "xlsx"}, "file.encoding.non_standard"},
	} {
		rep, checker := NewReport(s), s.NewChecker()
		rep.Max = 1
		checker.Begin([]string{"numero", "commune_insee", "voie_nom", "long"}, rep) // no lat: one error, and the report is full
		checker.Source(c.info, rep)
		if c.alert == "" && (len(rep.Errors) != 1 || rep.Stats.Errors != 1) || c.alert != "" && (rep.Errors[0].Type != c.alert || rep.Stats.Errors != 2) {
			t.Errorf("%+v: %+v", c.info, rep.Errors)
		}
	}
}

func TestBAL_ValuesAreTrimmedAndTyped(t *testing.T) {
	s := balSchema(t, "1.4")
	rep, c := NewReport(s), s.NewChecker()
	labels := []string{"numero", "voie_nom", "commune_insee", "long", "lat", "position", "date_der_maj", "certification_commune"}
	c.Begin(labels, rep)
	var in Block
	var out Batch
	in.Reset(len(labels))
	record := func(cells ...string) {
		var list [][]byte
		for _, cell := range cells {
			list = append(list, []byte(cell))
		}
		in.AppendRecord(int64(in.Rows+2), int64(in.Rows+2), list...)
	}
	record(" 12 ", "\u00a0Rue Haute", "39013", "5.7741", "46.9031", "ici", "2024-09-03", "oui")
	record("")
	record("", "", "", "", "", "", "", "")
	c.Check(&in, &out, rep)
	text := func(name string) string { return string(out.TextAt(s.Field(name), 0)) }
	if out.Rows != 1 || out.Columns[s.Field("numero")].Ints[0] != 12 || text("numero") != "12" || text("voie_nom") != "Rue Haute" || text("position") != "ici" ||
		out.Columns[s.Field("certification_commune")].Valid[0] || out.Columns[s.Field("date_der_maj")].Ints[0] != 19969 {
		t.Errorf("%d rows: numero %q, voie_nom %q, position %q, %+v", out.Rows, text("numero"), text("voie_nom"), text("position"), rep.Errors)
	}
	if has(rep, "blank-row") != "E" || len(out.Rejects) != 2 || rep.Stats.Errors != 1 {
		t.Errorf("an empty line is left out without fault, a row of empty cells is an error: %+v", rep.Errors)
	}
}

func TestBAL_ManyWarningsAreCountedAndFewAreDetailed(t *testing.T) {
	s := balSchema(t, "1.3")
	rows := slices.Repeat([]string{"source="}, 3000)
	rep := judgeAddresses(t, s, "", rows...)
	if !rep.Valid || rep.Stats.Warnings != 3000 || len(rep.Warnings) != balWarningsKept+1 || !strings.Contains(rep.Warnings[balWarningsKept].Message, "2\u202f980") {
		t.Errorf("%d warnings of %d: %+v", len(rep.Warnings), rep.Stats.Warnings, rep.Warnings[len(rep.Warnings)-1])
	}
}

func TestBAL_RegionalNamesAreJudgedAndOnlyWarn(t *testing.T) {
	s := balSchema(t, "1.4")
	rep, c := NewReport(s), s.NewChecker()
	labels := []string{"numero", "voie_nom", "voie_nom_bre", "voie_nom_xyz", "commune_insee", "long", "lat"}
	c.Begin(labels, rep)
	var in Block
	var out Batch
	in.Reset(len(labels))
	in.AppendRecord(2, 2, []byte("1"), []byte("Rue Haute"), []byte("-"), []byte("-"), []byte("39013"), []byte("5.7741"), []byte("46.9031"))
	c.Check(&in, &out, rep)
	if has(rep, "voie_nom_bre.trop_court") != "W" || has(rep, "voie_nom_xyz.trop_court") != "-" || rep.Stats.Errors != 0 {
		t.Errorf("%+v %+v", rep.Errors, rep.Warnings)
	}
}

func TestBALProfile_ReadsTheHeader(t *testing.T) {
	for want, labels := range map[string]string{"1.3": "cle_interop voie_nom id_ban_commune", "1.4": "id_ban_commune id_ban_toponyme id_ban_adresse voie_nom",
		"1.5": "toponyme id_ban_adresse id_ban_commune id_ban_toponyme"} {
		if got := BALProfile(strings.Fields(labels)); got != want {
			t.Errorf("%s: %s, want %s", labels, got, want)
		}
	}
}

func TestBAL_ASchemaWithUnknownRulesIsRefused(t *testing.T) {
	if _, err := ParseTable("a/b@1", []byte(`{"rules": "bal/9", "fields": [{"name": "numero", "type": "integer"}]}`)); err == nil {
		t.Error("accepted")
	}
	s := balSchema(t, "1.4").WithoutRules()
	if rep := judgeAddresses(t, s, "", "commune_insee=99001"); !rep.Valid {
		t.Errorf("the Table Schema knows no list of communes: %+v", rep.Errors)
	}
}

func TestBAL_OfficialFilesGetTheirVerdict(t *testing.T) {
	const samples = "../../shared/samples/bal"
	if _, err := os.Stat(samples); err != nil {
		t.Skipf("SKIPPED: %s is not here", samples)
	}
	// By profile 1.3, 1.4, 1.5, as the national validator 3.5.2 says.
	for file, want := range map[string]string{"1.3-not-valid-multi-commune.csv": "---", "1.4-bad-id-ban-adresse.csv": "v--", "1.4-valid.csv": "vv-", "aliases.csv": "---",
		"locales.csv": "---", "sample.csv": "---", "without_row.csv": "---"} {
		for i, profile := range []string{"1.3", "1.4", "1.5"} {
			if rep := checkCSV(t, balSchema(t, profile), filepath.Join(samples, file)); rep.Valid != (want[i] == 'v') {
				t.Errorf("%s under %s: valid = %v: %+v", file, profile, rep.Valid, rep.Errors)
			}
		}
	}
}

// The coordinates are those that proj4 gives with the parameters of each projection.
func TestProjection_IsTheLegalOneOfEachTerritory(t *testing.T) {
	for _, c := range []struct{ lon, lat, x, y float64 }{
		{3, 46.5, 700000, 6600000},
		{1.028392, 43.111637, 539416.16, 6225601.16},
		{-61, 14.6, 715447.88, 1615033.12},
		{-61.5, 16.25, 660301.83, 1797176.58},
		{-52.3, 4.9, 355855.44, 541750.16},
		{55.5, -21.1, 344197.58, 7666050.71},
		{45.15, -12.8, 516279.15, 8584976.63},
		{-56.2, 46.8, 561046.92, 5183249.91},
		{166.5, -22.2, 451556.68, 222414},
		{-151.4, -16.7, 670596.45, 8152947.36},
		{-149.5, -17.6, 234683.91, 8052317},
		{-140.1, -8.9, 598953.51, 9016083.27},
		{-134.97, -23.1, 503072.18, 7445409.88},
		{-176.2, -13.3, 586653.71, 8529531.75},
	} {
		p := projectionAt(c.lon, c.lat)
		if p == nil {
			t.Errorf("%v, %v is nowhere", c.lon, c.lat)
			continue
		}
		if x, y := p.project(c.lon, c.lat); math.Hypot(x-c.x, y-c.y) > 0.02 {
			t.Errorf("%v, %v = %.2f, %.2f, want %.2f, %.2f", c.lon, c.lat, x, y, c.x, c.y)
		}
	}
	if projectionAt(-0.12, 60) != nil || projectionAt(math.NaN(), 46) != nil {
		t.Error("a point outside the territory has a projection")
	}
}

func TestBAL_AGoodRowAllocatesNothing(t *testing.T) {
	s := balSchema(t, "1.4")
	in, out, c, rep := balBlock(s)
	c.Check(in, out, rep)
	if n := testing.AllocsPerRun(20, func() { c.Check(in, out, rep) }); n > 8 {
		t.Errorf("%v allocations a block of %d rows", n, in.Rows)
	}
}

func balBlock(s *Schema) (*Block, *Batch, *Checker, *Report) {
	in, labels := &Block{}, []string{}
	for i := range s.Fields {
		labels = append(labels, s.Fields[i].Name)
	}
	in.Reset(len(labels))
	for r := range 1000 {
		var cells [][]byte
		for _, l := range labels {
			cells = append(cells, []byte(balGood[l]))
		}
		in.AppendRecord(int64(r+2), int64(r+2), cells...)
	}
	c, rep := s.NewChecker(), NewReport(s)
	c.Begin(labels, rep)
	return in, &Batch{}, c, rep
}

func BenchmarkBAL(b *testing.B) {
	s, err := National().Lookup("etalab/schema-bal@1.4.0")
	if err != nil {
		b.Fatal(err)
	}
	for name, s := range map[string]*Schema{"rules": s, "table": s.WithoutRules()} {
		b.Run(name, func(b *testing.B) {
			in, out, c, rep := balBlock(s)
			start := time.Now()
			for b.Loop() {
				c.Check(in, out, rep)
			}
			b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(b.N*in.Rows), "ns/row")
			b.SetBytes(int64(len(bytes.Clone(in.Data))))
		})
	}
}

// Whatever the cells are, a row is judged: it is accepted or refused with a reason, and its text lies within the block.
func FuzzBAL(f *testing.F) {
	for _, s := range []string{"39013_0150_00012;39013;Arbois;Rue des Tilleuls;12;bis;entrée;5.7741;46.9031;911128.81;6648477.47;390130000A00112;2024-09-03;1",
		"_;2a004;\u00a0;_\ufffd_;0٣;-;ENTRÉE ;-;+1;1,5;|;2024-02-30;x", "@c:@v:@a:;;;;;;;;;;;;;", "A_\xff_00000;75056;É;Œ;99999;é;cage d'escalier;-61;14.6;0;0;|||;0000-00-00;0"} {
		f.Add(s)
	}
	s, err := National().Lookup("etalab/schema-bal@1.3.0")
	if err != nil {
		f.Fatal(err)
	}
	labels := strings.Fields("cle_interop commune_insee commune_nom voie_nom numero suffixe position long lat x y cad_parcelles date_der_maj certification_commune uid_adresse lieudit_complement_nom")
	f.Fuzz(func(t *testing.T, line string) {
		rep, c := NewReport(s), s.NewChecker()
		c.Begin(labels, rep)
		var in Block
		var out Batch
		in.Reset(len(labels))
		var cells [][]byte
		for cell := range strings.SplitSeq(line, ";") {
			cells = append(cells, []byte(cell))
		}
		in.AppendRecord(2, 2, cells...)
		in.AppendRecord(3, 3, cells...)
		c.Check(&in, &out, rep)
		c.End(rep)
		rep.Finish()
		if out.Rows+len(out.Rejects) != 2 || out.Rows == 1 {
			t.Errorf("%d accepted, %d refused", out.Rows, len(out.Rejects))
		}
		for _, r := range out.Rejects {
			if len(r.Issues) == 0 || r.Issues[0].Message == "" {
				t.Errorf("refused without reason: %+v", r)
			}
		}
		for i := range out.Columns {
			for r := range out.Rows {
				out.TextAt(i, r)
			}
		}
		for _, i := range slices.Concat(rep.Errors, rep.Warnings) {
			if i.Message == "" || strings.Contains(i.Message, "%!") || strings.Contains(i.Hint, "%!") {
				t.Errorf("%+v", i)
			}
		}
	})
}
