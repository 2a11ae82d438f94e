package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router"
	"github.com/dsmproxy/dsmproxy/router/placement"
)

const aboutExplain = `Prints what a statement is to dsmproxy, which keys it names, and the order of
the stores for the first of them. It connects to no store. The values of its
parameters follow the statement; one that begins with "-" goes after "--".

With -json and without a statement, statements are read from standard input,
one object a line: {"sql":"...","params":[...],"sql_mode":"...","db":"..."},
with "sql_base64" in the place of "sql" for one that is not UTF-8. The answer
is one object a line as well:
{"kind":"read","keys":["abc"],"table":"sessions","order":["s3","s1"]}, with
"from" and "to" for a move, "name" for a lock, "column" and "values" for a row
named by another column, "statements" for several statements, and "error" for
one that is refused, and "note" where the order holds for the key as spelled:
the table's collation is "auto", and no store is asked. A key that is not UTF-8
is printed as 0x and its bytes in hex. Exits with 1 if the statement is refused.`

func runExplain(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("explain", "[-config FILE | -admin ADDRESS] [-json] [SQL [PARAM...]]", aboutExplain)
	path := fs.String("config", defaultConfig, "configuration `file`")
	asJSON := fs.Bool("json", false, "print one object a line; read statements from standard input without SQL")
	sqlMode := fs.String("sql-mode", "", "the client's @@sql_mode, `modes` separated by commas")
	db := fs.String("db", "", "the client's default `database` (default the schema of the first table)")
	running := fs.String("admin", "", "ask the running proxy at this admin `address` instead of a configuration; its password is in "+passwordVariable)
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) == 0 && (!*asJSON || *running != "") {
		return usageError(fs, stderr, "no statement")
	}
	if *running != "" {
		r, err := remoteFlags{admin: running}.remote(stderr)
		if err != nil {
			return err
		}
		return askExplain(r, textLine(rest, *sqlMode, *db), *asJSON, stdout)
	}
	c, err := loadConfig(*path, stderr)
	if err != nil {
		return err
	}
	x, err := newExplainer(c, *db, rewrite.ParseMode(*sqlMode))
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return x.lines(stdin, stdout)
	}
	e := x.explain([]byte(rest[0]), x.db, x.mode, textArgs(rest[1:]))
	if *asJSON {
		_, err = stdout.Write(append(e.JSON(), '\n'))
	} else {
		x.print(stdout, e, "")
	}
	if err == nil && refuses(e) {
		err = errSilent // what was printed says why
	}
	return err
}

// refuses reports whether a statement, or one of several, is refused.
func refuses(e *rewrite.Explanation) bool {
	return e.Error != "" || slices.ContainsFunc(e.Statements, refuses)
}

// explainer explains statements.
type explainer struct {
	planner *rewrite.Planner
	place   placement.Placement
	names   []string
	order   []uint16
	db      string
	mode    rewrite.Mode
	others  bool // a store serves the tables that are not configured
	// folded is the key of an explanation whose table is "auto", as it is placed,
	// and whether that is known, for a client in a database; nil where no store
	// can be asked.
	folded func(e *rewrite.Explanation, db string) ([]byte, bool)
}

func newExplainer(c *conf.Config, db string, mode rewrite.Mode) (*explainer, error) {
	place, err := makePlacement(c)
	if err != nil {
		return nil, err
	}
	x := &explainer{
		planner: rewrite.NewPlanner(rewrite.Options{Tables: tables(c)}),
		place:   place, order: make([]uint16, place.Stores()), db: db, mode: mode,
		others: c.OtherTables != "refuse",
	}
	for _, s := range c.Stores {
		x.names = append(x.names, s.Name)
	}
	for _, t := range c.Tables {
		if x.db == "" {
			x.db = t.Schema
		}
	}
	return x, nil
}

func (x *explainer) explain(sql []byte, db string, mode rewrite.Mode, args rewrite.Args) *rewrite.Explanation {
	e := rewrite.Explain(x.planner, sql, db, mode, args)
	x.fillOrder(e, db)
	x.fillRefusal(e)
	return e
}

// fillRefusal adds what the proxy says of a statement that it does not carry
// out.
func (x *explainer) fillRefusal(e *rewrite.Explanation) {
	for _, s := range e.Statements {
		x.fillRefusal(s)
	}
	if e.Stmt == nil {
		return
	}
	e.Error = router.Refusal(e.Stmt, x.others)
	if e.Kind == "" && e.Error == "" {
		e.Kind = rewrite.KindOtherTable.String() // at their store
	}
}

// fillOrder adds the order of the stores.
func (x *explainer) fillOrder(e *rewrite.Explanation, db string) {
	for _, s := range e.Statements {
		x.fillOrder(s, db)
	}
	if !e.HasKey {
		return
	}
	key := e.Key
	if t := e.Plan.Table; t != nil && t.Collated && !rewrite.FoldsToItself(key) {
		known := false
		if e.Note = asSpelled; x.folded != nil {
			e.Note = columnUnknown
			key, known = x.folded(e, db)
		}
		if known {
			e.Note = ""
		}
	}
	x.place.Order(x.order, key)
	for _, i := range x.order {
		e.Order = append(e.Order, x.names[i])
	}
}

// print writes an explanation for people.
func (x *explainer) print(w io.Writer, e *rewrite.Explanation, indent string) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s%-8s %s\n", indent, name, value)
		}
	}
	line("kind", e.Kind)
	for i, s := range e.Statements {
		fmt.Fprintf(w, "%sstatement %d\n", indent, i+1)
		x.print(w, s, indent+"  ")
	}
	if e.Plan == nil {
		return
	}
	line("detail", e.Detail)
	line("table", e.Table)
	line("others", strings.Join(e.Others, " "))
	for _, k := range e.Keys {
		line("key", quoted(k))
	}
	if e.From+e.To != "" {
		line("from", quoted(&e.From))
		line("to", quoted(&e.To))
	}
	for _, n := range e.Names {
		line("name", quoted(&n))
	}
	if e.Name != "" {
		line("name", quoted(&e.Name))
	}
	for _, v := range e.Values {
		line("by", e.Column+" = "+quoted(v))
	}
	if e.SetsKey != "" {
		line("sets key", quoted(&e.SetsKey))
	}
	line("stores", strings.Join(e.Order, " "))
	line("note", e.Note)
	line("error", e.Error)
	line("plan", e.Plan.String())
}

func quoted(s *string) string {
	if s == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *s)
}

// lines explains the statements of r, one object a line.
func (x *explainer) lines(r io.Reader, w io.Writer) error {
	in, out := bufio.NewReader(r), bufio.NewWriter(w)
	bad := false
	for {
		line, err := in.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			e, lineErr := x.line(line)
			if lineErr != nil {
				bad = true
				e = &rewrite.Explanation{Error: lineErr.Error()}
			}
			out.Write(e.JSON())
			out.WriteByte('\n')
			// Whoever talks through a pipe waits for each answer.
			if in.Buffered() == 0 {
				if err := out.Flush(); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if bad {
		return errSilent // each bad line has its error in the output
	}
	return nil
}

// request is one line of input.
type request struct {
	SQL     *string `json:"sql,omitempty"`
	Base64  *string `json:"sql_base64,omitempty"`
	Params  []any   `json:"params,omitempty"`
	SQLMode *string `json:"sql_mode,omitempty"`
	DB      *string `json:"db,omitempty"`
}

// textLine is the line of a statement and its parameters from the command line.
func textLine(args []string, sqlMode, db string) *request {
	text := base64.StdEncoding.EncodeToString([]byte(args[0]))
	r := &request{Base64: &text}
	for _, a := range args[1:] {
		r.Params = append(r.Params, a)
	}
	if sqlMode != "" {
		r.SQLMode = &sqlMode
	}
	if db != "" {
		r.DB = &db
	}
	return r
}

func (x *explainer) line(text []byte) (*rewrite.Explanation, error) {
	var r request
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("malformed line: %w", err)
	}
	var sql []byte
	switch {
	case r.SQL != nil:
		sql = []byte(*r.SQL)
	case r.Base64 != nil:
		var err error
		if sql, err = base64.StdEncoding.DecodeString(*r.Base64); err != nil {
			return nil, fmt.Errorf("malformed sql_base64: %w", err)
		}
	default:
		return nil, errors.New("a line without sql or sql_base64")
	}
	db, mode := x.db, x.mode
	if r.DB != nil {
		db = *r.DB
	}
	if r.SQLMode != nil {
		mode = rewrite.ParseMode(*r.SQLMode)
	}
	return x.explain(sql, db, mode, jsonArgs(r.Params)), nil
}

// textArgs are parameters from the command line: strings.
type textArgs []string

// Arg returns parameter i.
func (a textArgs) Arg(i int) (text []byte, null, ok bool) {
	if i >= len(a) {
		return nil, false, false
	}
	return []byte(a[i]), false, true
}

// jsonArgs are parameters from a line of JSON: strings, integers, true and
// false, null; anything else can't be a key.
type jsonArgs []any

// Arg returns parameter i.
func (a jsonArgs) Arg(i int) (text []byte, null, ok bool) {
	if i >= len(a) {
		return nil, false, false
	}
	switch v := a[i].(type) {
	case nil:
		return nil, true, true
	case string:
		return []byte(v), false, true
	case json.Number:
		return []byte(v), false, !strings.ContainsAny(v.String(), ".eE")
	case bool:
		if v {
			return []byte("1"), false, true
		}
		return []byte("0"), false, true
	}
	return nil, false, false
}

// text is what print prints.
func (x *explainer) text(e *rewrite.Explanation) string {
	var b strings.Builder
	x.print(&b, e, "")
	return b.String()
}
