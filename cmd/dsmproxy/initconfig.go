package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/inspect"
)

const aboutInitConfig = `Writes a configuration from what the application has now: its DSN, and the
addresses of the stores, as host:port or name=host:port.

The server of the DSN is asked for the session table and its key; without a
host in the DSN (user:password@/database) the first store is. Without stores,
the server of the DSN is the only one. A DSN of "-" is read from standard
input, so that the password is in no list of processes.

  dsmproxy init-config -dsn app:secret@10.0.0.1:3306/shop 10.0.0.1 10.0.0.2

The account of the DSN is what clients log in to dsmproxy with, and dsmproxy to
the stores. Look the file over, then: dsmproxy check -online.`

func runInitConfig(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("init-config", "-dsn DSN [-listen ADDR] [-table NAME] [-o FILE] [STORE...]", aboutInitConfig)
	text := fs.String("dsn", "", "the application's `DSN`: user:password@host:port/database, or - to read it")
	listen := fs.String("listen", "127.0.0.1:3307", "where clients will connect, `host:port` or unix:/path")
	table := fs.String("table", "", "the session table's `name`, where it can't be found out")
	out := fs.String("o", "", "write to this `file`, which must not exist, readable for its owner alone (default: standard output)")
	timeout := fs.Duration("timeout", 15*time.Second, "the `time` that the server is given")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if *text == "" {
		return usageError(fs, stderr, "give the DSN that the application has now: -dsn user:password@host:port/database")
	}
	if *text == "-" {
		b, err := io.ReadAll(io.LimitReader(stdin, 64<<10))
		if err != nil {
			return err
		}
		*text = strings.TrimSpace(string(b))
	}
	d, err := parseDSN(*text)
	if err != nil {
		return usageError(fs, stderr, "-dsn: %v", err) // not the DSN, which has a password
	}
	stores, err := parseStores(rest, d.addr)
	if err != nil {
		return usageError(fs, stderr, "%v", err)
	}
	f := &firstConfig{dsn: d, listen: *listen, stores: stores}
	if f.addr == "" {
		f.addr = stores[0].addr
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if f.server, err = askServer(ctx, f.dsn, *timeout, stderr); err != nil {
		return err
	}
	if err := f.choose(*table); err != nil {
		return err
	}
	config := f.write()
	if _, err := conf.Parse("dsmproxy.toml", config); err != nil {
		return err // an address, say
	}
	if *out == "" {
		_, err = stdout.Write(config)
		return err
	}
	return writeNew(*out, config, stderr)
}

// writeNew writes a file that was not there. It has passwords in it.
func writeNew(path string, data []byte, stderr io.Writer) error {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	if err = errors.Join(err, w.Close()); err == nil {
		fmt.Fprintf(stderr, "wrote %s; now: dsmproxy check -online -config %s\n", path, path)
	}
	return err
}

// namedStore is a store of the command line.
type namedStore struct{ name, addr string }

// parseStores names the stores that have no name s1, s2, ...
func parseStores(args []string, only string) ([]namedStore, error) {
	if len(args) == 0 {
		args = []string{only}
	}
	list := make([]namedStore, len(args))
	for i, arg := range args {
		name, addr, named := strings.Cut(arg, "=")
		if !named {
			name, addr = fmt.Sprintf("s%d", i+1), arg
		}
		if addr == "" {
			return nil, errors.New("no store: give host:port of at least one, or a host in the DSN")
		}
		addr, err := withPort(addr)
		if err != nil {
			return nil, err
		}
		list[i] = namedStore{name, addr}
	}
	return list, nil
}

// askServer asks the server of a DSN for tables, and says so while it takes
// long.
func askServer(ctx context.Context, d dsn, timeout time.Duration, stderr io.Writer) (*inspect.Server, error) {
	late := time.AfterFunc(patience, func() { fmt.Fprintf(stderr, "waiting for %s\n", d.addr) })
	defer late.Stop()
	network, addr := conf.SplitAddr(d.addr)
	server, err := inspect.Candidates(ctx, inspect.Store{Network: network, Addr: addr}, inspect.Account{User: d.user, Password: d.password}, d.schema, timeout)
	var op *net.OpError
	switch {
	case errors.As(err, &op), errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("ask %s: %w: is the server running, and is the address right?", d.addr, err)
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", d.addr, err)
	}
	return server, nil
}

// firstConfig is what a configuration is written from.
type firstConfig struct {
	dsn
	listen string
	stores []namedStore
	server *inspect.Server
	chosen inspect.Candidate
	others []inspect.Candidate
}

// choose takes the likeliest table, or the one that is named.
func (f *firstConfig) choose(name string) error {
	where := f.addr
	if f.schema != "" {
		where = "database " + f.schema + " at " + f.addr
	}
	for _, c := range f.server.Candidates {
		if named := strings.EqualFold(c.Name, name); name != "" && !named || name == "" && !c.Likely {
			continue
		}
		if f.chosen.Name == "" {
			f.chosen = c
		} else {
			f.others = append(f.others, c)
		}
	}
	switch {
	case f.chosen.Name != "":
		return nil
	case name != "":
		return fmt.Errorf("%s has no table %q with a primary or unique key that is a text column, or a primary key that has one or is numbered", where, name)
	default:
		return fmt.Errorf("%s has no table that looks like one of sessions (a text key, data, a time): have the application make it, or name it with -table", where)
	}
}

// write writes the configuration.
func (f *firstConfig) write() []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# dsmproxy's configuration, written by dsmproxy init-config. Look it over, then:")
	p("#   dsmproxy check -online -config THIS-FILE")
	p("#   dsmproxy serve -config THIS-FILE")
	p("# and give the application this address in the place of %s:", f.addr)
	p("listen = %q", f.listen)
	p("")
	p("# On how many stores each session is. With 2, any one store can die.")
	p("copies = %d", min(2, len(f.stores)))
	p("")
	p("# How a session ID orders the stores. With rendezvous, a store that is added")
	p("# takes sessions only to itself; \"php\" is the order of PHP's shuffle().")
	p("# To change it later, or to remove or reorder stores, moves sessions.")
	p("placement = \"rendezvous\"")
	p("")
	if more := f.furtherTables(); more != "" {
		p("# %s has further tables: %s.", plain(f.chosen.Schema), more)
		p("# Statements on them are refused. A store's name has that store alone serve")
		p("# them, for an application that has only one connection for all its tables.")
		p("# other_tables = %s", tomlString(f.stores[0].name))
		p("")
	}
	p("[consistency]")
	p("# What may be seen of a session after a store's failure: at \"seed\" what the")
	p("# store had before it failed, at \"safe\" never anything stale; that keeps its")
	p("# books at the stores, for which check -online names the rights that are missing.")
	p("level = %q", conf.DefaultLevel)
	if n := f.server.MaxConns - 10; n > 0 && n < conf.Default().Pool.MaxConns {
		p("")
		p("[pool]")
		p("# %s lets in %d connections, and some should be to spare. With", f.addr, f.server.MaxConns)
		p("# several proxies, each gets its part.")
		p("max_conns = %d", n)
	}
	p("")
	p("# Whom clients log in as. dsmproxy logs in to the stores as they do, so each")
	p("# store needs this account. password_file keeps the password out of this file.")
	p("[[user]]")
	p("name = %s", tomlString(f.user))
	p("password = %s", tomlString(f.password))
	p("")
	p("# The stores. Each needs the session table; their order matters only to the")
	p("# php placements.")
	for _, s := range f.stores {
		p("[[store]]")
		p("name = %s", tomlString(s.name))
		p("addr = %s", tomlString(s.addr))
	}
	p("")
	f.writeTable(p, f.chosen, "")
	if len(f.others) > 0 {
		p("")
		p("# Other tables that may hold sessions. Remove the # of those that do.")
		for _, c := range f.others {
			f.writeTable(p, c, "# ")
		}
	}
	return b.Bytes()
}

// furtherTables names some of the tables of the chosen one's schema that are not
// written down.
func (f *firstConfig) furtherTables() string {
	const some = 5
	var names []string
	for _, t := range f.server.Tables {
		written := slices.ContainsFunc(append(f.others, f.chosen), func(c inspect.Candidate) bool { return c.Schema == t.Schema && c.Name == t.Name })
		if t.Schema == f.chosen.Schema && !written {
			names = append(names, plain(t.Name))
		}
	}
	if more := len(names) - some; more > 0 {
		names = append(names[:some], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func (f *firstConfig) writeTable(p func(string, ...any), c inspect.Candidate, comment string) {
	if c.Why != "" {
		p("# %s.%s: %s is its key, %s.", plain(c.Schema), plain(c.Name), plain(c.Key), plain(c.Why))
	}
	presets := conf.PresetsOf(c.Name, c.Key, c.Surrogate)
	if len(presets) > 1 {
		p("# Several handlers make such a table, with presets of their own:")
		p("# %s", strings.Join(presets, ", "))
	}
	p("%s[[table]]", comment)
	p("%sschema = %s", comment, tomlString(c.Schema))
	if len(presets) == 1 {
		p("%spreset = %q # table %s, key %s", comment, presets[0], plain(c.Name), plain(c.Key))
	} else {
		p("%sname = %s", comment, tomlString(c.Name))
		p("%skey = %s", comment, tomlString(c.Key))
		if c.Surrogate != "" {
			p("%ssurrogate = %s # the column that the server numbers", comment, tomlString(c.Surrogate))
		}
	}
	if strings.HasSuffix(c.Collation, "_ci") {
		p("# The key's collation, %s, calls \"abc\" and \"ABC\" equal. \"auto\" does so too;", c.Collation)
		p("# \"exact\" hashes an ID as it is spelled, as PHP does, and suits handlers that")
		p("# send an ID as they were given it.")
		if len(presets) == 1 { // whose handler is known
			comment += "# "
		}
		p("%scollation = \"auto\"", comment)
	}
}

// plain is a name in a comment: on one line.
func plain(s string) string { return strings.Join(strings.Fields(s), " ") }

// tomlString quotes a string as TOML does.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
