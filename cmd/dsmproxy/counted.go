package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// counted is what a status has counted since the proxy was started, as rows of a
// name and a text. What has never happened and is no part of a healthy proxy is
// left out.
func counted(s *admin.Status) (rows [][2]string) {
	add := func(name, format string, args ...any) {
		rows = append(rows, [2]string{name, fmt.Sprintf(format, args...)})
	}
	c, w := &s.Clients, &s.Writes
	add("clients", "%d of %d", c.Now, c.Max)
	add("connections made", "%d", c.Accepted)
	if c.Inherited > 0 {
		add("clients taken over", "%d", c.Inherited)
	}
	if text := named(
		"max_clients", c.Refused, "max_user_clients", c.OverUser, "max_pending_logins", c.Displaced, "handshake_timeout", c.Slow,
		"max_login_failures", c.Blocked, "wrong password", c.Denied); text != "" {
		add("clients refused", "%s", text)
	}
	if text := named("idle_timeout", c.Idled, "max_allowed_packet", c.Oversized, "panic", c.Panics); text != "" {
		add("clients ended", "%s", text)
	}
	add("errors", "client %d, proxy %d, store %d, link %d", s.Errors["client"], s.Errors["proxy"], s.Errors["store"], s.Errors["link"])
	if text := named("statement_timeout", c.Expired, "slow", s.Slow); text != "" {
		add("statements", "%s", text)
	}
	if s.Group == nil {
		add("failovers", "%d", w.Failovers)
	} else { // there statements wait until another store has taken over
		add("stores excluded by this proxy", "%d", s.Group.Counts.Excluded)
	}
	add("repaired records", "%d", w.Repaired)
	add("writes with too few copies", "%d", w.Short)
	if w.Lost > 0 {
		add("copies lost under a write", "%d", w.Lost)
	}
	for i := range s.Stores {
		if x := &s.Stores[i]; x.Waits > 0 || x.Waiting > 0 {
			add("waits for "+x.Name, "%d statements, %s in all; %d in vain; %d wait now",
				x.Waits, time.Duration(x.Waited*float64(time.Second)).Round(time.Millisecond), x.Timeouts, x.Waiting)
		}
	}
	for i := range s.Stores {
		x := &s.Stores[i]
		if text := named("broken", x.Broken, "failed to open", x.DialErrors, "times down", x.Downs); text != "" {
			add("connections to "+x.Name, "%s", text)
		}
		if b := &x.Backlog; b.Refused+b.Lost > 0 {
			add("missed by "+x.Name, "%s", named("refused", b.Refused, "lost for good", b.Lost))
		}
	}
	return rows
}

// named lists names with their counts, those without a count left out.
func named(pairs ...any) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		if n := pairs[i+1].(uint64); n > 0 {
			list = append(list, fmt.Sprintf("%s %d", pairs[i], n))
		}
	}
	return strings.Join(list, ", ")
}
