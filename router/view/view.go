package view

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxStores is the largest number of stores in a view.
const MaxStores = 64

// maxText is the longest text of a view that Parse takes.
const maxText = 4096

// View is one vector of registers: a generation for each store, the placement
// register and the owner's term, and for each store the generation before
// which its memory is void. It is immutable; its methods are safe for
// concurrent use.
type View struct {
	gens      []Gen
	void      []Gen // nil if all are 0
	placement uint32
	term      uint64
	epoch     uint64
	text      string
}

// New is the first view: every store Up, the first placement, no owner.
func New(stores int) *View {
	return build(make([]Gen, stores), nil, 0, 0)
}

// build takes its arguments over.
func build(gens, void []Gen, placement uint32, term uint64) *View {
	if !slices.ContainsFunc(void, func(g Gen) bool { return g != 0 }) {
		void = nil // so that a view has one text
	}
	v := &View{gens: gens, void: void, placement: placement, term: term}
	v.epoch = uint64(placement) + term
	for _, g := range gens {
		v.epoch += uint64(g)
	}
	for _, g := range void {
		v.epoch += uint64(g)
	}
	v.text = v.format()
	return v
}

// Stores is the number of stores.
func (v *View) Stores() int { return len(v.gens) }

// Gen is the register of a store.
func (v *View) Gen(store int) Gen { return v.gens[store] }

// State is the state of a store.
func (v *View) State(store int) State { return v.gens[store].State() }

// Void is the generation of a store before which what it remembers counts for
// nothing; 0 for a store that was never given up.
func (v *View) Void(store int) Gen {
	if v.void == nil {
		return 0
	}
	return v.void[store]
}

// Voids is the number of stores that are Down and given up.
func (v *View) Voids() int {
	n := 0
	for s, g := range v.void {
		if g != 0 && g == v.gens[s] && g.State() == Down {
			n++
		}
	}
	return n
}

// Term is the register of the owner: which proxy may serve, where one must.
func (v *View) Term() uint64 { return v.term }

// Placement is the placement register: even where the placement with half its
// number is active, odd while records move from that to the next.
func (v *View) Placement() uint32 { return v.placement }

// Epoch is the sum of all registers. Along a chain of views it only grows.
func (v *View) Epoch() uint64 { return v.epoch }

// Pristine reports whether v is the first view, but for its owner.
func (v *View) Pristine() bool { return v.epoch == v.term }

// Count is how many stores are in state s.
func (v *View) Count(s State) int {
	n := 0
	for _, g := range v.gens {
		if g.State() == s {
			n++
		}
	}
	return n
}

// Equal reports whether two views are the same; nil equals only nil.
func (v *View) Equal(o *View) bool {
	return v == o || v != nil && o != nil && v.text == o.text
}

// AtMost reports whether no register of v is above o's.
func (v *View) AtMost(o *View) bool {
	if v == o {
		return true
	}
	for s, g := range v.gens {
		if g > o.gens[s] || v.Void(s) > o.Void(s) {
			return false
		}
	}
	return v.placement <= o.placement && v.term <= o.term
}

// Join is the least view above both, which may be one of them. A nil o joins
// to v.
func (v *View) Join(o *View) *View {
	switch {
	case o == nil || o.AtMost(v):
		return v
	case v.AtMost(o):
		return o
	}
	gens := make([]Gen, len(v.gens))
	var void []Gen
	if v.void != nil || o.void != nil {
		void = make([]Gen, len(v.gens))
	}
	for s := range gens {
		gens[s] = max(v.gens[s], o.gens[s])
		if void != nil {
			void[s] = max(v.Void(s), o.Void(s))
		}
	}
	return build(gens, void, max(v.placement, o.placement), max(v.term, o.term))
}

// WithState is v with a store's register moved on to the next that stands for
// state s.
func (v *View) WithState(store int, s State) *View {
	gens := append([]Gen(nil), v.gens...)
	gens[store] = gens[store].Next(s)
	return build(gens, v.void, v.placement, v.term)
}

// WithVoid is v with a store given up as it is now.
func (v *View) WithVoid(store int) *View {
	void := make([]Gen, len(v.gens))
	copy(void, v.void)
	void[store] = v.gens[store]
	return build(v.gens, void, v.placement, v.term)
}

// WithTerm is v with another owner.
func (v *View) WithTerm(term uint64) *View {
	return build(v.gens, v.void, v.placement, term)
}

// String is the view's text, which Parse reads: the generations, the
// placement register and the term, and the voids if there are any.
//
//	0.4.3.0|2|7
//	0.4.3.0|2|7|0.4.0.0
func (v *View) String() string {
	if v == nil {
		return "none"
	}
	return v.text
}

func (v *View) format() string {
	b := make([]byte, 0, 4*len(v.gens)+8)
	b = appendGens(b, v.gens)
	b = append(b, '|')
	b = strconv.AppendUint(b, uint64(v.placement), 10)
	b = append(b, '|')
	b = strconv.AppendUint(b, v.term, 10)
	if v.void != nil {
		b = append(b, '|')
		b = appendGens(b, v.void)
	}
	return string(b)
}

func appendGens(b []byte, gens []Gen) []byte {
	for i, g := range gens {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, uint64(g), 10)
	}
	return b
}

var errText = errors.New("malformed view")

// Parse reads a view's text. It takes none that String would not give.
func Parse(text string) (*View, error) {
	if len(text) > maxText {
		return nil, errText
	}
	parts := strings.Split(text, "|")
	if len(parts) != 3 && len(parts) != 4 {
		return nil, fmt.Errorf("%w: %q", errText, text)
	}
	gens, err := parseGens(parts[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %q", err, text)
	}
	placement, err := strconv.ParseUint(parts[1], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: %q", errText, text)
	}
	term, err := strconv.ParseUint(parts[2], 10, 63)
	if err != nil {
		return nil, fmt.Errorf("%w: %q", errText, text)
	}
	var void []Gen
	if len(parts) == 4 {
		if void, err = parseGens(parts[3]); err != nil || len(void) != len(gens) {
			return nil, fmt.Errorf("%w: %q", errText, text)
		}
	}
	v := build(gens, void, uint32(placement), term)
	if v.text != text { // a sign, a leading zero
		return nil, fmt.Errorf("%w: %q", errText, text)
	}
	return v, nil
}

func parseGens(text string) ([]Gen, error) {
	fields := strings.Split(text, ".")
	if len(fields) > MaxStores {
		return nil, errText
	}
	gens := make([]Gen, len(fields))
	for i, f := range fields {
		g, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, errText
		}
		gens[i] = Gen(g)
	}
	return gens, nil
}
