package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// FuzzParse: no file makes Parse panic, and a problem with a key that the file
// gives has a line of the file.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.toml")
	for _, file := range append(files, samplePath) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Parse("fuzz.toml", data)
		var ps Problems
		if err != nil && !errors.As(err, &ps) {
			t.Fatalf("Parse = %v, want Problems", err)
		}
		most := strings.Count(string(data), "\n") + 1
		for _, p := range ps {
			if p.Line < 0 || p.Line > most {
				t.Errorf("%v: line %d of %d", p, p.Line, most)
			}
		}
	})
}

// FuzzLines: the scanner finds a line for each value that the decoder finds.
func FuzzLines(f *testing.F) {
	for _, s := range []string{
		"a = 1\nb.c = 2\n[t]\nx = '''\n]''' # [\n[[u]]\ny = [1,\n 2, {z = \"}\"}]\n[[u]]\n[u.v]\nw=1",
		"\"q\" = \"a\\\"b\"\n'l' = 'it'\n[ a . b ]\nc = { d = { e = [] } }\n",
		"a = \"\"\"\"\" \n \"\"\"\"\"\nb = 1979-05-27T07:32:00Z\r\nc = +inf\r\n",
	} {
		f.Add([]byte(s))
	}
	sample, err := os.ReadFile(samplePath)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Fuzz(func(t *testing.T, data []byte) {
		root := make(map[string]any)
		if _, err := toml.Decode(string(data), &root); err != nil {
			t.Skip("not TOML")
		}
		lines := scanLines(data)
		var walk func(path string, v any)
		walk = func(path string, v any) {
			switch v := v.(type) {
			case map[string]any:
				for key, element := range v {
					if key == "" || strings.ContainsAny(key, "'\"\\.[]") || strings.IndexFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
						continue // configurations have no such keys
					}
					walk(strings.TrimPrefix(path+"."+key, "."), element)
				}
			case []map[string]any:
				for i, element := range v {
					walk(fmt.Sprintf("%s[%d]", path, i), element)
				}
			default:
				if lines[path] == 0 {
					t.Errorf("no line for %q in %q: %v", path, data, lines)
				}
			}
		}
		walk("", root)
	})
}

func TestLines(t *testing.T) {
	const text = "# comment = 1\r\n" +
		"a = 1 # b = 2\n" +
		"text = \"\"\"\n" +
		"c = 3 \\\n" +
		"\\\"\"\"\"\"\n" +
		"[[store]]\n" +
		"name = 's1'\n" +
		"tls = { mode = \"off\", ca = \"}\" }\n" +
		"[[store]]\n" +
		"[store.tls]\n" +
		"mode = 'x'\n" +
		"[[table]]\n" +
		"columns = [ \"a\",\n" +
		"  # none = 1\n" +
		"  \"b\" ]\n" +
		"[x.y]\n" +
		"\"z\" . w = 5\n"
	got := scanLines([]byte(text))
	for path, want := range map[string]int{
		"a": 2, "text": 3, "c": 0, "comment": 0, "b": 0, "none": 0,
		"store[0]": 6, "store[0].name": 7, "store[0].tls": 8, "store[0].tls.mode": 8, "store[0].tls.ca": 8,
		"store[1]": 9, "store[1].tls": 10, "store[1].tls.mode": 11,
		"table[0].columns": 13, "table[0].columns[0]": 13, "table[0].columns[1]": 15,
		"x.y": 16, "x.y.z.w": 17,
	} {
		if got[path] != want {
			t.Errorf("line of %q = %d, want %d", path, got[path], want)
		}
	}
}
