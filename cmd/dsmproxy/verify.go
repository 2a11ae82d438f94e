package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/internal/verify"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

const aboutVerify = `Compares all copies of all records of the session tables on all stores, while
they are used, and prints what differs: the key, the stores and what is wrong
with their copies, never data. It reads a page at a time, in as much memory at
any size, and rests as long as it reads; -idle 3 makes it rest three times as
long. Nothing is changed.

With -repair what differs is mended: at the levels safe and strict through the
protocol, as the store has it that serves the record; at the level seed as the
first live store of the key's order has it that has it at all, while the record
is locked at the stores.

Rows of secondary tables are not compared; a repair takes them along.

Exits with 1 if something differs (and was not mended), or a store is down.`

func runVerify(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("verify", "[-config FILE] [-repair] [-idle FACTOR] [-json]", aboutVerify)
	path := fs.String("config", defaultConfig, "configuration `file`")
	repair := fs.Bool("repair", false, "mend what differs")
	idle := fs.Float64("idle", 1, "how long to rest, as a `factor` of the time of reading")
	asJSON := fs.Bool("json", false, "print one object a line for each difference, and one with the counts")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return usageError(fs, stderr, "takes no argument: write -config %s", conf.WithoutLogin(rest[0]))
	case *idle <= 0 || *idle > 1000:
		return usageError(fs, stderr, "-idle must be above 0, and 1000 at most")
	}
	cfg, err := loadConfig(*path, stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := openDirect(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer d.close()
	v := &verification{direct: d, stdout: stdout, json: *asJSON, repair: *repair}
	if v.repair && d.fenced != nil {
		if err := v.findMender(ctx); err != nil {
			return err
		}
	}
	err = v.run(ctx, *idle, stderr)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// verification is one run of verify.
type verification struct {
	*direct
	stdout  io.Writer
	json    bool
	repair  bool
	through *admin.Remote // the running proxy that mends; nil if none does

	mended, left uint64
}

// findMender looks for a running proxy, for of two stores one proxy serves; if
// there is none, this process does what a proxy would.
func (v *verification) findMender(ctx context.Context) error {
	r, err := runningProxy(ctx, v.cfg)
	if err != nil {
		return err
	}
	if v.through = r; r != nil {
		return nil
	}
	v.lead()
	return v.led(ctx)
}

// runningProxy is the proxy that runs by a configuration on this machine, if it
// answers and is at its level; nil if none does.
func runningProxy(ctx context.Context, cfg *conf.Config) (*admin.Remote, error) {
	if cfg.Admin.Listen == "" {
		return nil, nil
	}
	r, err := remoteOf(cfg.Admin, cfg.Admin.Password)
	if err != nil {
		return nil, err
	}
	s, err := r.Status(ctx)
	switch {
	case err != nil && admin.Unreachable(err):
		return nil, nil
	case err != nil:
		return nil, err
	case s.Level != cfg.Consistency.Level:
		return nil, fmt.Errorf("the proxy at %s runs at level %q, and the configuration says %q: restart it first", r.URL, s.Level, cfg.Consistency.Level)
	}
	return r, nil
}

func (v *verification) run(ctx context.Context, idle float64, stderr io.Writer) error {
	live, down := v.live()
	bar := newProgress(stderr, "comparing")
	defer bar.end()
	c := verify.Config{
		Ledger: v.ledger, Placement: v.place, Copies: v.cfg.Copies, Live: live, Idle: idle,
		Found: func(d verify.Difference) error {
			bar.end()
			return v.found(ctx, d)
		},
		Progress: func(p verify.Progress) { bar.show(p.Rows, p.Of) },
	}
	if v.fenced != nil {
		c.Group = v.fenced.group
		if _, err := c.Group.Examine(ctx, nil); err != nil {
			return readable(err)
		}
		down = append(down, v.out(live)...)
	}
	for _, s := range down {
		fmt.Fprintf(stderr, "not compared: %s\n", s)
	}
	begin := time.Now()
	r, err := verify.Run(ctx, c)
	if err != nil {
		return readable(err)
	}
	bar.end()
	if v.json {
		err = json.NewEncoder(v.stdout).Encode(map[string]any{
			"tables": r.Tables, "records": r.Records, "differ": r.Differ, "changing": r.Changing, "mended": v.mended, "stores_down": len(down),
		})
	} else {
		err = v.summary(r, time.Since(begin))
	}
	if err == nil && (r.Differ > v.mended || len(down) > 0) {
		err = errSilent
	}
	return err
}

// out are the stores that answer and that the group does without all the same.
func (v *verification) out(live []bool) []string {
	var out []string
	for i, s := range v.fenced.group.Overview().Stores[:len(live)] {
		if live[i] && s.State == "down" {
			out = append(out, fmt.Sprintf("%s: it answers, and is not part of the group; dsmproxy status says why", s.Name))
		}
	}
	return out
}

// readable takes out of an error of the group what no operation was about.
func readable(err error) error {
	var why *fence.Unavailable
	if errors.As(err, &why) {
		hint := ""
		if why.Reason == fence.NotFounded {
			hint = ": run dsmproxy init, or start the proxy"
		}
		return errors.New(why.What() + hint)
	}
	return err
}

func (v *verification) summary(r verify.Result, took time.Duration) error {
	text := fmt.Sprintf("%s in %s compared in %s: ", count(int(r.Records), "record"), count(r.Tables, "table"), took.Round(time.Second/10))
	if r.Differ == 0 {
		text += "all copies are as they should be"
	} else {
		text += fmt.Sprintf("%d not as they should be", r.Differ)
	}
	if v.repair && r.Differ > 0 {
		text += fmt.Sprintf(", %d mended", v.mended)
	}
	if r.Changing > 0 {
		text += fmt.Sprintf("; %s changed all the time, look again", count(int(r.Changing), "record"))
	}
	_, err := fmt.Fprintln(v.stdout, text)
	return err
}

// fault is a fault of one store in JSON.
type fault struct {
	Store string      `json:"store"`
	Kind  verify.Kind `json:"kind"`
}

func (v *verification) found(ctx context.Context, d verify.Difference) error {
	outcome := ""
	if v.repair {
		if err := v.mend(ctx, d); err != nil {
			if ctx.Err() != nil {
				return err
			}
			outcome = "not mended: " + readable(err).Error()
		} else {
			v.mended++
			outcome = "mended"
		}
	}
	key := printable(d.Column)
	if v.json {
		line := struct {
			Table   string  `json:"table"`
			Key     string  `json:"key"`
			Serves  string  `json:"serves,omitempty"`
			Faults  []fault `json:"faults"`
			Outcome string  `json:"outcome,omitempty"`
		}{Table: d.Table.Schema + "." + d.Table.Name, Key: key, Outcome: outcome}
		if d.Serves >= 0 {
			line.Serves = v.stores[d.Serves].Name()
		}
		for _, f := range d.Faults {
			line.Faults = append(line.Faults, fault{v.stores[f.Store].Name(), f.Kind})
		}
		return json.NewEncoder(v.stdout).Encode(line)
	}
	var faults []string
	for _, f := range d.Faults {
		faults = append(faults, fmt.Sprintf("%s at %s", f.Kind, v.stores[f.Store].Name()))
	}
	text := fmt.Sprintf("%s.%s %s: %s", d.Table.Schema, d.Table.Name, key, strings.Join(faults, ", "))
	if d.Serves >= 0 {
		text += fmt.Sprintf(" (served by %s)", v.stores[d.Serves].Name())
	}
	if outcome != "" {
		text += "; " + outcome
	}
	_, err := fmt.Fprintln(v.stdout, text)
	return err
}

// printable is a key for people: as it is, or in hex.
func printable(key []byte) string {
	if !utf8.Valid(key) || strings.ContainsFunc(string(key), func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "0x" + hex.EncodeToString(key)
	}
	return string(key)
}

func (v *verification) mend(ctx context.Context, d verify.Difference) error {
	switch {
	case v.fenced == nil:
		return verify.MendUnfenced(ctx, v.set, v.tableOf(d), d)
	case v.through != nil:
		_, err := v.through.Mend(ctx, []admin.RecordKey{{Table: d.Key.Table, ID: hex.EncodeToString(d.Key.ID)}})
		return err
	}
	_, err := v.fenced.group.Mend(ctx, []fence.Key{d.Key})
	return err
}

// tableOf is a difference's table as it is mended.
func (v *verification) tableOf(d verify.Difference) replica.Table {
	t := replica.Table{Schema: d.Table.Schema, Name: d.Table.Name, Key: d.Table.Key}
	for _, one := range tables(v.cfg) {
		if !strings.EqualFold(one.Name, d.Table.Name) || one.Schema != "" && !strings.EqualFold(one.Schema, d.Table.Schema) {
			continue
		}
		t.Folds, t.Collated = one.FoldCase, one.Collated
		if len(one.Secondary) == 0 {
			continue
		}
		var parts []replica.Part
		for _, s := range one.Secondary {
			part := replica.Part{Name: s.Name, Column: s.Column, Of: one.Surrogate}
			if one.Surrogate == "" || strings.EqualFold(s.Column, one.Key) {
				part.Of = one.Key
			}
			parts = append(parts, part)
		}
		t.Parts = &parts
	}
	return t
}
