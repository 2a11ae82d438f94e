package fence

import (
	"testing"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestCleanerTellsKeysApart: one write makes versions of several keys, of which
// some may be on all targets and others not.
func TestCleanerTellsKeysApart(t *testing.T) {
	env := &Live{}
	c := &cleaner{wake: env.NewEvent()}
	a, b := Key{ID: []byte("a")}, Key{ID: []byte("b")}
	c.add(a, view.Version{N: 1, ID: 7}, []uint16{0, 1})
	if !c.knows(a, 7) || c.knows(b, 7) || c.knows(a, 8) || c.knows(Key{Table: 1, ID: a.ID}, 7) {
		t.Error("the cleaner takes one version for another")
	}
	a.ID[0] = 'x' // it keeps a copy
	if marks := c.take(env); len(marks[0]) != 1 || len(marks[1]) != 1 || string(marks[0][0].Key.ID) != "a" {
		t.Errorf("marks are %v", marks)
	}
	a = Key{ID: []byte("a")}
	if !c.knows(a, 7) {
		t.Error("a mark that is on its way is not known")
	}
	c.arrived()
	if c.knows(a, 7) {
		t.Error("a mark that has arrived is still known")
	}
}
