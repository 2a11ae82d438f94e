package view

// State is what a store is in a view.
type State uint8

// The states of a store, in the order in which it goes through them.
const (
	// Up: it serves the keys that it owns. Left when it is excluded.
	Up State = iota
	// Down: it holds nothing that counts. Entered when it fails, left when it
	// can be reached again.
	Down
	// Join: it gets every write that it would get if it were up, but serves
	// nothing. Left for Up once it has all it owns, for Down when it fails.
	Join
)

// String is the state in lower case.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "join"
}

// Gen is the register of one store: it only grows, and its remainder by three
// is the state. So two proxies never disagree on what a number means, and what
// both say joins to the larger one.
type Gen uint32

// State is the state that g stands for.
func (g Gen) State() State { return State(g % 3) }

// Next is the first register above g that stands for s.
func (g Gen) Next(s State) Gen {
	for g++; g.State() != s; g++ {
	}
	return g
}

// passes reports whether a register that went from a to b had state s on the
// way, a itself aside.
func passes(a, b Gen, s State) bool {
	return b > a && a.Next(s) <= b
}
