// Package merge makes one answer of the answers of several stores to the same
// statement: it takes the packets of each apart, leaves the rows out that the
// store is not to answer for, and numbers the rest as one answer. It does no
// I/O and knows no SQL; package router/replica calls it.
package merge
