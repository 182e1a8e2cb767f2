// Package connectors is the list of connectors, one per line.
package connectors

import (
	"grenier/harvest"
	"grenier/harvest/folder"
	"grenier/harvest/http"
)

// All is every connector of the program.
var All = harvest.Connectors{
	folder.Kind,
	http.Kind,
}
