package inspect

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// facts are what one store says. A store that was not reached has none.
type facts struct {
	db   *sql.DB
	conn *sql.Conn

	login     time.Duration
	tls       string
	variables map[string]string // SHOW GLOBAL VARIABLES
	status    map[string]string // some of SHOW GLOBAL STATUS
	skew      time.Duration     // its clock less ours
	precision time.Duration     // how much skew may be off
	zone      time.Duration     // NOW() less UTC_TIMESTAMP()
	userConns int               // max_user_connections of the account, 0 for none
	proxies   int               // that have just looked at it, at the levels safe and strict
	tables    []*table

	sideTables bool   // those of the levels safe and strict are there
	lacksSide  string // the account, CURRENT_USER(), if it lacks rights for them
}

func (f *facts) reached() bool { return f.conn != nil && f.variables != nil }

// number is a variable's value, -1 if there is none.
func (f *facts) number(name string) int64 {
	n, err := strconv.ParseInt(f.variables[name], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func (f *facts) close() {
	if f.db != nil {
		f.conn.Close()
		f.db.Close()
	}
}

// newTag is a name that nobody else uses.
func newTag() string {
	b := make([]byte, 8)
	rand.Read(b)
	return "dsmproxy-check-" + hex.EncodeToString(b)
}

// ask asks one store for everything. What it does not answer is a finding.
func (in *inspection) ask(parent context.Context, store int) *facts {
	f := new(facts)
	ctx, cancel := context.WithTimeout(parent, in.Timeout)
	defer cancel()
	defer in.does(store, "")
	in.does(store, "dial and login")
	if f.db, f.conn, f.login = in.logIn(ctx, store); f.conn == nil {
		return f
	}
	for _, step := range []struct {
		what string
		run  func(context.Context, *facts) error
	}{
		{"its settings", askSettings},
		{"its clock", askClock},
		{"its tables", in.askTables},
		{"the account's rights", func(ctx context.Context, f *facts) error { return in.askRights(ctx, store, f) }},
		{"the side tables", func(ctx context.Context, f *facts) error {
			if in.Fenced == nil {
				return nil
			}
			return errors.Join(in.askFenced(ctx, in.Stores[store], f), in.tryClients(ctx, in.Stores[store], f))
		}},
	} {
		in.does(store, step.what)
		if err := step.run(ctx, f); err != nil {
			in.ofStore(Wrong, "answer", store, "look at the store's own log, or give it more time with -timeout", "did not answer when asked for %s: %v", step.what, err)
			break
		}
	}
	return f
}

func askSettings(ctx context.Context, f *facts) (err error) {
	variables, err := pairs(ctx, f.conn, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return err
	}
	if f.status, err = pairs(ctx, f.conn, "SHOW GLOBAL STATUS WHERE Variable_name IN ('Slave_running', 'wsrep_cluster_size', 'Uptime', 'Max_used_connections')"); err != nil {
		return err
	}
	own, err := pairs(ctx, f.conn, "SHOW STATUS LIKE 'Ssl_version'")
	if err != nil {
		return err
	}
	f.tls = own["Ssl_version"]
	if err := f.conn.QueryRowContext(ctx, "SELECT @@SESSION.max_user_connections").Scan(&f.userConns); err != nil {
		return err
	}
	f.variables = variables
	return nil
}

// askClock compares clocks as NTP does: the store's is read somewhere between
// two readings of ours. The closest pair of several counts.
func askClock(ctx context.Context, f *facts) error {
	for i := range 5 {
		before := time.Now()
		var micros, zone int64
		// @@timestamp would do, were it not for servers that count it in seconds.
		if err := f.conn.QueryRowContext(ctx, "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)), TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())").
			Scan(&micros, &zone); err != nil {
			return err
		}
		took := time.Since(before)
		if i == 0 || took/2 < f.precision {
			f.precision = took / 2
			f.skew = time.UnixMicro(micros).Sub(before.Add(took / 2))
			f.zone = time.Duration(zone) * time.Second
		}
	}
	return nil
}

// pairs reads rows of a name and a value.
func pairs(ctx context.Context, conn *sql.Conn, query string, args ...any) (map[string]string, error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	m := make(map[string]string)
	for rows.Next() {
		var name string
		var value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		m[name] = value.String
	}
	return m, rows.Err()
}
