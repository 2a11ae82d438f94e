package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Proxies must agree in the session tables as well. One with another key column
// would look for the records, and put them, where nobody else does. One that
// does not take a table for a session table, and has a store for all other
// tables, would write a single copy of what others copy.

// AgreeTables compares the session tables that have records at the store with
// those that are configured. elsewhere: the statements on all other tables are
// carried out, and not refused. Its error is a *Disagreement if they differ.
func (s *Store) AgreeTables(ctx context.Context, elsewhere bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	c, err := s.service(ctx, false)
	if err != nil {
		return err
	}
	defer c.Release()
	rows, err := c.Query(ctx, s.askTables()+" d WHERE EXISTS(SELECT 1 FROM "+s.texts.ver+" r WHERE r.t=d.no)")
	var e *protocol.Error
	if errors.As(err, &e) && s.absent(e) {
		return nil
	}
	if err != nil {
		return err
	}
	d := &Disagreement{Store: s.Name()}
	for _, r := range rows {
		name := string(r[1]) + "." + string(r[2])
		switch t := s.cfg.configured(string(r[1]), string(r[2])); {
		case t == nil && elsewhere:
			d.Differs = append(d.Differs, Difference{
				Name: fmt.Sprintf("[[table]] of %s, which has records,", name), Here: "missing", There: "present"})
		case t != nil && !strings.EqualFold(t.Key, string(r[3])):
			d.Differs = append(d.Differs, Difference{Name: "key of table " + name, Here: t.Key, There: string(r[3])})
		}
	}
	if len(d.Differs) == 0 {
		return nil
	}
	return d
}
