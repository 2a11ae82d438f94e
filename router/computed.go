package router

import (
	"context"
	"fmt"
	"slices"

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
	var rest []int // the other parameters
	for i := range st.Plan.Params {
		if !slices.ContainsFunc(list, func(e rewrite.Expression) bool { return e.First <= i && i < e.First+e.N }) {
			rest = append(rest, i)
		}
	}
	texts := make([][]byte, len(list))
	for i, e := range list {
		var ok bool
		if texts[i], ok = st.Bound(e, func(i int) (string, bool) { return boundLiteral(args, i) }); !ok {
			return refuse("a key computed of a parameter that is neither text nor an integer")
		}
	}
	values := make([]string, len(list))
	err := s.data.Ask(func(conn *store.Conn) error {
		for i, text := range texts {
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
	if len(rest) == st.Plan.Params {
		return s.carryOut(&again, v.with(text), args)
	}
	part := v.subset(text, rest)
	if p, ok := part.(*prepared); ok { // it may be taken apart again
		if err := p.exec.Parse(p.payload, p.params, nil, p.isLong); err != nil {
			return err
		}
	}
	return s.carryOut(&again, part, someArgs{args, rest})
}

// someArgs are those of the arguments whose numbers are in list.
type someArgs struct {
	of   rewrite.Args
	list []int
}

// Arg implements rewrite.Args.
func (a someArgs) Arg(i int) (text []byte, null, ok bool) {
	if i >= len(a.list) {
		return nil, false, false
	}
	return a.of.Arg(a.list[i])
}

// IsNumber implements typedArgs.
func (a someArgs) IsNumber(i int) bool {
	typed, _ := a.of.(typedArgs)
	return typed != nil && i < len(a.list) && typed.IsNumber(a.list[i])
}

// Charset implements typedArgs.
func (a someArgs) Charset(i int) string {
	typed, _ := a.of.(typedArgs)
	if typed == nil || i >= len(a.list) {
		return rewrite.CharsetOfClient
	}
	return typed.Charset(a.list[i])
}

// Whole implements wholeArgs.
func (a someArgs) Whole(i int) (text []byte, ok bool) {
	whole, _ := a.of.(wholeArgs)
	if whole == nil || i >= len(a.list) {
		return nil, false
	}
	return whole.Whole(a.list[i])
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
