package ledger

import (
	"errors"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// removing is a text that may remove records.
type removing struct {
	text
	removes bool
}

func (s *removing) Removes() bool { return s.removes }

// TestBriefWrite: a write of one record makes the version that is true of it,
// whatever the statement was thought to do, and none with an old view.
func TestBriefWrite(t *testing.T) {
	for name, l := range map[string]store.Login{"by statements": {}, "by a form": multiResults} {
		t.Run(name, func(t *testing.T) { testBriefWrite(t, l) })
	}
}

func testBriefWrite(t *testing.T, l store.Login) {
	o := found(t)
	k := []fence.Key{key("a")}
	entries := make([]fence.Entry, 1)
	leased := o.guard()
	leased.Leased = true
	for i, w := range []struct {
		sql              string
		removes, changed bool
		deleted          bool
	}{
		{"INSERT INTO app.sessions (id, data) VALUES ('a', 'one')", false, true, false},
		{"UPDATE app.sessions SET data='two' WHERE id='a'", false, true, false},
		{"UPDATE app.sessions SET data='two' WHERE id='a'", false, false, false},
		{"DELETE FROM app.sessions WHERE id='a'", true, true, true},
		{"DELETE FROM app.sessions WHERE id='a'", true, false, true},
		{"REPLACE INTO app.sessions (id, data) VALUES ('a', 'three')", true, true, false}, // which removes nothing
		{"DELETE FROM app.sessions WHERE id='a'", false, true, true},                      // which does
		{"REPLACE INTO app.sessions (id, data) VALUES ('a', 'four')", false, true, false},
	} {
		st := &removing{text{sql: w.sql, login: l}, w.removes}
		before := entries[0].Version
		changed, err := o.Write(o.ctx(), leased, st, k, uint64(100+i), entries)
		if err != nil || changed != w.changed || st.answer.Err != nil {
			t.Fatalf("%d: Write = %v, %v, answer %+v; want %v", i, changed, err, st.answer, w.changed)
		}
		e := entries[0]
		if e.Flags.Has(view.Deleted) != w.deleted || changed && (e.Image == nil) != w.deleted {
			t.Errorf("%d: %s: %+v, want deleted %v", i, w.sql, e, w.deleted)
		}
		want := before
		if w.changed {
			want = view.Version{N: before.N + 1, ID: uint64(100 + i)}
		}
		if e.Version != want {
			t.Errorf("%d: %s: version %+v, want %+v", i, w.sql, e.Version, want)
		}
		if got := o.load("a"); got.Version != want || got.Flags.Has(view.Deleted) != w.deleted {
			t.Errorf("%d: the store has %+v, want version %+v", i, got, want)
		}
	}
	other := leased
	other.View = o.view.WithTerm(9)
	st := &removing{text: text{sql: "UPDATE app.sessions SET data='fenced' WHERE id='a'", login: l}}
	if changed, err := o.Write(o.ctx(), other, st, k, 7, entries); changed || !errors.Is(err, fence.ErrFenced) {
		t.Errorf("Write in another view = %v, %v, want ErrFenced", changed, err)
	}
	if got := o.ask("SELECT data FROM app.sessions WHERE id='a'"); got != "four" {
		t.Errorf("the record is %q, want it untouched", got)
	}
	if l.User != "" {
		o.wantForms(4)
	}
}

// TestPutLast: the last put of a version has it clean, also where it was there
// already; and where there is a newer one it leaves that as it is.
func TestPutLast(t *testing.T) {
	o := found(t)
	k := key("a")
	old := o.mustWrite(1, "INSERT INTO app.sessions (id, data) VALUES ('a', 'one')", k)[0]
	put := func(e fence.Entry, last bool) {
		t.Helper()
		if err := o.Put(o.ctx(), o.guard(), []fence.Put{{Key: k, Entry: e, MaxTick: 1 << 40, Last: last}}); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
	put(old, false)
	if e := o.load("a"); e.Flags.Has(view.Clean) {
		t.Errorf("%+v, want it not clean", e)
	}
	put(old, true)
	if e := o.load("a"); !e.Flags.Has(view.Clean) || e.Version != old.Version {
		t.Errorf("%+v, want it clean", e)
	}
	next := old
	next.Version = old.Version.Next(0, 2)
	put(next, true)
	if e := o.load("a"); !e.Flags.Has(view.Clean) || e.Version != next.Version {
		t.Errorf("%+v, want version %+v, clean", e, next.Version)
	}
	newest := o.mustWrite(3, "UPDATE app.sessions SET data='three' WHERE id='a'", k)[0]
	put(next, true)
	if e := o.load("a"); e.Flags.Has(view.Clean) || e.Version != newest.Version {
		t.Errorf("%+v, want version %+v, not clean", e, newest.Version)
	}
	if got := o.ask("SELECT data FROM app.sessions WHERE id='a'"); got != "three" {
		t.Errorf("the record is %q, want the newest", got)
	}
}
