package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// printGroup prints what the levels safe and strict know, for people.
func printGroup(w io.Writer, g *admin.Group) error {
	up, stores := 0, 0
	for i := range g.Members {
		if m := &g.Members[i]; !m.Witness {
			stores++
			if m.State == "up" {
				up++
			}
		}
	}
	fmt.Fprintln(w)
	switch {
	case !g.Founded:
		fmt.Fprintln(w, "the stores are not initialised yet")
	case g.View == "":
		fmt.Fprintln(w, "no view of the stores yet")
	default:
		text := fmt.Sprintf("view %s, %d of %d up", g.View, up, stores)
		if g.Lease > 0 {
			text += fmt.Sprintf(", lease for %s", time.Duration(g.Lease*float64(time.Second)).Round(10*time.Millisecond))
		}
		if g.Solo {
			text += map[bool]string{true: ", this proxy serves", false: ", another proxy serves, or none yet"}[g.Owner]
		}
		fmt.Fprintln(w, text)
	}
	if g.Why != "" {
		fmt.Fprintln(w, "records can't be served:", g.Why)
	}
	if g.Settings != "" {
		fmt.Fprintln(w, g.Settings)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STORE\tKEYS\tTICK\tFOR\tIN THE GROUP")
	for i := range g.Members {
		m := &g.Members[i]
		keys := fmt.Sprint("~", m.Keys)
		if m.Witness {
			keys = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", m.Name, keys, m.Tick, time.Duration(m.For*float64(time.Second)).Round(time.Second), memberState(m))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s\nrecords with too few copies: %s; versions not marked yet as being on all copies: %s\n",
		healText(g), unknownNumber(g.Short), unknownNumber(g.Unclean))
	return err
}

// memberOf is a store's member of the group that is not up there though the
// store answers; nil if there is none.
func memberOf(x *admin.Store, g *admin.Group) *admin.Member {
	if g == nil || x.State != "up" {
		return nil
	}
	for i := range g.Members {
		if m := &g.Members[i]; m.Name == x.Name && !m.Witness && (m.State == "down" || m.State == "join") {
			return m
		}
	}
	return nil
}

// service says whether a store serves: one that answers and is not up in the
// group does not.
func service(x *admin.Store, g *admin.Group) string {
	switch m := memberOf(x, g); {
	case m == nil:
		return x.State
	case m.State == "join":
		return "joining"
	default:
		return "excluded"
	}
}

// outOfService says why a store that answers does not serve; "" if it does.
func outOfService(x *admin.Store, g *admin.Group) string {
	switch m := memberOf(x, g); {
	case m == nil:
		return ""
	case m.State == "join":
		return "it answers, and is brought up to date before it serves"
	default:
		return "it answers, and is excluded, other stores serve its records: " +
			cmp.Or(m.Error, m.Why, "it is taken in again when it has been found well for a while")
	}
}

func unknownNumber(n int64) string {
	switch {
	case n < 0:
		return "?"
	case n == 0:
		return "0"
	}
	return fmt.Sprint("~", n)
}

// healText says how far the present heal is, or how the last one ended. A proxy
// that was started when the copies were well has done none.
func healText(g *admin.Group) string {
	h := &g.Heal
	took := time.Duration(h.For * float64(time.Second))
	switch {
	case h.Running:
		return strings.TrimSpace(progressText("bringing copies up to date", h.Keys, h.Of, took, true)) + fmt.Sprintf(", %d copied", h.Copied)
	case h.Error != "":
		return fmt.Sprintf("copies could not be brought up to date, which is tried again: %s", h.Error)
	case g.Behind:
		return "copies are not up to date, which begins soon"
	case g.View == "":
		return "copies were not looked after yet"
	case h.View == "":
		return "copies are up to date"
	}
	return fmt.Sprintf("copies are up to date: %d records looked at in %s, %d copied", h.Keys, took.Round(time.Millisecond), h.Copied)
}
