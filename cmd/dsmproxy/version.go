package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for a release.
var version = ""

func runVersion(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("version", "", "Prints the version and what it was built with.")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument")
	}
	_, err = fmt.Fprintf(stdout, "dsmproxy %s %s %s/%s\n", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// versionName is the release, the module's version, or the commit it was built
// from, whichever is known.
func versionName() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	name := info.Main.Version
	if name == "" || name == "(devel)" {
		name = "devel"
		if commit := settings["vcs.revision"]; len(commit) >= 12 {
			name += "-" + commit[:12]
			if settings["vcs.modified"] == "true" {
				name += "+modified"
			}
		}
	}
	return name
}
