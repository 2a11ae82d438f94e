// Package view is the algebra of the stores' states: what a view is, which
// stores hold a key in it, which of them is the primary, when a store provably
// holds the newest version of a key, and when a write must wait for leases to
// end. It is pure: no I/O, no clock, no goroutine. Package router/fence runs
// the protocol by it.
//
// A view never changes once it is made, so it is shared by pointer. Views are
// ordered register by register; those that were ever installed form a chain,
// and the sum of the registers, the epoch, tells the place in it.
package view
