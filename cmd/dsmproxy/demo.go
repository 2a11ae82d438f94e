package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/demo"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

const aboutDemo = `Starts stores in a temporary directory and the proxy in front of them, prints
how to connect, and carries out commands: kill a store, see that sessions live.

The stores are processes of the mariadbd or mysqld that is installed, or, where
none is, embedded ones (dsmproxy-embedded, which "make demo" builds). No server
that runs already is touched.

Ctrl-C, SIGTERM, quit, or the end of what is typed end everything: no process
and no directory stays. Started without anything to read (in the background,
</dev/null), it runs until a signal.

With -script it carries out commands, one a line of a file or separated by
semicolons, and exits with 1 at the first that fails: "put k hello; kill s1;
wait down s1; get k; expect hello".`

// demoFlags are the demo's arguments.
type demoFlags struct {
	stores, listen, script, embedded, level string
	copies, count                           int
	verbose                                 bool
}

func runDemo(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	var f demoFlags
	fs := newFlags("demo", "[FLAGS]", aboutDemo)
	fs.StringVar(&f.stores, "stores", "auto", "which `stores`: real, embedded, or auto (real if installed)")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:13306", "the proxy's `address`; port 0 takes a free one")
	fs.IntVar(&f.copies, "copies", 2, "how many stores hold a session")
	fs.IntVar(&f.count, "count", 4, "how many stores")
	fs.StringVar(&f.level, "level", "auto", "the consistency `level`: seed, safe, strict, or auto ("+conf.DefaultLevel+", seed with embedded stores)")
	fs.StringVar(&f.script, "script", "", "`commands` to carry out, or a file of them")
	fs.StringVar(&f.embedded, "embedded", "", "`path` of dsmproxy-embedded (default: beside this program, then in PATH)")
	fs.BoolVar(&f.verbose, "v", false, "show the proxy's log")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return usageError(fs, stderr, "takes no argument: %s", rest[0])
	case !slices.Contains([]string{"auto", "real", "embedded"}, f.stores):
		return usageError(fs, stderr, "-stores is auto, real or embedded, not %q", f.stores)
	case !slices.Contains([]string{"auto", "seed", "safe", "strict"}, f.level):
		return usageError(fs, stderr, "-level is auto, seed, safe or strict, not %q", f.level)
	case f.count < 1 || f.copies < 1 || f.copies > f.count:
		return usageError(fs, stderr, "-copies must be from 1 to -count, which is %d", f.count)
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return usageError(fs, stderr, "-listen: %v", err)
	}
	var commands []string
	if f.script != "" {
		if commands, err = readScript(f.script); err != nil {
			return err
		}
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	d, err := startDemo(ctx, f, stdout, stderr)
	if err == nil {
		if f.script != "" {
			if d.console.Script(ctx, commands) != nil {
				err = errSilent // the console has shown it
			}
		} else {
			d.interact(ctx, stdin, stdout)
		}
	}
	err = errors.Join(err, d.close())
	if ctx.Err() != nil {
		return nil // whatever a signal has interrupted is no failure
	}
	return err
}

// readScript takes a script from a file, or as it is if there is no such file.
func readScript(script string) ([]string, error) {
	text, err := os.ReadFile(script)
	if err != nil && !strings.ContainsAny(script, " ;") {
		return nil, fmt.Errorf("-script: %w", err)
	}
	if err != nil {
		text = []byte(script)
	}
	return demo.Commands(string(text)), nil
}

// runningDemo is what close ends; what has not been started is nil.
type runningDemo struct {
	dir     string
	log     *os.File
	stores  demo.Stores
	proxy   *proxy
	db      *sql.DB
	console *demo.Console
}

// startDemo starts everything. What it returns is to be closed, even with an
// error.
func startDemo(ctx context.Context, f demoFlags, stdout, stderr io.Writer) (d *runningDemo, err error) {
	d = new(runningDemo)
	// Said before the stores are started, which takes seconds.
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return d, fmt.Errorf("%w: choose another address with -listen", err)
	}
	if err := l.Close(); err != nil {
		return d, err
	}
	if d.dir, err = os.MkdirTemp("", "dsmproxy-demo-"); err != nil {
		return d, err
	}
	account := demo.NewAccount()
	fmt.Fprintf(stderr, "starting %d stores and the proxy ...\n", f.count)
	start := map[string]func(context.Context, demo.Options) (demo.Stores, error){
		"auto": demo.StartAuto, "real": demo.StartReal, "embedded": demo.StartEmbedded,
	}[f.stores]
	if d.stores, err = start(ctx, demo.Options{
		Count: f.count, Account: account, Dir: d.dir, Embedded: f.embedded, Notes: stderr,
	}); err != nil {
		return d, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := demo.CreateDatabase(ctx, d.stores, account); err != nil {
		return d, err
	}
	level, err := f.levelOf(d.stores)
	if err != nil {
		return d, err
	}
	config := filepath.Join(d.dir, "dsmproxy.toml")
	cfg, err := conf.Parse(config, demoConfig("127.0.0.1:3306", level, f.copies, d.stores, account))
	if err != nil {
		return d, err
	}
	cfg.Listen = f.listen // which may leave the port open, as a file may not
	if err := d.startProxy(cfg, f.verbose, stderr); err != nil {
		return d, err
	}
	addr := reachable(d.proxy.Addr())
	if err := os.WriteFile(config, demoConfig(addr, level, f.copies, d.stores, account), 0o600); err != nil {
		return d, err
	}
	if err := d.await(ctx, isGroup); err != nil {
		return d, err
	}
	if d.db, err = demo.Open(addr, account, demo.Database); err != nil {
		return d, err
	}
	if err := demo.CreateTable(ctx, d.db); err != nil {
		return d, err
	}
	// The stores may fail when it is known that all records are where they belong.
	if err := d.await(ctx, isWhole); err != nil {
		return d, err
	}
	d.console = &demo.Console{
		Stores: d.stores, Account: account, Proxy: addr, DB: d.db,
		Copies: f.copies, Level: level, State: d.state, Out: stdout,
	}
	if d.console.Order, err = orderOf(cfg); err != nil {
		return d, err
	}
	demo.Banner(ctx, stdout, d.console, config)
	if d.proxy.adminURL != "" {
		fmt.Fprintf(stdout, "Status page: %s\n", d.proxy.adminURL)
	}
	return d, nil
}

// levelOf is the consistency level at which the proxy runs before stores.
func (f *demoFlags) levelOf(stores demo.Stores) (string, error) {
	switch {
	case f.level == "auto" && stores.Fences():
		return conf.DefaultLevel, nil
	case f.level == "auto":
		return "seed", nil
	case f.level != "seed" && !stores.Fences():
		return "", fmt.Errorf("level %s needs servers with InnoDB: give -stores real as well", f.level)
	}
	return f.level, nil
}

// demoConfig is the configuration that the proxy runs with. It is a file as
// well, so that dsmproxy explain and dsmproxy route can be tried on it.
func demoConfig(listen, level string, copies int, stores demo.Stores, a demo.Account) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "listen = %q\ncopies = %d\n\n[[user]]\nname = %q\npassword = %q\n\n", listen, copies, a.User, a.Password)
	for _, name := range stores.Names() {
		fmt.Fprintf(&b, "[[store]]\nname = %q\naddr = %q\n\n", name, stores.Addr(name))
	}
	fmt.Fprintf(&b, "[[table]]\nschema = %q\nname = %q\nkey = \"id\"\n\n[consistency]\nlevel = %q\n", demo.Database, demo.Table, level)
	return []byte(b.String())
}

// startProxy starts the proxy. Its log goes to a file unless it is asked for,
// for it would stand between the console's lines.
func (d *runningDemo) startProxy(cfg *conf.Config, verbose bool, stderr io.Writer) (err error) {
	if !verbose {
		if d.log, err = os.Create(filepath.Join(d.dir, "proxy.log")); err != nil {
			return err
		}
		stderr = d.log
	}
	d.proxy, err = startProxy(cfg, "", newLogging(cfg.Log, stderr))
	return err
}

// reachable is an address under which a listener can be dialled.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// orderOf returns the function that orders the stores for a session ID.
func orderOf(cfg *conf.Config) (func(id string) []string, error) {
	place, err := makePlacement(cfg)
	if err != nil {
		return nil, err
	}
	return func(id string) []string {
		order := make([]uint16, place.Stores())
		place.Order(order, []byte(id))
		list := make([]string, len(order))
		for i, s := range order {
			list[i] = cfg.Stores[s].Name
		}
		return list
	}, nil
}

// state is what the proxy believes of a store.
func (d *runningDemo) state(name string) (up bool, since time.Time) {
	served := true
	if f := d.proxy.fenced; f != nil {
		served = slices.ContainsFunc(f.group.Overview().Stores, func(s fence.Standing) bool { return s.Name == name && s.State == "up" })
	}
	for _, s := range d.proxy.Stores() {
		if s.Name() == name {
			stats := s.Stats()
			return stats.State == store.Up && served, stats.Since
		}
	}
	return false, time.Time{}
}

// interact carries out what is typed, until the demo is to end.
func (d *runningDemo) interact(ctx context.Context, stdin io.Reader, stdout io.Writer) {
	prompt := ""
	if isTerminal(stdin) {
		prompt = "demo> "
	}
	if d.console.Run(ctx, stdin, prompt) {
		return
	}
	fmt.Fprintln(stdout, "nothing to read commands from: running until SIGINT or SIGTERM")
	<-ctx.Done()
}

// isTerminal reports whether somebody types at r, or reads it.
func isTerminal(r any) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	if err != nil || fi.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(fi, null)
}

// close ends everything, clients first and stores last, and removes the
// directory.
func (d *runningDemo) close() error {
	var errs []error
	if d.console != nil {
		errs = append(errs, d.console.Close())
	}
	if d.db != nil {
		errs = append(errs, d.db.Close())
	}
	if d.proxy != nil {
		errs = append(errs, d.proxy.Close())
	}
	if d.stores != nil {
		errs = append(errs, d.stores.Close())
	}
	if d.log != nil {
		errs = append(errs, d.log.Close())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}
