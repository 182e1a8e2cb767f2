// Package recipes holds the recipes that ship with the program: data, read by package harvest.
package recipes

import "embed"

// FS is the recipes, each a YAML file named for it.
//
//go:embed *.yaml
var FS embed.FS
