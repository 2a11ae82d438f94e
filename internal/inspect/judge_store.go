package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// judgeStores judges each store by itself, then all of them together.
func (in *inspection) judgeStores(ctx context.Context, all []*facts) {
	for i, f := range all {
		if !f.reached() {
			continue
		}
		in.judgeSettings(i, f)
		if in.Fenced != nil {
			in.judgeFenced(in.Stores[i].Name, f)
		} else {
			in.judgeDurability(i, f)
		}
		in.judgeClock(i, f)
	}
	in.judgeTwins(ctx, all)
	in.judgeZones(all)
	in.judgeVersions(all)
	for _, e := range equalSettings {
		in.judgeEqual(e, all)
	}
}

// Spare connections for probes, administrators and the next client.
const spareConns = 10

// judgeConnections compares what all proxies may open with what the store has.
func (in *inspection) judgeConnections(i int, f *facts) {
	proxies := max(1, in.Proxies, f.proxies)
	opened, who := in.MaxConns*proxies, fmt.Sprintf("dsmproxy may open %d (pool.max_conns)", in.MaxConns)
	if proxies > 1 {
		who = fmt.Sprintf("%d proxies may open %d (each pool.max_conns = %d)", proxies, opened, in.MaxConns)
	}
	n := f.number("max_connections")
	if n >= 0 && n < int64(opened+spareConns) {
		divided := ""
		if proxies == 1 {
			divided = " (divided by the number of proxies)"
		}
		in.ofStore(Wrong, "connections", i, fmt.Sprintf("set max_connections = %d or more at the store, or lower pool.max_conns to %d%s",
			opened+spareConns, max(1, (n-spareConns)/int64(proxies)), divided), "max_connections is %d, but %s, and some should be to spare", n, who)
	}
	if n := f.userConns; n > 0 && n < opened {
		in.ofStore(Wrong, "connections", i, "ALTER USER ... WITH MAX_USER_CONNECTIONS 0, or lower pool.max_conns",
			"the account may have %d connections, but %s", n, who)
	}
	if most, err := strconv.ParseInt(f.status["Max_used_connections"], 10, 64); err == nil && n > 0 && most >= n-spareConns/2 {
		in.ofStore(Note, "connections", i, "find out who uses them (SHOW PROCESSLIST), or raise max_connections; FLUSH STATUS begins anew",
			"has had %d of its %d connections in use at once: whoever came next was refused", most, n)
	}
}

func (in *inspection) judgeSettings(i int, f *facts) {
	if limit := in.ConnectTimeout; limit > 0 && f.login > limit {
		in.ofStore(Wrong, "connect", i, "raise health.connect_timeout, or find out why the store is slow (name lookups: skip-name-resolve)",
			"dial and login took %.2f s, more than health.connect_timeout (%v): the store would be down to dsmproxy", f.login.Seconds(), limit)
	}
	in.judgeConnections(i, f)
	if n := f.number("max_allowed_packet"); n >= 0 && n < in.MaxPacket {
		in.ofStore(Note, "packet", i, fmt.Sprintf("set max_allowed_packet = %d at the store, or limits.max_allowed_packet = %d", in.MaxPacket, n),
			"max_allowed_packet is %s, less than the %s that clients may send (limits.max_allowed_packet): longer statements fail there", size(n), size(in.MaxPacket))
	}
	if n := f.number("wait_timeout"); n >= 0 && in.MaxLifetime > 0 && time.Duration(n)*time.Second < in.MaxLifetime {
		in.ofStore(Note, "timeout", i, fmt.Sprintf("set wait_timeout = %.0f or more at the store, or lower pool.max_lifetime", in.MaxLifetime.Seconds()),
			"wait_timeout is %d s: the store closes idle connections before pool.max_lifetime (%v), and transactions and named locks of clients that are silent for longer", n, in.MaxLifetime)
	}
	if v := f.variables["read_only"]; v != "" && v != "OFF" && v != "0" {
		in.ofStore(Wrong, "read-only", i, "SET GLOBAL read_only = OFF, and in the server's configuration", "is read-only (read_only = %s)", v)
	}
	if f.variables["wsrep_on"] == "ON" {
		in.ofStore(Wrong, "stand-alone", i, "use stand-alone servers, or the cluster without dsmproxy",
			"is a member of a Galera cluster (%s servers): copies would be made twice, and named locks are not the cluster's", f.status["wsrep_cluster_size"])
	}
	if f.status["Slave_running"] == "ON" {
		in.ofStore(Wrong, "stand-alone", i, "STOP SLAVE (STOP REPLICA), if what it replicates are the session tables",
			"replicates from another server: records that come from there collide with those that dsmproxy writes")
	}
}

func (in *inspection) judgeDurability(i int, f *facts) {
	if v := f.variables["innodb_flush_log_at_trx_commit"]; v != "" && v != "1" {
		in.ofStore(Note, "durability", i, "set innodb_flush_log_at_trx_commit = 1, or accept it: with copies = 2 another store has the record",
			"innodb_flush_log_at_trx_commit is %s: a power failure can lose the last second of writes", v)
	}
	if v := f.variables["sync_binlog"]; f.variables["log_bin"] == "ON" && v != "1" {
		in.ofStore(Note, "durability", i, "set sync_binlog = 1, or switch the binary log off, which dsmproxy does not need",
			"sync_binlog is %s: a power failure can lose the end of the binary log", v)
	}
}

// Clocks that differ by more than this are found: sessions expire by them.
const (
	wrongSkew = 5 * time.Second
	notedSkew = time.Second
)

func (in *inspection) judgeClock(i int, f *facts) {
	level, off := Note, f.skew.Abs()-f.precision
	switch {
	case off >= wrongSkew:
		level = Wrong
	case off < notedSkew:
		return
	}
	in.ofStore(level, "clock", i, "keep all clocks right: chrony or systemd-timesyncd, on the stores and here",
		"its clock is %.1f s %s dsmproxy's: sessions expire early or late there", f.skew.Abs().Seconds(), map[bool]string{true: "ahead of", false: "behind"}[f.skew > 0])
}

// judgeTwins finds stores that are one server, by locks that both would hold.
func (in *inspection) judgeTwins(ctx context.Context, all []*facts) {
	ctx, cancel := context.WithTimeout(ctx, in.Timeout)
	defer cancel()
	name := func(i int) string { return fmt.Sprintf("%s-%d", in.tag, i) }
	twin := make(map[int]bool)
	for i, f := range all {
		if !f.reached() || twin[i] {
			continue
		}
		var got int
		if err := f.conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", name(i)).Scan(&got); err != nil || got != 1 {
			in.ofStore(Wrong, "rights", i, "look at the store's own log", "gives no named lock, which session handlers need (GET_LOCK): %v", err)
			continue
		}
		for j := i + 1; j < len(all); j++ {
			var free int
			if !all[j].reached() || twin[j] || all[j].conn.QueryRowContext(ctx, "SELECT IS_FREE_LOCK(?)", name(i)).Scan(&free) != nil || free == 1 {
				continue
			}
			twin[j] = true
			in.ofStore(Wrong, "stand-alone", j, "give each store the address of a server of its own",
				"is the same server as %s: both copies of a record would be in one place", in.Stores[i].Name)
		}
	}
}

// judgeZones compares what NOW() says.
func (in *inspection) judgeZones(all []*facts) {
	in.compare(all, func(f *facts) string { return f.zone.String() }, func(values string) {
		in.find(Finding{Level: Wrong, Check: "time zone",
			Message: "NOW() differs from UTC by " + values + ": a record's times depend on the store that answers",
			Remedy:  "set the same time_zone in the configuration of all stores (default-time-zone = '+00:00')"})
	})
}

// judgeVersions compares makes and main versions.
func (in *inspection) judgeVersions(all []*facts) {
	for i, f := range all {
		if !f.reached() {
			continue
		}
		var major, minor int
		if _, err := fmt.Sscanf(f.variables["version"], "%d.%d", &major, &minor); err != nil {
			continue
		}
		if least := map[bool][2]int{true: {10, 3}, false: {5, 7}}[isMariaDB(f)]; major < least[0] || major == least[0] && minor < least[1] {
			in.ofStore(Note, "version", i, "use a version that its makers still maintain", "is %s, which dsmproxy is not tested with", f.variables["version"])
		}
	}
	in.compare(all, func(f *facts) string {
		maker := "MySQL"
		if isMariaDB(f) {
			maker = "MariaDB"
		}
		parts := strings.SplitN(f.variables["version"], ".", 3)
		return maker + " " + strings.Join(parts[:min(2, len(parts))], ".")
	}, func(values string) {
		in.find(Finding{Level: Note, Check: "version",
			Message: "the stores have different versions: " + values,
			Remedy:  "fine while stores are upgraded one by one; in the end they should be equal, for statements may be answered differently"})
	})
}

func isMariaDB(f *facts) bool { return strings.Contains(f.variables["version"], "MariaDB") }

// equalSetting is a variable that all stores should agree on.
type equalSetting struct {
	name  string
	level Level
	why   string
}

var equalSettings = []equalSetting{
	{"sql_mode", Wrong, "the same statement is read or checked differently, so that copies differ"},
	{"lower_case_table_names", Wrong, "the same table name means one table at one store and another or none at the next"},
	{"character_set_server", Note, "a CREATE TABLE that names no character set makes different tables"},
	{"collation_server", Note, "a CREATE TABLE that names no collation makes different tables"},
	{"default_storage_engine", Note, "a CREATE TABLE that names no engine makes different tables"},
	{"explicit_defaults_for_timestamp", Note, "a CREATE TABLE with a timestamp makes different tables"},
	{"transaction_isolation", Note, "transactions see different things"},
	{"tx_isolation", Note, "transactions see different things"},
	{"autocommit", Wrong, "clients begin in different states"},
	{"sql_safe_updates", Wrong, "writes without a key are refused at some stores only"},
	{"max_allowed_packet", Note, "a long record is taken by some stores and refused by others"},
	{"innodb_lock_wait_timeout", Note, "waits for locks end at one copy before the other"},
	{"init_connect", Note, "connections begin in different states"},
}

func (in *inspection) judgeEqual(e equalSetting, all []*facts) {
	in.compare(all, func(f *facts) string {
		v := f.variables[e.name]
		if e.name == "sql_mode" { // MySQL 8 has it no more, and it is about accounts
			v = strings.Trim(strings.ReplaceAll(","+v+",", ",NO_AUTO_CREATE_USER,", ","), ",")
		}
		return v
	}, func(values string) {
		in.find(Finding{Level: e.level, Check: "settings",
			Message: e.name + " differs: " + values + "; " + e.why,
			Remedy:  "set the same " + e.name + " in the configuration of all stores, and restart them or SET GLOBAL"})
	})
}

// compare groups the stores that were reached by a value, and calls differ if
// there are several. A store without a value has no part in it.
func (in *inspection) compare(all []*facts, value func(*facts) string, differ func(values string)) {
	groups := make(map[string][]string)
	for i, f := range all {
		if f.reached() {
			if v := value(f); v != "" {
				groups[v] = append(groups[v], in.Stores[i].Name)
			}
		}
	}
	if len(groups) < 2 {
		return
	}
	var list []string
	for _, v := range slices.Sorted(maps.Keys(groups)) {
		list = append(list, fmt.Sprintf("%s at %s", v, strings.Join(groups[v], ", ")))
	}
	differ(strings.Join(list, "; "))
}

// size is a number of bytes as configurations write it.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
