package integration

// What differs between the servers that the tests run on, as a client sees it.

// primaryOf is what an error calls a table's primary key.
func primaryOf(table string) string {
	if suite.Servers.MariaDB() {
		return "PRIMARY"
	}
	return table + ".PRIMARY"
}

// defaultMode is the server's own sql_mode.
func defaultMode() string {
	if suite.Servers.MariaDB() {
		return "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
	}
	return "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
}

// transactionVariables are those of the isolation level and of read-only
// transactions; MySQL has dropped the older names, MariaDB 10 has no others.
func transactionVariables() string {
	if suite.Servers.MariaDB() {
		return "@@tx_isolation, @@tx_read_only"
	}
	return "@@transaction_isolation, @@transaction_read_only"
}

// lateStatement is a statement that the server itself ends for its time, after
// 10 ms, and the error that it gives then.
func lateStatement() (query string, number uint16) {
	if suite.Servers.MariaDB() {
		return "SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(60)", 1969
	}
	return "SELECT /*+ MAX_EXECUTION_TIME(10) */ id FROM app.sessions WHERE SLEEP(60) = 0", 3024
}
