package publish_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// readNDJSON reads with encoding/json.
func readNDJSON(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error) {
	for i := range s.Fields {
		columns = append(columns, s.Fields[i].Name)
	}
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			return nil, nil, err
		}
		if len(object) != len(columns) {
			return nil, nil, fmt.Errorf("%d members, want %d", len(object), len(columns))
		}
		var row []string
		for _, name := range columns {
			cell := publishtest.Null
			if raw := object[name]; string(raw) != "null" {
				if json.Unmarshal(raw, &cell) != nil {
					cell = string(raw)
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return columns, rows, lines.Err()
}

func TestNDJSON(t *testing.T) { publishtest.Format(t, formatNamed(t, "ndjson"), readNDJSON) }

func TestNDJSON_KeepsNumbersAsTheyWereWritten(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "n", Type: schemas.Number}, schemas.Field{Name: "o", Type: schemas.Object}, schemas.Field{Name: "t", Type: schemas.String})
	for _, c := range []struct{ number, object, text, want string }{
		{"12.50", `{"a": 1}`, `é"\`, `{"n":12.50,"o":{"a":1},"t":"é\"\\"}`},
		{"+5", "{\n}", "a\tb\x01", `{"n":5,"o":{},"t":"a\tb\u0001"}`},
		{".5", "", "", `{"n":0.5,"o":null,"t":null}`},
		{"NaN", "", "007", `{"n":"NaN","o":null,"t":"007"}`},
	} {
		var out bytes.Buffer
		w, err := formatNamed(t, "ndjson").New(&out, s, publish.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteBatch(publishtest.Batch(s, [][]string{{c.number, c.object, c.text}})); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != c.want+"\n" {
			t.Errorf("got %swant %s", got, c.want)
		}
	}
}
