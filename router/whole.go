package router

import (
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// Numbers that a client binds as floating point numbers or decimals, as it does
// with all of them where its language has no others: to a column of integers one
// without a fraction is that integer.

// wholeArgs are arguments that tell which of them are such integers.
type wholeArgs interface {
	// Whole returns the integer's decimal text.
	Whole(i int) (text []byte, ok bool)
}

// integer appends v, which is given to or compared with a column of integers, if
// it is a parameter that was bound so.
func integer(dst []byte, v rewrite.Value, args rewrite.Args) (text []byte, ok bool) {
	whole, _ := args.(wholeArgs)
	if whole == nil || len(v.Parts) != 1 || v.Parts[0].Source != rewrite.SourceParam {
		return dst, false
	}
	text, ok = whole.Whole(v.Parts[0].Index)
	return append(dst, text...), ok
}

// appendNumber is Statement.Append for a column of numbers.
func appendNumber(dst []byte, st *rewrite.Statement, v rewrite.Value, args rewrite.Args) (text []byte, null, ok bool) {
	if text, null, ok = st.Append(dst, v, args); !ok {
		text, ok = integer(dst, v, args)
	}
	return text, null, ok
}

// Whole implements wholeArgs.
func (p *prepared) Whole(i int) (text []byte, ok bool) {
	if p.isLong(i) {
		return nil, false
	}
	return p.exec.Whole(i)
}

// Whole implements wholeArgs.
func (e *executed) Whole(i int) (text []byte, ok bool) {
	if i >= len(e.of.Plan.Prepared.Using) || e.of.Plan.Prepared.Using[i].Var == "" {
		return nil, false
	}
	v, err := e.session.userVar(e.of.Plan.Prepared.Using[i].Var)
	if err != nil || v.Null || !v.Number {
		return nil, false
	}
	return protocol.WholeDecimal(v.Text)
}
