package placement

import "sync/atomic"

// Of what a statement costs the proxy itself, the shuffle of PHP is the
// greatest part: its generator is seeded word by word, each from the one
// before. A session is read and written again soon, so the orders found last
// are kept, one word each:
//
//	63      62..45                44..0
//	in use  the seed's high bits  the stores in their order, 4 bits each, but the last
//
// The seed's low bits say which word it is. The last store is the one that is
// left. A word is read and replaced as a whole, so that nothing is locked.

const (
	memoBits = 14
	memoTag  = 45
	memoUsed = 1 << 63
	// memoStores is how many stores fit: all but the last have 4 bits of 45.
	memoStores = 12
)

// shuffle is an order that follows from a number of 32 bits.
type shuffle interface {
	Stores() int
	// from fills dst, whose length is the number of stores.
	from(dst []uint16, seed uint32)
}

// shuffled is the Placement of a shuffle, seeded by crc32.
type shuffled struct {
	shuffle
	memo *[1 << memoBits]atomic.Uint64 // nil for more than memoStores
}

func newShuffled(s shuffle) shuffled {
	p := shuffled{shuffle: s}
	if s.Stores() <= memoStores {
		p.memo = new([1 << memoBits]atomic.Uint64)
	}
	return p
}

func (p shuffled) Order(dst []uint16, key []byte) {
	seed := CRC32(key)
	dst = dst[:p.Stores()]
	if p.memo == nil || len(dst) < 2 {
		p.from(dst, seed)
		return
	}
	slot := &p.memo[seed%(1<<memoBits)]
	tag := memoUsed | uint64(seed>>memoBits)<<memoTag
	if w := slot.Load(); w>>memoTag == tag>>memoTag {
		unpack(dst, w)
		return
	}
	p.from(dst, seed)
	slot.Store(tag | pack(dst))
}

// pack is all of an order but the last store.
func pack(order []uint16) (w uint64) {
	for i := len(order) - 2; i >= 0; i-- {
		w = w<<4 | uint64(order[i])
	}
	return w
}

// unpack is the reverse of pack.
func unpack(dst []uint16, w uint64) {
	last := len(dst) - 1
	left := uint16(len(dst) * last / 2) // the sum of those that are left
	for i := range dst[:last] {
		dst[i] = uint16(w & 15)
		left -= dst[i]
		w >>= 4
	}
	dst[last] = left
}
