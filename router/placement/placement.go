// Package placement turns a key into a preference list: all stores, in the
// order in which they are asked to hold the key's record. It does no I/O.
// Package router/replica walks the list; `dsmproxy route` prints it.
package placement

// Placement orders the stores for a key. It is immutable and safe for
// concurrent use.
type Placement interface {
	// Order fills dst, which has the length of the number of stores, with
	// their indexes in order of preference for key. It does not allocate.
	Order(dst []uint16, key []byte)
	// Stores is the number of stores.
	Stores() int
}

// Store is what a placement needs to know of a store.
type Store struct {
	Name   string  // hashed by rendezvous: renaming a store moves its records
	Weight float64 // rendezvous; 0 means 1
	Zone   string  // rendezvous; "" is a zone as well
}

// New returns the placement of the given name ("php", "php-legacy",
// "rendezvous") for stores, whose order is the PHP array's.
func New(name string, stores []Store) (Placement, error) { panic("contract only") }
