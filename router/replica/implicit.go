package replica

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// An INSERT may leave its key out, or say DEFAULT, and with IGNORE, in the second
// row of several or where sql_mode is not strict, NULL. The column has a value all
// the same then: its default, or where it has none the one of its type. So it is
// known which record is meant; whether there is to be an error its store says.

// ImplicitKey returns the key that t's key column has without a value of its
// own: by its default, if omitted, or of its type. ok is false if that is none
// that can be told: a number that a store gives, an expression, NULL.
func (c *Client) ImplicitKey(t Table, omitted bool) (key []byte, ok bool) {
	sc, err := c.schema(t)
	if err != nil || sc.auto == sc.key.name {
		return nil, false
	}
	if omitted && (sc.key.computed || sc.key.value != nil) {
		return bytes.Clone(sc.key.value), !sc.key.computed
	}
	if sc.key.nullable {
		return nil, false
	}
	switch sc.key.typ {
	case "char", "varchar", "binary", "varbinary":
		return []byte{}, true
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return []byte{'0'}, true
	case "uuid":
		return []byte("00000000-0000-0000-0000-000000000000"), true
	}
	return nil, false
}

// constantDefault reads COLUMN_DEFAULT. MariaDB has texts there in quotes and NULL
// as a word, MySQL texts as they are and those of binary columns as 0x...
func constantDefault(text []byte, extra string, mariadb, binary bool) (value []byte, computed bool) {
	switch {
	case text == nil:
		return nil, false
	case strings.Contains(extra, "default_generated"):
		return nil, true
	case !mariadb:
		if digits, ok := bytes.CutPrefix(text, []byte("0x")); ok && binary {
			value, err := hex.DecodeString(string(digits))
			return value, err != nil
		}
		return bytes.Clone(text), false
	case strings.EqualFold(string(text), "NULL"):
		return nil, false
	}
	inner, quoted := bytes.CutPrefix(text, []byte{'\''})
	if quoted && len(inner) > 0 && inner[len(inner)-1] == '\'' {
		inner = inner[:len(inner)-1]
		return bytes.ReplaceAll(inner, []byte("''"), []byte("'")), bytes.IndexByte(inner, '\\') >= 0
	}
	return bytes.Clone(text), bytes.IndexByte(text, '(') >= 0
}
