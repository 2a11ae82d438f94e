package view

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// setting is a view with an earlier one, an order and a number of copies.
type setting struct {
	c, v  *View
	order []uint16
	n     int
}

func drawSetting(t *rapid.T) setting {
	stores := rapid.IntRange(1, 4).Draw(t, "stores")
	return setting{
		c: drawView(t, stores, 5, "c"), v: drawView(t, stores, 5, "v"),
		order: rapid.Permutation(identity(stores)).Draw(t, "order"),
		n:     rapid.IntRange(1, stores).Draw(t, "copies"),
	}
}

func identity(n int) []uint16 {
	list := make([]uint16, n)
	for i := range list {
		list[i] = uint16(i)
	}
	return list
}

func drawView(t *rapid.T, stores, top int, label string) *View {
	gens := make([]Gen, stores)
	for i := range gens {
		gens[i] = Gen(rapid.IntRange(0, top).Draw(t, label))
	}
	return build(gens, nil, 0, 0)
}

// drawAny is a view with all registers.
func drawAny(t *rapid.T, stores int, label string) *View {
	v := drawView(t, stores, 9, label)
	var void []Gen
	if rapid.Bool().Draw(t, label+" has voids") {
		void = drawView(t, stores, 9, label+" void").gens
	}
	return build(v.gens, void, rapid.Uint32Range(0, 3).Draw(t, label+" placement"),
		rapid.Uint64Range(0, 9).Draw(t, label+" term"))
}

// between calls f with every view between c and v, and stops when it is false.
func between(c, v *View, f func(u *View) bool) bool {
	gens := slices.Clone(c.gens)
	for {
		if !f(build(slices.Clone(gens), nil, 0, 0)) {
			return false
		}
		s := 0
		for ; s < len(gens); s++ {
			if gens[s]++; gens[s] <= v.gens[s] {
				break
			}
			gens[s] = c.gens[s]
		}
		if s == len(gens) {
			return true
		}
	}
}

// bruteTargets follows the definition: a joiner is a store in Join that would
// be an owner if it alone were Up.
func bruteTargets(v *View, order []uint16, n int) (owners, joiners []uint16) {
	owned := func(also int) (list []uint16) {
		for _, s := range order {
			if (v.State(int(s)) == Up || int(s) == also) && len(list) < n {
				list = append(list, s)
			}
		}
		return list
	}
	for _, s := range order {
		if v.State(int(s)) == Join && slices.Contains(owned(int(s)), s) {
			joiners = append(joiners, s)
		}
	}
	return owned(-1), joiners
}

func TestTargets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawSetting(t)
		owners, joiners := bruteTargets(x.v, x.order, x.n)
		var room [MaxStores]uint16
		got, n := x.v.Targets(room[:0], x.order, x.n)
		if n != len(owners) || !slices.Equal(got[:n], owners) || !slices.Equal(got[n:], joiners) {
			t.Fatalf("Targets(%v, %v, %d) = %v, %d owners; want %v and %v", x.v, x.order, x.n, got, n, owners, joiners)
		}
		if want := append([]uint16{}, owners...); !slices.Equal(x.v.Owners(nil, x.order, x.n), want) && len(want) > 0 {
			t.Fatalf("Owners differ from %v", want)
		}
		primary := -1
		if len(owners) > 0 {
			primary = int(owners[0])
		}
		if p := x.v.Primary(x.order); p != primary {
			t.Fatalf("Primary(%v, %v) = %d, want %d", x.v, x.order, p, primary)
		}
		for s := range x.v.Stores() {
			want := slices.Contains(owners, uint16(s)) || slices.Contains(joiners, uint16(s))
			if is := x.v.IsTarget(s, x.order, x.n); is != want {
				t.Fatalf("IsTarget(%v, %d, %v, %d) = %v", x.v, s, x.order, x.n, is)
			}
		}
	})
}

func TestSettledBy(t *testing.T) {
	settled := 0
	rapid.Check(t, func(t *rapid.T) {
		x := drawSetting(t)
		x.v = x.v.Join(x.c)
		for p := range x.v.Stores() {
			want := between(x.c, x.v, func(u *View) bool { return u.IsTarget(p, x.order, x.n) })
			if got := x.v.SettledBy(x.c, p, x.order, x.n); got != want {
				t.Fatalf("%v.SettledBy(%v, %d, %v, %d) = %v, want %v", x.v, x.c, p, x.order, x.n, got, want)
			}
			if want && x.c != x.v {
				settled++
			}
		}
	})
	if settled == 0 {
		t.Error("no case is settled: the test tests nothing")
	}
}

func TestSettledByRefuses(t *testing.T) {
	v := New(3)
	order := identity(3)
	down := v.WithState(0, Down)
	for name, c := range map[string]*View{"nil": nil, "above": down, "another placement": build([]Gen{0, 0, 0}, nil, 2, 0)} {
		if v.SettledBy(c, 0, order, 2) {
			t.Errorf("settled by a mark that is %s", name)
		}
	}
	given := down.WithVoid(0)
	back := given.WithState(0, Join)
	if back.SettledBy(v, 0, order, 2) {
		t.Error("settled by what was given up")
	}
	if !back.SettledBy(back, 0, order, 2) {
		t.Error("not settled by what came after it was given up")
	}
}

func TestCoversAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawSetting(t)
		x.v = x.v.Join(x.c)
		for p := range x.v.Stores() {
			if x.v.State(p) != Up {
				continue
			}
			want := true
			permutations(identity(x.v.Stores()), func(order []uint16) {
				if x.v.Primary(order) == p && !x.v.SettledBy(x.c, p, order, x.n) {
					want = false
				}
			})
			if got := x.v.CoversAll(x.c, p, x.n); got != want {
				t.Fatalf("%v.CoversAll(%v, %d, %d) = %v, want %v", x.v, x.c, p, x.n, got, want)
			}
		}
	})
}

func permutations(list []uint16, f func([]uint16)) {
	var walk func(int)
	walk = func(i int) {
		if i == len(list) {
			f(list)
			return
		}
		for j := i; j < len(list); j++ {
			list[i], list[j] = list[j], list[i]
			walk(i + 1)
			list[i], list[j] = list[j], list[i]
		}
	}
	walk(0)
}

// TestMustWait lets a proxy see a chain of views and then asks which of all
// views that may be leased have a primary that a write would not reach.
func TestMustWait(t *testing.T) {
	const wait = 10 * time.Second
	waits, goes := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		stores := rapid.IntRange(1, 4).Draw(t, "stores")
		order := rapid.Permutation(identity(stores)).Draw(t, "order")
		n := rapid.IntRange(1, stores).Draw(t, "copies")

		now := time.Duration(0)
		v := New(stores)
		h := Calm(stores)
		if rapid.Bool().Draw(t, "first seen now") {
			h = NewHistory(stores, now)
		}
		first := h.changed[0] == now
		type seen struct {
			view  *View
			until time.Duration // when a newer one was seen
		}
		var chain []seen
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			now += time.Duration(rapid.IntRange(0, 12).Draw(t, "pause")) * time.Second
			next := v
			for range rapid.IntRange(1, 3).Draw(t, "steps") {
				s := rapid.IntRange(0, stores-1).Draw(t, "store")
				next = next.WithState(s, State(rapid.IntRange(0, 2).Draw(t, "state")))
			}
			h = h.Moved(v, next, now)
			chain = append(chain, seen{v, now})
			v = next
		}
		now += time.Duration(rapid.IntRange(0, 12).Draw(t, "pause")) * time.Second

		oldest := v
		for _, s := range slices.Backward(chain) {
			if now-wait > s.until {
				break
			}
			oldest = s.view
		}
		owners := v.Owners(nil, order, n)
		want := false
		between(oldest, v, func(u *View) bool {
			p := u.Primary(order)
			want = p >= 0 && !slices.Contains(owners, uint16(p))
			return !want
		})
		for s := range stores {
			leads := false
			between(oldest, v, func(u *View) bool {
				leads = u.Primary(order) == s
				return !leads
			})
			if got := h.MayLead(s, v, order, now, wait); s != v.Primary(order) && got != leads && (leads || !first || now-wait > 0) {
				t.Fatalf("MayLead(%d, %v, %v) after %v at %v = %v", s, v, order, chain, now, got)
			}
		}
		got := h.MustWait(v, order, n, now, wait)
		if first && now-wait <= 0 {
			if want && !got {
				t.Fatalf("no wait after the first view, %v", v)
			}
			return
		}
		if got != want {
			t.Fatalf("MustWait(%v, %v, %d) after %v at %v = %v, want %v", v, order, n, chain, now, got, want)
		}
		if want {
			waits++
		} else if len(chain) > 0 {
			goes++
		}
	})
	if waits == 0 || goes == 0 {
		t.Errorf("%d cases wait, %d do not: the test tests nothing", waits, goes)
	}
}

func TestJoinLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stores := rapid.IntRange(1, 5).Draw(t, "stores")
		a, b, c := drawAny(t, stores, "a"), drawAny(t, stores, "b"), drawAny(t, stores, "c")
		same := func(law string, x, y *View) {
			if !x.Equal(y) {
				t.Fatalf("%s: %v is not %v", law, x, y)
			}
		}
		same("idempotent", a.Join(a), a)
		same("commutative", a.Join(b), b.Join(a))
		same("associative", a.Join(b).Join(c), a.Join(b.Join(c)))
		same("absorbs nil", a.Join(nil), a)
		j := a.Join(b)
		if !a.AtMost(j) || !b.AtMost(j) {
			t.Fatalf("%v join %v = %v, which is below one", a, b, j)
		}
		if (a.Join(b) == a) != b.AtMost(a) && !a.Equal(b) {
			t.Fatalf("join of %v and %v makes a view where one serves", a, b)
		}
		if a.AtMost(b) && !a.Equal(b) && a.Epoch() >= b.Epoch() {
			t.Fatalf("epoch %d of %v is not below %d of %v", a.Epoch(), a, b.Epoch(), b)
		}
	})
}

func TestCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawAny(t, rapid.IntRange(1, MaxStores).Draw(t, "stores"), "v")
		got, err := Parse(v.String())
		if err != nil || !got.Equal(v) || got.Epoch() != v.Epoch() || got.String() != v.String() {
			t.Fatalf("Parse(%q) = %v, %v", v.String(), got, err)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "0", "0|0", "|0|0", "0.|0|0", "00|0|0", "+1|0|0", "-1|0|0", "0|0|0|", "0|0|0|0.0", "0|0|0|0|0",
		"0 |0|0", "0|0|18446744073709551615", "4294967296|0|0", "0|4294967296|0",
	} {
		if v, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, v)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0.4.3.0|2|7")
	f.Add("0.4|2|7|0.4")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := Parse(text); err == nil && v.String() != text {
			t.Errorf("Parse(%q) is %q", text, v)
		}
	})
}

func TestGens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Gen(rapid.IntRange(0, 12).Draw(t, "a"))
		b := Gen(rapid.IntRange(0, 12).Draw(t, "b"))
		for _, s := range []State{Up, Down, Join} {
			want := false
			for g := a + 1; g <= b; g++ {
				want = want || g.State() == s
			}
			if got := passes(a, b, s); got != want {
				t.Fatalf("passes(%d, %d, %v) = %v, want %v", a, b, s, got, want)
			}
			if n := a.Next(s); n <= a || n > a+3 || n.State() != s {
				t.Fatalf("%d.Next(%v) = %d", a, s, n)
			}
		}
	})
}

func TestVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) Version {
			return Version{rapid.Uint64Range(0, 3).Draw(t, label), rapid.Uint64Range(0, 3).Draw(t, label), 0}
		}
		a, b := draw("a"), draw("b")
		if a.Less(b) && b.Less(a) || !a.Less(b) && !b.Less(a) && a != b {
			t.Fatalf("%v and %v are not ordered", a, b)
		}
		if n := a.Next(a.Epoch, 7); !a.Less(n) || n.ID != 7 {
			t.Fatalf("%v is not after %v", n, a)
		}
	})
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	v := New(8).WithState(3, Down)
	later := v.WithState(5, Down)
	order := []uint16{3, 1, 5, 0, 2, 4, 6, 7}
	h := Calm(8)
	same, err := Parse(v.String())
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		var room [8]uint16
		if targets, _ := v.Targets(room[:0], order, 3); len(targets) != 3 {
			t.Error("targets are missing")
		}
		if !later.SettledBy(v, 1, order, 2) || h.MustWait(v, order, 2, 1, 1) || !v.Equal(same) || v.Join(same) != v {
			t.Error("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
