package integration

// The steps about transactions and locks.

func transactionSteps(s *script) {
	a, b, gone := s.key("a"), s.key("b"), s.goneKey("gone")
	s.op("begin").flags(inTrans, 0).inTransaction(true)
	s.do(insert, gone, "x", 1, nil).affects(1).flags(inTrans|autocommit, 0)
	s.do(read, gone).gives(row("x"))
	s.op("rollback").flags(autocommit, inTrans).inTransaction(false)
	s.do(read, gone).gives()

	s.op("begin")
	s.do(insert, a, "1", 1, nil).affects(1)
	s.do(insert, b, "2", 1, nil).affects(1)
	s.do("UPDATE sessions SET data = ? WHERE id = ?", "1b", a).affects(1)
	s.do(read, a).on(1).gives()
	s.op("commit").flags(autocommit, inTrans).inTransaction(false)
	s.do(read, a).on(1).gives(row("1b"))
	s.do(read, b).on(1).gives(row("2"))

	s.raw("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
	s.raw("START TRANSACTION")
	s.do("SELECT data, expires FROM sessions WHERE id = ? FOR UPDATE", a).gives(row("1b", 1))
	s.do("SELECT data FROM sessions WHERE id = ? FOR UPDATE", gone).gives()
	s.do(upsert, a, "1c", 1).affects(2)
	s.raw("COMMIT ")
	s.do(read, a).gives(row("1c"))

	s.raw("BEGIN")
	s.do("DELETE FROM sessions WHERE id = ?", a).affects(1)
	s.do(read, a).gives()
	s.raw("ROLLBACK")
	s.do(read, a).gives(row("1c"))

	s.raw("BEGIN")
	s.raw("SAVEPOINT one")
	s.do("UPDATE sessions SET data = ? WHERE id = ?", "lost", a).affects(1)
	s.raw("ROLLBACK TO SAVEPOINT one")
	s.do("UPDATE sessions SET expires = ? WHERE id = ?", 9, a).affects(1)
	s.raw("RELEASE SAVEPOINT one")
	s.raw("COMMIT")
	s.do("SELECT data, expires FROM sessions WHERE id = ?", a).gives(row("1c", 9))

	// An error inside a transaction leaves it open.
	s.raw("BEGIN")
	s.do("UPDATE sessions SET expires = ? WHERE id = ?", 10, a).affects(1)
	s.do(insert, a, "x", 1, nil).fails(1062)
	s.do("UPDATE sessions SET owner = ? WHERE id = ?", "kept", a).affects(1)
	s.raw("COMMIT")
	s.do("SELECT expires, owner FROM sessions WHERE id = ?", a).gives(row(10, "kept"))

	// The end of a connection is a rollback.
	s.raw("BEGIN").on(2)
	s.do(insert, gone, "x", 1, nil).on(2).affects(1)
	s.op("close").on(2)
	s.do(insert, gone, "y", 1, nil).affects(1) // waits for the lock of the other, if at all
	s.do("DELETE FROM sessions WHERE id = ?", gone).affects(1)
}

func autocommitSteps(s *script) {
	a, gone := s.key("a"), s.goneKey("gone")
	s.op("autocommit_off").flags(0, autocommit)
	s.raw("SELECT @@autocommit").gives(row(0))
	s.do(insert, gone, "x", 1, nil).affects(1).flags(inTrans, autocommit)
	s.op("rollback").flags(0, inTrans|autocommit)
	s.do(read, gone).gives()
	s.op("rollback")
	s.do(insert, a, "1", 1, nil).affects(1)
	s.do(read, a).on(1).gives()
	s.op("commit").flags(0, inTrans|autocommit)
	s.do(read, a).on(1).gives(row("1"))
	s.do("UPDATE sessions SET data = ? WHERE id = ?", "2", a).affects(1)
	s.op("autocommit_on").flags(autocommit, inTrans) // commits
	s.do(read, a).on(1).gives(row("2"))
	s.raw("SELECT @@autocommit").gives(row(1))
}

func lockSteps(s *script) {
	name := s.prefix + "lock"
	a := s.key("a")
	s.do("SELECT GET_LOCK(?, ?)", name, 10).gives(row(1))
	s.do(insert, a, "under a lock", 1, nil).affects(1)
	s.do("SELECT GET_LOCK(?, ?)", name, 0).on(1).gives(row(0))
	s.do("SELECT IS_FREE_LOCK(?)", name).on(1).gives(row(0))
	s.do(read, a).gives(row("under a lock"))
	s.do("SELECT RELEASE_LOCK(?)", name).gives(row(1))
	s.do("SELECT RELEASE_LOCK(?)", name).gives(row(nil))
	s.do("SELECT GET_LOCK(?, ?) AS acquired", name, 0).on(1).gives(row(1))
	s.op("close").on(1)
	s.do("SELECT GET_LOCK(?, ?)", name, 10).gives(row(1)) // freed by the disconnect
	s.do("DO RELEASE_LOCK(?)", name)
	s.do("SELECT IS_FREE_LOCK(?)", name).gives(row(1))
}
