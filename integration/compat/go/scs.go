package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/v2"
	"github.com/go-sql-driver/mysql"
)

// scsHandler is scs with its store for MySQL.
type scsHandler struct {
	db       *sql.DB
	sessions *scs.SessionManager
	store    *mysqlstore.MySQLStore
}

// newSCS opens the store: "scs" prepares its statements, "scs-interpolated"
// sends text.
func newSCS(name string) (*scsHandler, error) {
	c := config()
	c.InterpolateParams = name == "scs-interpolated"
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	h := &scsHandler{db: sql.OpenDB(connector), sessions: scs.New()}
	// It asks for the version here, and has no cleanup of its own at 0.
	h.store = mysqlstore.NewWithCleanupInterval(h.db, 0)
	h.sessions.Store = h.store
	h.sessions.Lifetime = time.Hour
	return h, nil
}

func (h *scsHandler) request(q question) (a answer, err error) {
	a.ID = q.ID
	token := q.ID
	switch q.Op {
	case "setup":
		_, err = h.db.Exec("CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL)")
		if err == nil {
			_, err = h.db.Exec("CREATE INDEX sessions_expiry_idx ON sessions (expiry)")
		}
		return a, err
	case "create":
		token = ""
	case "expire":
		b, found, err := h.store.Find(q.ID)
		if err == nil && !found {
			err = errors.New("the session is gone")
		}
		if err != nil {
			return a, err
		}
		return a, h.store.Commit(q.ID, b, time.Now().Add(-time.Hour))
	case "gc":
		// What its cleanup runs, once.
		h := mysqlstore.NewWithCleanupInterval(h.db, 5*time.Millisecond)
		defer h.StopCleanup()
		time.Sleep(100 * time.Millisecond)
		return a, nil
	case "count":
		all, err := h.store.All()
		n := len(all)
		a.N = &n
		return a, err
	}
	ctx, err := h.sessions.Load(context.Background(), token)
	if err != nil {
		return a, err
	}
	held, ok := h.sessions.Get(ctx, "data").(string)
	if ok {
		a.Data = new(data)
		if err := json.Unmarshal([]byte(held), a.Data); err != nil {
			return a, err
		}
	}
	switch q.Op {
	case "read":
		return a, nil
	case "create", "write":
		a.Data = &q.Data
	case "incr":
		if a.Data == nil {
			return a, errors.New("the session is gone")
		}
		a.Data.N++
	case "regenerate":
		if err := h.sessions.RenewToken(ctx); err != nil {
			return a, err
		}
	case "destroy":
		return a, h.sessions.Destroy(ctx)
	default:
		return a, fmt.Errorf("unknown op %q", q.Op)
	}
	b, err := json.Marshal(a.Data)
	if err != nil {
		return a, err
	}
	h.sessions.Put(ctx, "data", string(b))
	a.ID, _, err = h.sessions.Commit(ctx)
	return a, err
}
