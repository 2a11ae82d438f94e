// Package corpus reads the files of statements that tests of several packages
// hold the proxy against; rewrite/testdata/corpus/README.md and
// rewrite/testdata/more/README.md say what is in them. It does not judge them.
package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Config is what `-- config:` says of the entries behind it, and
// `-- schema:`, which is what to do before they can run.
type Config struct {
	Tables []Table
	Mode   string   // of sql_mode
	Schema []string // statements, in their order
}

// Table is a session table.
type Table struct {
	Name, Key, Surrogate, Schema string
	Columns                      []string
	Secondary                    []Secondary
	Fold                         bool
}

// Secondary is a table that belongs to a session table.
type Secondary struct{ Name, Column string }

// An Entry is one statement, with what is expected of it.
type Entry struct {
	File    string
	Line    int
	Config  *Config
	Section string
	Mode    string // of sql_mode
	Expect  string
	Proto   string // text, prepared, or the name of a command
	SQL     []byte
	Params  []any // string, json.Number or nil; nil where there are none
}

// Name is where the entry is.
func (e *Entry) Name() string { return fmt.Sprintf("%s:%d", e.File, e.Line) }

var directive = regexp.MustCompile(`^-- (handler|config|schema|section|expect|proto|note|params|mode): ?(.*)$`)

// Read reads a file.
func Read(path string) ([]*Entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := reader{path: path, config: &Config{}}
	for i, line := range bytes.Split(text, []byte("\n")) {
		if m := directive.FindSubmatch(line); m != nil {
			err = r.directive(i+1, string(m[1]), string(m[2]))
		} else if r.cur != nil && r.cur.Params == nil {
			r.lines = append(r.lines, line)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	r.flush()
	return r.list, nil
}

// reader is the state of Read.
type reader struct {
	path    string
	list    []*Entry
	cur     *Entry
	lines   [][]byte // of cur
	config  *Config
	section string
	mode    string
}

// flush ends the entry that is being read.
func (r *reader) flush() {
	if r.cur != nil {
		r.cur.SQL = bytes.TrimRight(bytes.Join(r.lines, []byte("\n")), "\n")
		r.list = append(r.list, r.cur)
	}
	r.cur, r.lines = nil, nil
}

// directive takes one directive in.
func (r *reader) directive(line int, name, value string) (err error) {
	switch name {
	case "proto":
		r.cur.Proto = value
		return nil
	case "note":
		return nil
	case "params":
		d := json.NewDecoder(strings.NewReader(value))
		d.UseNumber()
		return d.Decode(&r.cur.Params)
	}
	r.flush()
	switch name {
	case "config":
		r.config, err = parseConfig(value)
		r.mode = r.config.Mode
	case "schema":
		r.config.Schema = append(r.config.Schema, value)
	case "section":
		r.section = value
	case "mode":
		r.mode = value
	case "expect":
		r.cur = &Entry{File: filepath.Base(r.path), Line: line, Config: r.config, Section: r.section,
			Mode: r.mode, Expect: value, Proto: "text"}
	}
	return err
}

// parseConfig reads `table=T key=COL surrogate=COL secondary=T(COL)
// columns=a,b sql_mode=ANSI ci schema=S`; each table= begins another table.
func parseConfig(text string) (*Config, error) {
	c := &Config{}
	for f := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "table":
			c.Tables = append(c.Tables, Table{Name: value})
			continue
		case "sql_mode":
			c.Mode = value
			continue
		}
		cur := &c.Tables[len(c.Tables)-1]
		switch name {
		case "key":
			cur.Key = value
		case "surrogate":
			cur.Surrogate = value
		case "schema":
			cur.Schema = value
		case "columns":
			cur.Columns = strings.Split(value, ",")
		case "ci":
			cur.Fold = true
		case "secondary":
			for s := range strings.SplitSeq(value, ",") {
				n, col, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
				cur.Secondary = append(cur.Secondary, Secondary{Name: n, Column: col})
			}
		default:
			return c, fmt.Errorf("config %q", f)
		}
	}
	return c, nil
}
