package placement

import (
	"fmt"
	"math/bits"
)

// The placement "rendezvous" (highest random weight, Thaler and Ravishankar):
// each store gets a number from a hash of its name and the key, and the stores
// are ordered by it. A store that comes takes records only to itself, one that
// goes leaves the order of the others as it was.
//
// With weights it is an exponential race: a store's cost is -log(u)/weight,
// where u is the hash as a number above 0 up to 1, and the least cost is first.
// That makes a store first for its weight's share of the keys. All of it is
// done in integers, so that every language finds the same order; the logarithm
// is log2.go's.
//
// With zones the list is dealt in rounds: in each round every zone that has a
// store left gives its best one, in order of cost. So the first N stores lie in
// N zones where there are as many. In other words, the stores are ordered by
// how many of their zone are before them, then by cost.
type rendezvous struct {
	hashes  []uint64 // of each store's name
	weights []uint64 // in thousandths; nil if all are equal
	zones   []uint16 // the number of each store's zone; nil if there is one
	nzones  int
	log2    *log2Table // nil if weights is
	free    chan *scratch
}

// smallStores is up to how many stores are ordered on the stack, by insertion.
const smallStores = 32

// freeScratch is how much scratch space is kept for later calls: enough for as
// many calls at a time as a large machine runs.
const freeScratch = 64

// ranked is a store in the race for a key. The least cost is first; of equal
// ones the greatest hash, which is computed anew then, as it hardly ever
// happens; then the least index.
type ranked struct {
	cost  uint64
	store uint16
}

// scratch is the space in which more than smallStores stores are ordered.
type scratch struct {
	race, spare []ranked
	zone        []uint16 // stores seen of each zone
	round       []uint16 // by place in the race
}

func newRendezvous(stores []Store) (Placement, error) {
	r := &rendezvous{
		hashes:  make([]uint64, len(stores)),
		weights: make([]uint64, len(stores)),
		zones:   make([]uint16, len(stores)),
		free:    make(chan *scratch, freeScratch),
	}
	names := make(map[string]bool)
	zones := make(map[string]uint16)
	equal := true
	for i, s := range stores {
		if names[s.Name] {
			return nil, fmt.Errorf("placement %s: two stores are named %q", Rendezvous, s.Name)
		}
		names[s.Name] = true
		weight := s.Weight
		if weight == 0 {
			weight = 1
		}
		if !(weight >= MinWeight && weight <= MaxWeight) {
			return nil, fmt.Errorf("placement %s: the weight %v of store %q is not between %v and %v", Rendezvous, s.Weight, s.Name, MinWeight, MaxWeight)
		}
		zone, ok := zones[s.Zone]
		if !ok {
			zone = uint16(len(zones))
			zones[s.Zone] = zone
		}
		r.hashes[i] = mix64(fnv1a([]byte(s.Name)))
		// The conversion keeps the compiler from fusing the two operations.
		r.weights[i] = uint64(float64(weight*1000) + 0.5)
		r.zones[i] = zone
		equal = equal && r.weights[i] == r.weights[0]
	}
	if r.nzones = len(zones); r.nzones == 1 {
		r.zones = nil
	}
	if equal {
		// The cost never grows with the hash, so the hash alone gives the order.
		r.weights = nil
	} else {
		r.log2 = newLog2Table()
	}
	return r, nil
}

func (r *rendezvous) Stores() int { return len(r.hashes) }

func (r *rendezvous) Order(dst []uint16, key []byte) {
	n := len(r.hashes)
	dst = dst[:n]
	if n <= smallStores {
		var race [smallStores]ranked
		var zone, round [smallStores]uint16
		k := r.run(race[:n], key)
		r.insertionSort(race[:n], k)
		r.deal(dst, race[:n], zone[:r.nzones], round[:n])
		return
	}
	s := r.scratch()
	k := r.run(s.race, key)
	race := radixSort(s.race, s.spare)
	r.insertionSort(race, k)
	r.deal(dst, race, s.zone, s.round)
	select {
	case r.free <- s:
	default:
	}
}

func (r *rendezvous) scratch() *scratch {
	select {
	case s := <-r.free:
		clear(s.zone)
		return s
	default:
		n := len(r.hashes)
		return &scratch{
			race:  make([]ranked, n),
			spare: make([]ranked, n),
			zone:  make([]uint16, r.nzones),
			round: make([]uint16, n),
		}
	}
}

// run fills race with the stores and what they get for key, whose hash it
// returns.
func (r *rendezvous) run(race []ranked, key []byte) (k uint64) {
	k = fnv1a(key)
	if r.weights == nil {
		for i, h := range r.hashes {
			race[i] = ranked{cost: ^mix64(h ^ k), store: uint16(i)}
		}
		return k
	}
	for i, h := range r.hashes {
		race[i] = ranked{cost: r.log2.minusLog2(mix64(h^k)) << 24 / r.weights[i], store: uint16(i)}
	}
	return k
}

// deal writes the ordered stores to dst, zone by zone in rounds. zone is zero;
// round is scratch space.
func (r *rendezvous) deal(dst []uint16, race []ranked, zone, round []uint16) {
	if r.zones == nil {
		for i := range race {
			dst[i] = race[i].store
		}
		return
	}
	rounds := uint16(0)
	for i := range race {
		z := r.zones[race[i].store]
		round[i] = zone[z]
		zone[z]++
		rounds = max(rounds, zone[z])
	}
	// A store's place is the number of stores of earlier rounds plus the number
	// of its own round before it. dst counts the stores of each round, then
	// says where each round's next store goes; it is filled at the end, from
	// places kept in round.
	starts := dst[:rounds]
	clear(starts)
	for _, n := range round {
		starts[n]++
	}
	at := uint16(0)
	for i, n := range starts {
		starts[i] = at
		at += n
	}
	for i, n := range round {
		round[i] = starts[n]
		starts[n]++
	}
	for i := range race {
		dst[round[i]] = race[i].store
	}
}

// less is the order of the race for the key whose hash is k.
func (r *rendezvous) less(a, b ranked, k uint64) bool {
	if a.cost != b.cost {
		return a.cost < b.cost
	}
	if x, y := mix64(r.hashes[a.store]^k), mix64(r.hashes[b.store]^k); x != y {
		return x > y
	}
	return a.store < b.store
}

// insertionSort orders a race that is short, or nearly in order.
func (r *rendezvous) insertionSort(race []ranked, k uint64) {
	for i := 1; i < len(race); i++ {
		x := race[i]
		j := i
		for ; j > 0 && r.less(x, race[j-1], k); j-- {
			race[j] = race[j-1]
		}
		race[j] = x
	}
}

// radixSort orders a race by the highest 24 bits that its costs use, which
// leaves few stores in the wrong place. It returns race or spare, whichever
// holds the result.
func radixSort(race, spare []ranked) []ranked {
	const digits, values = 3, 256
	var counts [digits][values]uint32
	all := uint64(0)
	for i := range race {
		all |= race[i].cost
	}
	shift := max(0, bits.Len64(all)-8*digits)
	for i := range race {
		c := race[i].cost >> shift
		counts[0][byte(c)]++
		counts[1][byte(c>>8)]++
		counts[2][byte(c>>16)]++
	}
	for d := range counts {
		starts := &counts[d]
		at := uint32(0)
		for v, n := range starts {
			starts[v] = at
			at += n
		}
		down := shift + 8*d
		for _, x := range race {
			v := byte(x.cost >> down)
			spare[starts[v]] = x
			starts[v]++
		}
		race, spare = spare, race
	}
	return race
}

// fnv1a is the 64-bit FNV-1a hash.
func fnv1a(s []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range s {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}

// mix64 is the finaliser of splitmix64: a bijection in which each bit of the
// result depends on all bits of z.
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
