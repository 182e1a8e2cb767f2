package main

import (
	"os"

	"grenier/catalog/dcat"
)

// readOutlines reads the file of the members' outlines; none is nil.
func readOutlines(path string) (*dcat.Outlines, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("territory.outlines : le fichier %s ne peut pas être lu : %s.", path, whyNot(err))
	}
	defer f.Close()
	outlines, err := dcat.ReadOutlines(f)
	if err != nil {
		return nil, usage("territory.outlines : %s : %s.", path, err)
	}
	return outlines, nil
}
