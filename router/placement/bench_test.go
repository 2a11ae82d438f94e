package placement

import (
	"fmt"
	"testing"
)

// fleets are the sets of stores that the benchmarks and the allocation test
// order.
func fleets(n int) map[string]Placement {
	plain := make([]Store, n)
	full := make([]Store, n)
	for i := range n {
		plain[i].Name = fmt.Sprintf("s%d", i+1)
		full[i] = Store{Name: plain[i].Name, Weight: float64(1 + i%3), Zone: fmt.Sprintf("z%d", i%4)}
	}
	out := make(map[string]Placement)
	for name, stores := range map[string][]Store{
		PHP: plain, PHPLegacy: plain, Rendezvous: plain, Rendezvous + "-weights-zones": full,
	} {
		kind := name
		if len(name) > len(Rendezvous) && name[:len(Rendezvous)] == Rendezvous {
			kind = Rendezvous
		}
		p, err := New(kind, stores)
		if err != nil {
			panic(err)
		}
		out[name] = p
	}
	return out
}

func BenchmarkOrder(b *testing.B) {
	for _, n := range []int{8, 1000} {
		for name, p := range fleets(n) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				dst := make([]uint16, n)
				key := []byte("k3v9s0d8f7a6l5q4w3e2r1t0y9u8i7o6")
				for i := 0; b.Loop(); i++ {
					key[0], key[1] = byte(i), byte(i>>8)
					p.Order(dst, key)
				}
			})
		}
	}
}

func TestOrderDoesNotAllocate(t *testing.T) {
	key := []byte("k3v9s0d8f7a6l5q4w3e2r1t0y9u8i7o6")
	for _, n := range []int{1, 2, 8, smallStores, smallStores + 1, 1000} {
		dst := make([]uint16, n)
		for name, p := range fleets(n) {
			if got := testing.AllocsPerRun(20, func() { p.Order(dst, key) }); got != 0 {
				t.Errorf("%s: Order, %d stores: %v allocations, want 0", name, n, got)
			}
		}
	}
}
