package harvest

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The types of options, as pages and `grenier connectors` show them.
const (
	textOption     = "texte"
	numberOption   = "nombre"
	boolOption     = "oui/non"
	durationOption = "durée"
	listOption     = "liste"
	tableOption    = "table"  // free keys, each with a value
	groupOption    = "groupe" // keys of its own, listed after it as "pages.next"
	freeOption     = "libre"  // any JSON value
)

// Define makes a Kind from a typed configuration C: a struct with `json` and `help` tags (help is French and compulsory; `required:"true"`
// and `secret:"true"` are optional). Unknown keys in the configuration, missing required ones and wrong types are errors in French
// that name the key; they are Permanent and unwrap to a FaultList. A C without help on a field is a programmer's error: it panics
// at start-up.
//
// Fields may be texts, numbers, truth values, time.Duration ("30s"), whatever reads itself from text or JSON, and pointers, slices,
// maps by text and structs of these; an embedded struct lends its keys. As a recipe fills texts only, a number or a truth
// value may come as text, and one text stands for a list of one.
func Define[C any](name, title string, open func(C, Env) (Source, error)) Kind {
	options := describe(name, reflect.TypeFor[C](), "", nil)
	return Kind{
		Name: name, Title: title, Options: options,
		Open: func(config json.RawMessage, env Env) (Source, error) {
			var c C
			if err := decodeConfig(config, options, reflect.ValueOf(&c).Elem()); err != nil {
				return nil, Permanent(Say("La configuration de la source est incorrecte\u00a0: "+strings.ReplaceAll(err.Error(), "\n", "\u00a0; ")+". Rien n’a été lu\u00a0; corrigez la recette ou les paramètres.", err))
			}
			return open(c, env)
		},
	}
}

// describe lists the options of a configuration struct, each group before its own keys.
func describe(kind string, t reflect.Type, prefix string, options []Option) []Option {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("harvest: configuration of connector %s is a %s, not a struct", kind, t))
	}
	for f := range t.Fields() {
		key, ok := configKey(f)
		switch {
		case !ok:
			continue
		case key == "": // embedded
			options = describe(kind, f.Type, prefix, options)
			continue
		case f.Tag.Get("help") == "":
			panic(fmt.Sprintf("harvest: connector %s: option %s%s has no help", kind, prefix, key))
		}
		o := Option{
			Name: prefix + key, Type: optionType(f.Type), Help: f.Tag.Get("help"),
			Required: f.Tag.Get("required") == "true", Secret: f.Tag.Get("secret") == "true",
		}
		if o.Type == "" {
			panic(fmt.Sprintf("harvest: connector %s: option %s is a %s, which no configuration can hold", kind, o.Name, f.Type))
		}
		if slices.ContainsFunc(options, func(p Option) bool { return p.Name == o.Name }) {
			panic(fmt.Sprintf("harvest: connector %s: option %s is declared twice", kind, o.Name))
		}
		options = append(options, o)
		if o.Type == groupOption {
			options = describe(kind, direct(f.Type), o.Name+".", options)
		}
		if e := direct(f.Type); o.Type == listOption && optionType(e.Elem()) == groupOption {
			options = describe(kind, direct(e.Elem()), o.Name+".", options)
		}
	}
	return options
}

// configKey is the JSON key of a field, "" for an embedded struct. It is false for a field that no configuration reaches.
func configKey(f reflect.StructField) (string, bool) {
	tag, has := f.Tag.Lookup("json")
	key, _, _ := strings.Cut(tag, ",")
	switch {
	case f.Anonymous && !has && f.Type.Kind() == reflect.Struct:
		return "", true
	case !f.IsExported() || key == "-":
		return "", false
	case key == "":
		panic("harvest: configuration field " + f.Name + " has no json tag")
	}
	return key, true
}

// direct is t without its pointers.
func direct(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// optionType names the type of an option; "" is a type that cannot be one.
func optionType(t reflect.Type) string {
	t = direct(t)
	p := reflect.PointerTo(t)
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return durationOption
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()) || t.Kind() == reflect.Interface:
		return freeOption
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return textOption
	}
	switch t.Kind() {
	case reflect.String:
		return textOption
	case reflect.Bool:
		return boolOption
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16,
		reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return numberOption
	case reflect.Slice:
		if optionType(t.Elem()) != "" {
			return listOption
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && optionType(t.Elem()) != "" {
			return tableOption
		}
	case reflect.Struct:
		return groupOption
	}
	return ""
}

// decodeConfig reads a filled configuration into v. The error is a FaultList.
func decodeConfig(config json.RawMessage, options []Option, v reflect.Value) error {
	values := map[string]any{}
	if len(bytes.TrimSpace(config)) > 0 {
		d := json.NewDecoder(bytes.NewReader(config))
		d.UseNumber()
		if err := d.Decode(&values); err != nil {
			return FaultList{"la configuration n’est pas un objet JSON"}
		}
	}
	var faults FaultList
	for _, f := range checkOptions(options, values, false) {
		faults = append(faults, f.path.String()+"\u00a0: "+f.text)
	}
	if len(faults) == 0 {
		faults = fillStruct(values, v, nil, nil)
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// fillStruct sets the fields of v from checked values.
func fillStruct(values map[string]any, v reflect.Value, path yamlPath, faults FaultList) FaultList {
	for f := range v.Type().Fields() {
		key, ok := configKey(f)
		if !ok {
			continue
		}
		field := v.FieldByIndex(f.Index)
		if key == "" {
			faults = fillStruct(values, field, path, faults)
			continue
		}
		if value := values[key]; value != nil {
			faults = fillValue(value, field, path.and(key), faults)
		}
	}
	return faults
}

// fillValue sets v from a value of JSON, which checkOptions found to be of the right type.
func fillValue(value any, v reflect.Value, path yamlPath, faults FaultList) FaultList {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return fillValue(value, v.Elem(), path, faults)
	}
	var err error
	switch optionType(v.Type()) {
	case groupOption:
		return fillStruct(value.(map[string]any), v, path, faults)
	case listOption:
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i, x := range list {
			faults = fillValue(x, v.Index(i), path.and(i), faults)
		}
		return faults
	case tableOption:
		v.Set(reflect.MakeMap(v.Type()))
		for k, x := range value.(map[string]any) {
			element := reflect.New(v.Type().Elem()).Elem()
			faults = fillValue(x, element, path.and(k), faults)
			v.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), element)
		}
		return faults
	case freeOption:
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			err = json.Unmarshal(text, v.Addr().Interface())
		}
	case durationOption:
		var d time.Duration
		d, err = time.ParseDuration(scalarText(value))
		v.SetInt(int64(d))
	case boolOption:
		v.SetBool(scalarText(value) == "true" || scalarText(value) == "oui")
	case numberOption:
		err = json.Unmarshal([]byte(scalarText(value)), v.Addr().Interface())
	case textOption:
		if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			err = u.UnmarshalText([]byte(scalarText(value)))
		} else {
			v.SetString(scalarText(value))
		}
	}
	if err != nil { // never with the value: it may be a secret
		faults = append(faults, path.String()+"\u00a0: cette valeur n’est pas acceptée")
	}
	return faults
}

// An optionFault is what is wrong with one option. The text never quotes a secret.
type optionFault struct {
	path yamlPath
	text string
}

// checkOptions judges a connector's configuration against its options. With templates, texts that hold ${…} are taken on trust: they
// are judged again once filled.
func checkOptions(options []Option, values map[string]any, templates bool) []optionFault {
	c := optionCheck{options: options, templates: templates}
	c.group("", values, nil)
	return c.faults
}

type optionCheck struct {
	options   []Option
	templates bool
	faults    []optionFault
}

func (c *optionCheck) add(path yamlPath, format string, args ...any) {
	c.faults = append(c.faults, optionFault{path, fmt.Sprintf(format, args...)})
}

// group judges the values whose options' names begin with prefix.
func (c *optionCheck) group(prefix string, values map[string]any, path yamlPath) {
	var names []string
	for _, o := range c.options {
		name, ok := strings.CutPrefix(o.Name, prefix)
		if !ok || strings.Contains(name, ".") {
			continue
		}
		names = append(names, name)
		value := values[name]
		switch {
		case !emptyValue(value):
			c.value(o, value, path.and(name))
		case o.Required:
			c.add(path.and(name), "cette option est obligatoire (%s)", strings.TrimSuffix(o.Help, "."))
		}
	}
	for _, key := range sortedKeys(values) {
		if !slices.Contains(names, key) {
			c.add(path.and(key), "option inconnue%s", proposal(key, names))
		}
	}
}

// value judges one value that is there.
func (c *optionCheck) value(o Option, value any, path yamlPath) {
	text, scalar := value.(string)
	if c.templates && scalar && strings.Contains(text, "${") {
		return
	}
	switch o.Type {
	case groupOption:
		if m, ok := value.(map[string]any); ok {
			c.group(o.Name+".", m, path)
			return
		}
	case listOption:
		c.list(o, value, path)
		return
	case tableOption:
		if m, ok := value.(map[string]any); ok {
			c.table(m, path)
			return
		}
	case freeOption:
		return
	default:
		if accepts(o.Type, value) {
			c.secret(o, scalarText(value), path)
			return
		}
	}
	c.add(path, "attend %s", optionNouns[o.Type])
}

// list judges each element of a list, or the one value that stands for it.
func (c *optionCheck) list(o Option, value any, path yamlPath) {
	elements, ok := value.([]any)
	if !ok {
		elements = []any{value}
	}
	grouped := slices.ContainsFunc(c.options, func(p Option) bool { return strings.HasPrefix(p.Name, o.Name+".") })
	for i, e := range elements {
		at := path
		if ok {
			at = path.and(i)
		}
		m, isMap := e.(map[string]any)
		_, isList := e.([]any)
		switch {
		case grouped && isMap:
			c.group(o.Name+".", m, at)
		case grouped || isMap || isList || e == nil:
			c.add(at, "valeur inattendue dans cette liste")
		default:
			c.secret(o, scalarText(e), at)
		}
	}
}

// table judges the values of a table, which are all scalars.
func (c *optionCheck) table(values map[string]any, path yamlPath) {
	for _, key := range sortedKeys(values) {
		switch values[key].(type) {
		case map[string]any, []any:
			c.add(path.and(key), "attend un texte")
		}
	}
}

// secret refuses a secret that is written out instead of referred to.
func (c *optionCheck) secret(o Option, text string, path yamlPath) {
	if o.Secret && !strings.HasPrefix(text, "file:") && !strings.HasPrefix(text, "env:") {
		c.add(path, "un secret ne s’écrit pas ici\u00a0: indiquez où le lire, «\u00a0file:CHEMIN\u00a0» ou «\u00a0env:VARIABLE\u00a0»")
	}
}

var optionNouns = map[string]string{
	textOption: "un texte", numberOption: "un nombre", boolOption: "oui ou non (true, false)", durationOption: "une durée avec son unité, comme «\u00a030s\u00a0» ou «\u00a05m\u00a0»",
	tableOption: "des clés et leurs valeurs", groupOption: "un groupe de clés",
}

// accepts tells whether a scalar can be read as the given type of option.
func accepts(kind string, value any) bool {
	text := scalarText(value)
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	switch kind {
	case numberOption:
		_, err := strconv.ParseFloat(text, 64)
		return err == nil && json.Valid([]byte(text))
	case boolOption:
		return text == "true" || text == "false" || text == "oui" || text == "non"
	case durationOption:
		d, err := time.ParseDuration(text)
		return err == nil && d >= 0
	}
	return true
}

// scalarText is a scalar of JSON as text.
func scalarText(value any) string {
	switch x := value.(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

func emptyValue(value any) bool {
	switch x := value.(type) {
	case nil:
		return true
	case string:
		return x == ""
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}
