package placement

// The order of PHP >= 7.1:
//
//	$stores = range(0, M-1); srand(crc32($id)); shuffle($stores);
//
// srand is mt_srand there: MT19937, seeded by Knuth's multiplicative
// recurrence. shuffle walks from the last element to the second and swaps each
// with one at or before it, which php_mt_rand_range chooses: the whole 32-bit
// output, rejected while it is above the last multiple of the range, then
// modulo. (PHP's ext/standard/mt_rand.c and array.c, php_array_data_shuffle.)
//
// An output i of MT19937 needs only the words i, i+1 and i+397 of the state
// before it. So the state is seeded and renewed word by word, as far as the
// outputs that are asked for reach: eight stores need some 405 of the 624
// words, and none of the renewal of the rest.

const (
	mtWords = 624
	mtShift = 397
)

// phpShuffle is the placement "php" for that many stores.
type phpShuffle int

func (p phpShuffle) Stores() int { return int(p) }

func (p phpShuffle) Order(dst []uint16, key []byte) {
	dst = dst[:p]
	identity(dst)
	if p < 2 {
		return
	}
	var g mersenne
	g.seed(CRC32(key))
	for left := uint32(p) - 1; left > 0; left-- {
		at := g.below(left + 1)
		dst[left], dst[at] = dst[at], dst[left]
	}
}

// mersenne is MT19937. Words up to seeded hold the seeded state or, where next
// has passed, the renewed one; later ones are not computed yet.
type mersenne struct {
	words  [mtWords]uint32
	seeded int // words[:seeded] are valid
	next   int // index of the next output, 0 to 623
}

func (g *mersenne) seed(seed uint32) {
	w := seed
	g.words[0] = w
	for i := 1; i < mtShift; i++ {
		w = 1812433253*(w^w>>30) + uint32(i)
		g.words[i] = w
	}
	g.seeded = mtShift
}

// uint32 is one output, of 32 bits.
func (g *mersenne) uint32() uint32 {
	if n := g.seeded; n < mtWords {
		w := g.words[n-1]
		g.words[n] = 1812433253*(w^w>>30) + uint32(n)
		g.seeded = n + 1
	}
	i := g.next
	after, far := i+1, i+mtShift
	if after == mtWords {
		after = 0
	}
	if far >= mtWords {
		far -= mtWords
	}
	g.next = after

	mixed := g.words[i]&0x80000000 | g.words[after]&0x7fffffff
	w := g.words[far] ^ mixed>>1 ^ -(g.words[after]&1)&0x9908b0df
	g.words[i] = w

	w ^= w >> 11
	w ^= w << 7 & 0x9d2c5680
	w ^= w << 15 & 0xefc60000
	return w ^ w>>18
}

// below is php_mt_rand_range(0, n-1), for n > 1.
func (g *mersenne) below(n uint32) uint32 {
	r := g.uint32()
	if n&(n-1) == 0 {
		return r & (n - 1)
	}
	const top = 1<<32 - 1
	for limit := top - top%n - 1; r > limit; {
		r = g.uint32()
	}
	return r % n
}
