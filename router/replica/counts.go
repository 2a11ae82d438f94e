package replica

import "sync/atomic"

// counts are what has happened since the proxy began.
type counts struct {
	failovers, lost, carried, short atomic.Uint64
}

// Counts are what has happened since the proxy began. They only grow.
type Counts struct {
	Failovers uint64 // statements that went on at the next store, since one failed under them
	Lost      uint64 // copies of a write whose store failed under it
	Carried   uint64 // records copied from one store to another, to make copies equal or to move one
	Short     uint64 // writes that had fewer than N copies
}

// Counts returns the counts of now.
func (s *Set) Counts() Counts {
	return Counts{
		Failovers: s.counts.failovers.Load(), Lost: s.counts.lost.Load(),
		Carried: s.counts.carried.Load(), Short: s.counts.short.Load(),
	}
}
