package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Proxies that differ in what the protocol rests on (the stores' order, the
// copies, the lease) don't serve the same records, or read what others have
// written over. So each store keeps what the first of them was configured with,
// and a proxy with other settings does not serve.

// Setting is a setting in which all proxies must agree.
type Setting struct {
	Name, Value string
	// Free: it may be changed while no proxy runs (Resettle). The others decide
	// where records are, which only a move of the records could change.
	Free bool
}

// Disagreement is the error of a store that keeps other settings than this
// proxy has.
type Disagreement struct {
	Store   string
	Differs []Difference
}

// Difference is one setting that differs.
type Difference struct {
	Name, Here, There string
	Free              bool
}

// Error says what differs, and what to do.
func (d *Disagreement) Error() string {
	var list []string
	free := true
	for _, x := range d.Differs {
		list = append(list, fmt.Sprintf("%s is %s here and %s there", x.Name, x.Here, x.There))
		free = free && x.Free
	}
	text := fmt.Sprintf("store %s was used with other settings: %s. All proxies must have the same", d.Store, strings.Join(list, ", "))
	if free {
		return text + "; to change them, stop all proxies and run dsmproxy init -change"
	}
	return text
}

// ErrInUse: a proxy has looked at the store a moment ago.
var ErrInUse = errors.New("a proxy runs: stop all of them first")

// Agree compares the settings with those that the server keeps; with keep, what
// it does not keep yet it keeps from now on. Its error is a *Disagreement if they
// differ. all is whether it keeps all of them now; a server that has not been
// founded keeps none.
func (w *Witness) Agree(ctx context.Context, settings []Setting, keep bool) (all bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	c, err := w.service(ctx, false)
	if err != nil {
		return false, err
	}
	defer c.Release()
	kept, err := w.settings(ctx, c)
	if err != nil {
		return false, err
	}
	if kept == nil {
		return false, nil
	}
	if err := w.disagreement(kept, settings); err != nil || len(kept) == len(settings) || !keep {
		return err == nil && len(kept) == len(settings), err
	}
	j := w.begin()
	defer w.end(j)
	j.add("INSERT IGNORE INTO ", w.texts.settings, "(name,value) VALUES")
	w.addSettings(j, settings)
	if _, err := c.Exec(ctx, string(j.buf[1:])); err != nil {
		return false, err
	}
	if kept, err = w.settings(ctx, c); err != nil {
		return false, err
	}
	err = w.disagreement(kept, settings) // another proxy may have been faster
	return err == nil, err
}

// disagreement compares what is kept.
func (w *Witness) disagreement(kept map[string]string, settings []Setting) error {
	d := &Disagreement{Store: w.Name()}
	for _, s := range settings {
		if there, ok := kept[s.Name]; ok && there != s.Value {
			d.Differs = append(d.Differs, Difference{s.Name, s.Value, there, s.Free})
		}
	}
	if len(d.Differs) == 0 {
		return nil
	}
	return d
}

// settings reads what the server keeps; nil if it has not been founded.
func (w *Witness) settings(ctx context.Context, c *store.Conn) (map[string]string, error) {
	rows, err := c.Query(ctx, "SELECT name,value FROM "+w.texts.settings+" WHERE EXISTS(SELECT 1 FROM "+w.texts.view+
		") UNION ALL SELECT '',COUNT(*) FROM "+w.texts.view)
	var e *protocol.Error
	if errors.As(err, &e) && w.absent(e) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	kept := make(map[string]string)
	for _, r := range rows {
		kept[string(r[0])] = string(r[1])
	}
	if kept[""] == "0" {
		return nil, nil
	}
	delete(kept, "")
	return kept, nil
}

func (w *Witness) addSettings(j *job, settings []Setting) {
	for i, s := range settings {
		if i > 0 {
			j.add(",")
		}
		j.add("(").quoted([]byte(s.Name)).add(",").quoted([]byte(s.Value)).add(")")
	}
}

// Resettle has the server keep other values of free settings. It is refused
// while proxies run, which are those that have looked at the server within
// quiet.
func (w *Witness) Resettle(ctx context.Context, settings []Setting, quiet time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	c, err := w.service(ctx, false)
	if err != nil {
		return err
	}
	defer c.Release()
	kept, err := w.settings(ctx, c)
	if err != nil || kept == nil {
		return err
	}
	err = w.disagreement(kept, settings)
	var d *Disagreement
	if !errors.As(err, &d) {
		return err
	}
	if slices.ContainsFunc(d.Differs, func(x Difference) bool { return !x.Free }) {
		return d
	}
	rows, err := c.Query(ctx, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE seen>UTC_TIMESTAMP(6)-INTERVAL %d MICROSECOND", w.texts.proxy, quiet.Microseconds()))
	if err != nil {
		return err
	}
	if string(rows[0][0]) != "0" {
		return ErrInUse
	}
	j := w.begin()
	defer w.end(j)
	j.add("REPLACE INTO ", w.texts.settings, "(name,value) VALUES")
	w.addSettings(j, settings)
	_, err = c.Exec(ctx, string(j.buf[1:]))
	return err
}
