package router

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// CheckNames asks the stores what the names of tables mean there, and logs what
// would make records go wrong: stores that do not agree about the case of
// names, and a session table that is in truth a view, statements on which are
// refused from then on. A store that can't be asked is passed over.
func (r *Router) CheckNames(ctx context.Context, tables []rewrite.Table) {
	cases := make(map[string][]string) // lower_case_table_names -> stores
	views := make(map[string]bool)
	for i, st := range r.Set.Stores() {
		rows, err := r.Set.QueryAt(ctx, i, "SELECT @@lower_case_table_names")
		if err != nil {
			continue
		}
		value := string(rows[0][0])
		cases[value] = append(cases[value], st.Name())
		rows, err = r.Set.QueryAt(ctx, i, viewsNamed(tables))
		if err != nil {
			continue
		}
		for _, row := range rows {
			schema, name := string(row[0]), string(row[1])
			if isSessionTable(tables, schema, name) && !views[viewKey(schema, name)] {
				views[viewKey(schema, name)] = true
				r.Log.Error("session table is a view", "store", st.Name(), "table", schema+"."+name,
					"action", "name the table that it shows in [[table]]; statements on the view are refused")
			}
		}
	}
	if len(cases) > 1 {
		var settings []string
		for value, stores := range cases {
			settings = append(settings, value+": "+strings.Join(stores, " "))
		}
		slices.Sort(settings)
		r.Log.Error("stores disagree about the case of table names", "lower_case_table_names", strings.Join(settings, "; "),
			"action", "give all stores the same lower_case_table_names, or write each table's name as it was created")
	}
	if len(views) > 0 {
		r.views.Store(&views)
	}
}

// viewsNamed asks for the views that have the names of session tables.
func viewsNamed(tables []rewrite.Table) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = "CONVERT(x'" + hex.EncodeToString([]byte(t.Name)) + "' USING utf8)"
	}
	return "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE='VIEW' AND TABLE_NAME IN (" +
		strings.Join(names, ",") + ")"
}

// isSessionTable reports whether a table is configured.
func isSessionTable(tables []rewrite.Table, schema, name string) bool {
	return slices.ContainsFunc(tables, func(t rewrite.Table) bool {
		return strings.EqualFold(t.Name, name) && (t.Schema == "" || strings.EqualFold(t.Schema, schema))
	})
}

func viewKey(schema, name string) string { return strings.ToLower(schema + "." + name) }

// isView refuses a statement on a session table that CheckNames has found to be
// a view.
func (s *session) isView(p *rewrite.Plan) *protocol.Error {
	views := s.router.views.Load()
	if views == nil || p.Table == nil {
		return nil
	}
	schema := p.Schema
	if schema == "" {
		schema = s.data.State().DB()
	}
	if !(*views)[viewKey(schema, p.Table.Name)] {
		return nil
	}
	return refuse("the session table " + schema + "." + p.Table.Name +
		" is a view at a store; name the table that it shows in [[table]]")
}
