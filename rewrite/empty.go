package rewrite

import "bytes"

// How empty statements and comments are carried out, as MariaDB does it: text that holds no
// statement is an error (1065) unless it holds a comment, which is carried out
// as nothing. Blanks and semicolons at the end of a query do not count; before
// it, a semicolon ends an empty statement, which is a syntax error.

// trimEnd cuts off what a server cuts off a query's end.
func trimEnd(text []byte) []byte { return bytes.TrimRight(text, "; \t\n\v\f\r") }

// OnlyComment reports whether text, whose plan is KindEmpty, holds a comment.
func OnlyComment(text []byte) bool {
	return len(bytes.TrimLeft(trimEnd(text), " \t\n\v\f\r")) > 0
}
