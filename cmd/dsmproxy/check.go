package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/inspect"
)

// defaultConfig is the configuration file of a command that is not told one,
// systemConfig that of the packages, where there is none; see configPath.
const (
	defaultConfig = "dsmproxy.toml"
	systemConfig  = "/etc/dsmproxy/dsmproxy.toml"
)

const aboutCheck = `Reads the configuration and prints every problem with its line and key.

With -online it then connects to every store, as the proxy does, and compares
versions, settings, clocks, rights and tables. Each finding is "wrong", which
has to be mended, or a "note", which is good to know, and comes with a remedy.
At the levels safe and strict it also looks at the witnesses, at the rights for
the side tables, and at the settings in which all proxies must agree. It changes
nothing at the stores.

Exits with 1 if something is wrong.`

// patience is how long a command is silent while it waits.
const patience = 2 * time.Second

func runCheck(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("check", "[-config FILE] [-online [-json] [-timeout DURATION] [-proxies N]]", aboutCheck)
	path := fs.String("config", defaultConfig, "configuration `file`")
	online := fs.Bool("online", false, "connect to the stores and look there, too")
	asJSON := fs.Bool("json", false, "with -online: print one object")
	timeout := fs.Duration("timeout", 15*time.Second, "with -online: the `time` that each store is given")
	proxies := fs.Int("proxies", 1, "with -online: how `many` proxies use the stores, whose connections add up; at the\nlevels safe and strict those that run are counted")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return usageError(fs, stderr, "takes no argument: write -config %s", conf.WithoutLogin(rest[0]))
	case *asJSON && !*online:
		return usageError(fs, stderr, "-json is for -online")
	case *proxies < 1:
		return usageError(fs, stderr, "-proxies must be 1 or more")
	case *timeout <= 0:
		return usageError(fs, stderr, "-timeout must be above 0")
	}
	c, err := loadConfig(*path, stderr)
	if err != nil {
		return err
	}
	if *online {
		return checkOnline(c, *proxies, *timeout, *asJSON, stdout, stderr)
	}
	_, err = fmt.Fprintf(stdout, "ok: %s: %s, %s, %s, copies %d, placement %q, level %q\n", *path,
		count(len(c.Stores), "store"), count(len(c.Users), "user"), count(len(c.Tables), "table"),
		c.Copies, c.Placement, c.Consistency.Level)
	return err
}

// checkOnline looks at the stores. What it says while it waits goes to stderr.
func checkOnline(c *conf.Config, proxies int, timeout time.Duration, asJSON bool, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ic, err := inspection(c)
	if err != nil {
		return err
	}
	ic.Proxies, ic.Timeout, ic.Progress, ic.Patience = proxies, timeout, stderr, patience
	r := inspect.Run(ctx, ic)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if asJSON {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		printReport(stdout, r)
	}
	if err == nil && !r.OK {
		return errSilent
	}
	return err
}

// inspection is what the stores are looked at for.
func inspection(c *conf.Config) (inspect.Config, error) {
	ic := inspect.Config{
		MaxConns: c.Pool.MaxConns, MaxLifetime: c.Pool.MaxLifetime,
		MaxPacket: c.Limits.MaxAllowedPacket, ConnectTimeout: c.Health.ConnectTimeout,
	}
	for _, u := range c.Users {
		ic.Accounts = append(ic.Accounts, inspect.Account{User: u.Name, Password: u.Password})
	}
	for _, s := range c.Stores {
		tlsConfig, err := s.TLS.Config(s.Addr)
		if err != nil {
			return ic, fmt.Errorf("store %s: %w", s.Name, err)
		}
		one := inspect.Store{Name: s.Name, TLS: tlsConfig}
		one.Network, one.Addr = conf.SplitAddr(s.Addr)
		if s.User != "" {
			one.Own = &inspect.Account{User: s.User, Password: s.Password}
		}
		ic.Stores = append(ic.Stores, one)
	}
	for _, t := range c.Tables {
		one := inspect.Table{Schema: t.Schema, Name: t.Name, Key: t.Key, Surrogate: t.Surrogate, FoldCase: t.Collation == "ci", Collated: t.Collation == "auto"}
		for _, s := range t.Secondary {
			name, column, _ := conf.SplitSecondary(s)
			one.Secondary = append(one.Secondary, inspect.Secondary{Name: name, Column: column})
		}
		ic.Tables = append(ic.Tables, one)
	}
	if c.Consistency.Fenced() {
		return ic, inspectFenced(c, &ic)
	}
	return ic, nil
}

// inspectFenced adds what the levels safe and strict ask for.
func inspectFenced(c *conf.Config, ic *inspect.Config) error {
	f := &inspect.Fenced{Level: c.Consistency.Level, Schema: sideSchema}
	for _, w := range c.Witnesses {
		tlsConfig, err := w.TLS.Config(w.Addr)
		if err != nil {
			return fmt.Errorf("witness %s: %w", w.Name, err)
		}
		one := inspect.Store{Name: w.Name, TLS: tlsConfig}
		one.Network, one.Addr = conf.SplitAddr(w.Addr)
		if w.User != "" {
			one.Own = &inspect.Account{User: w.User, Password: w.Password}
		}
		f.Witnesses = append(f.Witnesses, one)
	}
	for _, s := range agreedSettings(c) {
		f.Settings = append(f.Settings, [2]string{s.Name, s.Value})
	}
	ic.Fenced = f
	return nil
}

// printReport prints a report for people.
func printReport(w io.Writer, r *inspect.Report) {
	for _, s := range r.Stores {
		if !s.Reached {
			fmt.Fprintf(w, "%s (%s): not reached\n", s.Name, s.Addr)
			continue
		}
		encrypted := "no TLS"
		if s.TLS != "" {
			encrypted = s.TLS
		}
		fmt.Fprintf(w, "%s (%s): %s, %s, login in %.1f ms, clock %+.3f s\n", s.Name, s.Addr, s.Version, encrypted, s.LoginMS, s.ClockSkew)
	}
	wrong := 0
	findings := joined(r.Findings)
	for _, f := range findings {
		fmt.Fprintf(w, "\n%s\n  remedy: %s\n", f, strings.ReplaceAll(f.Remedy, "\n", "\n  "))
		if f.Level == inspect.Wrong {
			wrong++
		}
	}
	if len(findings) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s: %d wrong, %s\n", map[bool]string{true: "ok", false: "not ok"}[r.OK], wrong, count(len(findings)-wrong, "note"))
}

// joined has one finding for what is the same at several stores, which it names.
func joined(findings []inspect.Finding) (list []inspect.Finding) {
	seen := make(map[inspect.Finding]int)
	for _, f := range findings {
		same := f
		same.Store = ""
		if i, ok := seen[same]; ok && f.Store != "" {
			list[i].Store += ", " + f.Store
			continue
		}
		if f.Store != "" {
			seen[same] = len(list)
		}
		list = append(list, f)
	}
	return list
}

// loadConfig reads a configuration. Its problems are printed one a line, as
// compilers do, and the error is errSilent then.
func loadConfig(path string, stderr io.Writer) (*conf.Config, error) {
	c, err := conf.Load(configPath(path))
	return c, printed(err, stderr)
}

// configPath is path, or the system's configuration if none was named and there
// is none in the working directory.
func configPath(path string) string {
	if path != defaultConfig {
		return path
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(systemConfig); err == nil {
			return systemConfig
		}
	}
	return path
}

// printed prints the problems of a configuration, if err is some, and returns
// the error to end with.
func printed(err error, stderr io.Writer) error {
	var problems conf.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(stderr, problems)
		return errSilent
	}
	return err
}

// count is "1 store", "2 stores" or "2 witnesses".
func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
