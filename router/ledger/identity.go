package ledger

import (
	"context"
	"errors"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Identity is what a server says of which store it is, and of what it remembers.
type Identity struct {
	Blank bool   // it is none yet
	Name  string // of the store
	Start uint64 // differs with each start of a server; 0: nobody has looked since
	// Proxies are those that have looked at it within a day, for so long are they
	// remembered. A proxy has a number that no other one has had, and looks at all
	// servers of its group.
	Proxies []uint64
}

// Identity asks the server, until ctx ends, and changes nothing there.
func (w *Witness) Identity(ctx context.Context) (Identity, error) {
	var id Identity
	c, err := w.service(ctx, true)
	if err != nil {
		return id, err
	}
	defer c.Release()
	rows, err := c.Query(ctx, "SELECT s.name,COALESCE((SELECT start FROM "+w.texts.gate+" WHERE id=1),0) FROM "+w.texts.state+
		" s WHERE s.id=1 AND EXISTS(SELECT 1 FROM "+w.texts.view+")")
	var e *protocol.Error
	switch {
	case errors.As(err, &e) && w.absent(e) || err == nil && len(rows) == 0:
		id.Blank = true
		return id, nil
	case err != nil:
		return id, err
	}
	id.Name = string(rows[0][0])
	if id.Start, err = strconv.ParseUint(string(rows[0][1]), 10, 64); err != nil {
		return id, err
	}
	if rows, err = c.Query(ctx, "SELECT id FROM "+w.texts.proxy+" WHERE id%2=1"); err != nil {
		return id, err
	}
	for _, r := range rows {
		n, err := strconv.ParseUint(string(r[0]), 10, 64)
		if err != nil {
			return id, err
		}
		id.Proxies = append(id.Proxies, n)
	}
	return id, nil
}

// Shares reports whether some proxy has looked at both, so that they are of one
// group.
func (id Identity) Shares(other Identity) bool {
	known := make(map[uint64]bool, len(id.Proxies))
	for _, n := range id.Proxies {
		known[n] = true
	}
	for _, n := range other.Proxies {
		if known[n] {
			return true
		}
	}
	return false
}
