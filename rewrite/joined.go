package rewrite

import (
	"slices"
	"strings"
)

// An UPDATE or DELETE of a session table may go by what is in other tables, or in
// other records:
//
//	UPDATE sessions s JOIN users u ON u.id = s.uid SET s.name = u.name WHERE s.id = 'k'
//	DELETE FROM sessions WHERE id = 'k' AND uid IN (SELECT id FROM users WHERE banned)
//
// What it needs of them is read first, and stands in their place then:
//
//	SELECT DISTINCT u.* FROM sessions s JOIN users u ON u.id = s.uid WHERE s.id = 'k'
//	UPDATE sessions s JOIN (SELECT 7 AS id, 'x' AS name) AS u ON u.id = s.uid SET s.name = u.name WHERE s.id = 'k'
//
// So the record is tested and written by one statement, at its own stores. An
// outer join is read without its condition but for what that says of the record,
// for a row that the condition leaves out is there all the same.
//
// One that writes several session tables, or one by several names, is carried out
// by a statement for each, with what they need of each other read before the first
// of them:
//
//	DELETE a, b FROM options a, options b WHERE b.name = CONCAT('timeout_', a.name) AND b.value < 5

// A Joint is a part of such a statement that has other tables in it.
type Joint struct {
	start, end int
	// Select reads what is to stand in its place.
	Select []byte
	// Query: it is a query; else a table. Of a query that names columns of what is
	// around it, and so can't be read by itself, Within are the tables.
	Query  bool
	Within []Joint
	// Table is the table as the statement names it, with its alias; Alias is that,
	// quoted. Both are "" of a query.
	Table, Alias string
	alias        string // behind it, for a table
}

// JoinedPart is a statement that such a one is carried out by.
type JoinedPart struct {
	Joints []Joint
	// Target is the session table that it writes, as the statement names it, with
	// its alias, and TargetAlias that, quoted; "" of other tables. Outer: there is an
	// outer join.
	Target, TargetAlias string
	Outer               bool
	text                []byte
	edits               []edit
}

// edit is a text in the place of what stands from start up to end.
type edit struct {
	start, end int
	text       string
}

// Text is the statement as it was.
func (p *JoinedPart) Text() []byte { return p.text }

// With makes the statement with others in the places of the joints.
func (p *JoinedPart) With(joints []Joint, texts []string) (text []byte) {
	edits := slices.Clone(p.edits)
	for i, j := range joints {
		edits = append(edits, edit{j.start, j.end, texts[i] + j.alias})
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.start - b.start })
	done := 0
	for _, e := range edits {
		text = append(append(text, p.text[done:e.start]...), e.text...)
		done = e.end
	}
	return append(text, p.text[done:]...)
}

// Joined returns the statements that an UPDATE or DELETE with Plan.Joins is
// carried out by. why names what stands against it; "" for nothing. ours tells
// of a table's name, as written, whether it is a session table.
func (s *Statement) Joined(ours func(schema, name string) bool) (parts []JoinedPart, why string) {
	l := &lexed{}
	lex(l, s.Text, s.mode)
	const apart = "a write by other tables that can't be taken apart"
	switch {
	case l.execComments || l.hints || l.compound || l.multi || l.err != "" || s.mode&ModeUnsafeCharset != 0:
		return nil, apart
	}
	w := &joiner{sweeper: sweeper{analyzer: &analyzer{l: l, toks: l.tokens}, plan: s.Plan}, ours: ours}
	if why := w.references(); why != "" {
		return nil, why
	}
	if why := w.targets(); why != "" {
		return nil, why
	}
	for _, t := range w.written {
		p, why := w.part(t)
		if why != "" {
			return nil, why
		}
		if len(p.Joints) == 0 && len(w.written) == 1 {
			return nil, apart
		}
		parts = append(parts, p)
	}
	return parts, ""
}

// Ours tells of tables' names, as a client with the database db writes them,
// whether they are those of session tables.
func (p *Planner) Ours(db string) func(schema, name string) bool {
	a := &analyzer{db: db, o: &p.now.Load().options}
	return func(schema, name string) bool {
		kind, _, _ := a.classify(schema, name)
		return kind == sourceSession
	}
}

// A joiner takes one statement apart.
type joiner struct {
	sweeper
	ours       func(schema, name string) bool
	begin, end int        // the tokens of the joined tables
	tables     []joinedTo // among them
	head       [2]int     // the tokens of a DELETE's targets, if it names them
	written    []target
}

// joinedTo is a table in the joined ones.
type joinedTo struct {
	first, end   int // tokens, the alias among them
	schema, name string
	alias        string
	renamed      bool // it has an alias
	ours         bool
}

// A target is what one of the statements writes: a session table, or all that are
// none.
type target struct {
	table int   // of joiner.tables; -1 for the others
	sets  []int // tokens that begin its assignments
}

var behindTable = words("join inner cross left right natural straight_join on using use force ignore partition set where")

// startsTable reports whether a table of a join stands at i.
func (w *sweeper) startsTable(i int) bool {
	switch w.word(i - 1) {
	case "from", "join", "straight_join", "update", "using", "ignore", "low_priority":
		return true
	}
	return w.op(i-1, ",") || w.op(i-1, "(")
}

// tableAt reads the table at token i, of what ends with token end.
func (w *joiner) tableAt(i, end int) joinedTo {
	t := joinedTo{first: i}
	t.schema, t.name, t.end = w.tableName(i)
	t.alias, t.ours = t.name, w.ours(t.schema, t.name)
	after := t.end
	if w.is(after, "as") {
		after++
	}
	if given, ok := w.ident(after); ok && after < end && (w.kind(after) != tokWord || !clauseWords[w.word(after)] && !behindTable[w.word(after)]) {
		t.alias, t.end, t.renamed = given, after+1, true
	}
	return t
}

// references finds the joined tables.
func (w *joiner) references() string {
	if w.is(0, "update") {
		w.begin = 1
		for w.is(w.begin, "low_priority") || w.is(w.begin, "ignore") {
			w.begin++
		}
		w.end = w.first(len(w.toks), w.clause(w.begin, "set"))
	} else {
		from := w.clause(1, "from")
		if from < 0 {
			return "DELETE without FROM"
		}
		first := 1
		for w.is(first, "low_priority") || w.is(first, "quick") || w.is(first, "ignore") {
			first++
		}
		w.head = [2]int{first, from}
		if using := w.clause(from, "using"); using > 0 && !w.is(from+1, "(") && !w.op(using+1, "(") && (w.clause(from, "join") < 0 || using < w.clause(from, "join")) {
			w.head, from = [2]int{from + 1, using}, using
		}
		w.begin = from + 1
		w.end = w.first(w.tail(w.begin), w.clause(w.begin, "where"))
	}
	for i := w.begin; i < w.end; i++ {
		if w.op(i, "(") && (w.is(i+1, "select") || w.is(i+1, "with")) {
			i = w.skipParens(i) - 1
			continue
		}
		if _, _, next := w.tableName(i); next == i || !w.startsTable(i) || w.op(i-1, ".") {
			continue
		}
		if w.listed(i) {
			continue
		}
		t := w.tableAt(i, w.end)
		w.tables = append(w.tables, t)
		i = t.end - 1
	}
	return ""
}

// listed reports whether token i stands in parentheses behind USING or a
// function.
func (w *joiner) listed(i int) bool {
	depth := 0
	for k := i - 1; k >= w.begin; k-- {
		switch {
		case w.op(k, ")"):
			depth++
		case w.op(k, "(") && depth > 0:
			depth--
		case w.op(k, "("):
			if _, name := w.ident(k - 1); name && k > w.begin && !w.is(k-1, "join") && !w.is(k-1, "straight_join") {
				return true
			}
		case w.is(k, "on") && depth == 0:
			return true
		case depth == 0 && (w.is(k, "join") || w.is(k, "straight_join")):
			return false
		}
	}
	return false
}

// named is the table of an alias, or of a table's name; -1 for none.
func (w *joiner) named(schema, name string) int {
	return slices.IndexFunc(w.tables, func(t joinedTo) bool {
		return strings.EqualFold(t.alias, name) && (schema == "" || t.schema == "" || strings.EqualFold(schema, t.schema))
	})
}

// targets finds what the statement writes.
func (w *joiner) targets() string {
	const unnamed = "a write of several tables that doesn't say which"
	var list, sets []int // the tables, and the tokens that begin their assignments
	switch {
	case w.is(0, "update"):
		end := w.first(w.tail(w.end), w.clause(w.end, "where"))
		for i := w.end + 1; i < end; i = min(w.findOp(i, ","), end) + 1 {
			table := w.assigned(i)
			if table < 0 {
				return unnamed
			}
			list, sets = append(list, table), append(sets, i)
		}
	case w.head[0] < w.head[1]:
		for i := w.head[0]; i < w.head[1]; {
			schema, name, next := w.tableName(i)
			table := w.named(schema, name)
			if next == i || table < 0 {
				return unnamed
			}
			list = append(list, table)
			for i = next; i < w.head[1]; i++ {
				if w.op(i, ",") {
					i++
					break
				}
			}
		}
	case len(w.tables) == 1:
		list = []int{0}
	default:
		return unnamed
	}
	for n, table := range list {
		at := slices.IndexFunc(w.written, func(t target) bool {
			return t.table == table || t.table < 0 && !w.tables[table].ours
		})
		if at < 0 {
			at = len(w.written)
			t := target{table: table}
			if !w.tables[table].ours {
				t.table = -1
			}
			w.written = append(w.written, t)
		}
		t := &w.written[at]
		if sets != nil {
			t.sets = append(t.sets, sets[n])
		}
	}
	return w.together(sets != nil)
}

// together names what stands against writing all of the targets; "" for nothing.
// A change that comes between the reading and the writing must not be made of one
// of two tables that are no copies of each other, and what an UPDATE has made of a
// table must not be seen by itself.
func (w *joiner) together(update bool) string {
	for i, t := range w.written {
		if t.table < 0 && len(w.written) > 1 {
			return "a write of session tables and of others in one statement"
		}
		for _, o := range w.written[:i] {
			if a, b := w.tables[t.table], w.tables[o.table]; update && strings.EqualFold(a.name, b.name) {
				return "an UPDATE of a table by two names"
			}
		}
	}
	return ""
}

// assigned is the table of the column that is assigned at token i; that of a
// column alone is the only session table.
func (w *joiner) assigned(i int) int {
	schema, name, next := w.tableName(i)
	if w.op(next, ".") { // schema.table.column
		return w.named(schema, name)
	}
	if next > i && schema != "" {
		return w.named("", schema)
	}
	only := -1
	for k, t := range w.tables {
		if t.ours && only >= 0 {
			return -1
		}
		if t.ours {
			only = k
		}
	}
	return only
}

// part makes the statement that writes t.
func (w *joiner) part(t target) (p JoinedPart, why string) {
	p.text = w.l.text[:w.upTo(len(w.toks))]
	if t.table >= 0 {
		p.Target, p.TargetAlias = w.between(w.tables[t.table].first, w.tables[t.table].end), quoted(w.tables[t.table].alias)
	}
	p.Outer = w.outerJoin()
	if len(w.written) > 1 {
		w.alone(&p, t)
	}
	// foreign tells what has to be read before.
	foreign := func(ours bool) bool { return t.table >= 0 || ours }
	for k, table := range w.tables {
		if k == t.table || !foreign(table.ours) {
			continue
		}
		if !table.renamed && table.schema != "" {
			return p, "a write by the table " + table.schema + "." + table.name + " without an alias"
		}
		p.Joints = append(p.Joints, w.joint(table, w.between(w.begin, w.end), w.joinedBy(t)))
	}
	for i := 1; i < len(w.toks); i++ {
		if !w.op(i, "(") || !w.is(i+1, "select") && !w.is(i+1, "with") {
			continue
		}
		next := w.skipParens(i)
		dropped := slices.ContainsFunc(p.edits, func(e edit) bool { return e.start <= int(w.toks[i].start) && int(w.toks[i].start) < e.end })
		if within := w.within(i, next, foreign); within != nil && !dropped {
			j := Joint{
				start: int(w.toks[i].start), end: w.upTo(next), Query: true, Within: within,
				Select: w.l.text[w.toks[i].end:w.toks[next-1].start],
			}
			p.Joints = append(p.Joints, j)
		}
		i = next - 1
	}
	return p, ""
}

// outerJoin reports whether there may be one among the joined tables.
func (w *joiner) outerJoin() bool {
	for i := w.begin; i < w.end; i++ {
		if w.is(i, "left") || w.is(i, "right") || w.is(i, "natural") {
			return true
		}
	}
	return false
}

// alone edits what else the statement writes away.
func (w *joiner) alone(p *JoinedPart, t target) {
	if !w.is(0, "update") {
		p.edits = append(p.edits, edit{int(w.toks[w.head[0]].start), w.upTo(w.head[1]), p.TargetAlias})
		return
	}
	end := w.first(w.tail(w.end), w.clause(w.end, "where"))
	var sets []string
	for _, i := range t.sets {
		sets = append(sets, w.between(i, min(w.findOp(i, ","), end)))
	}
	p.edits = append(p.edits, edit{int(w.toks[w.end+1].start), w.upTo(end), strings.Join(sets, ", ")})
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// joint is what reads a table of some joined ones.
func (w *joiner) joint(t joinedTo, from, cond string) Joint {
	as := quoted(t.alias)
	sel := "SELECT DISTINCT " + w.columnsOf(t.alias) + " FROM " + from
	if cond != "" {
		sel += " WHERE " + cond
	}
	return Joint{
		start: int(w.toks[t.first].start), end: w.upTo(t.end), Select: []byte(sel), alias: " AS " + as,
		Table: w.between(t.first, t.end), Alias: as,
	}
}
