package inspect

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Fenced says what the levels safe and strict ask of the stores besides.
type Fenced struct {
	Level     string
	Schema    string // of the side tables
	Witnesses []Store
	// Settings are those in which all proxies must agree.
	Settings [][2]string // name, value
}

// sideRights are the rights that clients' accounts need for the side tables, and
// a column of each.
var sideRights = []struct {
	table, column string
	verbs         []string
}{
	{"view", "id", []string{"SELECT", "UPDATE"}},
	{"gate", "id", []string{"SELECT"}},
	{"ver", "t", []string{"SELECT", "INSERT", "UPDATE"}},
	{"moving", "made", []string{"SELECT", "INSERT", "UPDATE"}},
}

// judgeFenced judges what makes a store unfit for the level.
func (in *inspection) judgeFenced(name string, f *facts) {
	wrong := func(check, remedy, format string, args ...any) {
		in.find(Finding{Level: Wrong, Check: check, Store: name, Message: fmt.Sprintf(format, args...), Remedy: remedy})
	}
	version := f.variables["version"]
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err == nil {
		if least := map[bool][2]int{true: {10, 2}, false: {5, 7}}[isMariaDB(f)]; major < least[0] || major == least[0] && minor < least[1] {
			wrong("version", "use a newer one, or level = \"seed\"", "is %s, which is too old for level %q: its keys are too short for those of the side tables", version, in.Fenced.Level)
		}
	}
	if f.variables["log_bin"] == "ON" && f.variables["binlog_format"] == "STATEMENT" {
		wrong("settings", "set binlog_format = ROW or MIXED, or switch the binary log off", "has binlog_format = STATEMENT, which refuses READ COMMITTED")
	}
	if !f.durable() {
		in.find(Finding{Level: Note, Check: "durability", Store: name,
			Message: fmt.Sprintf("is not durable: at level %q it is filled again from the others after each restart, and if all stores lose power at once none serves until you trust them", in.Fenced.Level),
			Remedy:  "set innodb_flush_log_at_trx_commit = 1, and sync_binlog = 1 with a binary log"})
	}
}

// durable is the rule of package ledger.
func (f *facts) durable() bool {
	flush := f.variables["innodb_flush_log_at_trx_commit"]
	return (flush == "1" || flush == "3") && (f.variables["log_bin"] != "ON" || f.variables["sync_binlog"] == "1")
}

// askFenced looks at the engines, at the rights for the side tables, and at the
// settings that are kept there.
func (in *inspection) askFenced(ctx context.Context, s Store, f *facts) error {
	if err := in.askEngines(ctx, s.Name, f); err != nil {
		return err
	}
	var who string
	if err := f.conn.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&who); err != nil {
		return err
	}
	if err := in.trySideTables(ctx, s.Name, who, f); err != nil {
		return err
	}
	if err := in.tryService(ctx, s.Name, who, f); err != nil {
		return err
	}
	if err := in.tryReload(ctx, s.Name, who, f); err != nil {
		return err
	}
	// Who may not look, or there is nothing to look at, knows of no proxy.
	_ = f.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+in.Fenced.Schema+".proxy WHERE id%2=1 AND seen>UTC_TIMESTAMP(6)-INTERVAL 10 SECOND").Scan(&f.proxies)
	return in.askKept(ctx, s.Name, f)
}

// tryReload looks for the right by which a register is brought to the disk of a
// store that does not do so by itself.
func (in *inspection) tryReload(ctx context.Context, name, who string, f *facts) error {
	if v := f.variables["innodb_flush_log_at_trx_commit"]; v == "1" || v == "3" {
		return nil
	}
	var may int
	err := f.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'RELOAD' AND GRANTEE = ?", account(who)).Scan(&may)
	if err != nil || may > 0 {
		return err
	}
	in.find(Finding{Level: Wrong, Check: "rights", Store: name,
		Message: fmt.Sprintf("%s has no right to FLUSH ENGINE LOGS, which a store with innodb_flush_log_at_trx_commit = %s needs", account(who), f.variables["innodb_flush_log_at_trx_commit"]),
		Remedy:  "set innodb_flush_log_at_trx_commit = 1, or GRANT RELOAD ON *.* TO " + account(who)})
	return nil
}

func (in *inspection) askEngines(ctx context.Context, name string, f *facts) error {
	support, err := pairs(ctx, f.conn, "SELECT UPPER(ENGINE), SUPPORT FROM information_schema.ENGINES")
	if err != nil {
		return err
	}
	for engine, why := range map[string]string{
		"INNODB": "without it there are no transactions", "MEMORY": "by its tables a restart is noticed",
	} {
		if v := support[engine]; v != "YES" && v != "DEFAULT" {
			in.find(Finding{Level: Wrong, Check: "engine", Store: name, Message: "has no " + engine + " tables: " + why,
				Remedy: "start the server with this storage engine"})
		}
	}
	return nil
}

// account is CURRENT_USER() as GRANT writes it.
func account(who string) string {
	user, host, _ := strings.Cut(who, "@")
	return "'" + user + "'@'" + host + "'"
}

// trySideTables tries whether the proxy's own account may make the side tables,
// or do what it does with them if they are there.
func (in *inspection) trySideTables(ctx context.Context, name, who string, f *facts) error {
	var tables int
	if err := f.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", in.Fenced.Schema).Scan(&tables); err != nil {
		return err
	}
	lacking := "to make the schema"
	f.sideTables = tables > 0
	if f.sideTables {
		list, err := lacks(ctx, f, in.Fenced.Schema, "view", "id", "SELECT", "INSERT", "UPDATE", "DELETE")
		if err != nil || len(list) == 0 {
			return err
		}
		lacking = "to " + strings.Join(list, ", ") + " in the schema"
	} else {
		var may int
		err := f.conn.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'CREATE' AND GRANTEE = ?)"+
			" + (SELECT COUNT(*) FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'CREATE' AND GRANTEE = ? AND ? LIKE TABLE_SCHEMA)",
			account(who), account(who), in.Fenced.Schema).Scan(&may)
		if err != nil || may > 0 {
			return err
		}
	}
	f.lacksSide = who
	in.find(Finding{Level: Wrong, Check: "rights", Store: name,
		Message: fmt.Sprintf("%s has no right %s %s, in which level %q keeps versions", account(who), lacking, in.Fenced.Schema, in.Fenced.Level),
		Remedy:  fmt.Sprintf("GRANT ALL ON %s.* TO %s", in.Fenced.Schema, account(who))})
	return nil
}

// tryClients tries what clients' statements do with the side tables, if they are
// there, for each account that the store is logged in to with. own is what the
// proxy's own account has found there.
func (in *inspection) tryClients(ctx context.Context, s Store, own *facts) error {
	accounts := in.Accounts
	if s.Own != nil {
		accounts = []Account{*s.Own}
	}
	for _, a := range accounts {
		if err := in.tryClient(ctx, s, a, own); err != nil {
			return err
		}
	}
	return nil
}

func (in *inspection) tryClient(ctx context.Context, s Store, a Account, own *facts) error {
	db, conn, err := open(ctx, s, a)
	if err != nil {
		return nil // is found elsewhere
	}
	defer db.Close()
	defer conn.Close()
	f := &facts{db: db, conn: conn}
	var who string
	if err := conn.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&who); err != nil {
		return err
	}
	if who == own.lacksSide {
		return nil // it is to have all rights there, as was found
	}
	var grants []string
	for _, r := range sideRights {
		list, err := lacks(ctx, f, in.Fenced.Schema, r.table, r.column, r.verbs...)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			grants = append(grants, fmt.Sprintf("GRANT %s ON %s.%s TO %s;", strings.Join(r.verbs, ", "), in.Fenced.Schema, r.table, account(who)))
		}
	}
	if len(grants) > 0 {
		if !own.sideTables {
			grants = slices.Insert(grants, 0, "first dsmproxy init, or a start of dsmproxy, which makes these tables; then")
		}
		in.find(Finding{Level: Wrong, Check: "rights", Store: s.Name,
			Message: fmt.Sprintf("%s may not use the side tables in %s, which each of its statements does at level %q", account(who), in.Fenced.Schema, in.Fenced.Level),
			Remedy:  strings.Join(grants, "\n")})
	}
	return nil
}

// askKept compares the settings that a store keeps.
func (in *inspection) askKept(ctx context.Context, name string, f *facts) error {
	kept, err := pairs(ctx, f.conn, "SELECT name, value FROM "+quoteName(in.Fenced.Schema, "settings"))
	if err != nil {
		if code(err) != 0 {
			return nil // they are not there yet, or may not be read, which is found elsewhere
		}
		return err
	}
	var differ []string
	for _, s := range in.Fenced.Settings {
		if v, ok := kept[s[0]]; ok && v != s[1] {
			differ = append(differ, fmt.Sprintf("%s is %s here and %s there", s[0], s[1], v))
		}
	}
	if len(differ) > 0 {
		in.find(Finding{Level: Wrong, Check: "settings", Store: name,
			Message: "was used with other settings: " + strings.Join(differ, ", ") + "; a proxy with these does not serve",
			Remedy:  "give all proxies the same settings; view_lease, quorum and witnesses can be changed by dsmproxy init -change while no proxy runs"})
	}
	return nil
}

// askWitnesses looks at the witnesses, at all at once.
func (in *inspection) askWitnesses(ctx context.Context) {
	if in.Fenced == nil {
		return
	}
	var asked sync.WaitGroup
	for _, w := range in.Fenced.Witnesses {
		asked.Go(func() { in.askWitness(ctx, w) })
	}
	asked.Wait()
}

func (in *inspection) askWitness(parent context.Context, w Store) {
	ctx, cancel := context.WithTimeout(parent, in.Timeout)
	defer cancel()
	a := w.Own
	if a == nil {
		a = &in.Accounts[0]
	}
	f := new(facts)
	err := func() (err error) {
		if f.db, f.conn, err = open(ctx, w, *a); err != nil {
			return err
		}
		if err := askSettings(ctx, f); err != nil {
			return err
		}
		return in.askFenced(ctx, w, f)
	}()
	defer f.close()
	if err != nil {
		if errors.Is(err, sql.ErrConnDone) || ctx.Err() != nil {
			err = fmt.Errorf("no answer from %s", w.Addr)
		}
		in.find(Finding{Level: Wrong, Check: "witness", Store: w.Name, Message: fmt.Sprintf("the witness can't be asked: %v", err),
			Remedy: "start it, or correct its address, user and password; all witnesses must answer once"})
		return
	}
	in.judgeFenced(w.Name, f)
}
