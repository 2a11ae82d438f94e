// Package rewrite turns SQL text into a [Plan], which says what a statement
// is, which keys it names and what it changes in its client's session, and SQL
// text into SQL text where a store must get something else than the client
// sent. It does no I/O and knows no stores. Package router calls it for each
// statement; `dsmproxy explain` prints what it finds.
//
// A statement is lexed on its bytes: session data is not UTF-8. Its literals
// are cut out, what remains is its shape, and plans are cached by shape: on a
// hit nothing is parsed and nothing allocated. On a miss the TiDB parser reads
// the statement with short placeholders for its literals. Where the parser
// can't read what a store can, the tokens decide if that is certain, and the
// plan refuses by name if not.
package rewrite

// Kind says what a statement is. Its strings are those of the statement
// corpus and of `dsmproxy explain`.
type Kind uint8

// The kinds of statements.
const (
	KindInvalid       Kind = iota
	KindRead               // SELECT of known keys
	KindReadForUpdate      // SELECT ... FOR UPDATE | FOR SHARE | LOCK IN SHARE MODE of known keys
	KindWrite              // INSERT, REPLACE, UPDATE, DELETE of known keys
	KindMove               // UPDATE that changes the key: Keys[0] to Keys[1]
	KindWriteByOther       // row named by another column than the key
	KindScatterRead        // SELECT without a known key
	KindBroadcast          // GC, DDL, TRUNCATE: a write for every store
	KindLock               // GET_LOCK
	KindUnlock             // RELEASE_LOCK
	KindUnlockAll          // RELEASE_ALL_LOCKS
	KindLockTest           // IS_FREE_LOCK, IS_USED_LOCK
	KindTxnBegin
	KindTxnCommit
	KindTxnRollback
	KindTxnSavepoint
	KindTxnReleaseSavepoint
	KindTxnRollbackToSavepoint
	KindSessionState // SET, USE, ...
	KindAny          // any live store can answer it
	KindMulti        // several statements; see Split
	KindOtherTable   // names a table that is not configured
	KindLockTables
	KindUnlockTables
	KindPrepareSQL // PREPARE, EXECUTE, DEALLOCATE in SQL
	KindCall
	KindKill
	KindEmpty // nothing but blanks, comments, semicolons; see OnlyComment
)

// Table is a session table as configured. The zero values of the optional
// fields mean "not given".
type Table struct {
	Schema    string // "" matches the table in any schema
	Name      string
	Key       string      // the key column
	Surrogate string      // an AUTO_INCREMENT column beside the key
	Secondary []Secondary // tables that belong to it, routed by the same key
	Columns   []string    // column order, for INSERT without a list
	FoldCase  bool        // the key's collation ignores case and trailing blanks
	Collated  bool        // the key's collation is asked which keys are equal
}

// Secondary is a table whose rows belong to the records of a session table.
type Secondary struct {
	Name   string
	Column string // holds the key, or the surrogate id where that is what it refers to
}

// Mode is what of a client's session changes how its SQL is read.
type Mode uint8

// The modes.
const (
	ModeANSIQuotes         Mode = 1 << iota // "x" is an identifier
	ModeNoBackslashEscapes                  // \ is a character
	ModePipesAsConcat                       // a || b concatenates
	ModeIgnoreSpace                         // COUNT (*) is a call
	ModeHighNotPrecedence
	// ModeUnsafeCharset: the client's charset (gbk, big5, sjis, cp932,
	// gb18030) has characters whose second byte is a backslash or a quote.
	// Nothing is routed by a key then unless the statement is pure ASCII.
	ModeUnsafeCharset
	ModeNoAutoValueOnZero // 0 is a number for an AUTO_INCREMENT column
)

// Value says where a key or a name comes from in each statement of a shape.
// Several parts are concatenated (adjacent literals, CONCAT).
type Value struct {
	Parts []Part
	Null  bool // NULL by itself
}

// Part is a literal of the statement, a parameter, or constant bytes.
type Part struct {
	Source  Source
	Index   int    // of the literal or parameter, counted from 0
	Const   []byte // SourceConst
	Numeric bool   // a number literal: its canonical decimal text counts
	Call    Call   // SourceCall: the function
	Of      []Part // SourceCall: what it is called with, concatenated
}

// Source is where a Part's bytes are.
type Source uint8

// The sources.
const (
	SourceLiteral Source = iota
	SourceParam
	SourceConst
	SourceCall
)

// Nondet is what in a statement could give another value on each store.
type Nondet uint8

// The causes. Time alone is cured by SET timestamp; anything else by running
// the statement on the first copy and carrying the record over.
const (
	NondetTime  Nondet = 1 << iota // NOW(), CURRENT_TIMESTAMP, UNIX_TIMESTAMP(), ...: what @@timestamp rules
	NondetOther                    // UUID(), RAND(), SYSDATE(), user variables, a function that is not known to be pure, a subquery, LIMIT without the key alone, ...
)

// Uses is what of a session's own state a statement reads; the answer must
// come from the client's session, not from whichever connection serves it.
type Uses uint16

// What a statement reads.
const (
	UsesLastInsertID Uses = 1 << iota
	UsesFoundRows
	UsesRowCount
	UsesWarnings // SHOW WARNINGS, SHOW ERRORS, SHOW COUNT(*) ..., @@warning_count, @@error_count
	UsesConnectionID
	UsesUserVariable
	UsesDatabase    // DATABASE(), SCHEMA()
	UsesTLS         // SHOW [SESSION] STATUS LIKE '...', if what Keys has asks for Ssl_cipher or the like
	UsesTransaction // @@in_transaction
	UsesSysdate     // SYSDATE()
)

// Assignment is one variable that a SET assigns.
type Assignment struct {
	// Name is in lower case: "sql_mode", "@name" for a user variable, and
	// "names" for SET NAMES, "charset" for SET CHARACTER SET, "role" and so on
	// for the other forms of SET. SET TRANSACTION assigns
	// "transaction_isolation" (its Value is spelled "READ-COMMITTED") and
	// "transaction_read_only" ("0", "1"), which are also the names of their
	// older spellings, tx_isolation and tx_read_only.
	Name   string
	Global bool // SET GLOBAL, SET PERSIST, PASSWORD and whatever outlives the session
	// Const: the value reads no variable, function, table or parameter, so that
	// a later assignment of the same name makes this one void.
	Const bool
	// Value is the value if it is one literal, for autocommit and the like:
	// "0", "1" (which TRUE is, too), "ON", "DEFAULT" in upper case; ""
	// otherwise, and for a user variable. For SET NAMES and SET CHARACTER SET it
	// is the character set.
	Value string
	// Text is the value as it is written; nothing for SET TRANSACTION.
	Text string
}

// PinsTable is what Pins says of a temporary table.
const PinsTable = "temporary table"

// Plan is the routing decision for one statement shape. It is shared by all
// statements of the shape and never modified.
type Plan struct {
	Kind Kind
	// Lists: a SHOW of the tables of a database, or a SELECT of what
	// information_schema has of them; see Statement.WithoutTable.
	Lists bool
	// Explains: a KindAny that is EXPLAIN, DESCRIBE or ANALYZE of a statement that
	// names the records of Keys.
	Explains bool
	// Processes: SHOW [FULL] PROCESSLIST.
	Processes bool
	// ReadLocal: LOCK TABLES that lets others insert.
	ReadLocal bool
	Detail    string // in the corpus's words: "GC", "DDL", "delete all", "schema metadata", "joins other table", ...
	// Refuse names the construct for which the statement can't be carried out
	// whatever the router can do; "" if there is none.
	Refuse string
	// Malformed: Refuse is a syntax error that each store would answer with
	// 1064 (an unterminated string, say).
	Malformed bool
	// Elsewhere: what Refuse says holds for session tables; a store that serves
	// other tables can carry the statement out, which names none of the former.
	Elsewhere bool
	// Gathers: the statement writes another table by what it reads of those in
	// Reads. Refuse holds where no store serves other tables: one that does can
	// carry it out on copies.
	Gathers bool

	Table *Table // the session table it is about; nil for none
	// Schema is the schema that the statement itself names; "" if it relies on
	// the client's database.
	Schema string
	// Others are the tables that are not configured, as written.
	Others []string

	// Keys are the keys of a read or write in order of appearance, From and To
	// of a move, the names of a lock statement, and the pattern of a statement
	// with UsesTLS.
	Keys []Value
	// Reads are the tables with session records that a KindScatterRead, or a
	// read of known keys, reads. Mentions is how often it names any of them.
	Reads    []Read
	Mentions int
	// Target is the secondary table that a statement writes; its Name is "" for
	// the session table itself. Of CREATE TABLE it is the table in any case.
	Target Read
	// Restarts: DDL after which the numbers of Table's AUTO_INCREMENT column begin
	// anew, at RestartAt, or at 1 if that is nil.
	Restarts  bool
	RestartAt *Value
	// Drops is the database that DROP DATABASE names.
	Drops string
	// IfNotExists: CREATE TABLE IF NOT EXISTS.
	IfNotExists bool
	// Chooses: NondetOther is there for nothing but a LIMIT, which may take other
	// records of Keys on each store.
	Chooses bool
	// OtherColumn and OtherValues name the row of a write-by-other-column (and
	// of a scatter-read by one); the new key, if it sets one, is in Keys.
	OtherColumn string
	OtherValues []Value

	// Computed are the keys that an INSERT gives as expressions, which a store can
	// compute before; Refuse holds only where none is asked.
	Computed []Place

	// Selects: an INSERT ... SELECT whose records only its SELECT tells; see
	// Statement.Selected. If it reads other tables, Refuse holds where no store
	// serves them.
	Selects bool
	// Joins: an UPDATE or DELETE of session tables by what is read of others, or of
	// other records, or one that writes others too; see Statement.Joined. Refuse
	// holds where no store serves other tables.
	Joins bool
	// SelectsFrom: an INSERT ... SELECT of a known key with a FROM clause.
	SelectsFrom bool
	// CopiesFrom is the key of the record that an INSERT ... SELECT into the record
	// of Keys reads, where that is another one; nil for none.
	CopiesFrom []Value
	// Shares: a KindReadForUpdate that lets others read and lock so, too.
	Shares bool
	// Waits is how long it may wait, if it says so itself; nil otherwise.
	Waits *Waits
	// SetsInsertID: a write with LAST_INSERT_ID(expr), which answers with its value.
	SetsInsertID bool
	// Seeded: a write with RAND(seed) whose values go on from row to row, so that
	// a part of the rows by itself would get others.
	Seeded bool

	// Rows is the number of rows in the VALUES lists of an INSERT or REPLACE,
	// and Surrogates what they give to the surrogate column, in their order,
	// NULL for DEFAULT; nil if the column is not listed. Of an UPDATE that
	// assigns that column it is the value.
	Rows       int
	Surrogates []Value

	Verb     Verb // of a data statement
	Params   int  // number of ? markers
	Nondet   Nondet
	Uses     Uses
	Set      []Assignment // KindSessionState
	Database string       // USE: the new database
	// Diagnostics: GET DIAGNOSTICS.
	Diagnostics *Diagnostics
	NextTxn     bool   // SET TRANSACTION without a scope: for the next transaction only
	Savepoint   string // KindTxnSavepoint and its relatives
	Chain       bool   // COMMIT | ROLLBACK AND CHAIN
	Release     bool   // COMMIT | ROLLBACK ... RELEASE
	NoChain     bool   // COMMIT | ROLLBACK AND NO CHAIN
	NoRelease   bool   // COMMIT | ROLLBACK ... NO RELEASE
	ReadOnly    bool   // START TRANSACTION READ ONLY
	ReadWrite   bool   // START TRANSACTION READ WRITE
	Snapshot    bool   // START TRANSACTION WITH CONSISTENT SNAPSHOT
	// Tableless: it names no table, and so leaves the warnings of the statement
	// before alone on MariaDB.
	Tableless bool
	// ImplicitCommit: it ends the running transaction (DDL, TRUNCATE, ...).
	ImplicitCommit bool
	// Pins names what the statement leaves behind in the store connection that
	// can't be replayed (a temporary table, SQL_CALC_FOUND_ROWS, ...); "" if
	// nothing.
	Pins string
	// Assigns are the user variables that the statement assigns, as Set names
	// them: SELECT ... INTO @x, @x := expr, SET @x, arguments of CALL.
	Assigns []string
	// ByDo: a SET of user variables whose values are found as those of a query
	// are; see Statement.Do.
	ByDo bool
	// Prepared is what PREPARE and its relatives name; nil for others.
	Prepared *PreparedSQL
	// Routines are the procedure that a CALL names, and the stored functions of a
	// statement that names no session table, as written.
	Routines []string
	// ResultSet: it answers with rows (SELECT, SHOW, RETURNING, OPTIMIZE, ...).
	ResultSet bool
	// Timeout is the index in Keys' statement of GET_LOCK's timeout, if it is a
	// literal or a parameter; nil otherwise.
	Timeout *Value
	// Locks are the calls of lock functions that name a lock, in the order of
	// Keys. LocksApart: the statement is the same if each call is carried out
	// before, in this order, and its value put in its place. LockAlone: it is a
	// SELECT of one call and nothing else.
	Locks      []LockCall
	LocksApart bool
	LockAlone  bool
	// KillID and KillQuery: KILL [QUERY] id; without KillID it is the client's own.
	KillID    *Value
	KillQuery bool
}

// Verb is the first word that matters of a data statement.
type Verb uint8

// The verbs.
const (
	VerbNone Verb = iota
	VerbSelect
	VerbInsert
	VerbReplace
	VerbUpdate
	VerbDelete
	VerbTruncate
	VerbDDL
	VerbShow
)

// Options are what a Planner is made from.
type Options struct {
	Tables []Table
	// CacheSize bounds the plan cache, in plans; 0 means 4096.
	CacheSize int
	// Columns tells the order of a table's columns for INSERT without a column
	// list where Table.Columns is not given; nil, or ok = false: such a
	// statement is refused by name, and its plan is not cached.
	Columns func(t *Table, schema string) (columns []string, ok bool)
}
