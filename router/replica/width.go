package replica

import (
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
