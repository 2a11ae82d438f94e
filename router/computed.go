package router

import (
	"context"
	"fmt"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// computed carries an INSERT out whose keys are expressions: a store with the
// client's session state computes them, once, and the statement is carried out
// with their values.
func (s *session) computed(st *rewrite.Statement, req replica.Request, args rewrite.Args) error {
	list, with := st.Computed()
	if list == nil {
		return refusal(st.Plan)
	}
	values := make([]string, len(list))
	err := s.data.Ask(func(conn *store.Conn) error {
		for i, text := range list {
			// A derived table with LIMIT is made once, so that UUID() is one value.
			rows, err := conn.Query(context.Background(), fmt.Sprintf(
				"SELECT HEX(v), CHARSET(v) FROM (SELECT CONCAT(%s\n) AS v LIMIT 1) dsmproxy_key", text))
			switch {
			case err != nil:
				return err
			case len(rows) != 1 || len(rows[0]) != 2:
				return protocol.Errorf(protocol.ErrUnknown, "dsmproxy: a store does not tell what a key is computed to")
			case rows[0][0] == nil:
				values[i] = "NULL"
			default:
				values[i] = keyText(string(rows[0][0]), string(rows[0][1]))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	text := with(values)
	var again rewrite.Statement
	s.router.Planner.Plan(&again, text, s.data.State().DB(), s.mode)
	if again.Plan.Computed != nil {
		return refusal(st.Plan)
	}
	v := &variants{of: req}
	defer v.close()
	return s.carryOut(&again, v.with(text), args)
}

// keyText is a literal for a value of a charset that is given in hexadecimal.
// What may be a number is one in quotes, which is the same to any column.
func keyText(hexed, charset string) string {
	digits := len(hexed) > 0
	for i := 0; i+1 < len(hexed); i += 2 {
		digits = digits && (hexed[i] == '3' && hexed[i+1] <= '9' || hexed[i:i+2] == "2D" || hexed[i:i+2] == "2E")
	}
	if charset == "utf8mb3" { // which MySQL warns of
		charset = "utf8mb4"
	}
	if !digits {
		return "_" + charset + " x'" + hexed + "'"
	}
	text := make([]byte, 0, len(hexed)/2)
	for i := 0; i+1 < len(hexed); i += 2 {
		text = append(text, (hexed[i]-'0')<<4|hexValue(hexed[i+1]))
	}
	return "'" + string(text) + "'"
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'A' + 10
}
