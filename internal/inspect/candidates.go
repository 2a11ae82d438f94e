package inspect

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A session table has a key of its own making, a text, something long that is
// the session's data, and a time by which sessions end. No server says which
// table that is; so tables are given points, and whoever asks shows all of them.

// Candidate is a table that may hold sessions.
type Candidate struct {
	Schema, Name, Key, Surrogate string
	Columns                      []string
	Collation                    string // of the key, "" for what is no text
	Points                       int    // the more, the likelier
	Likely                       bool   // it looks like one, and not only may be one
	Why                          string
}

// Server is what is known of a server that was asked for candidates.
type Server struct {
	Version    string
	MaxConns   int
	Candidates []Candidate // the likeliest first
	Tables     []Named     // all, views too
}

// Named is a table's name.
type Named struct{ Schema, Name string }

// Candidates asks a server for tables that may hold sessions, in one schema or,
// if it is "", in all.
func Candidates(ctx context.Context, s Store, a Account, schema string, timeout time.Duration) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	db, conn, err := open(ctx, s, a)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	defer conn.Close()
	server := new(Server)
	if err := conn.QueryRowContext(ctx, "SELECT @@version, @@max_connections").Scan(&server.Version, &server.MaxConns); err != nil {
		return nil, err
	}
	if schema != "" {
		var n int
		if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", schema).Scan(&n); err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, fmt.Errorf("%s has no database %q, or %q may not see it", s.Addr, schema, a.User)
		}
	}
	tables, err := describeTables(ctx, conn, schema, "")
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		server.Tables = append(server.Tables, Named{t.schema, t.name})
		if c, ok := t.candidate(); ok {
			server.Candidates = append(server.Candidates, c)
		}
	}
	slices.SortStableFunc(server.Candidates, func(a, b Candidate) int { return cmp.Compare(b.Points, a.Points) })
	return server, nil
}

var (
	sessionName = regexp.MustCompile(`(?i)sess`)
	keyName     = regexp.MustCompile(`(?i)^(id|sid|k|key|token|.*sess.*|.*_id|.*_key|cookie)$`)
	rowName     = regexp.MustCompile(`(?i)^(id|uuid|guid|primary_id)$`)
	lookupName  = regexp.MustCompile(`(?i)^(sid|k|key|.*token|.*sess.*|.*cookie.*|hash)$`)
	dataName    = regexp.MustCompile(`(?i)data|payload|value|content|blob|sess`)
	timeName    = regexp.MustCompile(`(?i)expir|last|time|modif|updated|access|activity|lifetime|ttl|age|date|created|stamp`)
)

// candidate judges a table by what a session table has. It must have a key that
// can be one; the rest makes it likelier.
func (t *table) candidate() (Candidate, bool) {
	c := Candidate{Schema: t.schema, Name: t.name}
	if t.view {
		return c, false
	}
	for _, one := range t.columns {
		c.Columns = append(c.Columns, one.name)
	}
	k, alone := t.candidateKey()
	if k == nil {
		return c, false
	}
	c.Key, c.Collation = k.name, k.collation
	var why []string
	if !alone {
		c.Points--
		why = append(why, "a session may have several rows")
	}
	data, ends := false, false
	for _, one := range t.columns {
		switch {
		case one.name == c.Key:
		case one.autoIncrement:
			c.Surrogate = one.name
		case !data && one.isLong() && dataName.MatchString(one.name), !data && one.isBlob():
			data = true
			c.Points += 2
			why = append(why, one.name+" may be the data")
		case !ends && one.isTime() && timeName.MatchString(one.name):
			ends = true
			c.Points += 2
			why = append(why, one.name+" may be when it ends")
		}
	}
	if sessionName.MatchString(t.name) {
		c.Points += 3
	}
	if keyName.MatchString(c.Key) || lookupName.MatchString(c.Key) {
		c.Points++
	}
	// A part of a key says less than a key.
	c.Likely = (data || sessionName.MatchString(t.name)) && (alone || c.Points > 3) && !k.autoIncrement
	c.Why = strings.Join(why, ", ")
	return c, true
}

// candidateKey is the column that may have the session's ID, and whether it
// alone is a key. Some handlers have another column in it, for what the session
// is of: Jetty the context, Laminas the cookie's name. Others number their rows
// by a text of their own, in a column id, and look them up by another: better-auth
// by token, Prisma's store by sid, Auth.js by sessionToken. Gorilla's stores have no
// ID but the number that the server gives.
func (t *table) candidateKey() (key *column, alone bool) {
	better := func(k *column, primary bool) bool {
		switch {
		case key == nil:
			return true
		case primary:
			return !rowName.MatchString(k.name) || !lookupName.MatchString(key.name)
		}
		return rowName.MatchString(key.name) && lookupName.MatchString(k.name)
	}
	for _, x := range t.indexes {
		if !x.unique || len(x.columns) != 1 {
			continue
		}
		if k := t.column(x.columns[0]); k != nil && k.isText() && better(k, x.name == "PRIMARY") {
			key = k
		}
	}
	if key != nil {
		return key, true
	}
	for _, x := range t.indexes {
		if x.name != "PRIMARY" {
			continue
		}
		for _, name := range x.columns {
			k := t.column(name)
			if k != nil && k.isText() && (key == nil || !keyName.MatchString(key.name) && keyName.MatchString(k.name)) {
				key = k
			}
		}
	}
	if key == nil {
		for _, x := range t.indexes {
			if k := t.column(x.columns[0]); x.name == "PRIMARY" && len(x.columns) == 1 && k != nil && k.autoIncrement {
				return k, true
			}
		}
	}
	return key, false
}

func (c column) isText() bool {
	switch c.data {
	case "char", "varchar", "binary", "varbinary", "uuid", "tinytext", "tinyblob":
		return true
	}
	return false
}

func (c column) isBlob() bool {
	switch c.data {
	case "blob", "mediumblob", "longblob", "text", "mediumtext", "longtext", "json":
		return true
	}
	return false
}

func (c column) isLong() bool { return c.isBlob() || c.data == "varchar" || c.data == "varbinary" }

func (c column) isTime() bool {
	return strings.HasSuffix(c.data, "int") || slices.Contains([]string{"datetime", "timestamp", "double", "decimal", "date"}, c.data)
}
