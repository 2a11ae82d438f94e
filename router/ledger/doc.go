// Package ledger lets the protocol of package router/fence run on MySQL and
// MariaDB: it keeps a store's register, the versions of its records and what
// belongs to them in tables beside the session tables, and does what a
// fence.Voter and a fence.Store promise by SQL. It decides nothing itself: when
// to read, write, copy or admit is fence's affair. Package router makes one
// Store for each store and one Witness for each witness, and gives them to a
// fence.Group; its statements implement Statement.
//
// # The tables
//
// They lie in a schema of their own (Config.Schema):
//
//	view    the register: 16 equal rows, so that the locks of the many who are
//	        fenced don't meet on one; seq counts its values at this store
//	state   one row: the format, the store's name, act, cover, intact
//	gate    ENGINE=MEMORY, and so emptied by each start of the server
//	proxy   the heartbeats, with odd ids; with even ones the highest ticks that
//	        the store was told of the others
//	settings  those in which all proxies must agree
//	ver     a row for each key: its version, also where the record is deleted
//	epoch   seq to the register's text
//	tables  the numbers of the session tables
//	moving  what is left of moves (moving.go)
//
// A witness has the first five.
//
// # How a statement is fenced
//
// The guard is an expression that overflows (error 1690), and so ends the
// statement that it is in, unless the register is as it must be:
//
//	w.seq+9223372036854775807*(w.vec<>x'…' OR w.boot<>…)
//
// It is read with a shared lock, which is kept until COMMIT, and whoever raises
// the register takes all 16 rows exclusively. A writing statement of a client,
// the guard with the new version, the reading of the record and COMMIT go out
// at once. The last three are one packet of several statements, the rest of
// which a server drops when one fails; so what is not fenced is not committed.
//
// A server does more for its statements than for the client's, so there are
// briefer ways for what is done most: a read under a lease (glance.go), a write
// of one record on MariaDB (brief.go), and a version that is put on a store
// which has an older one or none (putNewer). The last two are one prepared
// statement on a connection that has done the like before (form.go).
//
// Boot is in the register and in the gate. A connection on which the gate has
// been seen open under a Boot needs only the former: it ends with the server's
// process, and the gate is opened once for each.
//
// # What is on the disk
//
// InnoDB shows what is committed before it has written the log, and a server
// that is killed loses that. What is told of a register that is new, of a tick,
// and with images of records, must outlast that; so a transaction that changes
// something is committed behind it, or around it (flushed). The log is written
// in order: it is on the disk up to there then.
//
// # Rights
//
// The account that Config.Login names needs, at each store,
//
//	GRANT ALL ON dsm.* TO …
//	GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, TRIGGER ON <schema of session tables>.* TO …
//
// and RELOAD where innodb_flush_log_at_trx_commit is not 1, so that a register
// is on the disk before it counts. The accounts of the clients, as which
// statements run, need
//
//	GRANT SELECT, UPDATE ON dsm.view TO …   -- UPDATE for the shared lock, on MySQL
//	GRANT SELECT ON dsm.gate TO …
//	GRANT SELECT, INSERT, UPDATE ON dsm.ver TO …
//	GRANT SELECT, INSERT, UPDATE ON dsm.moving TO …
//
// and SELECT on the session tables. Without the last one, an UPDATE of a key
// leaves the record under both keys if the proxy dies between two COMMITs.
package ledger
