package replica

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// MariaDB, and MySQL before 8, show who waits for whom in information_schema,
// to accounts with the right PROCESS. MySQL 8 does so in performance_schema:
// that needs SELECT there as well, and a server that has performance_schema on;
// with it off, the table is there and empty.
const (
	lockWaitsInfo = "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id" +
		" FROM information_schema.INNODB_LOCK_WAITS w" +
		" JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id" +
		" JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id"
	// The thread ids there are those that made the locks, which another thread
	// can have done for the one that holds it.
	lockWaitsPerf = "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id" +
		" FROM performance_schema.data_lock_waits w" +
		" JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_engine_transaction_id" +
		" JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_engine_transaction_id"
)

// errUnknownTable is what MySQL says of tables that information_schema lacks.
const errUnknownTable = 1109

// lockWaits asks store i which thread waits for which.
func (s *Set) lockWaits(ctx context.Context, i int) (map[[2]uint32]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	conn, err := s.stores[i].Get(ctx, s.service, nil, false)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, lockWaitsInfo)
	var e *protocol.Error
	if errors.As(err, &e) && e.Code == errUnknownTable {
		var on [][][]byte
		if on, err = conn.Query(ctx, "SELECT @@performance_schema"); err != nil {
			return nil, err
		}
		if string(on[0][0]) != "1" {
			return nil, fmt.Errorf("store %s: performance_schema is off", s.stores[i].Name())
		}
		rows, err = conn.Query(ctx, lockWaitsPerf)
	}
	if err != nil {
		return nil, err
	}
	pairs := make(map[[2]uint32]bool)
	for _, row := range rows {
		r, err1 := strconv.ParseUint(string(row[0]), 10, 32)
		b, err2 := strconv.ParseUint(string(row[1]), 10, 32)
		if err1 == nil && err2 == nil {
			pairs[[2]uint32{uint32(r), uint32(b)}] = true
		}
	}
	return pairs, nil
}
