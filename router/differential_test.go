package router_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/corpus"
	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// A differential runs statements at the proxy and at a plain server, which is
// to answer the same: rows, affected rows, errors. After each write all records
// are to be the same, each of them on as many stores as it has copies.
type differential struct {
	t       *testing.T
	h       *harness
	plain   *sql.DB   // without a database
	maker   *sql.Conn // to the plain server, in the database; makes its tables
	dsn     func(db string) string
	config  *corpus.Config
	tables  []rewrite.Table
	planner *rewrite.Planner
	schemas map[string]bool     // that were made
	idle    bool                // the last statement affected no row
	names   map[string][]string // of the tables in each; nil for unknown
	again   []string            // makes the tables again
	seeded  bool

	tally *tally
}

// A tally counts what was done, so that it can be seen that something was.
type tally struct {
	ran, refused    int
	found, affected int            // statements that have read or affected rows
	why             map[string]int // of refusals
}

// database is the one that the corpora are written for.
const database = "sess"

// TestDifferential holds the proxy against a plain server by the statements of
// the corpora, once with empty tables, and once with tables that have records
// for all keys that the statements name.
func TestDifferential(t *testing.T) { differ(t, *level, "*") }

// TestFencedDifferential does so with some of them at the level safe; all are
// run by -run 'TestDifferential$' -level safe.
func TestFencedDifferential(t *testing.T) {
	if *level == "seed" { // else it is a part of TestDifferential
		differ(t, "safe", "d[jr]*")
	}
}

func differ(t *testing.T, level, which string) {
	// Nothing of it has to last, and most of the time goes into making tables.
	servers := installed.Start(t, 5, manyConnections, "--innodb-flush-log-at-trx-commit=0", "--innodb-file-per-table=0",
		"--innodb-doublewrite=0")
	h, server := startReached(t, level, servers[:4], addrsOf(servers[:4]), 2, 0), servers[4]
	plain, err := sql.Open("mysql", server.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plain.Close() })
	if _, err := plain.Exec("CREATE DATABASE app"); err != nil { // as the stores have
		t.Fatal(err)
	}
	files, err := filepath.Glob("../rewrite/testdata/[cm]or*/" + which + ".sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	n := &tally{why: make(map[string]int)}
	for _, f := range files {
		entries, err := corpus.Read(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(f), func(t *testing.T) {
			for len(entries) > 0 {
				end := slices.IndexFunc(entries, func(e *corpus.Entry) bool { return e.Config != entries[0].Config })
				if end < 0 {
					end = len(entries)
				}
				if level != "seed" && slices.ContainsFunc(entries[0].Config.Tables, func(t corpus.Table) bool { return t.Secondary != nil }) {
					entries = entries[end:] // it is refused: see TestFencedKeyed
					continue
				}
				d := &differential{t: t, h: h, plain: plain, dsn: server.DSN, config: entries[0].Config,
					schemas: map[string]bool{}, tally: n}
				d.run(entries[:end])
				entries = entries[end:]
			}
		})
	}
	t.Logf("%d statements ran, %d read rows, %d affected some, %d were refused", n.ran, n.found, n.affected, n.refused)
	var list []string
	for text, times := range n.why {
		list = append(list, fmt.Sprintf("%4d %s", times, text))
	}
	slices.Sort(list)
	t.Logf("refused:\n%s", strings.Join(list, "\n"))
	if n.ran > 2000 && (n.found < 500 || n.affected < 500) { // not with -run
		t.Error("too few statements had an effect")
	}
}

// run runs the entries of one configuration.
func (d *differential) run(entries []*corpus.Entry) {
	for _, t := range d.config.Tables {
		table := rewrite.Table{Schema: t.Schema, Name: t.Name, Key: t.Key, Surrogate: t.Surrogate,
			Columns: t.Columns, FoldCase: t.Fold}
		for _, s := range t.Secondary {
			table.Secondary = append(table.Secondary, rewrite.Secondary(s))
		}
		d.tables = append(d.tables, table)
	}
	d.planner = rewrite.NewPlanner(rewrite.Options{Tables: d.tables})
	d.makeTables(entries)
	defer d.dropTables()
	for _, seeded := range []bool{false, true} {
		name := "without records"
		if d.seeded = seeded; seeded {
			name = "with records"
		}
		file := d.t
		file.Run(name, func(t *testing.T) { // its proxy ends with it
			d.t = t
			d.pass(entries)
		})
		d.t = file
	}
}

// pass runs the entries once, on new tables.
func (d *differential) pass(entries []*corpus.Entry) {
	d.copyTables()
	addr := d.h.serve(d.t, d.tables)
	found := ""
	if d.seeded {
		found = "&clientFoundRows=true"
	}
	options := "?multiStatements=true" + found
	proxy, err := sql.Open("mysql", mariadbtest.User+":"+mariadbtest.Password+"@tcp("+addr+")/"+database+options)
	if err != nil {
		d.t.Fatal(err)
	}
	defer proxy.Close()
	plain, err := sql.Open("mysql", strings.TrimSuffix(d.dsn(database), "?")+options)
	if err != nil {
		d.t.Fatal(err)
	}
	defer plain.Close()
	if d.h.level != "seed" {
		defer d.forget(proxy)
	}
	if d.seeded {
		d.seed(entries, proxy, plain)
	}
	for len(entries) > 0 {
		n := slices.IndexFunc(entries, func(e *corpus.Entry) bool { return e.Section != entries[0].Section })
		if n < 0 {
			n = len(entries)
		}
		if !d.section(entries[:n], proxy, plain) {
			return
		}
		entries = entries[n:]
	}
}

// forget has the proxy drop the databases, so that the versions of their records
// go with them.
func (d *differential) forget(proxy *sql.DB) {
	for schema := range d.schemas {
		if _, err := proxy.Exec("DROP DATABASE IF EXISTS `" + schema + "`"); err != nil {
			d.t.Error(err)
		}
	}
}

var (
	// volatile is what differs from server to server, and what ends clients.
	volatile = regexp.MustCompile(`(?i)\b(uuid|rand|sysdate|user|session_user|connection_id|version|sleep)\s*\(|` +
		`@@server_id|@@hostname|current_user|processlist|pseudo_thread|random_bytes|^\s*(kill|drop|rename|flush|load)\b`)
	creates = regexp.MustCompile(`(?is)^\s*create\s+table[^(]*\(`)
	selects = regexp.MustCompile(`(?i)\bselect\b`)

	// A query looks among some records that another one takes, whichever they are.
	limitsWithin = regexp.MustCompile(`(?i)\bfrom\s*\(\s*select\b[^()]*\blimit\b[^()]*\)`)
)

// section runs the entries of one section, each side on one connection. It
// returns false if the two sides have come apart.
func (d *differential) section(entries []*corpus.Entry, proxyDB, plainDB *sql.DB) bool {
	ctx := context.Background()
	proxy, err := proxyDB.Conn(ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	defer proxy.Close()
	plain, err := plainDB.Conn(ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	defer plain.Close()
	both := func(query string) {
		for _, c := range []*sql.Conn{proxy, plain} {
			if _, err := c.ExecContext(ctx, query); err != nil {
				d.t.Fatalf("%s: %v", query, err)
			}
		}
	}
	// A connection that is used again must not keep what a section has set.
	defer spoil(proxy)
	defer spoil(plain)
	both("SET timestamp = 1795370954")
	mode, txn, autocommit := "", false, true
	for _, e := range entries {
		if e.Mode != mode {
			mode = e.Mode
			if mode == "" {
				both("SET SESSION sql_mode = DEFAULT")
			} else {
				both("SET SESSION sql_mode = '" + mode + "'")
			}
		}
		if e.Proto != "text" && e.Proto != "prepared" || volatile.Match(e.SQL) {
			continue
		}
		var s rewrite.Statement
		d.planner.Plan(&s, e.SQL, database, rewrite.ParseMode(e.Mode))
		if s.Plan.Release {
			continue // it ends the connection
		}
		if !d.same(e, s.Plan, proxy, plain) {
			return false
		}
		switch p := s.Plan; {
		case p.Kind == rewrite.KindTxnBegin:
			txn = true
		case p.Kind == rewrite.KindTxnCommit || p.Kind == rewrite.KindTxnRollback || p.ImplicitCommit:
			txn = false
		case p.Kind == rewrite.KindSessionState:
			for _, a := range p.Set {
				if a.Name == "autocommit" && !a.Global {
					autocommit = a.Value == "1" || strings.EqualFold(a.Value, "on")
				}
			}
		}
		if txn || !autocommit || d.idle || s.Plan.Verb == rewrite.VerbNone || s.Plan.Verb == rewrite.VerbSelect {
			continue
		}
		if s.Plan.Verb == rewrite.VerbDDL {
			d.names = nil
		}
		if why := d.records(s.Plan.Table); why != "" {
			d.t.Errorf("%s (records before: %v): %s\n%s", e.Name(), d.seeded, e.SQL, why)
			return false
		}
	}
	both("COMMIT")
	d.names = nil
	if why := d.records(nil); why != "" {
		d.t.Errorf("%s, section behind %s (records before: %v): %s", entries[0].File, entries[0].Name(), d.seeded, why)
		return false
	}
	return true
}

// spoil keeps a connection from being used again.
func spoil(c *sql.Conn) { _ = c.Raw(func(any) error { return driver.ErrBadConn }) }

// An outcome is what a client sees of one statement.
type outcome struct {
	columns  []string
	rows     []string
	affected int64
	insertID int64
	code     uint16
	state    string
	text     string
}

// same runs one entry on both sides and compares. It returns false if they
// can't go on together.
func (d *differential) same(e *corpus.Entry, p *rewrite.Plan, proxy, plain *sql.Conn) bool {
	d.t.Helper()
	got := d.execute(e, p, proxy)
	if (got.code == 1235 || got.code == 1227) && strings.Contains(got.text, "dsmproxy") {
		d.tally.refused++
		d.tally.why[strings.TrimPrefix(got.text, "dsmproxy: ")]++
		return true
	}
	// A row without a key has taken a number before the store refuses it, so
	// that those of later ones are others.
	if got.insertID != 0 && (p.Surrogates == nil || bytes.Contains(e.SQL, []byte("(DEFAULT"))) {
		if _, err := plain.ExecContext(context.Background(), "SET insert_id = "+strconv.FormatInt(got.insertID, 10)); err != nil {
			d.t.Fatal(err)
		}
	}
	want := d.execute(e, p, plain)
	d.tally.ran++
	if len(want.rows) > 0 {
		d.tally.found++
	}
	if want.affected > 0 {
		d.tally.affected++
	}
	d.idle = !p.ResultSet && got.affected == 0 && want.affected == 0
	switch {
	case want.code == 1292 && got.code == 0 && got.affected == 0 && p.Kind == rewrite.KindBroadcast && !installed.MariaDB():
		// MySQL looks at constants that can't be converted before any record,
		// the proxy first looks for the records, which is no error.
		return true
	case got.code != want.code || got.state != want.state:
		d.t.Errorf("%s (records before: %v): %s\n got  error %d %s\n want error %d %s", e.Name(), d.seeded, e.SQL,
			got.code, got.text, want.code, want.text)
		return false
	case p.Kind == rewrite.KindAny || p.Kind == rewrite.KindMulti || got.code != 0:
		return true
	}
	limited := regexp.MustCompile(`(?i)\blimit\b`).Match(e.SQL) && p.Kind == rewrite.KindScatterRead
	if limited && (len(got.rows) == len(want.rows) || limitsWithin.Match(e.SQL)) {
		got.rows, want.rows = nil, nil // which of them is not said
	}
	slices.Sort(got.rows)
	slices.Sort(want.rows)
	got.insertID, want.insertID, got.text, want.text = 0, 0, "", ""
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		d.t.Errorf("%s (records before: %v): %s\n got  %s\n want %s", e.Name(), d.seeded, e.SQL, g, w)
		return g == w || p.Verb == rewrite.VerbSelect
	}
	return true
}

// execute runs one entry.
func (d *differential) execute(e *corpus.Entry, p *rewrite.Plan, c *sql.Conn) (o outcome) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var args []any
	for _, a := range e.Params {
		if n, ok := a.(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				a = i
			} else {
				a = string(n)
			}
		}
		args = append(args, a)
	}
	var err error
	rows := p.ResultSet || p.Kind == rewrite.KindMulti
	switch {
	case e.Proto == "prepared":
		var stmt *sql.Stmt
		if stmt, err = c.PrepareContext(ctx, string(e.SQL)); err != nil {
			break
		}
		defer stmt.Close()
		if rows {
			err = o.query(stmt.QueryContext(ctx, args...))
		} else {
			err = o.exec(stmt.ExecContext(ctx, args...))
		}
	case rows:
		err = o.query(c.QueryContext(ctx, string(e.SQL)))
	default:
		err = o.exec(c.ExecContext(ctx, string(e.SQL)))
	}
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused):
		o = outcome{code: refused.Number, state: string(refused.SQLState[:]), text: refused.Message}
	case err != nil && strings.Contains(err.Error(), "expected"): // the number of parameters
		o = outcome{code: 1, text: err.Error()}
	case err != nil:
		d.t.Fatalf("%s: %s: %v", e.Name(), e.SQL, err)
	}
	return o
}

func (o *outcome) exec(r sql.Result, err error) error {
	if err == nil {
		o.affected, _ = r.RowsAffected()
		o.insertID, _ = r.LastInsertId()
	}
	return err
}

func (o *outcome) query(r *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		columns, err := r.Columns()
		if err != nil {
			return err
		}
		o.columns = append(o.columns, columns...)
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for r.Next() {
			if err := r.Scan(into...); err != nil {
				return err
			}
			var row []string
			for _, v := range values {
				if !v.Valid {
					row = append(row, "NULL")
				} else {
					row = append(row, strconv.Quote(v.String))
				}
			}
			o.rows = append(o.rows, strings.Join(row, " "))
		}
		if !r.NextResultSet() {
			return r.Err()
		}
	}
}

// records compares the tables that belong to t, nil for all, with those of the
// plain server. It returns a difference, "" for none.
func (d *differential) records(t *rewrite.Table) string {
	if d.names == nil {
		d.names = make(map[string][]string)
		for schema := range d.schemas {
			d.names[schema] = d.tableNames(schema)
		}
	}
	for schema, names := range d.names {
		for _, n := range names {
			if t != nil && !strings.EqualFold(n, t.Name) && !slices.ContainsFunc(t.Secondary,
				func(s rewrite.Secondary) bool { return strings.EqualFold(s.Name, n) }) {
				continue
			}
			if why := d.table(schema, n); why != "" {
				return why
			}
		}
	}
	return ""
}

// table compares one table.
func (d *differential) table(schema, name string) string {
	ours := false
	for _, t := range d.tables {
		ours = ours || strings.EqualFold(t.Name, name) && (t.Schema == "" || t.Schema == schema)
		for _, s := range t.Secondary {
			ours = ours || strings.EqualFold(s.Name, name)
		}
	}
	query := "SELECT * FROM `" + schema + "`.`" + name + "`"
	var want outcome
	if err := want.query(d.plain.Query(query)); err != nil {
		return err.Error()
	}
	counts := make(map[string]int)
	for _, r := range want.rows {
		if counts[r]++; ours {
			counts[r] += d.h.copies - 1
		}
	}
	stores := d.h.direct
	if !ours {
		stores = stores[d.h.other : d.h.other+1]
	}
	got, errs := make([]outcome, len(stores)), make([]error, len(stores))
	var running sync.WaitGroup
	for i, db := range stores {
		running.Go(func() { errs[i] = got[i].query(db.Query(query)) })
	}
	running.Wait()
	for i := range stores {
		if errs[i] != nil {
			return fmt.Sprintf("store %d: %v", i, errs[i])
		}
		for _, r := range got[i].rows {
			counts[r]--
		}
	}
	var list []string
	for r, n := range counts {
		switch {
		case n > 0:
			list = append(list, fmt.Sprintf("%d copies are missing of %s", n, r))
		case n < 0:
			list = append(list, fmt.Sprintf("%d copies too many of %s", -n, r))
		}
	}
	if list == nil {
		return ""
	}
	slices.Sort(list)
	return schema + "." + name + ": " + strings.Join(list[:min(len(list), 6)], "\n    ")
}
