package fence

import (
	"hash/crc32"
	"sync/atomic"
)

// glimpses remembers of the keys that were used last by which write the version
// was that this proxy has seen. What was seen before a write was sent is not
// made of it (resolve.go). Keys share places, so that some are forgotten; the
// ids of writes are unique, so that none is mistaken for another's.
type glimpses [1 << glimpseBits]atomic.Uint64

const glimpseBits = 13

func (s *glimpses) place(key Key) *atomic.Uint64 {
	h := crc32.ChecksumIEEE(key.ID) ^ uint32(key.Table)
	return &s[h*0x9e3779b1>>(32-glimpseBits)]
}

// note notes that a version of write id was seen.
func (s *glimpses) note(key Key, id uint64) {
	if p := s.place(key); id != 0 && p.Load() != id {
		p.Store(id)
	}
}

// of is the last write of which a version was seen, perhaps of another key; 0
// if none is known.
func (s *glimpses) of(key Key) uint64 { return s.place(key).Load() }
