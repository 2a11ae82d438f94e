package store

import "testing"

// TestLetGo: an idle connection that keeps a table open is reset, and used after
// the others from then on.
func TestLetGo(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	a, b, k := get(t, s, nil), get(t, s, nil), get(t, s, nil)
	exec(t, k, "CREATE DATABASE IF NOT EXISTS kept")
	exec(t, k, "CREATE TABLE kept.t (a INT PRIMARY KEY)")
	exec(t, a, "HANDLER kept.t OPEN AS h")
	a.SetTrait(3)
	a.KeepsOpen()
	b.Release()
	a.Release() // the first that is used again
	s.letGo(s.tick.Add(openRounds - 1))
	if a.Trait() != 3 {
		t.Error("it was reset at once")
	}
	s.letGo(s.tick.Add(1))
	if a.Trait() != 0 {
		t.Error("it was not reset")
	}
	exec(t, k, "DROP DATABASE kept")
	if st := s.Stats(); st.Idle != 2 || st.Open != 3 {
		t.Errorf("%+v", st)
	}
	if s.oldest != a || s.newest != b || a.pool.top != b || a.pool.bottom != a {
		t.Error("it is not the last to be used again")
	}
	c, d := get(t, s, nil), get(t, s, nil)
	if c != b || d != a {
		t.Error("they are used in another order")
	}
	ask(t, d, "SELECT 1")
	for _, c := range []*Conn{c, d, k} {
		c.Release()
	}
	if s.letGo(s.tick.Add(openRounds)); a.resetting > 0 {
		t.Error("it was reset with nothing open")
	}
}
