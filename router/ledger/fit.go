package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// A session table whose records can't be copied as they are: a copy is written
// by INSERT, UPDATE and DELETE in a transaction, at a store that may have no
// other row of the database, and again whenever copies are made equal. So it has
//
//   - an engine with transactions: what is refused must leave nothing,
//   - no triggers, which would run once for each copy,
//   - no foreign keys: the row that is needed is not there, or rows of other
//     tables go with a copy.

// Querier asks one store.
type Querier func(ctx context.Context, sql string) ([][][]byte, error)

// Unfit says why the records of a table can't be copied; "" if they can, or if
// there is no such table. Triggers are seen only with the right TRIGGER.
func Unfit(ctx context.Context, query Querier, schema, name string) (string, error) {
	of := func(schemaColumn, nameColumn string) string {
		return schemaColumn + "=" + quoteText(schema) + " AND " + nameColumn + "=" + quoteText(name)
	}
	// Collations differ between the views.
	rows, err := query(ctx, "SELECT 'engine',CONVERT(ENGINE USING utf8mb4) FROM information_schema.TABLES WHERE "+of("TABLE_SCHEMA", "TABLE_NAME")+
		" AND TABLE_TYPE<>'VIEW' AND ENGINE<>'InnoDB'"+
		" UNION ALL SELECT 'view',CONVERT(TABLE_NAME USING utf8mb4) FROM information_schema.VIEWS WHERE "+of("TABLE_SCHEMA", "TABLE_NAME")+
		" UNION ALL SELECT 'trigger',CONVERT(TRIGGER_NAME USING utf8mb4) FROM information_schema.TRIGGERS WHERE "+
		of("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE")+
		" UNION ALL SELECT 'foreign key',CONVERT(CONSTRAINT_NAME USING utf8mb4) FROM information_schema.KEY_COLUMN_USAGE WHERE "+
		of("TABLE_SCHEMA", "TABLE_NAME")+" AND REFERENCED_TABLE_NAME IS NOT NULL"+
		" UNION ALL SELECT 'foreign key',CONVERT(CONCAT(TABLE_NAME,'.',CONSTRAINT_NAME) USING utf8mb4) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE "+
		of("UNIQUE_CONSTRAINT_SCHEMA", "REFERENCED_TABLE_NAME"))
	if err != nil || len(rows) == 0 {
		return "", err
	}
	kind := string(rows[0][0])
	var names []string
	for _, r := range rows {
		if string(r[0]) == kind {
			names = append(names, string(r[1]))
		}
	}
	list := strings.Join(names, ", ")
	switch kind {
	case "engine":
		return "which has the engine " + list, nil
	case "view":
		return "which is a view", nil
	case "trigger":
		return "which has triggers (" + list + ")", nil
	}
	return "which has foreign keys (" + list + ")", nil
}

// Unfit names the known session tables whose records can't be copied, and why,
// as the stores that answer have them.
func (l *Ledger) Unfit(ctx context.Context) error {
	errs := make([]error, len(l.Stores))
	var asked sync.WaitGroup
	for i, s := range l.Stores {
		asked.Go(func() { errs[i] = s.unfit(ctx) })
	}
	asked.Wait()
	return errors.Join(errs...)
}

// unfit is Unfit for one store. A store that can't be asked has nothing to say.
func (s *Store) unfit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	c, err := s.service(ctx, false)
	if err != nil {
		return nil
	}
	defer c.Release()
	if s.discover(ctx, c) != nil {
		return nil
	}
	for _, t := range s.cfg.known.all() {
		why, err := Unfit(ctx, c.Query, t.Schema, t.Name)
		if err == nil && why != "" {
			return fmt.Errorf("table %s.%s, %s at store %s, can't be a session table at the levels safe and strict: "+
				"see dsmproxy check -online for what to do, or set level = \"seed\"", t.Schema, t.Name, why, s.Name())
		}
	}
	return nil
}
