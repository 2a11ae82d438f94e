// Package merge makes one result of the results of a scatter. It does no I/O.
package merge
