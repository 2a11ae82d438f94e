package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/wader/gormstore/v2"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// gormHandler is gorilla/sessions with gormstore, over GORM's driver for MySQL.
type gormHandler struct {
	db    *gorm.DB
	store *gormstore.Store
}

const cookieName = "session"

func newGorm() (*gormHandler, error) {
	db, err := gorm.Open(gormmysql.Open(config().FormatDSN()), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	return &gormHandler{db: db, store: gormstore.NewOptions(db, gormstore.Options{SkipCreateTable: true}, []byte("secret of the test"))}, nil
}

// begin is a request with the cookie of a session, and the session.
func (h *gormHandler) begin(id string) (*http.Request, *sessions.Session, error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if id != "" {
		value, err := securecookie.EncodeMulti(cookieName, id, h.store.Codecs...)
		if err != nil {
			return nil, nil, err
		}
		r.AddCookie(sessions.NewCookie(cookieName, value, h.store.SessionOpts))
	}
	s, err := h.store.Get(r, cookieName)
	return r, s, err
}

// keep saves a session with data; a new one gets its id.
func (h *gormHandler) keep(r *http.Request, s *sessions.Session, d *data) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	s.Values["data"] = string(b)
	return h.save(r, s)
}

func (h *gormHandler) save(r *http.Request, s *sessions.Session) error {
	return h.store.Save(r, httptest.NewRecorder(), s)
}

// drop ends a session.
func (h *gormHandler) drop(r *http.Request, s *sessions.Session) error {
	s.Options.MaxAge = -1
	return h.save(r, s)
}

func (h *gormHandler) request(q question) (a answer, err error) {
	a.ID = q.ID
	switch q.Op {
	case "setup":
		gormstore.New(h.db) // makes the table
		return a, nil
	case "expire":
		return a, h.db.Table("sessions").Where("id = ?", q.ID).Update("expires_at", time.Now().Add(-time.Hour)).Error
	case "gc":
		h.store.Cleanup()
		return a, nil
	case "count":
		var n int64
		err := h.db.Table("sessions").Where("expires_at > ?", time.Now()).Count(&n).Error
		count := int(n)
		a.N = &count
		return a, err
	}
	id := q.ID
	if q.Op == "create" {
		id = ""
	}
	r, s, err := h.begin(id)
	if err != nil {
		return a, err
	}
	if held, ok := s.Values["data"].(string); ok {
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
		if err := h.drop(r, s); err != nil {
			return a, err
		}
		if r, s, err = h.begin(""); err != nil {
			return a, err
		}
	case "destroy":
		return a, h.drop(r, s)
	default:
		return a, fmt.Errorf("unknown op %q", q.Op)
	}
	err = h.keep(r, s, a.Data)
	a.ID = s.ID
	return a, err
}
