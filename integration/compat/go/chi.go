package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"gitea.com/go-chi/session"
	chimysql "gitea.com/go-chi/session/mysql"
	"github.com/go-sql-driver/mysql"
)

// chiHandler is go-chi's session with its provider for MySQL, which Gitea uses.
// Macaron and Beego have the same: a new ID is an UPDATE of the key.
type chiHandler struct {
	db       *sql.DB
	sessions *chimysql.MysqlProvider
}

func newChi() (*chiHandler, error) {
	c := config()
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	h := &chiHandler{sql.OpenDB(connector), new(chimysql.MysqlProvider)}
	return h, h.sessions.Init(3600, c.FormatDSN())
}

func (h *chiHandler) request(q question) (a answer, err error) {
	a.ID = q.ID
	switch q.Op {
	case "setup":
		_, err = h.db.Exec("CREATE TABLE `session` (`key` CHAR(32) NOT NULL, `data` BLOB, `expiry` INT(11) UNSIGNED NOT NULL, PRIMARY KEY (`key`))")
		return a, err
	case "expire":
		_, err = h.db.Exec("UPDATE session SET expiry=expiry-7200 WHERE `key`=?", q.ID)
		return a, err
	case "gc":
		h.sessions.GC()
		return a, nil
	case "count":
		n, err := h.sessions.Count()
		a.N = &n
		return a, err
	case "destroy":
		return a, h.sessions.Destroy(q.ID)
	}
	var s session.RawStore
	if q.Op == "regenerate" {
		a.ID = q.To
		s, err = h.sessions.Regenerate(q.ID, q.To)
	} else {
		s, err = h.sessions.Read(q.ID)
	}
	if err != nil {
		return a, err
	}
	if held, ok := s.Get("data").(string); ok {
		a.Data = new(data)
		if err := json.Unmarshal([]byte(held), a.Data); err != nil {
			return a, err
		}
	}
	switch q.Op {
	case "read", "regenerate":
		return a, nil
	case "create", "write":
		a.Data = &q.Data
	case "incr":
		if a.Data == nil {
			return a, errors.New("the session is gone")
		}
		a.Data.N++
	default:
		return a, fmt.Errorf("unknown op %q", q.Op)
	}
	b, err := json.Marshal(a.Data)
	if err != nil {
		return a, err
	}
	if err := s.Set("data", string(b)); err != nil {
		return a, err
	}
	return a, s.Release()
}
