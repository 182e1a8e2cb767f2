package demo

import _ "embed"

// Recipes are the demonstration's recipes, one for each emulated software.
//
//go:embed recettes.yaml
var Recipes []byte
