// Package placement turns a key into a preference list: all stores, in the
// order in which they are asked to hold the key's record. It does no I/O.
// Package router/replica walks the list; `dsmproxy route` prints it.
//
// docs/PLACEMENT.md describes the three placements so that another language
// can compute the same lists.
package placement

import (
	"fmt"
	"hash/crc32"
	"math"
	"strings"
)

// MaxStores is the largest number of stores that a placement can order.
const MaxStores = math.MaxUint16

// MinWeight and MaxWeight bound the weight of a store.
const (
	MinWeight = 0.001
	MaxWeight = 1e6
)

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

// The names of the placements, as New takes them.
const (
	PHP        = "php"        // srand(crc32($id)); shuffle($stores) of PHP >= 7.1
	PHPLegacy  = "php-legacy" // the same of PHP < 7.1, on Linux with glibc
	Rendezvous = "rendezvous" // highest random weight, with weights and zones
)

// Names returns the names that New takes.
func Names() []string { return []string{PHP, PHPLegacy, Rendezvous} }

// New returns the placement of the given name ("php", "php-legacy",
// "rendezvous") for stores, whose order is the PHP array's. It is an error to
// give weights or zones to a placement that would ignore them.
func New(name string, stores []Store) (Placement, error) {
	switch {
	case len(stores) == 0:
		return nil, fmt.Errorf("placement %s: no store", name)
	case len(stores) > MaxStores:
		return nil, fmt.Errorf("placement %s: %d stores are more than %d", name, len(stores), MaxStores)
	}
	switch name {
	case PHP, PHPLegacy:
		for _, s := range stores {
			if s.Zone != "" || s.Weight != 0 && s.Weight != 1 {
				return nil, fmt.Errorf("placement %s: store %q has a weight or a zone, which only %q knows", name, s.Name, Rendezvous)
			}
		}
		if name == PHP {
			return newShuffled(phpShuffle(len(stores))), nil
		}
		return newShuffled(legacyShuffle(len(stores))), nil
	case Rendezvous:
		return newRendezvous(stores)
	default:
		return nil, fmt.Errorf("placement %q is unknown: one of %s", name, strings.Join(Names(), ", "))
	}
}

// CRC32 is PHP's crc32: what the PHP placements seed their generator with.
func CRC32(key []byte) uint32 { return crc32.ChecksumIEEE(key) }

// identity fills dst with 0, 1, 2, ...: the PHP array before it is shuffled.
func identity(dst []uint16) {
	for i := range dst {
		dst[i] = uint16(i)
	}
}
