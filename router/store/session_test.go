package store

import (
	"fmt"
	"strings"
	"testing"
)

// set is one SET statement of a table: its text and what it assigns; a name
// that ends in "=?" stands for a value that is not constant.
type set struct {
	sql   string
	names string
}

func (s *Session) with(sets ...set) *Session {
	for _, x := range sets {
		names := strings.Fields(strings.TrimSuffix(x.names, "=?"))
		s = s.WithSet([]byte(x.sql), names, !strings.HasSuffix(x.names, "=?"))
	}
	return s
}

func (s *Session) text() string {
	var l []string
	if s != nil {
		for _, a := range s.sets {
			l = append(l, string(a.sql))
		}
	}
	return strings.Join(l, ";")
}

var (
	modeA    = set{"SET sql_mode='A'", "sql_mode"}
	modeB    = set{"SET sql_mode='B'", "sql_mode"}
	modePlus = set{"SET sql_mode=CONCAT(@@sql_mode,',X')", "sql_mode=?"}
	zone     = set{"SET time_zone='+1:00'", "time_zone"}
	keep     = set{"SET @old=@@sql_mode", "@old=?"}
	names    = set{"SET NAMES utf8mb4", "names"}
	results  = set{"SET character_set_results=NULL", "character_set_results"}
	charset  = set{"SET CHARACTER SET latin1", "charset"}
	both     = set{"SET sql_mode='A', time_zone='UTC'", "SQL_Mode Time_Zone"}
)

func TestWithSetDropsWhatIsVoid(t *testing.T) {
	for _, tt := range []struct {
		name string
		sets []set
		want []set
	}{
		{"another variable", []set{modeA, zone}, []set{modeA, zone}},
		{"the same variable", []set{modeA, modeB}, []set{modeB}},
		{"one between", []set{modeA, zone, modeB}, []set{zone, modeB}},
		{"more than it had", []set{modeB, zone, both}, []set{both}},
		{"less than it had", []set{both, modeB}, []set{both, modeB}},
		{"not constant stays", []set{modeA, modePlus}, []set{modeA, modePlus}},
		{"constant voids what is not", []set{modeA, modePlus, modeB}, []set{modeB}},
		{"one that reads stands between", []set{modeA, keep, modeB}, []set{modeA, keep, modeB}},
		{"names void names", []set{names, results, names}, []set{names}},
		{"results stay", []set{names, results}, []set{names, results}},
		{"charset voids names", []set{names, charset}, []set{charset}},
		{"names void charset", []set{charset, zone, names}, []set{zone, names}},
	} {
		got, want := (*Session)(nil).with(tt.sets...).text(), ""
		for i, s := range tt.want {
			if i > 0 {
				want += ";"
			}
			want += s.sql
		}
		if got != want {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
	}
}

func TestSessionDoesNotGrow(t *testing.T) {
	var s *Session
	for i := range 10000 {
		s = s.WithSet(fmt.Appendf(nil, "SET @a=%d", i), []string{"@a"}, true)
		s = s.WithSet([]byte("SET sql_mode=CONCAT(@@sql_mode,'')"), []string{"sql_mode"}, false)
		s = s.WithSet(fmt.Appendf(nil, "SET sql_mode='%d'", i%2), []string{"sql_mode"}, true)
		s = s.WithAutocommit(i%2 == 0).WithDB("x")
	}
	if len(s.sets) != 2 {
		t.Fatalf("%d SETs left: %s", len(s.sets), s.text())
	}
}

func TestSessionEqual(t *testing.T) {
	var none *Session
	a := none.with(modeA, zone).WithDB("x")
	for _, tt := range []struct {
		name string
		s, t *Session
		want bool
	}{
		{"nil", none, none, true},
		{"nil and empty", none, &Session{}, true},
		{"empty and nil", none.WithDB("x").WithDB(""), none, true},
		{"made apart", a, none.WithDB("x").with(modeA, zone), true},
		{"order", a, none.WithDB("x").with(zone, modeA), false},
		{"database", a, a.WithDB("y"), false},
		{"autocommit", a, a.WithAutocommit(false), false},
		{"autocommit back", a, a.WithAutocommit(false).WithAutocommit(true), true},
		{"nil and database", none, none.WithDB("x"), false},
		{"nil and sets", none, none.with(modeA), false},
		{"toggled", none.with(modeA), none.with(modeB, modeA), true},
	} {
		if got := tt.s.Equal(tt.t); got != tt.want {
			t.Errorf("%s: Equal = %v, want %v", tt.name, got, tt.want)
		}
		if got := tt.t.Equal(tt.s); got != tt.want {
			t.Errorf("%s: the other way, Equal = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSessionIsImmutable(t *testing.T) {
	base := (*Session)(nil).with(modeA, zone)
	sql := []byte("SET @a=1")
	x := base.WithSet(sql, []string{"@a"}, true)
	y := base.with(set{"SET @b=1", "@b"})
	copy(sql, "XXX")
	if got, want := x.text(), base.text()+";SET @a=1"; got != want {
		t.Errorf("x = %q, want %q", got, want)
	}
	if got, want := y.text(), base.text()+";SET @b=1"; got != want {
		t.Errorf("y = %q, want %q", got, want)
	}
}

func TestSince(t *testing.T) {
	for _, tt := range []struct {
		name       string
		have, want []set
		rest       string
		ok         bool
	}{
		{"from the login", nil, []set{modeA, zone}, modeA.sql + ";" + zone.sql, true},
		{"prefix", []set{modeA}, []set{modeA, zone}, zone.sql, true},
		{"assigned anew", []set{modeA}, []set{modeB}, modeB.sql, true},
		{"assigned anew, in another order", []set{modeA, zone}, []set{zone, modeB}, zone.sql + ";" + modeB.sql, true},
		{"too much", []set{modeA, zone}, []set{modeA}, "", false},
		{"back to the login", []set{modeA}, nil, "", false},
		{"had one that is not constant", []set{modePlus}, []set{modeB}, "", false},
		{"read before it is assigned", []set{modeA}, []set{keep, modeB}, "", false},
		{"assigned before it is read", []set{modeA}, []set{modeB, keep}, modeB.sql + ";" + keep.sql, true},
		{"names cover charset", []set{charset}, []set{names}, names.sql, true},
		{"results do not cover names", []set{names}, []set{results}, "", false},
	} {
		have, want := (*Session)(nil).with(tt.have...), (*Session)(nil).with(tt.want...)
		if tt.want == nil {
			want = nil
		}
		rest, ok := want.since(have)
		got := (&Session{sets: rest}).text()
		if got != tt.rest || ok != tt.ok {
			t.Errorf("%s: since = %q, %v, want %q, %v", tt.name, got, ok, tt.rest, tt.ok)
		}
	}
}
