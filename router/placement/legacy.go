package placement

// The order of PHP 4 to 7.0 on Linux, built without thread safety:
//
//	srandom(crc32);
//	for (n = M-1; n > 0; n--) {
//	    i = (int) ((n+1.0) * (random() / 2147483648.0));
//	    swap(stores[n], stores[i]);
//	}
//
// random() is glibc's default generator, TYPE_3: a ring of 31 words, filled by
// the minimal standard generator (16807 modulo 2^31-1), each renewed by adding
// the word three places before it, the first 310 outputs thrown away, the lowest bit
// of an output dropped.
//
// The floating-point product is exact: a power of two divides 31 bits, and
// (n+1) has 16; so it is (n+1)*random() >> 31.

const (
	glibcWords   = 31
	glibcApart   = 3
	glibcDiscard = 310
)

// legacyShuffle is the placement "php-legacy" for that many stores.
type legacyShuffle int

func (p legacyShuffle) Stores() int { return int(p) }

func (p legacyShuffle) from(dst []uint16, seed uint32) {
	identity(dst)
	if p < 2 {
		return
	}
	var g glibcRandom
	g.seed(seed)
	for n := int(p) - 1; n > 0; n-- {
		at := uint64(n+1) * uint64(g.uint31()) >> 31
		dst[n], dst[at] = dst[at], dst[n]
	}
}

// glibcRandom is glibc's random().
type glibcRandom struct {
	words [glibcWords]uint32
	next  int // the word that the next output renews
}

func (g *glibcRandom) seed(seed uint32) {
	if seed == 0 {
		seed = 1
	}
	// Schrage's method, with C's division towards zero, as seeds of 2^31 and
	// more are negative here.
	w := int32(seed)
	g.words[0] = seed
	for i := 1; i < glibcWords; i++ {
		w = 16807*(w%127773) - 2836*(w/127773)
		if w < 0 {
			w += 1<<31 - 1
		}
		g.words[i] = uint32(w)
	}
	g.next = glibcApart
	// Ten rounds of the ring bring next back to where it was.
	for range glibcDiscard / glibcWords {
		for i := glibcApart; i < glibcWords; i++ {
			g.words[i] += g.words[i-glibcApart]
		}
		for i := range glibcApart {
			g.words[i] += g.words[i+glibcWords-glibcApart]
		}
	}
}

// uint31 is one output, of 31 bits.
func (g *glibcRandom) uint31() uint32 {
	i := g.next
	before := i - glibcApart
	if before < 0 {
		before += glibcWords
	}
	g.words[i] += g.words[before]
	if g.next = i + 1; g.next == glibcWords {
		g.next = 0
	}
	return g.words[i] >> 1
}
