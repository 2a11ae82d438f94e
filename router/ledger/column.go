package ledger

import (
	"bytes"
	"strconv"
	"time"
)

// coding is how the values of a column are read and written.
type coding uint8

const (
	codeBytes  coding = iota // as the bytes that they are
	codeText                 // as text in UTF-8, which the store takes apart
	codeChar                 // bytes, without the padding that a sql_mode adds
	codeNumber               // a number as text
	codeFloat                // as the double that it is
	codeBits                 // as the number that it is inside
	codeTime                 // as text
	codeStamp                // as seconds since 1970, which no time zone changes
)

// column is one that an INSERT can give a value to.
type column struct {
	name      string
	charset   string // "" for what is not text
	collation string // of that
	coding    coding
	binary    bool // BINARY or VARBINARY
}

// codingOf is that of a DATA_TYPE in lower case. What is not known is bytes:
// all kinds of strings and blobs, geometries, vectors, and MariaDB's UUID, INET4
// and INET6.
func codingOf(typ string) coding {
	switch typ {
	case "json":
		return codeText
	case "char":
		return codeChar
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year":
		return codeNumber
	case "float", "double":
		return codeFloat
	case "bit", "enum", "set":
		return codeBits
	case "date", "time", "datetime":
		return codeTime
	case "timestamp":
		return codeStamp
	}
	return codeBytes
}

// export is the expression that reads the column of the table s. Its result is
// binary, so that no setting of a session changes it. A double is the exception:
// MySQL's CAST has no room for all digits of some. It may come in UTF-16 or the
// like, so the zero bytes must be dropped (image).
func (c *column) export() string {
	name := "s." + quoteName(c.name)
	switch c.coding {
	case codeText:
		name = "CAST(" + name + " AS CHAR CHARACTER SET utf8mb4)"
	case codeChar:
		name = "RTRIM(" + name + ")"
	case codeFloat:
		return name + "*1e0" // +0e0 would make 0 of -0
	case codeBits:
		name += "+0"
	case codeStamp:
		name = "UNIX_TIMESTAMP(" + name + ")"
	}
	return "CAST(" + name + " AS BINARY)"
}

// literal appends the literal of a value that export has read, for a connection
// of the proxy's own.
func (c *column) literal(j *job, v []byte) {
	if v == nil {
		j.add("NULL")
		return
	}
	switch c.coding {
	case codeNumber, codeBits:
		j.buf = append(j.buf, v...)
	case codeFloat:
		j.buf = append(j.buf, v...)
		if !bytes.ContainsAny(v, "eE") {
			j.add("e0") // -0 would be an integer
		}
	case codeStamp:
		j.quoted([]byte(utc(v)))
	case codeText:
		j.add("CONVERT(").quoted(v).add(" USING utf8mb4)")
	default:
		j.quoted(v)
	}
}

// utc is the time of a number of seconds, with its fraction as it is written. 0
// is the zero date.
func utc(seconds []byte) string {
	whole, fraction, _ := bytes.Cut(seconds, []byte{'.'})
	n, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil {
		return string(seconds) // the store will refuse it
	}
	text := "0000-00-00 00:00:00"
	if n != 0 || len(bytes.Trim(fraction, "0")) > 0 {
		text = time.Unix(n, 0).UTC().Format("2006-01-02 15:04:05")
	}
	if len(fraction) > 0 {
		text += "." + string(fraction)
	}
	return text
}
