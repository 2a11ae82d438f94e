// Package integration tests the built dsmproxy program with real MariaDB
// servers and real clients, and breaks what is between them.
//
// Where a test says what a statement must answer, it first asks a plain server
// the same (see TestContract): what is held against the proxy is what the
// database itself does.
package integration
