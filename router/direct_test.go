package router_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
)

// both is a client of the proxy beside one of a single server, where the table
// sessions is empty and on its own.
type both struct {
	h             *harness
	proxy, direct *client.Conn
}

// both returns two clients whose statements are to have equal answers.
func (h *harness) both() *both {
	h.t.Helper()
	single := installed.Start(h.t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	return &both{h, h.wire(h.addr, "app", true), h.wire(single.Addr(), "app", true)}
}

// same runs statements on both and compares all that a client can see of the
// answers. One that begins with "?" is prepared, and its arguments stand behind
// " <- ", between commas.
func (b *both) same(statements ...string) {
	b.h.t.Helper()
	for _, sql := range statements {
		got, want := seen(b.proxy, sql), seen(b.direct, sql)
		if got != want {
			b.h.t.Errorf("%s\n\tgot  %s\n\twant %s", sql, got, want)
		}
	}
}

// seen is what a client sees of an answer: its columns, rows, counts, status
// and warnings, or its error.
func seen(c *client.Conn, sql string) string {
	var res *mysql.Result
	var err error
	if rest, prepared := strings.CutPrefix(sql, "?"); prepared {
		text, list, _ := strings.Cut(rest, " <- ")
		var args []any
		if list != "" {
			for _, a := range strings.Split(list, ",") {
				args = append(args, a)
			}
		}
		var st *client.Stmt
		if st, err = c.Prepare(text); err == nil {
			res, err = st.Execute(args...)
			st.Close()
		}
	} else {
		res, err = c.Execute(sql)
	}
	var refused *mysql.MyError
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("error %d (%s) %s", refused.Code, refused.State, refused.Message)
	case err != nil:
		return err.Error()
	}
	const looked = mysql.SERVER_STATUS_IN_TRANS | mysql.SERVER_STATUS_AUTOCOMMIT |
		mysql.SERVER_STATUS_IN_TRANS_READONLY | mysql.SERVER_MORE_RESULTS_EXISTS
	var out strings.Builder
	fmt.Fprintf(&out, "status %#x warnings %d", res.Status&looked, res.Warnings)
	if res.Resultset == nil || len(res.Fields) == 0 {
		fmt.Fprintf(&out, " affected %d id %d", res.AffectedRows, res.InsertId)
		return out.String()
	}
	for i, f := range res.Fields {
		fmt.Fprintf(&out, " | %s(%d,%d,%#x)", f.Name, f.Type, f.Charset, f.Flag)
		for row := range res.Values {
			v := res.Values[row][i].Value()
			if text, ok := v.([]byte); ok {
				v = string(text)
			}
			fmt.Fprintf(&out, " %v", v)
		}
	}
	return out.String()
}
