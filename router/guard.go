package router

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// A view, a trigger or a routine at the store of the other tables may use a
// session table. It would see, and write, the records of this store alone, so
// that a statement that uses it is refused. Each name is looked up once in
// information_schema, with all that its definition names in turn, and anew when
// a minute has passed or a client of this proxy has changed a definition.

// guard remembers what was found. Its zero value is ready; it is safe for
// concurrent use.
type guard struct {
	found sync.Map // schema.name -> *finding
}

// finding is what a name leads to.
type finding struct {
	why string // "" for nothing that matters
	at  time.Time
}

const (
	// guardTTL bounds how long a definition that is changed behind the proxy's
	// back goes unnoticed.
	guardTTL = time.Minute
	// maxGuarded bounds what is looked up for one name.
	maxGuarded = 200
)

// forget drops what was found, after DDL.
func (g *guard) forget() { g.found.Clear() }

// checkOthers refuses a statement that uses a session table by other names.
func (s *session) checkOthers(p *rewrite.Plan) error {
	for _, names := range [][]string{p.Others, p.Routines} {
		for _, name := range names {
			if err := s.checkOther(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) checkOther(name string) error {
	if !strings.Contains(name, ".") {
		db := s.data.State().DB()
		if db == "" {
			return nil // the store has an error for it
		}
		name = db + "." + name
	}
	g := &s.router.guard
	if f, ok := g.found.Load(name); ok {
		if f := f.(*finding); time.Since(f.at) < guardTTL {
			return f.err(name)
		}
	}
	why, err := s.router.lookInto(s.data.Context(), name)
	if err != nil {
		return err
	}
	f := &finding{why: why, at: time.Now()}
	g.found.Store(name, f)
	return f.err(name)
}

func (f *finding) err(name string) error {
	if f.why == "" {
		return nil
	}
	return refuse(name + " " + f.why)
}

// lookInto tells how a name leads to a session table, "" if it doesn't.
func (r *Router) lookInto(ctx context.Context, name string) (why string, err error) {
	seen := map[string]bool{name: true}
	for list := []string{name}; len(list) > 0; list = list[1:] {
		if len(seen) > maxGuarded {
			return fmt.Sprintf("uses more than %d tables and routines", maxGuarded), nil
		}
		schema, object, _ := strings.Cut(list[0], ".")
		rows, err := r.Set.QueryAt(ctx, r.OtherTables, definitions(schema, object))
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			if len(row[1]) == 0 {
				return "has a definition that the proxy's account may not read: " + string(row[0]) + " " + list[0], nil
			}
			ours, others := r.Planner.Mentions(row[1], schema)
			if ours {
				return "is or uses a " + string(row[0]) + " of a session table, whose records are on several stores (" + list[0] + ")", nil
			}
			for _, o := range others {
				if !seen[o] && !systemSchema(o) {
					seen[o] = true
					list = append(list, o)
				}
			}
		}
	}
	return "", nil
}

func systemSchema(name string) bool {
	schema, _, _ := strings.Cut(name, ".")
	switch strings.ToLower(schema) {
	case "information_schema", "performance_schema", "mysql", "sys":
		return true
	}
	return false
}

// definitions asks for what is defined under a name, or for a table.
func definitions(schema, name string) string {
	in := func(schemaColumn, nameColumn string) string {
		return fmt.Sprintf(" WHERE %s=CONVERT(x'%s' USING utf8) AND %s=CONVERT(x'%s' USING utf8)",
			schemaColumn, hex.EncodeToString([]byte(schema)), nameColumn, hex.EncodeToString([]byte(name)))
	}
	return "SELECT 'view', VIEW_DEFINITION FROM information_schema.VIEWS" + in("TABLE_SCHEMA", "TABLE_NAME") +
		" UNION ALL SELECT 'trigger', ACTION_STATEMENT FROM information_schema.TRIGGERS" + in("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE") +
		" UNION ALL SELECT 'routine', ROUTINE_DEFINITION FROM information_schema.ROUTINES" + in("ROUTINE_SCHEMA", "ROUTINE_NAME")
}
