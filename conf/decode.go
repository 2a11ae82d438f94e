package conf

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// reader turns one file into a Config and collects what is wrong with it.
//
// The TOML decoder would stop at the first value of a wrong type, so it only
// fills a map, and the map is carried into the structs here.
type reader struct {
	file     string
	dir      string // what relative paths are relative to
	lines    lineMap
	problems Problems
	// mistyped are the paths whose values did not fit: they are not reported a
	// second time for being empty.
	mistyped map[string]bool
}

func (r *reader) read(data []byte) *Config {
	c := Default()
	root := make(map[string]any)
	if _, err := toml.Decode(string(data), &root); err != nil {
		p := Problem{File: r.file, Msg: err.Error()}
		if pe := (toml.ParseError{}); errors.As(err, &pe) {
			p.Line = pe.Position.Line
			p.Msg = withoutPassword(strings.TrimSuffix(pe.Message, "."), data, p.Line)
		}
		r.problems = append(r.problems, p)
		return c
	}
	r.lines = scanLines(data)
	r.fill("", root, reflect.ValueOf(c).Elem())
	r.mistyped = make(map[string]bool)
	for _, p := range r.problems {
		r.mistyped[p.path] = true
	}
	r.validate(c)
	return c
}

// withoutPassword is what TOML's parser says of a line; it quotes what it has
// found, which may be a password that stands in no quotes.
func withoutPassword(msg string, data []byte, line int) string {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) || !bytes.Contains(bytes.ToLower(lines[line-1]), []byte("password")) {
		return msg
	}
	what, found, quotes := strings.Cut(msg, " but found ")
	if !quotes || found == "" {
		return msg
	}
	return what + ": a password stands in quotes"
}

// report adds a problem with the value at path. Its line is that of the path,
// or of the nearest table around it that the file has.
func (r *reader) report(path, format string, args ...any) {
	if r.mistyped[path] {
		return
	}
	line := 0
	for at := path; at != "" && line == 0; at = parent(at) {
		line = cmp.Or(r.lines[at], r.lines[at+"[0]"])
	}
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Key: withoutIndexes(path), Msg: fmt.Sprintf(format, args...), path: path})
}

// given says whether the file has the path.
func (r *reader) given(path string) bool { return r.lines[path] > 0 }

// parent is the path without its last name or index.
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// withoutIndexes is what people call a path: "store.addr" for "store[1].addr",
// whose line says which store it is.
func withoutIndexes(path string) string {
	var b strings.Builder
	inside := false
	for _, c := range path {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case !inside:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// fill carries a value of the TOML decoder into dst.
func (r *reader) fill(path string, v any, dst reflect.Value) {
	switch p := dst.Addr().Interface().(type) {
	case *time.Duration:
		r.duration(path, v, p)
		return
	case *int64:
		r.size(path, v, p)
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		r.fillStruct(path, v, dst)
	case reflect.Slice:
		r.fillSlice(path, v, dst)
	case reflect.String:
		if s, ok := v.(string); ok {
			dst.SetString(s)
		} else {
			r.report(path, "must be a string, in quotes, not %s", kindOf(v))
		}
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			dst.SetBool(b)
		} else {
			r.report(path, "must be true or false, not %s", kindOf(v))
		}
	case reflect.Int:
		if n, ok := v.(int64); ok {
			dst.SetInt(n)
		} else {
			r.report(path, "must be a whole number, not %s", kindOf(v))
		}
	case reflect.Float64:
		switch n := v.(type) {
		case float64:
			dst.SetFloat(n)
		case int64:
			dst.SetFloat(float64(n))
		default:
			r.report(path, "must be a number, not %s", kindOf(v))
		}
	default:
		panic("conf: no rule for a " + dst.Type().String())
	}
}

func (r *reader) fillStruct(path string, v any, dst reflect.Value) {
	table, ok := v.(map[string]any)
	if !ok {
		r.report(path, "must be a table, [%s], not %s", withoutIndexes(path), kindOf(v))
		return
	}
	fields := make(map[string]reflect.Value)
	for i := range dst.NumField() {
		fields[dst.Type().Field(i).Tag.Get("toml")] = dst.Field(i)
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		full := key
		if path != "" {
			full = path + "." + key
		}
		if field, ok := fields[key]; ok {
			r.fill(full, table[key], field)
			continue
		}
		r.report(full, "unknown key%s", r.suggest(path, key, slices.Collect(maps.Keys(fields))))
	}
}

func (r *reader) fillSlice(path string, v any, dst reflect.Value) {
	list := reflect.ValueOf(v)
	switch tables := dst.Type().Elem().Kind() == reflect.Struct; {
	case list.Kind() != reflect.Slice && tables:
		r.report(path, "must be in double brackets, [[%s]]", withoutIndexes(path))
		return
	case list.Kind() != reflect.Slice:
		r.report(path, "must be a list, not %s", kindOf(v))
		return
	}
	out := reflect.MakeSlice(dst.Type(), list.Len(), list.Len())
	for i := range list.Len() {
		element := out.Index(i)
		switch e := element.Addr().Interface().(type) {
		case *Store:
			*e = defaultStore()
		case *Witness:
			e.TLS = defaultStore().TLS
		}
		r.fill(path+"["+strconv.Itoa(i)+"]", list.Index(i).Interface(), element)
	}
	if list.Len() > 0 || dst.Len() > 0 { // an empty list replaces a default
		dst.Set(out)
	}
}

// kindOf names the kind of a TOML value.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "a truth value"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a point"
	case map[string]any:
		return "a table"
	case time.Time:
		return "a date"
	default:
		return "a list"
	}
}

// suggest says where else an unknown key might belong, or what it was meant to
// be.
func (r *reader) suggest(path, key string, known []string) string {
	if best := nearest(key, known); best != "" {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	if where := keyTables()[key]; len(where) > 0 {
		return ": it belongs " + strings.Join(where, " or ")
	}
	return ""
}

// keyTables says to which tables each key belongs.
func keyTables() map[string][]string {
	tables := make(map[string][]string)
	var walk func(t reflect.Type, header string)
	walk = func(t reflect.Type, header string) {
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Tag.Get("toml")
			full := strings.Trim(strings.Trim(header, "[]")+"."+name, ".")
			switch {
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, "["+full+"]")
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				walk(f.Type.Elem(), "[["+full+"]]")
			case header == "":
				tables[name] = append(tables[name], "at the top, before the first [table]")
			default:
				tables[name] = append(tables[name], "in "+header)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return tables
}

// nearest is the one of known that key was probably meant to be; "" if none is
// near.
func nearest(key string, known []string) string {
	best, least := "", 1+len(key)/4
	slices.Sort(known)
	for _, k := range known {
		if d := distance(strings.ToLower(key), k); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to make b of a
// (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
