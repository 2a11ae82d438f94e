// Package replica carries statements out on the stores that hold a key's
// record: reads from the first live one, writes to the first N live ones, and
// keeps the store connections of a client's transaction. It chooses stores by
// package placement and talks to them through package store. It sees no SQL of
// the client's but hands it on: what a statement is, package router tells it.
//
// Errors that its methods return are *protocol.Error if the client is to see
// them as the answer; any other error means that an answer was cut off or that
// its outcome is unknown, and the client's connection is to be closed, as a
// MySQL server that dies would close it.
package replica
