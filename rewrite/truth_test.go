package rewrite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Statements made at random, whose truth is known by brute force: whatever a
// keyed plan leaves out must make no difference to the result.

// tri is a truth value of SQL.
type tri int8

const (
	no tri = iota
	yes
	unknown
)

func not(t tri) tri { return [...]tri{yes, no, unknown}[t] }

func and(a, b tri) tri {
	switch {
	case a == no || b == no:
		return no
	case a == yes && b == yes:
		return yes
	}
	return unknown
}

func or(a, b tri) tri { return not(and(not(a), not(b))) }

// A joined row: the ids of a user and of a session, "" for NULL.
type joined struct{ user, id, owner string }

// condition is a condition in SQL and what it means.
type condition struct {
	sql  string
	eval func(joined) tri
}

var (
	ids   = []string{"a", "b", "c", "d"}
	users = []string{"1", "2"}
	// owner is whose session each is.
	owner = map[string]string{"a": "1", "b": "1", "c": "2", "d": "2"}
)

func equal(x, y string) tri {
	switch {
	case x == "" || y == "":
		return unknown
	case x == y:
		return yes
	}
	return no
}

// maker makes statements.
type maker struct {
	*rand.Rand
	join bool
}

func (m *maker) pick(list ...string) string { return list[m.IntN(len(list))] }

// key writes the key column in one way or another.
func (m *maker) key() string {
	if m.join {
		return m.pick("s.id", "`s`.`id`", "S.ID", "s . id")
	}
	return m.pick("id", "ID", "`id`", "sessions.id", "(id)", "BINARY id", "/* id = 'a' */ id")
}

func (m *maker) lit(id string) string {
	return m.pick("'"+id+"'", `"`+id+`"`, fmt.Sprintf("x'%x'", id), fmt.Sprintf("0x%x", id), "_utf8mb4'"+id+"'",
		"('"+id+"')", "N'"+id+"'", "'' '"+id+"'", "CONCAT('','"+id+"')", "CAST('"+id+"' AS CHAR)", "'"+id+"' /* OR 1 */")
}

// atom makes a condition without AND, OR and NOT.
func (m *maker) atom() condition {
	id := ids[m.IntN(len(ids))]
	eq := func(r joined) tri { return equal(r.id, id) }
	switch m.IntN(12) {
	case 0, 1, 2:
		if m.IntN(2) == 0 {
			return condition{m.key() + m.pick(" = ", "=") + m.lit(id), eq}
		}
		return condition{m.lit(id) + " = " + m.key(), eq}
	case 3:
		return condition{m.key() + " <=> " + m.lit(id), func(r joined) tri {
			if r.id == id {
				return yes
			}
			return no
		}}
	case 4:
		other := ids[m.IntN(len(ids))]
		return condition{m.key() + " IN (" + m.lit(id) + ", " + m.lit(other) + ")", func(r joined) tri {
			return or(equal(r.id, id), equal(r.id, other))
		}}
	case 5:
		return condition{m.key() + m.pick(" <> ", " != ") + m.lit(id), func(r joined) tri { return not(eq(r)) }}
	case 6:
		return condition{m.key() + " NOT IN (" + m.lit(id) + ")", func(r joined) tri { return not(eq(r)) }}
	case 7:
		return condition{m.key() + " > " + m.lit(id), func(r joined) tri {
			switch {
			case r.id == "":
				return unknown
			case r.id > id:
				return yes
			}
			return no
		}}
	case 8:
		return condition{m.key() + " IS NULL", func(r joined) tri {
			if r.id == "" {
				return yes
			}
			return no
		}}
	case 9:
		u := users[m.IntN(len(users))]
		col := "owner"
		if m.join {
			col = "s.owner"
		}
		return condition{col + " = '" + u + "'", func(r joined) tri { return equal(r.owner, u) }}
	case 10:
		if m.join {
			u := users[m.IntN(len(users))]
			if m.IntN(2) == 0 {
				return condition{"u.id = '" + u + "'", func(r joined) tri { return equal(r.user, u) }}
			}
			return condition{"s.owner = u.id", func(r joined) tri { return equal(r.owner, r.user) }}
		}
		return condition{"'id = ''" + id + "''' = 'x'", func(joined) tri { return no }}
	}
	return condition{m.pick("1 = 1", "TRUE", "NOT 0", "'"+id+"' = '"+id+"'"), func(joined) tri { return yes }}
}

func (m *maker) condition(depth int) condition {
	if depth == 0 || m.IntN(4) == 0 {
		return m.atom()
	}
	l := m.condition(depth - 1)
	if m.IntN(5) == 0 {
		return condition{m.pick("NOT (", "! (", "NOT(") + l.sql + ")", func(r joined) tri { return not(l.eval(r)) }}
	}
	r := m.condition(depth - 1)
	gap := m.pick(" ", "\n", " /* id = 'a' */ ", " -- id = 'a'\n", " # id = 'b'\n")
	switch m.IntN(7) {
	case 0, 1, 2:
		return condition{"(" + l.sql + gap + m.pick("AND", "&&") + gap + r.sql + ")", func(j joined) tri { return and(l.eval(j), r.eval(j)) }}
	case 3:
		return condition{"(" + l.sql + " XOR " + r.sql + ")", func(j joined) tri {
			a, b := l.eval(j), r.eval(j)
			if a == unknown || b == unknown {
				return unknown
			}
			return a ^ b
		}}
	case 4:
		return condition{"((" + l.sql + ") = (" + r.sql + "))", func(j joined) tri {
			a, b := l.eval(j), r.eval(j)
			if a == unknown || b == unknown {
				return unknown
			}
			return not(a ^ b)
		}}
	}
	return condition{"(" + l.sql + gap + m.pick("OR", "||", "or") + gap + r.sql + ")", func(j joined) tri { return or(l.eval(j), r.eval(j)) }}
}

var truthTables = []Table{{Name: "sessions", Key: "id"}}

// TestKeysCoverRows checks that the rows a condition selects all have one of
// the keys of the plan.
func TestKeysCoverRows(t *testing.T) {
	m := &maker{Rand: rand.New(rand.NewPCG(1, 2))}
	p := NewPlanner(Options{Tables: truthTables})
	keyed := 0
	for range 4000 {
		c := m.condition(m.IntN(4))
		sql := m.pick("SELECT * FROM sessions WHERE ", "DELETE FROM sessions WHERE ", "UPDATE sessions SET owner = 'x' WHERE ") + c.sql
		e := Explain(p, []byte(sql), "", 0, nil)
		if e.Error != "" {
			t.Fatalf("%s\n%s", sql, e.Error)
		}
		if e.Plan.Kind != KindRead && e.Plan.Kind != KindWrite {
			continue
		}
		keyed++
		for _, id := range ids {
			if c.eval(joined{id: id, owner: owner[id]}) == yes && !covers(e, id) {
				t.Fatalf("%s\nselects %s, keys are %s", sql, id, e.JSON())
			}
		}
	}
	if keyed < 400 {
		t.Errorf("%d of 4000 statements had a key", keyed)
	}
}

func covers(e *Explanation, id string) bool {
	return slices.ContainsFunc(e.Keys, func(k *string) bool { return k != nil && *k == id })
}

// TestKeysCoverJoins checks that a join of users and sessions has the same
// result if there are no other sessions than those of the plan's keys.
func TestKeysCoverJoins(t *testing.T) {
	m := &maker{Rand: rand.New(rand.NewPCG(3, 4)), join: true}
	p := NewPlanner(Options{Tables: truthTables})
	keyed := 0
	for range 4000 {
		on, where := m.condition(m.IntN(3)), m.condition(m.IntN(3))
		kind := m.pick("INNER", "LEFT", "RIGHT", "LEFT OUTER", "CROSS")
		sql := "SELECT * FROM users u " + kind + " JOIN sessions s ON " + on.sql + " WHERE " + where.sql
		if m.IntN(2) == 0 { // the sides swapped
			swapped := map[string]string{"LEFT": "RIGHT", "LEFT OUTER": "RIGHT OUTER", "RIGHT": "LEFT"}[kind]
			if swapped == "" {
				swapped = kind
			}
			sql = "SELECT * FROM sessions s " + swapped + " JOIN users u ON " + on.sql + " WHERE " + where.sql
		}
		e := Explain(p, []byte(sql), "", 0, nil)
		if e.Error != "" {
			t.Fatalf("%s\n%s", sql, e.Error)
		}
		if e.Plan.Kind != KindRead {
			continue
		}
		keyed++
		var held []string
		for _, id := range ids {
			if covers(e, id) {
				held = append(held, id)
			}
		}
		all, some := join(kind, ids, on, where), join(kind, held, on, where)
		if !slices.Equal(all, some) {
			t.Fatalf("%s\ngives %v, with keys %v %v", sql, all, held, some)
		}
	}
	if keyed < 400 {
		t.Errorf("%d of 4000 statements had a key", keyed)
	}
}

// join returns the rows of users u KIND JOIN sessions s ON on WHERE where.
func join(kind string, sessions []string, on, where condition) (rows []string) {
	add := func(r joined) {
		if where.eval(r) == yes {
			rows = append(rows, fmt.Sprint(r))
		}
	}
	left := strings.HasPrefix(kind, "LEFT")
	for _, u := range users {
		matched := false
		for _, id := range sessions {
			if r := (joined{u, id, owner[id]}); on.eval(r) == yes {
				matched = true
				add(r)
			}
		}
		if left && !matched {
			add(joined{user: u})
		}
	}
	if kind == "RIGHT" {
		for _, id := range sessions {
			if !slices.ContainsFunc(users, func(u string) bool { return on.eval(joined{u, id, owner[id]}) == yes }) {
				add(joined{"", id, owner[id]})
			}
		}
	}
	slices.Sort(rows)
	return rows
}
