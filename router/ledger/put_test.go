package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// entryOf makes an entry as another store would send it.
func (o *one) entryOf(epoch, n, id uint64, data string) fence.Entry {
	o.t.Helper()
	e := fence.Entry{Known: true, Version: view.Version{Epoch: epoch, N: n, ID: id}}
	if data == "" {
		e.Flags = view.Deleted
		return e
	}
	sh, err := o.shape(o.ctx(), 1)
	if err != nil {
		o.t.Fatal(err)
	}
	e.Image = appendRow(sh.head(nil), [][]byte{[]byte("k"), []byte(data), []byte("0")})
	return e
}

func (o *one) put(e fence.Entry, maxTick uint64) error {
	return o.Put(o.ctx(), o.guard(), []fence.Put{{Key: key("k"), Entry: e, MaxTick: maxTick}})
}

const farTick = 1 << 40

func (o *one) data() string { return o.ask("SELECT data FROM app.sessions WHERE id='k'") }

func TestPut(t *testing.T) {
	o := found(t)
	steps := []struct {
		name         string
		epoch, n, id uint64
		data         string
		want         string
	}{
		{"first", 3, 4, 100, "four", "four"},
		{"newer", 3, 5, 101, "five", "five"},
		{"again", 3, 5, 101, "five", "five"},
		{"older number", 3, 4, 100, "four", "five"},
		{"older epoch", 2, 99, 102, "old", "five"},
		{"newer epoch", 4, 1, 103, "epoch four", "epoch four"},
		{"deleted", 4, 2, 104, "", "-"},
		{"late after deleted", 4, 1, 103, "epoch four", "-"},
		{"again there", 4, 3, 105, "there", "there"},
	}
	for _, s := range steps {
		if err := o.put(o.entryOf(s.epoch, s.n, s.id, s.data), farTick); err != nil {
			t.Fatalf("%s: Put: %v", s.name, err)
		}
		if got := o.data(); got != s.want {
			t.Fatalf("%s: the record is %q, want %q", s.name, got, s.want)
		}
	}
	e := o.load("k")
	if e.Version != (view.Version{Epoch: 4, N: 3, ID: 105}) || e.Flags != 0 || !e.Confirmed.Equal(o.view) {
		t.Errorf("Load: %+v", e)
	}

	t.Run("late", func(t *testing.T) {
		for range 40 {
			if _, err := o.Look(o.ctx(), fence.Beat{Tick: true}); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.put(o.entryOf(9, 9, 9, "late"), 10); !errors.Is(err, fence.ErrLate) {
			t.Errorf("Put = %v, want ErrLate", err)
		}
		if got := o.data(); got != "there" {
			t.Errorf("the record is %q, want it untouched", got)
		}
	})
	t.Run("fenced", func(t *testing.T) {
		g := o.guard()
		g.View = g.View.WithTerm(4)
		p := []fence.Put{{Key: key("k"), Entry: o.entryOf(9, 9, 9, "fenced"), MaxTick: farTick}}
		if err := o.Put(o.ctx(), g, p); !errors.Is(err, fence.ErrFenced) {
			t.Errorf("Put = %v, want ErrFenced", err)
		}
		g = o.guard()
		g.Boot++
		if err := o.Put(o.ctx(), g, p); !errors.Is(err, fence.ErrClosed) {
			t.Errorf("Put = %v, want ErrClosed", err)
		}
		if got := o.data(); got != "there" {
			t.Errorf("the record is %q, want it untouched", got)
		}
	})
	t.Run("all or none", func(t *testing.T) {
		bad := o.entryOf(9, 9, 9, "x")
		bad.Image = append([]byte(nil), bad.Image...)
		bad.Image[5] ^= 1 // of another table
		err := o.Put(o.ctx(), o.guard(), []fence.Put{
			{Key: key("k"), Entry: o.entryOf(9, 9, 9, "new"), MaxTick: farTick}, {Key: key("l"), Entry: bad, MaxTick: farTick},
		})
		if err == nil || o.data() != "there" {
			t.Errorf("Put = %v, the record is %q; want an error and no change", err, o.data())
		}
	})
}

func TestSwap(t *testing.T) {
	o := found(t)
	swap := func(seen, e fence.Entry) (bool, error) {
		done := make([]bool, 1)
		err := o.Swap(o.ctx(), o.guard(), []fence.Swap{{Put: fence.Put{Key: key("k"), Entry: e, MaxTick: farTick}, Seen: seen}}, done)
		return done[0], err
	}
	version := func(epoch, n, id uint64) fence.Entry {
		return fence.Entry{Known: true, Version: view.Version{Epoch: epoch, N: n, ID: id}}
	}
	steps := []struct {
		name string
		seen fence.Entry
		to   fence.Entry
		done bool
		want string
	}{
		{"seen is not there", version(1, 1, 1), o.entryOf(1, 2, 2, "x"), false, "-"},
		{"nothing to older version", fence.Entry{}, o.entryOf(1, 2, 2, "one"), true, "one"},
		{"nothing again", fence.Entry{}, o.entryOf(1, 3, 3, "two"), false, "one"},
		{"another id", version(1, 2, 9), o.entryOf(1, 3, 3, "two"), false, "one"},
		{"newer", version(1, 2, 2), o.entryOf(1, 3, 3, "two"), true, "two"},
		{"back", version(1, 3, 3), o.entryOf(1, 1, 1, "back"), true, "back"},
		{"same", version(1, 1, 1), o.entryOf(1, 1, 1, "back"), true, "back"},
		{"tombstone", version(1, 1, 1), o.entryOf(1, 5, 5, ""), true, "-"},
		{"remove what is not seen", version(1, 1, 1), fence.Entry{}, false, "-"},
		{"from tombstone", version(1, 5, 5), o.entryOf(1, 6, 6, "six"), true, "six"},
		{"remove", version(1, 6, 6), fence.Entry{}, true, "-"},
	}
	for _, s := range steps {
		done, err := swap(s.seen, s.to)
		if err != nil || done != s.done {
			t.Fatalf("%s: Swap = %v, %v, want %v", s.name, done, err, s.done)
		}
		if got := o.data(); got != s.want {
			t.Fatalf("%s: the record is %q, want %q", s.name, got, s.want)
		}
	}
	if got := o.ask("SELECT COUNT(*) FROM dsm.ver"); got != "0" {
		t.Errorf("%s versions are left, want none", got)
	}

	t.Run("record without a version", func(t *testing.T) {
		o.exec("INSERT INTO app.sessions (id, data) VALUES ('k', 'adopted')")
		if e := o.load("k"); !e.Known || e.Version != (view.Version{}) || e.Image == nil {
			t.Fatalf("Load: %+v, want it known with no version", e)
		}
		if done, err := swap(fence.Entry{}, o.entryOf(0, 1, 0, "x")); done || err != nil {
			t.Errorf("Swap where nothing was seen = %v, %v, want false", done, err)
		}
		to := o.load("k")
		to.Version.N = 1
		if done, err := swap(fence.Entry{Known: true}, to); !done || err != nil || o.data() != "adopted" {
			t.Errorf("Swap = %v, %v, record %q", done, err, o.data())
		}
	})
	t.Run("same keeps tick and Clean", func(t *testing.T) {
		k := []fence.Mark{{Key: key("k"), Version: view.Version{N: 1}}}
		if err := o.MarkClean(o.ctx(), o.boot, k); err != nil {
			t.Fatal(err)
		}
		tick := o.load("k").Tick
		for range 40 {
			o.Look(o.ctx(), fence.Beat{Tick: true})
		}
		if done, err := swap(version(0, 1, 0), o.load("k")); !done || err != nil {
			t.Fatalf("Swap = %v, %v", done, err)
		}
		if e := o.load("k"); e.Tick != tick || !e.Flags.Has(view.Clean) {
			t.Errorf("Load: %+v, want tick %d and Clean", e, tick)
		}
	})
	t.Run("late and fenced", func(t *testing.T) {
		done := make([]bool, 1)
		s := []fence.Swap{{Put: fence.Put{Key: key("k"), MaxTick: 1}, Seen: version(0, 1, 0)}}
		if err := o.Swap(o.ctx(), o.guard(), s, done); !errors.Is(err, fence.ErrLate) {
			t.Errorf("Swap = %v, want ErrLate", err)
		}
		g := o.guard()
		g.View = g.View.WithTerm(4)
		s[0].MaxTick = farTick
		if err := o.Swap(o.ctx(), g, s, done); !errors.Is(err, fence.ErrFenced) {
			t.Errorf("Swap = %v, want ErrFenced", err)
		}
	})
}

func TestScanAndMarkClean(t *testing.T) {
	o := found(t)
	var marks []fence.Mark
	for i := range 25 {
		k := fmt.Sprintf("k%02d", i)
		e := o.mustWrite(uint64(i+1), "INSERT INTO app.sessions (id) VALUES ('"+k+"')", key(k))
		if i%5 == 0 {
			e = o.mustWrite(uint64(i+100), "DELETE FROM app.sessions WHERE id='"+k+"'", key(k))
		}
		if i%2 == 0 {
			marks = append(marks, fence.Mark{Key: key(k), Version: e[0].Version})
		}
	}
	o.exec("INSERT INTO dsm.ver SELECT 1, x'00ff', 7, 7, 7, 1, 0, 0") // sorted by bytes
	for range 2 {                                                     // idempotent
		if err := o.MarkClean(o.ctx(), o.boot, marks); err != nil {
			t.Fatal(err)
		}
	}
	old := marks[1]
	old.Version.ID++ // as if it had been written since
	if err := o.MarkClean(o.ctx(), o.boot, []fence.Mark{old, {Key: key("k01"), Version: view.Version{N: 1, ID: 77}}}); err != nil {
		t.Fatal(err)
	}
	if err := o.MarkClean(o.ctx(), o.boot+1, marks); !errors.Is(err, fence.ErrClosed) {
		t.Errorf("MarkClean = %v, want ErrClosed", err)
	}
	list := func(f fence.Filter, limit int) (keys []string) {
		after := fence.Key{}
		for {
			items, _, err := o.Scan(o.ctx(), o.guard(), f, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items {
				keys = append(keys, string(it.Key.ID))
				after = it.Key
			}
			if len(items) < limit {
				return keys
			}
		}
	}
	for _, limit := range []int{1, 4, 26, 100} {
		all := list(fence.All, limit)
		if len(all) != 26 || all[0] != "\x00\xff" || all[25] != "k24" {
			t.Errorf("limit %d: all are %q", limit, all)
		}
		if dirty := list(fence.Dirty, limit); len(dirty) != 13 || dirty[1] != "k01" {
			t.Errorf("limit %d: dirty are %q", limit, dirty)
		}
		if tombs := fmt.Sprint(list(fence.Tombs, limit)); tombs != "[k00 k05 k10 k15 k20]" {
			t.Errorf("limit %d: tombstones are %s", limit, tombs)
		}
	}
	g := o.guard()
	g.View = g.View.WithTerm(4)
	if _, _, err := o.Scan(o.ctx(), g, fence.All, fence.Key{}, 5); !errors.Is(err, fence.ErrFenced) {
		t.Errorf("Scan = %v, want ErrFenced", err)
	}
	keys := []fence.Key{key("k03"), key("nobody"), key("k05"), key("k02")}
	entries := make([]fence.Entry, 4)
	if _, err := o.Load(o.ctx(), o.guard(), keys, true, entries); err != nil {
		t.Fatal(err)
	}
	if e := entries; e[0].Image == nil || e[1].Known || !e[2].Flags.Has(view.Deleted|0) || !e[3].Flags.Has(view.Clean) {
		t.Errorf("Load: %+v", e)
	}
}
