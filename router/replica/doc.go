// Package replica carries statements out on the stores that hold a key's
// record: reads from the first live one, writes to the first N live ones. It
// chooses stores by package placement, and talks to them through package store.
// Package router calls it.
package replica
