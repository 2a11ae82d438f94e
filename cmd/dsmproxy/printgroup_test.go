package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// TestStatusOfExcluded: the line of a store that answers and does not serve says
// so, and why stands below.
func TestStatusOfExcluded(t *testing.T) {
	member := func(name, state string) admin.Member {
		return admin.Member{Name: name, State: state, Answers: true, Gate: true, Covered: true}
	}
	s := &admin.Status{Group: &admin.Group{Founded: true, View: "0.1.2.3"}}
	for _, name := range []string{"s0", "s1", "s2", "s3"} {
		s.Stores = append(s.Stores, admin.Store{Name: name, State: "up"})
	}
	s.Stores[3].State = "down"
	m := []admin.Member{member("s0", "up"), member("s1", "down"), member("s2", "join"), member("s3", "down")}
	m[1].Error = "store can't be written: its disk is full"
	m[3].Answers, m[3].Refuses, m[3].Error = false, true, "login refused: ERROR 1045"
	s.Stores[0].Clock, s.Stores[0].ClockWrong = -12.34, true
	s.Group.Members = m
	var out strings.Builder
	if err := printStatus(&out, s, false); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`s0 .* up`, `s0: its clock is 12.3s behind the proxy's: set it right`, `s1 .* excluded`, `s1: .*its disk is full`, `s2 .* joining`, `s3 .* down`, `s3 .* down: login refused: ERROR 1045`} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(out.String()) {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
}

// TestHealText: a proxy that has brought no copies up to date, for they were,
// does not say that nobody looks after them.
func TestHealText(t *testing.T) {
	for _, w := range []struct {
		g    admin.Group
		want string
	}{
		{admin.Group{}, "copies were not looked after yet"},
		{admin.Group{View: "0.0"}, "copies are up to date"},
		{admin.Group{View: "0.0", Behind: true}, "copies are not up to date, which begins soon"},
		{admin.Group{View: "0.0", Behind: true, Heal: admin.Heal{Error: "gone"}}, "copies could not be brought up to date, which is tried again: gone"},
		{admin.Group{View: "0.0", Heal: admin.Heal{View: "0.0", Keys: 5, For: 1, Copied: 2}}, "copies are up to date: 5 records looked at in 1s, 2 copied"},
	} {
		if got := healText(&w.g); got != w.want {
			t.Errorf("%+v: %q, want %q", w.g, got, w.want)
		}
	}
}

// TestStandsSince: the time in a store's line is that of the state which stands
// there; and one that can't be written answers.
func TestStandsSince(t *testing.T) {
	unwritable := fmt.Errorf("%w: its disk is full", fence.ErrUnwritable)
	for _, w := range []struct {
		fence.Standing
		since   time.Duration
		answers bool
	}{
		{fence.Standing{Since: 10}, 10, true},
		{fence.Standing{Since: 10, Turned: 20}, 20, true},
		{fence.Standing{Since: 30, Turned: 20}, 30, true},
		{fence.Standing{Since: 10, Turned: 20, Drained: 15}, 15, true},
		{fence.Standing{Since: 10, Turned: 20, Err: errors.New("gone")}, 10, false},
		{fence.Standing{Since: 10, Turned: 20, Err: unwritable}, 10, true},
	} {
		if since, ok := standsSince(&w.Standing), answers(&w.Standing); since != w.since || ok != w.answers {
			t.Errorf("%+v: since %v, answers %v", w.Standing, since, ok)
		}
	}
}

// TestConfigurationPath: who is told of the configuration is elsewhere.
func TestConfigurationPath(t *testing.T) {
	for _, path := range []string{"dsmproxy.toml", ""} {
		var f inForce
		if f.begin(&conf.Config{}, path); filepath.IsAbs(f.path) != (path != "") {
			t.Errorf("%q is told as %q", path, f.path)
		}
	}
}
