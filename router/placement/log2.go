package placement

import "math/bits"

// The logarithm of the weighted race, in integers.
//
// A table holds log2(1 + i/1024) for i from 0 to 1024, in units of 2^-32. An
// entry is found bit by bit: square the number; if that is 2 or more, the next
// bit of the logarithm is 1 and the number is halved. The number is held with
// 30 bits after the point, so that a square fits in 63 bits; what is cut off
// makes the last three bits of an entry wrong, the same for everybody.
//
// Between two entries the logarithm is taken as a straight line, which is at
// most 2^-22 off. It is exact at 1, where it matters: the winner among many
// stores is the one with u nearest to 1.

const (
	log2Steps    = 1024
	log2Fraction = 32 // bits after the point of a logarithm
)

// log2Table is log2(1 + i/1024) for i from 0 to 1024.
type log2Table [log2Steps + 1]uint64

func newLog2Table() *log2Table {
	t := new(log2Table)
	for i := range log2Steps {
		x := uint64(log2Steps+i) << 20
		for range log2Fraction {
			x = x * x >> 30
			t[i] <<= 1
			if x >= 1<<31 {
				x >>= 1
				t[i] |= 1
			}
		}
	}
	t[log2Steps] = 1 << log2Fraction
	return t
}

// minusLog2 is -log2(u), u = (h/2^11 + 1) / 2^53, in units of 2^-32. It is from
// 0 to 53, and never grows with h.
func (t *log2Table) minusLog2(h uint64) uint64 {
	x := h>>11 + 1 // 1 to 2^53
	whole := bits.Len64(x) - 1
	x <<= 53 - whole // now 2^53 to 2^54-1
	i := x>>43 - log2Steps
	rest := x >> 11 & (1<<32 - 1) // of the step from i to i+1, in units of 2^-32
	log := uint64(whole)<<log2Fraction + t[i] + (t[i+1]-t[i])*rest>>32
	return 53<<log2Fraction - log
}
