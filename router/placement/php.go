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
// words, and none of the renewal of the rest. As long as no output needs a
// renewed word, which few stores never do, two of them are all that is kept
// (twister): the state would be most of the stack of a client's goroutine, and
// forty lines of a cache.

const (
	mtWords = 624
	mtShift = 397
	// fewStores are shuffled without the state.
	fewStores = 64
)

// phpShuffle is the placement "php" for that many stores.
type phpShuffle int

func (p phpShuffle) Stores() int { return int(p) }

func (p phpShuffle) from(dst []uint16, seed uint32) {
	identity(dst)
	if p < 2 {
		return
	}
	if p > fewStores || !p.short(dst, seed) {
		p.long(dst, seed)
	}
}

// short shuffles dst, unless more outputs were rejected than ever are: then it
// leaves dst as it is.
func (p phpShuffle) short(dst []uint16, seed uint32) bool {
	var g twister
	g.seed(seed)
	for left := uint32(p) - 1; left > 0; left-- {
		n := left + 1
		r := g.uint32()
		for limit := lastMultiple(n); r > limit; {
			r = g.uint32()
		}
		if g.next > mtWords-mtShift {
			identity(dst)
			return false
		}
		r %= n
		dst[left], dst[r] = dst[r], dst[left]
	}
	return true
}

// long shuffles dst of any length.
//
//go:noinline
func (p phpShuffle) long(dst []uint16, seed uint32) {
	var g mersenne
	g.seed(seed)
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
		w = seeded(w, i)
		g.words[i] = w
	}
	g.seeded = mtShift
}

// uint32 is one output, of 32 bits.
func (g *mersenne) uint32() uint32 {
	if n := g.seeded; n < mtWords {
		g.words[n] = seeded(g.words[n-1], n)
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

	w := renewed(g.words[i], g.words[after], g.words[far])
	g.words[i] = w
	return tempered(w)
}

// below is php_mt_rand_range(0, n-1), for n > 1.
func (g *mersenne) below(n uint32) uint32 {
	r := g.uint32()
	for limit := lastMultiple(n); r > limit; {
		r = g.uint32()
	}
	return r % n
}

// lastMultiple is the largest output that is not rejected for a range of n: all
// are taken if n is a power of two.
func lastMultiple(n uint32) uint32 {
	const top = 1<<32 - 1
	if n&(n-1) == 0 {
		return top
	}
	return top - top%n - 1
}

// twister is MT19937 without its state: for outputs 0 to 226, which need no
// renewed word.
type twister struct {
	near, far uint32 // the seeded words next and next+396
	next      int    // index of the next output
}

func (g *twister) seed(seed uint32) {
	g.near, g.far, g.next = seed, seed, 0
	for i := 1; i < mtShift; i++ {
		g.far = seeded(g.far, i)
	}
}

// uint32 is one output. From the 227th on it is not MT19937's.
func (g *twister) uint32() uint32 {
	i := g.next
	after := seeded(g.near, i+1)
	g.far = seeded(g.far, i+mtShift)
	w := renewed(g.near, after, g.far)
	g.near, g.next = after, i+1
	return tempered(w)
}

// seeded is word i of the seeded state, behind the word before.
func seeded(before uint32, i int) uint32 { return 1812433253*(before^before>>30) + uint32(i) }

// renewed is what takes a word's place, of which after is the next one and far
// the one 397 places on.
func renewed(word, after, far uint32) uint32 {
	mixed := word&0x80000000 | after&0x7fffffff
	return far ^ mixed>>1 ^ -(after&1)&0x9908b0df
}

// tempered is the output that a renewed word gives.
func tempered(w uint32) uint32 {
	w ^= w >> 11
	w ^= w << 7 & 0x9d2c5680
	w ^= w << 15 & 0xefc60000
	return w ^ w>>18
}
