package router

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// SHOW PROCESSLIST lists the clients of this proxy by the ids that
// CONNECTION_ID() tells them and KILL takes. A store would list the proxies'
// connections to it, whose ids mean nothing to a client; information_schema's
// table still does. What other clients run is not told: their statements are in
// buffers of their own, which are read by nobody else.

// hasProcess asks for the right to see what other users do.
const hasProcess = "SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS' " +
	"AND GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')"

// processes carries SHOW [FULL] PROCESSLIST out.
func (s *session) processes(st *rewrite.Statement, req replica.Request) error {
	all := s.seesAll()
	var rows [][][]byte
	for _, c := range s.router.Clients() {
		if c.User == s.client.User || all {
			rows = append(rows, s.process(&c, st.Text))
		}
	}
	columns := s.processColumns(strings.Contains(strings.ToLower(string(st.Text)), "full"))
	if _, binary := req.(*prepared); binary {
		return s.selectInstead(req, selectProcesses(columns, rows))
	}
	if s.data.More {
		s.client.Status |= protocol.StatusMoreResults
		defer func() { s.client.Status &^= protocol.StatusMoreResults }()
	}
	return s.client.WriteResult(columns, rows)
}

// seesAll reports whether the client's user has the right PROCESS, as a store
// says. One that has it by a role, or that no store can be asked for, has not.
func (s *session) seesAll() bool {
	var all bool
	err := s.data.Ask(func(conn *store.Conn) error {
		rows, err := conn.Query(context.Background(), hasProcess)
		all = err == nil && string(rows[0][0]) != "0"
		return err
	})
	return err == nil && all
}

// process is a client's row; text is what this one runs.
func (s *session) process(c *protocol.ClientInfo, text []byte) [][]byte {
	row := [][]byte{
		strconv.AppendUint(nil, uint64(c.ID), 10), []byte(c.User), []byte(c.Host), []byte(c.DB),
		[]byte("Sleep"), strconv.AppendInt(nil, int64(c.For.Seconds()), 10), {}, nil,
	}
	if c.DB == "" {
		row[3] = nil
	}
	if c.Running {
		row[4] = []byte("Query")
	}
	if c.ID == s.client.ID {
		row[6], row[7] = []byte("init"), text
		if s.mariaDB() {
			row[6] = []byte("starting")
		}
	}
	if s.mariaDB() {
		row = append(row, []byte("0.000")) // Progress
	}
	return row
}

// processColumns are the columns as a store has them.
func (s *session) processColumns(full bool) []protocol.Column {
	text := func(name string, length uint32, notNull uint16) protocol.Column {
		c := s.textColumn(name, length)
		c.Flags, c.Decimals = notNull, 39
		return c
	}
	const notNull, binary = 1, 128
	info := text("Info", 100, 0)
	if full {
		info.Length, info.Type = 201326592, protocol.TypeLongBlob
	}
	list := []protocol.Column{
		{Name: "Id", Charset: 63, Length: 11, Type: protocol.TypeLongLong, Flags: notNull | binary},
		text("User", 128, notNull), text("Host", 64, notNull), text("db", 64, 0), text("Command", 16, notNull),
		{Name: "Time", Charset: 63, Length: 7, Type: protocol.TypeLong, Flags: notNull | binary},
		text("State", 30, 0), info,
	}
	if s.mariaDB() {
		list = append(list, protocol.Column{Name: "Progress", Charset: 63, Length: 7, Type: protocol.TypeDouble, Flags: notNull | binary, Decimals: 3})
	}
	return list
}

// selectProcesses is a SELECT that answers with rows.
func selectProcesses(columns []protocol.Column, rows [][][]byte) string {
	var sql strings.Builder
	for i, row := range rows {
		sql.WriteString([]string{"SELECT ", " UNION ALL SELECT "}[min(i, 1)])
		for j, v := range row {
			sql.WriteString([]string{"", ","}[min(j, 1)])
			switch {
			case v == nil:
				sql.WriteString("NULL")
			case columns[j].Charset == 63:
				sql.Write(v)
			default:
				fmt.Fprintf(&sql, "CONVERT(x'%x' USING utf8mb4)", v)
			}
			fmt.Fprintf(&sql, " AS `%s`", columns[j].Name)
		}
	}
	return sql.String()
}
