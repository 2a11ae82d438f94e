package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/admin"
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
	s.Group.Members = m
	var out strings.Builder
	if err := printStatus(&out, s, false); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`s0 .* up`, `s1 .* excluded`, `s1: .*its disk is full`, `s2 .* joining`, `s3 .* down`} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(out.String()) {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
}
