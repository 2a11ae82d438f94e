package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// UserVar is the value of a user variable.
type UserVar struct {
	Text   []byte // of a number its decimal form
	Null   bool
	Number bool
	// Charset is that of text.
	Charset string
	// Literal is SQL that assigns the value, with its type, character set and
	// collation, on a connection of any state.
	Literal string
	// Unset: nothing has ever been assigned, as far as the type tells.
	Unset bool
	// TooLarge: the value has more than MaxUserVar bytes, and is not told.
	TooLarge bool
}

// Plain reports whether the bytes of a text mean the same in UTF-8.
func (v *UserVar) Plain() bool {
	switch v.Charset {
	case "binary", "utf8", "utf8mb3", "utf8mb4":
		return true
	case "ucs2", "utf16", "utf16le", "utf32":
		return false
	}
	return !slices.ContainsFunc(v.Text, func(c byte) bool { return c >= 0x80 })
}

// MaxUserVar bounds the value of a user variable that UserVars reads, in bytes: a
// SET of it in hexadecimal is less than a server's usual max_allowed_packet.
const MaxUserVar = 6 << 20

// UserVars asks for user variables, whose names are written as in SQL.
//
// The columns @x tell their types, which hold for NULL as well. Their values
// come as the bytes that they are: a result is converted to the client's
// character set, but for one that is binary.
func (c *Conn) UserVars(ctx context.Context, names []string) ([]UserVar, error) {
	vars := make([]UserVar, len(names))
	for i, name := range names {
		sql := fmt.Sprintf("SELECT IF(LENGTH(%[1]s)<=%[2]d,CAST(%[1]s AS BINARY),NULL),LENGTH(%[1]s),CHARSET(%[1]s),COLLATION(%[1]s)", name, MaxUserVar)
		rows, err := c.Query(ctx, sql)
		if err != nil {
			return nil, err
		}
		row := rows[0]
		if row[0] == nil && row[1] != nil {
			vars[i].TooLarge = true
			continue
		}
		column, err := c.columnOf(ctx, "SELECT "+name+" LIMIT 0")
		if err != nil {
			return nil, err
		}
		vars[i] = readUserVar(row[0], column, string(row[2]), string(row[3]))
	}
	return vars, nil
}

// columnOf returns the description of a query's first column.
func (c *Conn) columnOf(ctx context.Context, sql string) (column protocol.Column, err error) {
	done := c.bind(ctx)
	if err = c.ask(sql); err == nil {
		c.frame.Reset(protocol.AnswerResult, c.deprecateEOF, 1)
		c.buf, err = c.read(c.buf[:0], &c.frame, maxQueryAnswer)
	}
	if err = done(err); err != nil {
		return column, err
	}
	c.answered(c.frame.Answer())
	if e := c.frame.Answer().Err; e != nil {
		return column, e
	}
	r := reader{b: c.buf}
	r.take(headerSize + frameSize(c.buf)) // the number of columns
	size := r.uint(3)
	r.take(1)
	column, ok := protocol.ParseColumn(r.take(int(size)))
	if r.bad || !ok {
		return column, c.fail(errMalformed)
	}
	return column, nil
}

// flagUnsigned is a column's flag.
const flagUnsigned = 32

// readUserVar makes the value of what a store says of it.
func readUserVar(text []byte, column protocol.Column, charset, collation string) UserVar {
	v := UserVar{Text: text, Null: text == nil, Charset: charset, Unset: text == nil && column.Type == protocol.TypeVarString}
	switch t := column.Type; {
	case t == protocol.TypeDouble || t == protocol.TypeFloat:
		v.Number, v.Literal = true, number(text, "0e0")
		if !strings.ContainsAny(v.Literal, "eE") {
			v.Literal += "e0"
		}
	case t == protocol.TypeNewDecimal || t == 0:
		v.Number, v.Literal = true, number(text, "0.0")
		if !strings.Contains(v.Literal, ".") {
			v.Literal += "."
		}
	case t <= protocol.TypeLongLong && t != 6 && t != 7 || t == protocol.TypeInt24:
		v.Number, v.Literal = true, number(text, "0")
		if column.Flags&flagUnsigned != 0 {
			v.Literal = "CAST(" + v.Literal + " AS UNSIGNED)"
		}
	case charset == "binary":
		v.Literal = "_binary x'" + hex.EncodeToString(text) + "'"
	default:
		v.Literal = "_" + charset + " x'" + hex.EncodeToString(text) + "' COLLATE " + collation
	}
	return v
}

// number is the text of a number, or in the place of NULL another one of its
// type.
func number(text []byte, null string) string {
	if text == nil {
		return null
	}
	return string(text)
}

// Assign is the SET that gives the value to the variable of the given name, as
// written in SQL. NULL keeps the type that the variable had before.
func (v *UserVar) Assign(name string) string {
	if v.Null {
		return "SET " + name + "=" + v.Literal + "," + name + "=NULL"
	}
	return "SET " + name + "=" + v.Literal
}
