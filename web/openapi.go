package web

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"gopkg.in/yaml.v3"
)

const openAPIPath = "/api/1/openapi.json"

//go:embed openapi.yaml
var openAPIText []byte

// An apiDocument is what this package reads of its own OpenAPI document: what the page /api shows. The document is served whole.
type apiDocument struct {
	Info struct {
		Description string `yaml:"description"`
	} `yaml:"info"`
	Tags       []apiTag             `yaml:"tags"`
	Paths      inOrder[apiPath]     `yaml:"paths"`
	Components map[string]yaml.Node `yaml:"components"`
}

type apiTag struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
}

type apiPath struct {
	Get  *apiOperation `yaml:"get"`
	Post *apiOperation `yaml:"post"`
}

type apiOperation struct {
	ID          string               `yaml:"operationId"`
	Tags        []string             `yaml:"tags"`
	Summary     string               `yaml:"summary"`
	Description string               `yaml:"description"`
	Parameters  []apiParameter       `yaml:"parameters"`
	Responses   inOrder[apiResponse] `yaml:"responses"`
	Examples    []apiExample         `yaml:"x-exemples"`
}

// A methodOperation is an operation with its method.
type methodOperation struct {
	Method string
	*apiOperation
}

func (p apiPath) operations() (all []methodOperation) {
	if p.Get != nil {
		all = append(all, methodOperation{http.MethodGet, p.Get})
	}
	if p.Post != nil {
		all = append(all, methodOperation{http.MethodPost, p.Post})
	}
	return all
}

type apiParameter struct {
	Ref         string `yaml:"$ref"`
	Name        string `yaml:"name"`
	In          string `yaml:"in"`
	Description string `yaml:"description"`
}

type apiResponse struct {
	Ref         string `yaml:"$ref"`
	Description string `yaml:"description"`
}

// An apiExample is an address, or a whole command, of which {names} are filled in from the catalogue.
type apiExample struct {
	Title   string `yaml:"titre"`
	Address string `yaml:"adresse"`
	Command string `yaml:"commande"`
}

// inOrder is a mapping that keeps the order in which it was written.
type inOrder[T any] []named[T]

type named[T any] struct {
	Name  string
	Value T
}

// UnmarshalYAML reads a mapping.
func (o *inOrder[T]) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: no mapping", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		one := named[T]{Name: n.Content[i].Value}
		if err := n.Content[i+1].Decode(&one.Value); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
		*o = append(*o, one)
	}
	return nil
}

// loadOpenAPI reads the document: as this site serves it, and as the page shows it. References to parameters and responses are followed.
func (s *Server) loadOpenAPI() (served []byte, doc *apiDocument, err error) {
	var root yaml.Node
	if err := yaml.Unmarshal(openAPIText, &root); err != nil {
		return nil, nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	doc = &apiDocument{}
	if err := root.Decode(doc); err != nil {
		return nil, nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	if err := doc.resolve(); err != nil {
		return nil, nil, err
	}
	s.sign(root.Content[0])
	var b bytes.Buffer
	if err := writeJSON(&b, &root); err != nil {
		return nil, nil, fmt.Errorf("write openapi.json: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, nil, fmt.Errorf("write openapi.json: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), doc, nil
}

// sign puts the site's own name and address into the document.
func (s *Server) sign(root *yaml.Node) {
	for i := 0; i < len(root.Content); i += 2 {
		value := root.Content[i+1]
		switch root.Content[i].Value {
		case "info":
			set(value, "title", "API : "+s.Site.Name)
			if s.Site.Email != "" {
				contact := &yaml.Node{Kind: yaml.MappingNode}
				set(contact, "name", s.Site.Operator)
				set(contact, "email", s.Site.Email)
				value.Content = append(value.Content, scalar("contact"), contact)
			}
		case "servers":
			set(value.Content[0], "url", s.BaseURL)
		}
	}
}

// set gives a member of a mapping a text.
func set(mapping *yaml.Node, name, text string) {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			mapping.Content[i+1] = scalar(text)
			return
		}
	}
	mapping.Content = append(mapping.Content, scalar(name), scalar(text))
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// writeJSON writes a YAML tree as JSON, in the order in which it was written.
func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	open, shut := byte('['), byte(']')
	switch n.Kind {
	case yaml.DocumentNode:
		return writeJSON(b, n.Content[0])
	case yaml.ScalarNode:
		return writeScalar(b, n)
	case yaml.MappingNode:
		open, shut = '{', '}'
	case yaml.SequenceNode:
	default:
		return fmt.Errorf("line %d: anchors are not read", n.Line)
	}
	b.WriteByte(open)
	for i, child := range n.Content {
		inMapping := n.Kind == yaml.MappingNode
		switch {
		case inMapping && i%2 == 1:
			b.WriteByte(':')
		case i > 0:
			b.WriteByte(',')
		}
		if inMapping && i%2 == 0 {
			child = scalar(child.Value) // names are texts, even 200
		}
		if err := writeJSON(b, child); err != nil {
			return err
		}
	}
	b.WriteByte(shut)
	return nil
}

func writeScalar(b *bytes.Buffer, n *yaml.Node) error {
	var v any
	if err := n.Decode(&v); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	b.Write(text)
	return nil
}

// resolve follows the references to parameters and responses.
func (d *apiDocument) resolve() error {
	for i := range d.Paths {
		for _, op := range d.Paths[i].Value.operations() {
			for j := range op.Parameters {
				if err := d.follow(op.Parameters[j].Ref, &op.Parameters[j]); err != nil {
					return err
				}
			}
			for j := range op.Responses {
				if err := d.follow(op.Responses[j].Value.Ref, &op.Responses[j].Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// follow reads what a reference points to; an empty one is not followed.
func (d *apiDocument) follow(ref string, into any) error {
	if ref == "" {
		return nil
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
	group := d.Components[kind]
	for i := 0; i+1 < len(group.Content); i += 2 {
		if group.Content[i].Value == name {
			return group.Content[i+1].Decode(into)
		}
	}
	return fmt.Errorf("read openapi.yaml: nothing at %s", ref)
}

// openAPI serves the document.
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-cache")
	send(w, r, http.StatusOK, "application/json; charset=utf-8", s.machines.openAPI)
	return nil
}
