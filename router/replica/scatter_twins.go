package replica

import (
	"errors"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Twin is a second, third, ... copy of a table, which stands where a statement
// names the table again: MySQL can't read a temporary table twice in one
// statement. MariaDB can, and needs none.
type Twin struct {
	Of   Table
	Copy string // its name, in the same schema
}

// spread finds what is to be sent to the store that holds the copies.
func (s *scatter) spread(conn *store.Conn) {
	s.copies.req, s.copies.twins = s.Req, nil
	if s.Spread == nil || conn.Store().MariaDB() {
		return
	}
	if req, twins := s.Spread(); req != nil {
		s.copies.req, s.copies.twins = req, twins
	}
}

// makeTwins makes the twins of a table from its copy, which has the given
// columns filled.
func (s *scatter) makeTwins(conn *store.Conn, t *Shared, columns []column, d detail) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoteName(c.name)
	}
	list := strings.Join(names, ",")
	for _, twin := range s.copies.twins {
		if twin.Of.Schema != t.Schema || twin.Of.Name != t.Name {
			continue
		}
		at := Table{Schema: t.Schema, Name: twin.Copy}
		made := " LIKE " + t.quoted()
		if d == detailBare {
			made = " AS SELECT * FROM " + t.quoted() + " LIMIT 0"
		}
		if _, err := conn.Exec(s.ctx, "CREATE TEMPORARY TABLE "+at.quoted()+made); err != nil {
			return &hostError{cause: err, making: true}
		}
		if _, err := conn.Exec(s.ctx, "INSERT INTO "+at.quoted()+" ("+list+") SELECT "+list+" FROM "+t.quoted()); err != nil {
			return &hostError{cause: err, filling: true}
		}
	}
	return nil
}

// errNoCheck and errSameCheck are what MySQL says of constraints: there is none
// of that name in the table; its schema has one of that name.
const (
	errNoCheck   = 3821
	errSameCheck = 3822
)

func refusedBy(err error, code uint16) bool {
	var refused *protocol.Error
	return errors.As(err, &refused) && refused.Code == code
}

// dropChecks frees the empty copy of a table from its checks, which all of its
// rows fulfil: MySQL would name them as those of the table itself once the copy
// has the table's name, and refuse that.
func (s *scatter) dropChecks(conn *store.Conn, at Table) error {
	for n := 1; ; n++ {
		name := quoteName(at.Name + "_chk_" + strconv.Itoa(n))
		_, err := conn.Exec(s.ctx, "ALTER TABLE "+at.quoted()+" DROP CHECK "+name)
		switch {
		case refusedBy(err, errNoCheck):
			return nil
		case err != nil:
			return err
		}
	}
}
