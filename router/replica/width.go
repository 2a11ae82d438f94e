package replica

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Cut returns key as a store keeps it that is given it by an INSERT: where
// sql_mode is not strict, a text that is longer than its column is cut. Where it
// is strict, or key is a text that its column can't hold at all, no record
// results, and it does not matter which store says so.
func (c *Client) Cut(t Table, key []byte) []byte {
	sc, err := c.schema(t)
	if err != nil || sc.key.width == 0 {
		return key
	}
	if sc.key.typ == "binary" && len(key) < sc.key.width {
		return append(key, make([]byte, sc.key.width-len(key))...) // as the store fills it up
	}
	if len(key) <= sc.key.width {
		return key
	}
	switch sc.key.typ {
	case "binary", "varbinary":
		return key[:sc.key.width]
	}
	switch {
	case sc.key.charset != "" && !strings.HasPrefix(sc.key.charset, "utf8") && !sc.key.wideCharset() && !severalBytes(sc.key.charset):
		return key[:sc.key.width]
	case !utf8.Valid(key):
		return key
	}
	end := 0
	for range sc.key.width {
		if end == len(key) {
			return key
		}
		_, n := utf8.DecodeRune(key[end:])
		end += n
	}
	return key[:end]
}

// Clip returns the integer key as a store keeps it that is given it by an INSERT:
// where sql_mode is not strict, one beyond the column's range becomes its end.
// Where it is strict no record results.
func (c *Client) Clip(t Table, key []byte) []byte {
	sc, err := c.schema(t)
	switch {
	case err != nil || sc.key.most == "":
		return key
	case lessNumber(string(key), sc.key.least):
		return append(key[:0], sc.key.least...)
	case lessNumber(sc.key.most, string(key)):
		return append(key[:0], sc.key.most...)
	}
	return key
}

// lessNumber compares integers in the decimal text that a server prints.
func lessNumber(a, b string) bool {
	x, below := strings.CutPrefix(a, "-")
	y, belowToo := strings.CutPrefix(b, "-")
	switch {
	case below != belowToo:
		return below
	case below:
		x, y = y, x
	}
	if len(x) != len(y) {
		return len(x) < len(y)
	}
	return x < y
}

// rangeOf returns the ends of an integer type's range.
func rangeOf(typ string, unsigned bool) (least, most string) {
	bits := map[string]int{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}[typ]
	if unsigned {
		return "0", strconv.FormatUint(math.MaxUint64>>(64-bits), 10)
	}
	return strconv.FormatInt(-1<<(bits-1), 10), strconv.FormatInt(1<<(bits-1)-1, 10)
}
