package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	platform := " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	info := func(version string, settings ...string) *debug.BuildInfo {
		i := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for ; len(settings) > 0; settings = settings[2:] {
			i.Settings = append(i.Settings, debug.BuildSetting{Key: settings[0], Value: settings[1]})
		}
		return i
	}
	for _, c := range []struct {
		name string
		info *debug.BuildInfo
		want string
	}{
		{"nothing is known", nil, "dsmproxy devel"},
		{"no repository", info("(devel)"), "dsmproxy devel"},
		{"a tag", info("v1.2.3", "vcs.revision", "0123456789abcdef", "vcs.modified", "false"), "dsmproxy v1.2.3 commit 0123456789ab"},
		{"a changed tree", info("(devel)", "vcs.revision", "0123456789abcdef", "vcs.modified", "true"), "dsmproxy devel commit 0123456789ab+modified"},
		{"a short commit", info("(devel)", "vcs.revision", "0123"), "dsmproxy devel commit 0123"},
	} {
		if got := describeBuild(c.info).String(); got != c.want+platform {
			t.Errorf("%s: %q, want %q", c.name, got, c.want+platform)
		}
	}
}

func TestVersionJSON(t *testing.T) {
	code, out, _ := call("", "version")
	if code != 0 || !strings.HasPrefix(out, "dsmproxy ") || strings.Count(out, "\n") != 1 {
		t.Errorf("version = %d, %q", code, out)
	}
	code, out, _ = call("", "version", "-json")
	var b buildInfo
	if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 || b.Version == "" || b.Go != runtime.Version() {
		t.Errorf("version -json = %d, %q, %v", code, out, err)
	}
}
