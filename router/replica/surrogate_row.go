package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// The row that one store has of a table's leases.

// idsTable is the name of the table with the leases.
const idsTable = "dsmproxy_ids"

// idsRow is that row, and what the session table itself says there.
type idsRow struct {
	next  uint64 // nothing is leased from here on, in this epoch
	epoch uint64
	owner uint64 // who has leased numbers in this epoch
	used  uint64 // the number after the greatest in the session table
}

// Owners that are no proxy.
const (
	nobody = 0 // has leased a number in this epoch
	many   = 1 // proxies may have
)

// look reads the row of one store. The store has one then.
func (q *sequence) look(ctx context.Context, conn *store.Conn) (r idsRow, err error) {
	for _, sql := range []string{"SET insert_id=1", "SET insert_id=0"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			var refused *protocol.Error
			if errors.As(err, &refused) {
				return r, fmt.Errorf("%w: %s", ErrNoNumbers, refused.Message)
			}
			return r, err
		}
	}
	r, there, err := q.row(ctx, conn)
	switch {
	case isRefusal(err, protocol.ErrNoSuchTable):
		if err := q.makeTable(ctx, conn); err != nil {
			return r, err
		}
	case isRefusal(err, noSuchColumn): // an older proxy has made it
		if err := q.addColumns(ctx, conn); err != nil {
			return r, err
		}
		if r, there, err = q.row(ctx, conn); err != nil {
			return r, err
		}
	case err != nil:
		return r, err
	}
	if !there {
		if _, err := conn.Exec(ctx, "INSERT IGNORE INTO "+q.ids()+" (`name`, `next`, `owner`) VALUES ("+q.name()+
			", 1, "+strconv.Itoa(nobody)+")"); err != nil {
			return r, err
		}
	}
	r.used, err = oneNumber(ctx, conn, "SELECT MAX("+quoteName(q.column)+") FROM "+Table{Schema: q.schema, Name: q.table}.quoted())
	if err != nil && !isRefusal(err, protocol.ErrNoSuchTable) {
		return r, err
	}
	if r.used < math.MaxUint64 {
		r.used++
	}
	return r, nil
}

// row reads the row alone.
func (q *sequence) row(ctx context.Context, conn *store.Conn) (r idsRow, there bool, err error) {
	rows, err := conn.Query(ctx, "SELECT `next`, `epoch`, `owner` FROM "+q.ids()+" WHERE `name` = "+q.name())
	if err != nil || len(rows) == 0 {
		return r, false, err
	}
	for i, n := range []*uint64{&r.next, &r.epoch, &r.owner} {
		if *n, err = strconv.ParseUint(string(rows[0][i]), 10, 64); err != nil {
			return r, false, fmt.Errorf("the row of %s in %s: %w", q.table, q.ids(), err)
		}
	}
	return r, true, nil
}

func (q *sequence) makeTable(ctx context.Context, conn *store.Conn) error {
	_, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+q.ids()+" (`name` varchar(64) CHARACTER SET utf8mb4 "+
		"COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, `next` bigint unsigned NOT NULL, "+idsColumns(" ")+") ENGINE=InnoDB")
	return err
}

// addColumns brings a table to the present form that has `next` alone.
func (q *sequence) addColumns(ctx context.Context, conn *store.Conn) error {
	const duplicateColumn = 1060
	_, err := conn.Exec(ctx, "ALTER TABLE "+q.ids()+" "+idsColumns(" ADD COLUMN "))
	if isRefusal(err, duplicateColumn) { // another proxy has
		return nil
	}
	return err
}

func idsColumns(before string) string {
	const typ = " bigint unsigned NOT NULL DEFAULT "
	// Of a row that an older proxy has made, it is not known who has leased.
	return before + "`epoch`" + typ + "0," + before + "`owner`" + typ + strconv.Itoa(many)
}

func (q *sequence) ids() string { return Table{Schema: q.schema, Name: idsTable}.quoted() }

func (q *sequence) name() string { return "'" + escape(strings.ToLower(q.table)) + "'" }

// change is an UPDATE of the row, without the names.
type change struct{ set, where string }

// claim claims [from, to) for a proxy. A store that has missed how the epoch
// began takes part in it from now on.
func claim(owner, epoch, from, to uint64) change {
	return change{
		set: fmt.Sprintf("`owner` = IF(`epoch` < %d OR `owner` IN (%d, %d), %d, %d), `next` = %d, `epoch` = %d",
			epoch, nobody, owner, owner, many, to, epoch),
		where: fmt.Sprintf("(`epoch` < %d OR `epoch` = %d AND `next` <= %d)", epoch, epoch, from),
	}
}

// begin begins an epoch with the next number, whoever has leased what.
func begin(epoch, next, owner uint64) change {
	return change{
		set:   fmt.Sprintf("`owner` = %d, `next` = %d, `epoch` = %d", owner, next, epoch),
		where: fmt.Sprintf("`epoch` < %d", epoch),
	}
}

// and narrows a change down.
func (c change) and(where string) change {
	c.where += " AND (" + where + ")"
	return c
}

// sql is the statement for the table of q.
func (c change) sql(q *sequence) string {
	return "UPDATE " + q.ids() + " SET " + c.set + " WHERE `name` = " + q.name() + " AND " + c.where
}

// everyRow makes a change at all live stores and returns which of them agreed.
func (s *Set) everyRow(ctx context.Context, q *sequence, c change) (agreed []bool, last error) {
	sql := c.sql(q)
	agreed = make([]bool, len(s.stores))
	errs := s.each(ctx, func(i int, conn *store.Conn) error {
		a, err := conn.Exec(ctx, sql)
		agreed[i] = err == nil && a.AffectedRows == 1
		return err
	})
	for _, err := range errs {
		if err != nil {
			last = err
		}
	}
	return agreed, last
}

// oneNumber is the number that a query answers with; 0 for no row, for NULL and
// for a negative one.
func oneNumber(ctx context.Context, conn *store.Conn, sql string) (uint64, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	n, err := strconv.ParseUint(string(rows[0][0]), 10, 64)
	if err != nil {
		n = 0
	}
	return n, nil
}

const noSuchColumn = 1054

// isRefusal reports whether err is a store's refusal with the given number.
func isRefusal(err error, code uint16) bool {
	var refused *protocol.Error
	return errors.As(err, &refused) && refused.Code == code
}
