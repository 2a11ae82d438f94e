package view

// Version tells the versions of one key apart and orders them: by the epoch of
// the view in which a primary wrote it, then by the number that the primary
// gave it. The zero Version is that of a record from before the protocol.
type Version struct {
	Epoch uint64
	N     uint64
	ID    uint64 // of the write, unique
}

// Less reports whether a is older than b. The ID does not take part.
func (a Version) Less(b Version) bool {
	if a.Epoch != b.Epoch {
		return a.Epoch < b.Epoch
	}
	return a.N < b.N
}

// Next is the version that write id makes of a in a view of the given epoch.
func (a Version) Next(epoch, id uint64) Version {
	return Version{Epoch: epoch, N: a.N + 1, ID: id}
}

// Flags are what a store notes of a version.
type Flags uint8

// The flags of a version.
const (
	// Deleted: the record does not exist; the version is its tombstone.
	Deleted Flags = 1 << iota
	// Clean: the version is known to be on all stores that held the key in some
	// view. A version without it may be known to one store only.
	Clean
)

// Has reports whether f has all of want.
func (f Flags) Has(want Flags) bool { return f&want == want }
