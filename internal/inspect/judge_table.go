package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// judgeTables judges the configured tables, store by store and between them.
func (in *inspection) judgeTables(all []*facts) {
	for _, t := range in.Tables {
		for _, schema := range in.schemas(t, all) {
			in.judgeTable(t, schema, t.Name, all)
			for _, s := range t.Secondary {
				in.judgePresence(schema, s.Name, all)
				in.judgeSame(schema, s.Name, all)
				for i, f := range all {
					if one := f.table(schema, s.Name); one != nil && one.column(s.Column) == nil {
						in.ofTable(Wrong, "columns", i, one, "name the column that holds the session ID in secondary", "has no column %q", s.Column)
					}
				}
			}
		}
	}
}

// schemas are where a table is, at any store.
func (in *inspection) schemas(t Table, all []*facts) []string {
	found := make(map[string]bool)
	reached := 0
	for _, f := range all {
		if !f.reached() {
			continue
		}
		reached++
		for _, one := range f.tables {
			if strings.EqualFold(one.name, t.Name) && (t.Schema == "" || one.schema == t.Schema) {
				found[one.schema] = true
			}
		}
	}
	list := slices.Sorted(maps.Keys(found))
	switch {
	case reached == 0:
	case len(list) == 0 && t.Schema == "":
		in.find(Finding{Level: Wrong, Check: "tables", Table: t.Name,
			Message: "is at no store, or the accounts may not see it",
			Remedy:  "make the session table at all stores: through dsmproxy, once it runs, or with the application's own CREATE TABLE at each"})
	case len(list) == 0:
		in.find(Finding{Level: Wrong, Check: "tables", Table: t.Schema + "." + t.Name,
			Message: "is at no store, or the accounts may not see it",
			Remedy:  "make the database and the session table at all stores, or correct schema and name"})
	case len(list) > 1:
		in.find(Finding{Level: Note, Check: "tables", Table: t.Name,
			Message: "is in several databases: " + strings.Join(list, ", ") + "; all of them are session tables to dsmproxy",
			Remedy:  "give the table's schema in the configuration if only one is meant"})
	}
	return list
}

func (f *facts) table(schema, name string) *table {
	for _, t := range f.tables {
		if t.schema == schema && strings.EqualFold(t.name, name) {
			return t
		}
	}
	return nil
}

// ofTable is a finding about a table at one store.
func (in *inspection) ofTable(l Level, check string, store int, t *table, remedy, format string, args ...any) {
	in.find(Finding{Level: l, Check: check, Store: in.Stores[store].Name, Table: t.full(), Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (in *inspection) judgeTable(c Table, schema, name string, all []*facts) {
	in.judgePresence(schema, name, all)
	in.judgeSame(schema, name, all)
	for i, f := range all {
		t := f.table(schema, name)
		if t == nil {
			continue
		}
		if t.view {
			in.ofTable(Wrong, "tables", i, t, "configure the table that the view reads", "is a view")
			continue
		}
		in.judgeKey(c, i, t)
		in.judgeNumbers(c, i, t)
		if len(t.triggers) > 0 {
			in.ofTable(Wrong, "triggers", i, t, "drop the triggers, or have the application do what they do",
				"has triggers (%s): they run once for each copy, and where copies are made equal again", strings.Join(t.triggers, ", "))
		}
		if t.engine != "" && !strings.EqualFold(t.engine, "InnoDB") {
			level := Note
			if in.Fenced != nil {
				level = Wrong // nothing could be fenced
			}
			in.ofTable(level, "engine", i, t, "ALTER TABLE "+quoteName(t.schema, t.name)+" ENGINE=InnoDB, unless nothing uses transactions or row locks",
				"has the engine %s: no transactions, no row locks, and after a crash perhaps no records", t.engine)
		}
		in.judgeForeign(c, i, t)
		if in.Fenced != nil {
			in.judgeCopies(c, i, t)
		}
	}
}

// judgePresence finds stores without a table that another has.
func (in *inspection) judgePresence(schema, name string, all []*facts) {
	have, first := 0, ""
	for i, f := range all {
		if f.table(schema, name) != nil {
			if have++; first == "" {
				first = in.Stores[i].Name
			}
		}
	}
	for i, f := range all {
		if f.reached() && have > 0 && f.table(schema, name) == nil {
			in.ofStore(Wrong, "tables", i, fmt.Sprintf("make it as it is at %s: SHOW CREATE TABLE %s there", first, quoteName(schema, name)),
				"has no table %s.%s", schema, name)
		}
	}
}

// judgeSame compares a table between the stores that have it.
func (in *inspection) judgeSame(schema, name string, all []*facts) {
	first, model := -1, (*table)(nil)
	for i, f := range all {
		t := f.table(schema, name)
		switch {
		case t == nil:
		case model == nil:
			first, model = i, t
		default:
			for _, d := range differences(model, t) {
				level := Wrong
				if d.harmless {
					level = Note
				}
				in.ofTable(level, "tables", i, t, fmt.Sprintf("make it as at %s: SHOW CREATE TABLE %s there, ALTER TABLE here", in.Stores[first].Name, quoteName(schema, name)),
					"differs from %s: %s", in.Stores[first].Name, d.what)
			}
		}
	}
}

// difference is one way in which two tables differ.
type difference struct {
	what     string
	harmless bool
}

func differences(a, b *table) (list []difference) {
	if a.engine != b.engine {
		list = append(list, difference{fmt.Sprintf("engine %s, not %s", b.engine, a.engine), false})
	}
	names := func(t *table) []string {
		var n []string
		for _, c := range t.columns {
			n = append(n, strings.ToLower(c.name))
		}
		return n
	}
	inA, inB := names(a), names(b)
	if !slices.Equal(inA, inB) {
		what := fmt.Sprintf("columns (%s), not (%s)", strings.Join(inB, ", "), strings.Join(inA, ", "))
		if slices.Equal(slices.Sorted(slices.Values(inA)), slices.Sorted(slices.Values(inB))) {
			what = "the order of its columns: " + what + "; statements that name no columns would write the wrong ones"
		}
		return append(list, difference{what, false})
	}
	for i, c := range a.columns {
		if d := b.columns[i]; c.describe() != d.describe() {
			list = append(list, difference{fmt.Sprintf("column %s is %s, not %s", d.name, d.describe(), c.describe()), false})
		}
	}
	for _, x := range a.indexes {
		if !slices.ContainsFunc(b.indexes, x.same) {
			list = append(list, difference{"it has no " + x.describe(), !x.unique})
		}
	}
	for _, x := range b.indexes {
		if !slices.ContainsFunc(a.indexes, x.same) {
			list = append(list, difference{"it has another " + x.describe(), !x.unique})
		}
	}
	return list
}

func (c column) describe() string {
	s := strings.ToLower(c.kind)
	// MySQL 8.0.19 and later show no display width of integers.
	if at := strings.IndexByte(s, '('); at > 0 && (strings.HasSuffix(c.data, "int") || c.data == "year") {
		end := strings.IndexByte(s, ')')
		s = s[:at] + s[end+1:]
	}
	if s == "geomcollection" { // as MySQL 8 calls it
		s = "geometrycollection"
	}
	if c.collation != "" {
		s += " " + c.collation
	}
	if !c.nullable {
		s += " not null"
	}
	if d := strings.ToLower(strings.Trim(c.standard, "'")); d != "none" && d != "null" {
		s += " default " + strings.TrimSuffix(d, "()")
	}
	// MySQL says "DEFAULT_GENERATED" where MariaDB says nothing.
	if e := strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(strings.ToLower(c.extra), "default_generated", ""), "()")); e != "" {
		s += " " + e
	}
	return s
}

func (x index) same(y index) bool {
	return x.unique == y.unique && slices.EqualFunc(x.columns, y.columns, strings.EqualFold)
}

func (x index) describe() string {
	kind := "index"
	if x.unique {
		kind = "unique index"
	}
	return kind + " on (" + strings.Join(x.columns, ", ") + ")"
}

// judgeKey judges the key column.
func (in *inspection) judgeKey(c Table, i int, t *table) {
	k := t.column(c.Key)
	if k == nil {
		in.ofTable(Wrong, "key", i, t, "name the column that holds the session ID in key", "has no column %q", c.Key)
		return
	}
	if !t.uniqueBy(c.Key) {
		in.judgeRows(i, t, k)
	}
	if k.autoIncrement {
		in.ofTable(Note, "key", i, t, "nothing, where that number is the session ID, as with Gorilla's stores; else take the column that holds the session ID as key, and this one as surrogate",
			"numbers its key column %s itself (AUTO_INCREMENT)", k.name)
	}
	folds := k.collation != "" && !strings.HasSuffix(k.collation, "_bin") && !strings.HasSuffix(k.collation, "_cs")
	folds = folds && !strings.Contains(k.collation, "_as_cs") && k.collation != "binary"
	switch {
	case folds && in.Fenced != nil:
		in.ofTable(Note, "collation", i, t, "nothing",
			"the key's collation %s calls \"abc\" and \"ABC\" equal, and so does dsmproxy at level %q, whatever collation is configured: an ID with capitals has the stores of its lower-case form", k.collation, in.Fenced.Level)
	case folds && c.Collated:
		in.ofTable(Note, "collation", i, t,
			"nothing; or, where PHP finds the records as well by IDs that have capitals, collation = \"exact\" (stop all proxies first: records move)",
			"the key's collation %s calls \"abc\" and \"ABC\" equal, and so does dsmproxy (collation = \"auto\"): an ID with capitals has the stores of its lower-case form", k.collation)
	case folds && !c.FoldCase:
		in.ofTable(Note, "collation", i, t,
			fmt.Sprintf("nothing, where every client sends an ID as it was given to it, as all handlers with a preset do; else collation = \"auto\" (stop all proxies first: records move), or make the column %s", strings.Replace(k.collation, "_ci", "_bin", 1)),
			"the key's collation %s calls \"abc\" and \"ABC\" equal, but dsmproxy hashes the bytes of an ID (collation = \"exact\"): to it they are two records on stores of their own, as to PHP, and a store that both belong to refuses the second as a duplicate", k.collation)
	case !folds && c.FoldCase:
		in.ofTable(Wrong, "collation", i, t, `set collation = "exact" for the table`,
			"the key is %s, which tells \"abc\" from \"ABC\", but the configuration calls them one record (collation = \"ci\")", k.describe())
	}
}

// judgeRows judges a key of which there may be several rows. They are one
// record: they lie together, and are copied together.
func (in *inspection) judgeRows(i int, t *table, k *column) {
	leads, among := false, (*index)(nil)
	for j, x := range t.indexes {
		leads = leads || strings.EqualFold(x.columns[0], k.name)
		if among == nil && x.unique && slices.ContainsFunc(x.columns, func(name string) bool { return strings.EqualFold(name, k.name) }) {
			among = &t.indexes[j]
		}
	}
	switch table := quoteName(t.schema, t.name); {
	case among != nil && leads:
		in.ofTable(Note, "key", i, t, "nothing",
			"has a %s, so one session ID may have several rows: they lie together, and a write of one of them waits for that of another", among.describe())
	case among != nil:
		in.ofTable(Wrong, "key", i, t, fmt.Sprintf("ALTER TABLE %s ADD INDEX (%s)", table, quoteName(k.name)),
			"has no index that begins with %s: whatever looks for one session ID's rows looks at all, and locks them", k.name)
	default:
		in.ofTable(Wrong, "key", i, t, fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (%s), or UNIQUE", table, quoteName(k.name)),
			"has no primary or unique key on %s alone: one session ID could have several records, and every read of one looks at all", k.name)
	}
}

// judgeNumbers judges AUTO_INCREMENT beside the key.
func (in *inspection) judgeNumbers(c Table, i int, t *table) {
	for _, one := range t.columns {
		if one.autoIncrement && !strings.EqualFold(one.name, c.Key) && !strings.EqualFold(one.name, c.Surrogate) {
			in.ofTable(Wrong, "surrogate", i, t, fmt.Sprintf("set surrogate = %q for the table", one.name),
				"its column %s is AUTO_INCREMENT: without surrogate each store would give another number", one.name)
		}
	}
	if c.Surrogate == "" {
		return
	}
	if s := t.column(c.Surrogate); s == nil || !s.autoIncrement {
		in.ofTable(Wrong, "surrogate", i, t, "name the AUTO_INCREMENT column in surrogate, or leave it out", "has no AUTO_INCREMENT column %q", c.Surrogate)
	}
}

// foreignRemedy is what to do about a foreign key.
func (in *inspection) foreignRemedy(k foreignKey) string {
	drop := fmt.Sprintf("ALTER TABLE %s DROP FOREIGN KEY %s", quoteName(k.schema, k.table), quoteName(k.name))
	if in.Fenced != nil {
		return drop
	}
	return drop + "; or, where the other table's rows belong to the records, name it in secondary"
}

// judgeForeign finds foreign keys that lead to or from tables whose rows do not
// lie with the records.
func (in *inspection) judgeForeign(c Table, i int, t *table) {
	for _, key := range t.foreign {
		if in.Fenced == nil && slices.ContainsFunc(c.Secondary, func(s Secondary) bool { return key.schema == t.schema && key.table == s.Name }) {
			continue
		}
		in.ofTable(Wrong, "foreign keys", i, t, in.foreignRemedy(key),
			"has a foreign key (%s): the row that it needs may not be at the same store", key)
	}
}
