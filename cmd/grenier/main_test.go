package main

import (
	"slices"
	"testing"
)

func TestDoctorsData_AsksForTheFilesUnlessAFolderFollows(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{[]string{"doctor", "--data"}, []string{"doctor", "--read-data"}},
		{[]string{"doctor", "--data", "--json"}, []string{"doctor", "--read-data", "--json"}},
		{[]string{"doctor", "--data", "dossier"}, []string{"doctor", "--data", "dossier"}},
		{[]string{"--data", "dossier", "doctor", "--data"}, []string{"--data", "dossier", "doctor", "--read-data"}},
		{[]string{"harvest", "--data"}, []string{"harvest", "--data"}},
	} {
		if got := doctorsData(c.args); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.args, got, c.want)
		}
	}
}
