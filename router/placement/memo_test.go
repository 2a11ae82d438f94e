package placement

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
)

// TestRemembered: what is remembered is what is computed, for keys whose
// seeds share a word of the memory too, and with others at work on it.
func TestRemembered(t *testing.T) {
	for _, n := range []int{1, 2, 8, memoStores, memoStores + 1} {
		for name, s := range map[string]shuffle{PHP: phpShuffle(n), PHPLegacy: legacyShuffle(n)} {
			p := newShuffled(s)
			if kept := p.memo != nil; kept != (n <= memoStores) {
				t.Fatalf("%s, %d stores: remembered: %t", name, n, kept)
			}
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					got, want := make([]uint16, n), make([]uint16, n)
					for i := range 3 * 150 {
						key := binary.LittleEndian.AppendUint32(nil, uint32(i%150))
						if i%3 == 0 { // four of the same remainder
							key = unhash(uint32(i%4)<<memoBits | 7)
						}
						p.Order(got, key)
						s.from(want, CRC32(key))
						if !slices.Equal(got, want) {
							t.Errorf("%s, %d stores, key %x: %v, want %v", name, n, key, got, want)
							return
						}
					}
				})
			}
			all.Wait()
		}
	}
}

// unhash is a key of that CRC32.
func unhash(crc uint32) []byte {
	// Of the bit-by-bit register that runs backwards over four bytes.
	r := ^crc
	for range 32 {
		if r&(1<<31) != 0 {
			r = r<<1 ^ 0xdb710641
		} else {
			r <<= 1
		}
	}
	return binary.LittleEndian.AppendUint32(nil, r^0xffffffff)
}

func TestUnhash(t *testing.T) {
	for _, crc := range []uint32{0, 1, 7, 1 << 31, 0xdeadbeef, 1<<32 - 1} {
		if got := CRC32(unhash(crc)); got != crc {
			t.Errorf("CRC32(unhash(%#x)) = %#x", crc, got)
		}
	}
}

func BenchmarkRemembered(b *testing.B) {
	p := newShuffled(phpShuffle(8))
	dst, key := make([]uint16, 8), []byte("k3v9s0d8f7a6l5q4w3e2r1t0y9u8i7o6")
	b.ReportAllocs()
	for b.Loop() {
		p.Order(dst, key)
	}
}
