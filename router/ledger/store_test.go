package ledger

import (
	"errors"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

func TestWrite(t *testing.T) {
	o := found(t)
	k := key("a")
	e := o.mustWrite(11, "INSERT INTO app.sessions (id, data) VALUES ('a', 'one')", k)[0]
	if !e.Known || e.Version != (view.Version{Epoch: 0, N: 1, ID: 11}) || e.Flags != 0 || e.Image == nil {
		t.Errorf("INSERT: entry %+v", e)
	}
	e = o.mustWrite(12, "UPDATE app.sessions SET data='two' WHERE id='a'", k)[0]
	if e.Version != (view.Version{Epoch: 0, N: 2, ID: 12}) {
		t.Errorf("UPDATE: version %+v", e.Version)
	}

	t.Run("nothing changed", func(t *testing.T) {
		st, changed, entries, err := o.write(13, "UPDATE app.sessions SET data='x' WHERE id='a' AND n=7", k)
		if err != nil || changed || st.answer.AffectedRows != 0 {
			t.Errorf("Write = %v, %v, want no change", changed, err)
		}
		if entries[0].Version.ID != 12 {
			t.Errorf("entry %+v, want the version of before", entries[0])
		}
	})
	t.Run("duplicate key", func(t *testing.T) {
		st, changed, _, err := o.write(14, "INSERT INTO app.sessions (id) VALUES ('a')", k)
		if err != nil || changed || st.answer.Err == nil || st.answer.Err.Code != protocol.ErrDupEntry {
			t.Errorf("Write = %v, %v, answer %+v, want error 1062 as the answer", changed, err, st.answer)
		}
		if got := o.load("a").Version.ID; got != 12 {
			t.Errorf("version of write %d, want 12", got)
		}
	})
	t.Run("delete", func(t *testing.T) {
		e := o.mustWrite(15, "DELETE FROM app.sessions WHERE id='a'", k)[0]
		if !e.Flags.Has(view.Deleted) || e.Image != nil || e.Version.N != 3 {
			t.Errorf("DELETE: entry %+v, want a tombstone", e)
		}
		if e := o.load("a"); !e.Known || !e.Flags.Has(view.Deleted) || !e.Confirmed.Equal(o.view) {
			t.Errorf("Load: %+v, want the tombstone, confirmed", e)
		}
	})
	t.Run("several keys", func(t *testing.T) {
		keys := []fence.Key{key("z"), key("b"), key("m")}
		entries := o.mustWrite(16, "INSERT INTO app.sessions (id, data) VALUES ('b','B'),('m','M'),('z','Z')", keys...)
		for i, e := range entries {
			if e.Version.ID != 16 || e.Image == nil {
				t.Errorf("key %s: %+v", keys[i].ID, e)
			}
		}
		entries = o.mustWrite(17, "DELETE FROM app.sessions WHERE id IN ('b','m')", key("b"), key("m"))
		for _, e := range entries {
			if !e.Flags.Has(view.Deleted) {
				t.Errorf("%+v, want a tombstone", e)
			}
		}
	})
	t.Run("another view", func(t *testing.T) {
		g := o.guard()
		g.View = o.view.WithState(1, view.Down)
		st := &text{sql: "UPDATE app.sessions SET data='fenced' WHERE id='z'"}
		changed, err := o.Write(o.ctx(), g, st, []fence.Key{key("z")}, 18, make([]fence.Entry, 1))
		if changed || !errors.Is(err, fence.ErrFenced) {
			t.Errorf("Write = %v, %v, want ErrFenced", changed, err)
		}
		_, err = o.Write(o.ctx(), g, &text{sql: "UPDATE app.sessions SET data='fenced' WHERE id='nobody'"}, []fence.Key{key("nobody")}, 18, make([]fence.Entry, 1))
		if !errors.Is(err, fence.ErrFenced) {
			t.Errorf("Write of nothing = %v, want ErrFenced", err)
		}
		g = o.guard()
		g.Boot++
		_, err = o.Write(o.ctx(), g, st, []fence.Key{key("z")}, 18, make([]fence.Entry, 1))
		if !errors.Is(err, fence.ErrClosed) {
			t.Errorf("Write = %v, want ErrClosed", err)
		}
		if got := o.ask("SELECT data FROM app.sessions WHERE id='z'"); got != "Z" {
			t.Errorf("the record is %q, want it untouched", got)
		}
		if got := o.load("z").Version.ID; got != 16 {
			t.Errorf("version of write %d, want 16", got)
		}
	})
}

func TestRead(t *testing.T) {
	o := found(t)
	o.mustWrite(1, "INSERT INTO app.sessions (id, data) VALUES ('a','one'),('b','two')", key("a"), key("b"))
	st := &text{sql: "SELECT data FROM app.sessions WHERE id='a'"}
	marks := make([]fence.Entry, 1)
	if err := o.Read(o.ctx(), o.guard(), st, []fence.Key{key("a")}, marks); err != nil {
		t.Fatal(err)
	}
	if st.value() != "one" || marks[0].Version.ID != 1 || !marks[0].Known {
		t.Errorf("Read: %q, mark %+v", st.value(), marks[0])
	}
	marks = make([]fence.Entry, 3)
	if err := o.Read(o.ctx(), o.guard(), st, []fence.Key{key("b"), key("nobody"), key("a")}, marks); err != nil {
		t.Fatal(err)
	}
	if !marks[0].Known || marks[1].Known || !marks[2].Known {
		t.Errorf("marks %+v", marks)
	}
	g := o.guard()
	g.View = g.View.WithTerm(9)
	if err := o.Read(o.ctx(), g, st, []fence.Key{key("a")}, marks[:1]); !errors.Is(err, fence.ErrFenced) {
		t.Errorf("Read = %v, want ErrFenced", err)
	}
	g = o.guard()
	g.Boot++
	if err := o.Read(o.ctx(), g, st, []fence.Key{key("a")}, marks[:1]); !errors.Is(err, fence.ErrClosed) {
		t.Errorf("Read = %v, want ErrClosed", err)
	}
	o.exec("DROP DATABASE dsm")
	if err := o.Read(o.ctx(), o.guard(), st, []fence.Key{key("a")}, marks[:1]); !errors.Is(err, fence.ErrClosed) {
		t.Errorf("Read = %v, want ErrClosed", err)
	}
	if _, _, _, err := o.write(2, "UPDATE app.sessions SET n=1 WHERE id='a'", key("a")); !errors.Is(err, fence.ErrClosed) {
		t.Errorf("Write = %v, want ErrClosed", err)
	}
	if got := o.ask("SELECT n FROM app.sessions WHERE id='a'"); got != "0" {
		t.Errorf("n = %s, want it untouched", got)
	}
}
