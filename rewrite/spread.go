package rewrite

import (
	"slices"
	"strconv"
	"strings"
)

// MySQL can't read a temporary table twice in one statement. Where a statement
// is carried out on copies, and names a table again, it names another copy
// there:
//
//	SELECT a.n, sessions.n FROM sessions a JOIN app.sessions
//	SELECT a.n, sessions.n FROM sessions a JOIN app.`dsmproxy_copy2` AS `sessions`

// Twin is a second, third, ... copy of a table.
type Twin struct {
	Schema, Name string // of the table, as it is named where the copy stands
	Copy         string
}

// notAliases are the words that can stand behind a table without an alias.
var notAliases = words(`where group having order limit window use force ignore partition join inner left
	right cross natural straight_join on using union except intersect minus for lock procedure into
	values set fetch offset`)

// Spread names a twin wherever the statement names a table again. db is the
// client's default database. text is nil if no table is named twice, or if it is
// not certain where.
func (s *Statement) Spread(db string) (text []byte, twins []Twin) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	if s.mode&ModeUnsafeCharset != 0 || l.execComments || l.wideWord || l.compound {
		return nil, nil
	}
	a := &analyzer{l: l, toks: l.tokens}
	// All places where a table can be named are looked at: if they are as many
	// as the parser has found, they are the same.
	named := map[Twin]int{}
	places, upTo := 0, 0
	for i := range a.toks {
		schema, name, next := a.mention(i)
		if next == i || !slices.ContainsFunc(s.Plan.Reads, func(r Read) bool { return r.Schema == schema && r.Name == name }) {
			continue
		}
		places++
		in := schema
		if in == "" {
			in = db
		}
		of := Twin{Schema: in, Name: name}
		if named[of]++; named[of] == 1 {
			continue
		}
		t := Twin{Schema: schema, Name: name, Copy: "dsmproxy_copy" + strconv.Itoa(len(twins)+2)}
		twins = append(twins, t)
		at := a.toks[next-1]
		text = append(append(text, l.text[upTo:at.start]...), '`')
		text = append(append(text, t.Copy...), '`')
		if !a.is(i-1, "table") && !a.aliased(next) {
			text = append(text, (" AS `" + strings.ReplaceAll(name, "`", "``") + "`")...)
		}
		upTo = int(at.end)
	}
	if len(twins) == 0 || places != s.Plan.Mentions {
		return nil, nil
	}
	return append(text, l.text[upTo:]...), twins
}

// mention reads a name at i if that is where a table can be named; next is i
// otherwise.
func (a *analyzer) mention(i int) (schema, name string, next int) {
	switch a.word(i - 1) {
	case "from", "join", "straight_join", "table", "oj":
	default:
		if !a.op(i-1, ",") && !a.op(i-1, "(") {
			return "", "", i
		}
	}
	schema, name, next = a.tableName(i)
	if a.op(next, ".") || a.op(next, "(") {
		return "", "", i
	}
	return schema, name, next
}

// aliased tells whether an alias stands at i, behind a table.
func (a *analyzer) aliased(i int) bool {
	if a.is(i, "as") {
		return true
	}
	_, ok := a.ident(i)
	return ok && (a.kind(i) != tokWord || !notAliases[a.word(i)])
}
