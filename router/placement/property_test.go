package placement

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	two := []Store{{Name: "a"}, {Name: "b"}}
	for _, test := range []struct {
		name   string
		stores []Store
		want   string
	}{
		{"md5", two, "unknown"},
		{PHP, nil, "no store"},
		{Rendezvous, nil, "no store"},
		{PHP, make([]Store, MaxStores+1), "more than"},
		{PHP, []Store{{Weight: 2}}, "weight"},
		{PHPLegacy, []Store{{Zone: "a"}}, "zone"},
		{Rendezvous, []Store{{Name: "a"}, {Name: "a"}}, "two stores"},
		{Rendezvous, []Store{{Name: "a", Weight: -1}}, "weight"},
		{Rendezvous, []Store{{Name: "a", Weight: math.NaN()}}, "weight"},
		{Rendezvous, []Store{{Name: "a", Weight: math.Inf(1)}}, "weight"},
		{Rendezvous, []Store{{Name: "a", Weight: 0.0001}}, "weight"},
	} {
		if _, err := New(test.name, test.stores); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("New(%q, %d stores) = %v, want an error about %q", test.name, len(test.stores), err, test.want)
		}
	}
}

// TestPermutation: an order holds each store once, for any number of stores.
func TestPermutation(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 31, 32, 33, 64, 227, 623, 624, 625, 1000, 5000} {
		for name, p := range fleets(n) {
			if p.Stores() != n {
				t.Errorf("%s: Stores() = %d, want %d", name, p.Stores(), n)
			}
			dst := make([]uint16, n)
			for k := range 20 {
				p.Order(dst, fmt.Append(nil, "key", k))
				sorted := slices.Sorted(slices.Values(dst))
				for i, s := range sorted {
					if int(s) != i {
						t.Fatalf("%s: Order(key%d) of %d stores is no permutation: %v", name, k, n, dst)
					}
				}
			}
		}
	}
}

// TestOrderIsSafe: two goroutines get what one gets.
func TestOrderIsSafe(t *testing.T) {
	for _, n := range []int{8, 100} {
		for name, p := range fleets(n) {
			done := make(chan []uint16)
			for range 4 {
				go func() {
					dst := make([]uint16, n)
					for k := range 200 {
						p.Order(dst, fmt.Append(nil, k))
					}
					done <- dst
				}()
			}
			want := <-done
			for range 3 {
				if got := <-done; !slices.Equal(got, want) {
					t.Errorf("%s, %d stores: %v and %v at the same time", name, n, got, want)
				}
			}
		}
	}
}

// TestZones compares with the rule as it is said: in each round, take the best
// store whose zone has not had its turn.
func TestZones(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		n := 1 + r.IntN(60)
		stores := make([]Store, n)
		for i := range stores {
			stores[i] = Store{Name: fmt.Sprint("s", i), Weight: float64(1 + r.IntN(3)), Zone: fmt.Sprint("z", r.IntN(5))}
		}
		zoned, err := New(Rendezvous, stores)
		if err != nil {
			t.Fatal(err)
		}
		plain := slices.Clone(stores)
		for i := range plain {
			plain[i].Zone = ""
		}
		unzoned, err := New(Rendezvous, plain)
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Append(nil, "key", n)
		got, left := make([]uint16, n), make([]uint16, n)
		zoned.Order(got, key)
		unzoned.Order(left, key)
		var want []uint16
		for len(left) > 0 {
			had := make(map[string]bool)
			left = slices.DeleteFunc(left, func(s uint16) bool {
				take := !had[stores[s].Zone]
				if take {
					had[stores[s].Zone] = true
					want = append(want, s)
				}
				return take
			})
		}
		if !slices.Equal(got, want) {
			t.Fatalf("Order(%q) of %v = %v, want %v", key, stores, got, want)
		}
	}
}

// TestWeights: a store is first for its weight's share of the keys, with four
// standard deviations to spare.
func TestWeights(t *testing.T) {
	weights := []float64{1, 2, 3, 0.5, 10, 1}
	stores := make([]Store, len(weights))
	sum := 0.0
	for i, w := range weights {
		stores[i] = Store{Name: fmt.Sprint("s", i), Weight: w}
		sum += w
	}
	p, err := New(Rendezvous, stores)
	if err != nil {
		t.Fatal(err)
	}
	const keys = 200_000
	first := make([]int, len(stores))
	dst := make([]uint16, len(stores))
	for k := range keys {
		p.Order(dst, fmt.Append(nil, "sess-", k))
		first[dst[0]]++
	}
	for i, w := range weights {
		share := w / sum
		if off := math.Abs(float64(first[i]) - share*keys); off > 4*math.Sqrt(keys*share*(1-share)) {
			t.Errorf("store %d of weight %v is first for %d of %d keys, want about %.0f", i, w, first[i], keys, share*keys)
		}
	}
}

// TestGrowth: a store that comes leaves the order of the others as it was, and
// is first for its share.
func TestGrowth(t *testing.T) {
	for _, weighted := range []bool{false, true} {
		for _, m := range []int{3, 10, 40} {
			stores := make([]Store, m+1)
			for i := range stores {
				stores[i] = Store{Name: fmt.Sprint("s", i), Weight: 1}
				if weighted {
					stores[i].Weight = float64(1 + i%2)
				}
			}
			before, err := New(Rendezvous, stores[:m])
			if err != nil {
				t.Fatal(err)
			}
			after, err := New(Rendezvous, stores)
			if err != nil {
				t.Fatal(err)
			}
			const keys = 8_000
			moved := 0
			a, b := make([]uint16, m), make([]uint16, m+1)
			for k := range keys {
				key := fmt.Append(nil, k)
				before.Order(a, key)
				after.Order(b, key)
				if b[0] == uint16(m) {
					moved++
				}
				if rest := slices.DeleteFunc(slices.Clone(b), func(s uint16) bool { return s == uint16(m) }); !slices.Equal(rest, a) {
					t.Fatalf("Order(%q) was %v and is %v: others changed places", key, a, b)
				}
			}
			share := 1 / float64(m+1)
			if !weighted && math.Abs(float64(moved)/keys-share) > 4*math.Sqrt(share/keys) {
				t.Errorf("store %d of %d is first for %d of %d keys, want %.3f of them", m+1, m+1, moved, keys, share)
			}
		}
	}
}

// TestEqualWeights: what is taken as a short cut when all weights are equal is
// the order of the costs.
func TestEqualWeights(t *testing.T) {
	for _, n := range []int{5, 100} {
		stores := make([]Store, n)
		for i := range stores {
			stores[i] = Store{Name: fmt.Sprint("s", i), Weight: 3}
		}
		p, err := New(Rendezvous, stores)
		if err != nil {
			t.Fatal(err)
		}
		short := p.(*rendezvous)
		long, _ := newRendezvous(stores)
		full := long.(*rendezvous)
		full.log2 = newLog2Table()
		full.weights = make([]uint64, n)
		for i := range full.weights {
			full.weights[i] = 3000
		}
		a, b := make([]uint16, n), make([]uint16, n)
		for k := range 500 {
			key := fmt.Append(nil, k)
			short.Order(a, key)
			full.Order(b, key)
			if !slices.Equal(a, b) {
				t.Fatalf("Order(%q) = %v by hash, %v by cost", key, a, b)
			}
		}
	}
}

// TestManyStores: what is sorted by radix is what sorting by comparison gives.
func TestManyStores(t *testing.T) {
	for name, p := range fleets(700) {
		r, ok := p.(*rendezvous)
		if !ok {
			continue
		}
		race, spare := make([]ranked, 700), make([]ranked, 700)
		for k := range 50 {
			hash := r.run(race, fmt.Append(nil, k))
			want := slices.Clone(race)
			slices.SortFunc(want, func(a, b ranked) int {
				if r.less(a, b, hash) {
					return -1
				}
				return cmp.Compare(1, 0)
			})
			got := radixSort(slices.Clone(race), spare)
			r.insertionSort(got, hash)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: key %d: the two sorts differ", name, k)
			}
		}
	}
}

// TestTies: equal costs are decided by the hash, equal hashes by the index.
func TestTies(t *testing.T) {
	r := &rendezvous{hashes: []uint64{7, 7, 1, 9}}
	race := []ranked{{5, 1}, {5, 0}, {5, 2}, {5, 3}}
	r.insertionSort(race, 0)
	want := []uint16{0, 1, 2, 3}
	slices.SortStableFunc(want, func(a, b uint16) int { return cmp.Compare(mix64(r.hashes[b]), mix64(r.hashes[a])) })
	for i := range race {
		if race[i].store != want[i] {
			t.Fatalf("a race of equal costs is %v, want %v", race, want)
		}
	}
}

// TestLog2: the logarithm is near the true one, exact at the ends, and never
// grows with the hash.
func TestLog2(t *testing.T) {
	table := newLog2Table()
	if got := table.minusLog2(math.MaxUint64); got != 0 {
		t.Errorf("minusLog2 of the greatest hash = %d, want 0", got)
	}
	if got := table.minusLog2(0); got != 53<<32 {
		t.Errorf("minusLog2(0) = %d, want 53", got)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		h := r.Uint64() >> r.IntN(64)
		u := float64(h>>11+1) / (1 << 53)
		got := float64(table.minusLog2(h)) / (1 << 32)
		if math.Abs(got+math.Log2(u)) > 1.0/(1<<21) {
			t.Fatalf("minusLog2(%#x) = %v, want %v", h, got, -math.Log2(u))
		}
		if more := h + r.Uint64N(1<<12); more > h && table.minusLog2(more) > table.minusLog2(h) {
			t.Fatalf("minusLog2(%#x) is less than minusLog2(%#x)", h, more)
		}
	}
}

// TestSpread: with the names and keys that people give, each store is first,
// and second after each first, about as often as the others.
func TestSpread(t *testing.T) {
	const m, keys = 8, 100_000
	stores := make([]Store, m)
	for i := range stores {
		stores[i].Name = fmt.Sprint("s", i+1)
	}
	for _, name := range Names() {
		p, err := New(name, stores)
		if err != nil {
			t.Fatal(err)
		}
		var pairs [m][m]float64
		dst := make([]uint16, m)
		for k := range keys {
			p.Order(dst, fmt.Append(nil, k))
			pairs[dst[0]][dst[1]]++
		}
		// Chi-square with 55 degrees of freedom exceeds 100 once in 5000 times;
		// the keys are the same in each run.
		want, chi := float64(keys)/(m*(m-1)), 0.0
		for i := range m {
			for j := range m {
				if i != j {
					chi += (pairs[i][j] - want) * (pairs[i][j] - want) / want
				}
			}
		}
		if chi > 100 {
			t.Errorf("%s: chi-square of the first two stores is %.1f, want below 100", name, chi)
		}
	}
}

// TestShortShuffle holds the shuffle without MT19937's state to the one with it.
func TestShortShuffle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := 2; n <= fewStores; n++ {
		p := phpShuffle(n)
		for range 50 {
			seed := r.Uint32()
			short, long := make([]uint16, n), make([]uint16, n)
			identity(short)
			identity(long)
			p.long(long, seed)
			if !p.short(short, seed) || !slices.Equal(short, long) {
				t.Fatalf("%d stores, seed %d: %v without the state, %v with it", n, seed, short, long)
			}
		}
	}
	p, dst := phpShuffle(mtWords), make([]uint16, mtWords) // more outputs than it has
	identity(dst)
	if p.short(dst, 1) || !slices.IsSorted(dst) {
		t.Errorf("%d stores are shuffled without the state, or the stores left in disorder", p)
	}
}
