//go:build compat

package compat

import (
	"encoding/base64"
	"strings"
)

// handler is a session handler in one of its ways of work.
type handler struct {
	name    string
	program string // php, python, node, perl, ruby, go
	table   string // that it makes and uses, in a database of its own
	key     string
	more    string // TOML of the table's configuration
	// What it can: hold a session for one request at a time, drop expired
	// sessions, count sessions, expire one.
	locks, gc, count, expire bool
	// keeps: a session that is destroyed stays as a marked record.
	keeps bool
	// late: it answers before its write is done.
	late bool
	// How the key column has the session's ID, if not as it is: "base64" of a
	// text that has it.
	spelled string
	// During a failure a request of it may fail, for it holds a transaction or
	// a lock on the store that fails; the reason.
	mayFail string
}

// database is the handler's own, for some give their tables the same name.
func (h handler) database() string { return "h_" + strings.ReplaceAll(h.name, "-", "_") }

// has tells whether a record's key is that of a session.
func (h handler) has(key, id string) bool {
	if h.spelled == "base64" {
		b, err := base64.StdEncoding.DecodeString(key)
		return err == nil && strings.Contains(string(b), id)
	}
	return strings.Contains(key, id)
}

// handlers are those that are tested, by language. Of PHP's, CodeIgniter and Yii
// are in no package here: what they send is stated in php/.
var handlers = []handler{
	// Node.js
	{name: "express-mysql-session", program: "node", table: "sessions", key: "session_id", gc: true, count: true, expire: true},
	{name: "connect-mysql", program: "node", table: "sessions", key: "sid"},
	{name: "connect-session-sequelize", program: "node", table: "Sessions", key: "sid", gc: true, count: true, expire: true},
	{name: "connect-session-knex", program: "node", table: "sessions", key: "sid", gc: true, count: true, expire: true},
	{name: "connect-typeorm", program: "node", table: "session", key: "id", gc: true, expire: true, keeps: true, late: true},
	{name: "keyv", program: "node", table: "keyv", key: "id", gc: true, count: true, expire: true},
	// Go
	{name: "scs", program: "go", table: "sessions", key: "token", gc: true, count: true, expire: true},
	{name: "scs-interpolated", program: "go", table: "sessions", key: "token", gc: true, count: true, expire: true},
	{
		name: "gormstore", program: "go", table: "sessions", key: "id", gc: true, count: true, expire: true,
		mayFail: "each save is a transaction",
	},
	{name: "go-chi-session", program: "go", table: "session", key: "key", gc: true, count: true, expire: true},
	// Python
	{
		name: "django", program: "python", table: "django_session", key: "session_key", gc: true, count: true, expire: true,
		mayFail: "each save is a transaction",
	},
	{
		name: "django-atomic", program: "python", table: "django_session", key: "session_key", gc: true, count: true, expire: true,
		mayFail: "each request is a transaction",
	},
	{
		name: "django-cached", program: "python", table: "django_session", key: "session_key", gc: true, count: true, expire: true,
		mayFail: "each save is a transaction",
	},
	{
		name: "beaker", program: "python", table: "beaker_cache", key: "namespace", more: "surrogate = \"id\"\n",
		mayFail: "each request is a transaction",
	},
	{
		name: "flask", program: "python", table: "sessions", key: "session_id", more: "surrogate = \"id\"\n",
		mayFail: "each request is a transaction",
	},
	{
		name: "webpy", program: "python", table: "sessions", key: "session_id", gc: true, count: true, expire: true,
		mayFail: "MySQLdb turns autocommit off: each statement is a transaction",
	},
	// PHP
	{
		name: "symfony", program: "php", table: "sessions", key: "sess_id", locks: true, gc: true, expire: true,
		mayFail: "each request is a transaction",
	},
	{
		name: "symfony-native", program: "php", table: "sessions", key: "sess_id", locks: true, gc: true, expire: true,
		mayFail: "each request is a transaction",
	},
	{
		name: "symfony-advisory", program: "php", table: "sessions", key: "sess_id", locks: true, gc: true, expire: true,
		mayFail: "each request holds a named lock",
	},
	{name: "symfony-unlocked", program: "php", table: "sessions", key: "sess_id", gc: true, expire: true},
	// It makes a new session in the place of one that it destroys.
	{name: "laravel", program: "php", table: "sessions", key: "id", gc: true, expire: true},
	{
		name: "codeigniter3", program: "php", table: "ci_sessions", key: "id", locks: true, gc: true, expire: true,
		mayFail: "each request holds a named lock",
	},
	{name: "yii2", program: "php", table: "session", key: "id", gc: true, expire: true},
	{name: "adodb", program: "php", table: "sessions2", key: "sesskey", gc: true, expire: true},
	{
		name: "horde", program: "php", table: "horde_sessionhandler", key: "session_id", gc: true, expire: true,
		mayFail: "each request is a transaction",
	},
	// Perl
	{
		name: "apache-session", program: "perl", table: "sessions", key: "id", locks: true,
		mayFail: "each request holds a named lock",
	},
	{name: "plack", program: "perl", table: "sessions", key: "id"},
	{name: "cgi-session", program: "perl", table: "sessions", key: "id", gc: true, expire: true},
	// Ruby
	{name: "moneta", program: "ruby", table: "moneta", key: "k", spelled: "base64"},
	{
		name: "activerecord", program: "ruby", table: "sessions", key: "session_id", more: "surrogate = \"id\"\n", gc: true, count: true, expire: true,
		mayFail: "each save is a transaction",
	},
}
