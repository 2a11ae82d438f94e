package rewrite

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// A Call is a function whose value for known bytes is known, so that a record can
// be made whose key is hashed in SQL: INSERT ... VALUES (MD5('...')). Those that
// depend on a character set for more than ASCII (LOWER, TRIM) are not among them.
// A condition is not read like this: it is right on any way, and what it says may
// depend on the connection's character set.
type Call uint8

// The functions.
const (
	CallNone Call = iota
	CallMD5
	CallSHA1
	CallSHA224
	CallSHA256
	CallSHA384
	CallSHA512
	CallHex
	CallUnhex
	CallLower
	CallUpper
)

// String returns the function's name.
func (c Call) String() string {
	return [...]string{"", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "hex", "unhex", "lower", "upper"}[c]
}

// append appends the function's value for arg. null says that it is NULL.
func (c Call) append(dst, arg []byte) (value []byte, null bool) {
	switch c {
	case CallMD5:
		sum := md5.Sum(arg)
		return hex.AppendEncode(dst, sum[:]), false
	case CallSHA1:
		sum := sha1.Sum(arg)
		return hex.AppendEncode(dst, sum[:]), false
	case CallSHA224:
		sum := sha256.Sum224(arg)
		return hex.AppendEncode(dst, sum[:]), false
	case CallSHA256:
		sum := sha256.Sum256(arg)
		return hex.AppendEncode(dst, sum[:]), false
	case CallSHA384:
		sum := sha512.Sum384(arg)
		return hex.AppendEncode(dst, sum[:]), false
	case CallSHA512:
		sum := sha512.Sum512(arg)
		return hex.AppendEncode(dst, sum[:]), false
	case CallHex:
		const digits = "0123456789ABCDEF"
		for _, b := range arg {
			dst = append(dst, digits[b>>4], digits[b&15])
		}
		return dst, false
	case CallUnhex:
		if len(arg)%2 != 0 {
			arg = append([]byte{'0'}, arg...)
		}
		if dst, err := hex.AppendDecode(dst, arg); err == nil {
			return dst, false
		}
	case CallLower:
		return append(dst, bytes.ToLower(arg)...), false
	case CallUpper:
		return append(dst, bytes.ToUpper(arg)...), false
	}
	return dst, true
}

// takes reports whether the function's value for arg is known: the case of
// letters beyond ASCII is the collation's business.
func (c Call) takes(arg []byte) bool {
	return c != CallLower && c != CallUpper || isASCII(arg)
}

// assigned returns the value that e gives to a column.
func (a *analyzer) assigned(e ast.ExprNode, folds bool) (v Value, ok bool) {
	if v, ok = a.value(e, folds); ok {
		return v, true
	}
	if x, isCall := unparen(e).(*ast.FuncCallExpr); isCall {
		return a.computed(x)
	}
	return Value{}, false
}

// computed returns the value of a function of known bytes.
func (a *analyzer) computed(x *ast.FuncCallExpr) (v Value, ok bool) {
	c := CallNone
	args := 1
	switch x.FnName.L {
	case "md5":
		c = CallMD5
	case "sha", "sha1":
		c = CallSHA1
	case "sha2":
		c, args = a.sha2(x.Args), 2
	case "hex":
		c = CallHex
	case "unhex":
		c = CallUnhex
	case "lower", "lcase":
		c = CallLower
	case "upper", "ucase":
		c = CallUpper
	case "concat":
		return a.concatenated(x.Args)
	}
	if c == CallNone || len(x.Args) != args || !asSent(x.Args[0]) {
		return Value{}, false
	}
	arg, ok := a.assigned(x.Args[0], false)
	if !ok || arg.Null {
		return Value{}, false
	}
	if (c == CallLower || c == CallUpper) && !a.isText(arg.Parts) {
		return Value{}, false
	}
	if c == CallHex {
		// HEX(10) is A, HEX('10') is 3130.
		for _, p := range arg.Parts {
			if p.Numeric || p.Source == SourceParam {
				return Value{}, false
			}
		}
	}
	return Value{Parts: []Part{{Source: SourceCall, Call: c, Of: arg.Parts}}}, true
}

// concatenated returns the value of CONCAT.
func (a *analyzer) concatenated(args []ast.ExprNode) (v Value, ok bool) {
	for _, e := range args {
		arg, ok := a.assigned(e, false)
		if !ok || arg.Null {
			return Value{}, false
		}
		v.Parts = append(v.Parts, arg.Parts...)
	}
	return v, len(v.Parts) > 0
}

// isText tells whether all parts are quoted strings, or made of such: a
// parameter may be binary, which has no case.
func (a *analyzer) isText(parts []Part) bool {
	for _, p := range parts {
		switch {
		case p.Source == SourceLiteral && a.l.literals[p.Index].kind == tokString && a.l.literals[p.Index].introEnd == a.l.literals[p.Index].introStart:
		case p.Source == SourceCall && p.Call != CallUnhex:
		default:
			return false
		}
	}
	return true
}

// asSent tells whether e is of bytes that the client has sent, and not of what
// another character set makes of them.
func asSent(e ast.ExprNode) bool {
	switch x := unparen(e).(type) {
	case ast.ValueExpr:
		return true
	case *ast.FuncCallExpr:
		for _, arg := range x.Args {
			if !asSent(arg) {
				return false
			}
		}
		return x.FnName.L != "convert"
	case *ast.UnaryOperationExpr:
		return asSent(x.V)
	case *ast.FuncCastExpr:
		return isBinaryCast(x) && asSent(x.Expr)
	}
	return false
}

// sha2 returns which function SHA2 is by its second argument.
func (a *analyzer) sha2(args []ast.ExprNode) Call {
	if len(args) != 2 {
		return CallNone
	}
	bits, ok := a.value(args[1], false)
	if !ok || len(bits.Parts) != 1 || !bits.Parts[0].Numeric {
		return CallNone
	}
	text, ok := a.constant(bits)
	if !ok {
		return CallNone
	}
	a.uncacheable = true
	switch text {
	case "224":
		return CallSHA224
	case "256", "0":
		return CallSHA256
	case "384":
		return CallSHA384
	case "512":
		return CallSHA512
	}
	return CallNone
}
