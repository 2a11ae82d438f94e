package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// TestProcessList: SHOW PROCESSLIST tells of the proxy's clients, by the ids
// that they know, in a store's columns.
func TestProcessList(t *testing.T) {
	h := start(t, 3, 2)
	ids := map[string]string{}
	busy, idle, asks := h.conn(""), h.conn(""), h.conn("")
	for name, c := range map[string]*sql.Conn{"busy": busy, "idle": idle, "asks": asks} {
		ids[name] = strings.TrimSuffix(strings.TrimPrefix(rowsOf(t, c, "SELECT CONNECTION_ID() AS id"), "id="), " |")
	}
	if _, err := idle.ExecContext(t.Context(), "USE information_schema"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = busy.ExecContext(ctx, "SELECT SLEEP(50)")
	}()
	defer func() { cancel(); <-done }()
	direct, err := h.direct[0].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	for _, q := range []string{"SHOW PROCESSLIST", "SHOW FULL PROCESSLIST", "show processlist"} {
		for _, prepare := range []bool{false, true} {
			rows := h.processList(t, asks, q, prepare)
			if !installed.MariaDB() {
				continue
			}
			want := h.processList(t, direct, q, prepare)
			if !prepare && rows[0] != want[0] {
				t.Errorf("%s: columns %s, want %s", q, rows[0], want[0])
			}
		}
		h.await("the clients to be listed by "+q, func() bool {
			list := h.processList(t, asks, q, true)
			has := func(name, rest string) bool {
				return slices.ContainsFunc(list, func(row string) bool {
					return strings.HasPrefix(row, ids[name]+" "+mariadbtest.User+" 127.0.0.1:") && strings.Contains(row, rest)
				})
			}
			return has("busy", " app Query ") && has("idle", " information_schema Sleep ") && has("asks", " Query 0 ") && has("asks", q)
		})
	}
}

// processList returns the columns with their types, then each row.
func (h *harness) processList(t *testing.T, c *sql.Conn, q string, prepare bool) []string {
	t.Helper()
	var rows *sql.Rows
	var err error
	if prepare {
		st, e := c.PrepareContext(t.Context(), q)
		if e != nil {
			t.Fatal(e)
		}
		defer st.Close()
		rows, err = st.QueryContext(t.Context())
	} else {
		rows, err = c.QueryContext(t.Context(), q)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	for _, c := range types {
		nullable, _ := c.Nullable()
		fmt.Fprintf(&head, "%s %s %v, ", c.Name(), c.DatabaseTypeName(), nullable)
	}
	list := []string{head.String()}
	for rows.Next() {
		values, refs := make([]sql.NullString, len(types)), make([]any, len(types))
		for i := range values {
			refs[i] = &values[i]
		}
		if err := rows.Scan(refs...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			row = append(row, v.String)
		}
		list = append(list, strings.Join(row, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
