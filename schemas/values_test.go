package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestParseDate_AgreesWithTheCalendar(t *testing.T) {
	for d := time.Date(1899, 12, 25, 0, 0, 0, 0, time.UTC); d.Year() < 2105; d = d.AddDate(0, 0, 1) {
		got, ok := parseDate([]byte(d.Format(time.DateOnly)))
		if want := d.Unix() / 86400; !ok || got != want {
			t.Fatalf("%s: got %d %v, want %d", d.Format(time.DateOnly), got, ok, want)
		}
		if back := string(appendDate(nil, got)); back != d.Format(time.DateOnly) {
			t.Fatalf("%s came back as %s", d.Format(time.DateOnly), back)
		}
	}
}

func TestDecimal_OrdersAndKeysLikeExactFractions(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		sign := rapid.SampledFrom([]string{"", "-", "+"}).Draw(t, "sign")
		whole := rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "whole")
		part := rapid.SampledFrom([]string{"", ".", ".0", ".5", ".50", ".000000000000000000001"}).Draw(t, "part")
		return sign + whole + part + rapid.SampledFrom([]string{"", "e2", "E-3"}).Draw(t, "exponent")
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		x, y := numberOf(t, a), numberOf(t, b)
		rx, _ := new(big.Rat).SetString(a)
		ry, _ := new(big.Rat).SetString(b)
		if got, want := compareNumbers(x, y), rx.Cmp(ry); got != want {
			t.Fatalf("compare(%s, %s) = %d, want %d", a, b, got, want)
		}
		same := string(parseDecimal([]byte(a), nil).appendKey(nil)) == string(parseDecimal([]byte(b), nil).appendKey(nil))
		if want := rx.Cmp(ry) == 0; same != want {
			t.Fatalf("keys of %s and %s: same is %v, want %v", a, b, same, want)
		}
		if f, _ := rx.Float64(); x.f != f {
			t.Fatalf("%s read as %v, want %v", a, x.f, f)
		}
	})
}

func numberOf(t *rapid.T, s string) number {
	f, ok := parseNumber([]byte(s))
	if !ok {
		t.Fatalf("%s was refused", s)
	}
	return number{f, []byte(s)}
}

func TestParseJSON_KeepsNumbersAndRefusesWhatIsUnsafe(t *testing.T) {
	v, err := parseJSON([]byte(` {"id": 12345678901234567890, "n": 1.50, "s": "\u00e9\ud83d\ude00\n", "l": [true, null]} `))
	want := map[string]any{"id": json.Number("12345678901234567890"), "n": json.Number("1.50"), "s": "é😀\n", "l": []any{true, nil}}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("got %v, %v", v, err)
	}
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for src, want := range map[string]error{`{"a":1,"a":2}`: errDuplicate{"a"}, deep: errDepth, "1e400": errNumber, "1e999999999999": errNumber,
		strings.Repeat("9", 2000): errNumber, "NaN": errSyntax, "Infinity": errSyntax, "01": errSyntax, `"a`: errSyntax, "": errSyntax, "[1,]": errSyntax} {
		if _, err := parseJSON([]byte(src)); !errors.Is(err, want) {
			t.Errorf("%.20s: got %v, want %v", src, err, want)
		}
	}
	if _, err := parseJSON([]byte("1 2")); err == nil {
		t.Error("text after the value was accepted")
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"é\u00e9",true,null]}`, `"\ud83d\ude00"`, `[[]]`, `{"a":{}}`, "01", `"\x"`, "1.", "{} x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !utf8.Valid(b) {
			return // blocks are UTF-8; broken text is replaced in another way than encoding/json's
		}
		got, err := parseJSON(b)
		var want any
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber()
		wantErr := d.Decode(&want)
		if wantErr == nil && strings.Trim(string(b[d.InputOffset():]), " \t\r\n") != "" {
			return // more than one value: json.Decoder does not say
		}
		var twice errDuplicate
		if errors.As(err, &twice) || errors.Is(err, errDepth) || errors.Is(err, errNumber) {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got %v, encoding/json %v", b, err, wantErr)
		}
		if err == nil && fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: got %v, encoding/json %v", b, got, want)
		}
	})
}

func TestKeyTable_FindsEveryKeyAgainWhileItGrows(t *testing.T) {
	table := newKeyTable()
	const n = 50_000
	for i := range n {
		if _, seen := table.add(fmt.Append(nil, i), int64(i)); seen {
			t.Fatalf("key %d was never added", i)
		}
	}
	for i := range n {
		if at, seen := table.add(fmt.Append(nil, i), -1); !seen || at != int64(i) {
			t.Fatalf("key %d: seen %v at %d", i, seen, at)
		}
	}
	if table.n != n {
		t.Errorf("%d keys, want %d", table.n, n)
	}
}
