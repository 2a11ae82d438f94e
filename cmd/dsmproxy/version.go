package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// version and commit are set by the linker where the sources have no repository
// around them from which the toolchain could tell (a release's tarball).
var version, commit string

func runVersion(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("version", "[-json]", "Prints the version, the commit it was built from and what it was built with.")
	asJSON := fs.Bool("json", false, "print one object")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument")
	}
	b := programBuild()
	if *asJSON {
		return json.NewEncoder(stdout).Encode(b)
	}
	_, err = fmt.Fprintln(stdout, b)
	return err
}

// buildInfo says where a program comes from. Nothing in it depends on when or
// where it was built: the same sources give the same program.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"commit_time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// describeBuild takes what the linker was told, or else what the toolchain has
// put into the program; info may be nil.
func describeBuild(info *debug.BuildInfo) buildInfo {
	b := buildInfo{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	b.Commit, b.Modified = strings.CutSuffix(commit, "-modified")
	if info != nil {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = cmp.Or(b.Commit, s.Value)
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				b.Modified = b.Modified || s.Value == "true"
			}
		}
		if v := info.Main.Version; v != "(devel)" {
			b.Version = cmp.Or(b.Version, v)
		}
	}
	b.Version = cmp.Or(b.Version, "devel")
	return b
}

// String is "dsmproxy v1.2.3 commit 0123456789ab go1.26 linux/amd64".
func (b buildInfo) String() string {
	s := "dsmproxy " + b.Version
	if b.Commit != "" {
		s += " commit " + b.Commit[:min(12, len(b.Commit))]
	}
	if b.Modified {
		s += "+modified"
	}
	return fmt.Sprintf("%s %s %s/%s", s, b.Go, b.OS, b.Arch)
}

// programBuild is where this program comes from.
var programBuild = sync.OnceValue(func() buildInfo {
	info, _ := debug.ReadBuildInfo()
	return describeBuild(info)
})
