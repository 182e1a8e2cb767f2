// Package connectors is the list of connectors, one per line.
package connectors

import "grenier/harvest"

// All is every connector of the program.
var All = harvest.Connectors{}
