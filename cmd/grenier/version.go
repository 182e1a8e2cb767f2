package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set when a release is built, with -ldflags "-X main.release=1.2.3".
var release string

// version is the release, or the commit that the program was built from.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 10 {
				return "dev-" + s.Value[:10]
			}
		}
	}
	return "dev"
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(t *terminal) error {
	fmt.Fprintf(t.out, "grenier %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
