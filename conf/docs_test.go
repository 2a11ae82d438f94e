package conf

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docsPath is written from the sample, whose comments explain each key and whose
// values TestSampleShowsDefaults holds to the defaults.
const docsPath = "../docs/CONFIG.md"

const docsHead = `# Configuration

<!-- Written from dsmproxy.toml by UPDATE_GOLDEN=1 go test ./conf -run TestDocs; don't edit. -->

One file in [TOML](https://toml.io): ` + "`dsmproxy.toml`" + ` of the current directory, or what ` + "`-config`" + ` names. [dsmproxy.toml](../dsmproxy.toml) is a sample of every key. Unknown keys are errors, and ` + "`dsmproxy check`" + ` lists every mistake with its line; ` + "`dsmproxy check -online`" + ` looks at the stores as well; ` + "`dsmproxy init-config`" + ` writes a first file.

Durations are written ` + "`\"250ms\"`, `\"1s\"`, `\"8h\"`, sizes `\"64MiB\"`" + `. Paths are relative to the file. A password is given as ` + "`password`, `password_file` or `password_env`" + `.

**Reload**: "live" keys are taken over by a running proxy on SIGHUP or ` + "`dsmproxy reload`" + `; a file that changes any other is refused as a whole, and the proxy goes on with what it has, until it is restarted.
`

var (
	docsHeader = regexp.MustCompile(`^(?:# )?\[+([a-z_]+)\]+`)
	docsKey    = regexp.MustCompile(`^(# )?([a-z_.]+) = (.*)$`)
)

// docsRow is one key.
type docsRow struct{ key, standard, text string }

// docsSections reads the sample: its headers, the keys below each, and the
// comments above those.
func docsSections(t *testing.T, sample string) (order []string, about map[string]string, rows map[string][]docsRow) {
	t.Helper()
	about, rows = make(map[string]string), make(map[string][]docsRow)
	section, comment := "", ""
	order = append(order, "")
	begun := false // the first paragraph is about the file
	for _, line := range strings.Split(sample, "\n") {
		switch {
		case line == "":
			begun, comment = true, ""
		case !begun:
		case docsHeader.MatchString(line):
			section = docsHeader.FindStringSubmatch(line)[1]
			if !slices.Contains(order, section) {
				order = append(order, section)
				about[section] = comment
			}
			comment = ""
		case docsKey.MatchString(line) && !strings.HasPrefix(line, "#   "):
			m := docsKey.FindStringSubmatch(line)
			key, value := m[2], m[3]
			value, note, _ := strings.Cut(value, " # ")
			text := comment
			if note != "" {
				text = strings.TrimSpace(text + " " + note)
			}
			if m[1] == "" || section == "witness" && (key == "name" || key == "addr") {
				value = "" // what has to be said
			}
			if !slices.ContainsFunc(rows[section], func(r docsRow) bool { return r.key == key }) {
				rows[section] = append(rows[section], docsRow{key, value, text})
			}
			comment = ""
		case strings.HasPrefix(line, "#"):
			text := strings.TrimSpace(strings.TrimPrefix(line, "#"))
			if strings.HasPrefix(line, "#   ") {
				comment += "<br>" + text
			} else {
				comment = strings.TrimSpace(comment + " " + text)
			}
		default:
			t.Fatalf("not understood: %q", line)
		}
	}
	return order, about, rows
}

// TestDocs holds docs/CONFIG.md to the sample, and the sample to the keys that
// exist.
func TestDocs(t *testing.T) {
	sample, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	order, about, rows := docsSections(t, string(sample))
	var b strings.Builder
	b.WriteString(docsHead)
	shown := make(map[string]bool)
	for _, section := range order {
		title := "At the top"
		switch {
		case slices.Contains([]string{"user", "store", "table", "witness"}, section):
			title = "[[" + section + "]]"
		case section != "":
			title = "[" + section + "]"
		}
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		if about[section] != "" {
			fmt.Fprintf(&b, "%s\n\n", about[section])
		}
		b.WriteString("| key | default | reload | |\n|---|---|---|---|\n")
		for _, r := range rows[section] {
			full := strings.TrimPrefix(section+"."+r.key, ".")
			shown[full] = true
			reload := "restart"
			if (Change{Key: full, From: "a", To: "b"}).Live() {
				reload = "live"
			}
			standard := "—"
			if r.standard != "" {
				standard = "`" + r.standard + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.key, standard, reload, strings.ReplaceAll(r.text, "|", `\|`))
		}
	}
	fmt.Fprintf(&b, "\n## Presets\n\n`preset` is one of: %s.\n", strings.Join(Presets(), ", "))

	for _, key := range docsKeys(reflect.TypeFor[Config](), "") {
		// The ways to give a password are explained where it is.
		if base := strings.TrimSuffix(strings.TrimSuffix(key, "_file"), "_env"); !shown[key] && !strings.HasSuffix(base, "password") {
			t.Errorf("the sample does not show %s", key)
		}
	}
	got := b.String()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(docsPath, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what dsmproxy.toml says: UPDATE_GOLDEN=1 go test ./conf -run TestDocs", docsPath)
	}
}

// docsKeys are all keys that exist.
func docsKeys(t reflect.Type, path string) (list []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := strings.TrimPrefix(path+"."+f.Tag.Get("toml"), ".")
		switch {
		case f.Type.Kind() == reflect.Struct:
			list = append(list, docsKeys(f.Type, name)...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			list = append(list, docsKeys(f.Type.Elem(), name)...)
		default:
			list = append(list, name)
		}
	}
	return list
}
