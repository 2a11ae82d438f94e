package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// ActionHeader must be there in whatever changes something: no page of another
// origin can have a browser send it.
const ActionHeader = "X-Dsmproxy"

// RouteRequest asks for the order of the stores for session IDs, in hex, for
// they may be any bytes.
type RouteRequest struct {
	Table string   `json:"table"`
	IDs   []string `json:"ids_hex"`
}

// Route is the order of the stores for one session ID.
type Route struct {
	ID    string   `json:"id_hex"`
	CRC32 uint32   `json:"crc32"`
	Order []string `json:"order"`
	Live  []string `json:"holders"` // where a write would put the record now
	Note  string   `json:"note,omitempty"`
}

// noted is the answer of an action that has something to say.
type noted struct {
	Done bool   `json:"done"`
	Note string `json:"note"`
}

// actions adds what an operator can have the proxy do.
func (s *service) actions(mux *http.ServeMux) {
	post := func(path string, do func(r *http.Request) (any, error)) {
		mux.Handle("POST /api/"+path, s.guarded(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(ActionHeader) == "" {
				text(w, http.StatusForbidden, "an action needs the header "+ActionHeader)
				return
			}
			v, err := do(r)
			switch {
			case errors.Is(err, ErrNotFound):
				text(w, http.StatusNotFound, err.Error())
			case err != nil:
				text(w, http.StatusBadRequest, err.Error())
			default:
				writeJSON(w, v)
			}
		}))
	}
	a := s.Actions
	for _, verb := range []string{"drain", "undrain"} {
		post("stores/{name}/"+verb, func(r *http.Request) (any, error) {
			note, err := a.Drain(r.Context(), r.PathValue("name"), verb == "drain", r.URL.Query().Has("force"))
			return noted{true, note}, err
		})
	}
	post("clients/{id}/kill", func(r *http.Request) (any, error) {
		id, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
		if err != nil {
			return nil, errors.New("a client's id is a number")
		}
		note, err := a.Kill(uint32(id), r.URL.Query().Has("statement"))
		return noted{true, note}, err
	})
	post("reload", func(*http.Request) (any, error) {
		note, err := a.Reload()
		return noted{true, note}, err
	})
	post("log-level", func(r *http.Request) (any, error) {
		level, err := a.LogLevel(r.URL.Query().Get("level"))
		return struct {
			Level string `json:"level"`
		}{level}, err
	})
	post("route", func(r *http.Request) (any, error) {
		var q RouteRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			return nil, err
		}
		return a.Route(q)
	})
	post("explain", func(r *http.Request) (any, error) {
		line, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		out, err := a.Explain(line, r.URL.Query().Has("text"))
		return json.RawMessage(out), err
	})
	s.groupActions(post)
}
