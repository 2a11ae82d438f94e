package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// What stores understand and the parser does not is rewritten for the parser,
// as far as it changes nothing of the route. What remains is read by its
// tokens, if these are certain, and refused if not.

// understand parses the statement. ok is false if the plan is made without the
// parser.
func (a *analyzer) understand() (stmt ast.StmtNode, ok bool) {
	if why := a.unsupported(); why != "" {
		a.elsewhere(why)
	}
	if a.depth() > maxDepth {
		a.refuse("a statement that nests too deeply")
		a.guess()
		return nil, false
	}
	a.intoVariables()
	stmt, err := a.parse(a.toks, false)
	if err == nil {
		return stmt, true
	}
	toks, aliases := a.plainer()
	for _, quote := range []bool{false, true} {
		if stmt, err2 := a.parse(toks, quote); err2 == nil {
			if i, ok := stmt.(*ast.InsertStmt); ok {
				rowAlias(i, aliases)
			}
			return stmt, true
		}
	}
	if a.p.Refuse == "" {
		a.simple(err)
	}
	return nil, false
}

// unsupported names a clause that no plan can do justice to.
func (a *analyzer) unsupported() string {
	for i := range a.toks {
		switch {
		case a.is(i, "into") && (a.is(i+1, "outfile") || a.is(i+1, "dumpfile")):
			return "SELECT ... INTO " + strings.ToUpper(a.word(i+1))
		case a.are(i, "procedure", "analyse") && a.op(i+2, "("):
			return "PROCEDURE ANALYSE"
		case a.are(i, "for", "system_time"):
			return "FOR SYSTEM_TIME"
		case a.are(i, "for", "portion", "of"):
			return "FOR PORTION OF"
		case a.are(i, "next", "value", "for"), a.are(i, "previous", "value", "for"):
			return strings.ToUpper(a.word(i)) + " VALUE FOR"
		case a.are(0, "delete", "history"):
			return "DELETE HISTORY"
		case (a.is(i, "nextval") || a.is(i, "lastval") || a.is(i, "setval")) && a.op(i+1, "("):
			return strings.ToUpper(a.word(i))
		}
	}
	return ""
}

// intoVariables takes INTO @x, @y out of a SELECT.
func (a *analyzer) intoVariables() {
	for i := range a.toks {
		if !a.is(i, "into") || a.kind(i+1) != tokUserVar {
			continue
		}
		end := i + 2
		a.assigns(i + 1)
		for a.op(end, ",") && a.kind(end+1) == tokUserVar {
			a.assigns(end + 1)
			end += 2
		}
		a.toks = append(a.toks[:i:i], a.toks[end:]...)
		a.p.ResultSet = false
		return
	}
}

// nearError returns the word at which the parser stopped.
func (a *analyzer) nearError(err error) string {
	_, rest, ok := strings.Cut(err.Error(), "near \"")
	if !ok {
		return a.near(0)
	}
	f := strings.FieldsFunc(rest, func(r rune) bool { return r <= ' ' || r == '"' })
	if len(f) == 0 {
		return "end"
	}
	word := strings.Trim(f[0], "`")
	switch {
	case strings.HasPrefix(word, "'~"), strings.HasPrefix(word, "100"):
		return "a literal"
	case len(word) > 32:
		return strings.ToValidUTF8(word[:32], "")
	}
	return word
}
