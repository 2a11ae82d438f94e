package conf

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const samplePath = "../dsmproxy.toml"

var commentedKey = regexp.MustCompile(`(?m)^# ([a-z_.]+ = .*)$`)

// TestSampleShowsDefaults parses the sample as it is and with each commented
// key in force: both must be the defaults.
func TestSampleShowsDefaults(t *testing.T) {
	data, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Parse(samplePath, data)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Consistency.Quorum = plain.Consistency.Quorum // what "auto" is with so many stores
	want.Users, want.Stores, want.Tables = plain.Users, plain.Stores, plain.Tables
	if !reflect.DeepEqual(plain, want) {
		t.Errorf("the sample is %+v, want the defaults %+v", plain, want)
	}
	// What is commented out as a whole, at the end, has no defaults.
	own, _, found := bytes.Cut(data, []byte("\n# [["))
	if !found {
		t.Fatal("the sample shows no witness")
	}
	full := commentedKey.ReplaceAll(own, []byte("$1"))
	// Whoever gives a store a user gives a password; the sample does neither.
	all, err := Parse(samplePath, full)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(all, plain) {
		t.Errorf("with each commented key the sample is %+v, want %+v", all, plain)
	}
}

// TestSampleHasEveryKey walks the structs and looks each key up in the sample.
func TestSampleHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	header := ""
	for line := range strings.Lines(string(data)) {
		if s := strings.TrimPrefix(strings.TrimSpace(line), "# "); strings.HasPrefix(s, "[[") || strings.HasPrefix(line, "[") {
			header = strings.Trim(s, "[]")
		}
		sections[header] += line
	}
	var walk func(typ reflect.Type, section, prefix string)
	walk = func(typ reflect.Type, section, prefix string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("toml")
			switch {
			case key == "":
				t.Errorf("%s.%s has no toml key", typ, f.Name)
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				walk(f.Type.Elem(), key, "")
			case f.Type.Kind() == reflect.Struct && section == "":
				walk(f.Type, key, "")
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, section, key+".")
			default:
				shown := regexp.MustCompile(`(?m)\b` + regexp.QuoteMeta(prefix+key) + `\b`)
				if !shown.MatchString(sections[section]) {
					t.Errorf("the sample's section %q lacks the key %q", section, prefix+key)
				}
			}
		}
	}
	walk(reflect.TypeFor[Config](), "", "")
}
