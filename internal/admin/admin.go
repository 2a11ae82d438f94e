// Package admin serves the proxy's address for operators: the status page, the
// same as JSON, the metrics, what Kubernetes probes, and actions. It also is
// the client side of that, for the commands of dsmproxy. It knows the proxy by
// what a [Config] says: cmd/dsmproxy fills it.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Login is what it takes to get in. The zero value lets everybody in.
type Login struct {
	User, Password string
	OpenMetrics    bool // /metrics takes none
}

// Actions are what an operator can have a proxy do. An error is shown; one of
// ErrNotFound says that there is no such thing.
type Actions struct {
	// Drain takes a store out of service, which must be forced where copies are
	// lost by that, or puts it back; it says what that means.
	Drain func(ctx context.Context, store string, out, force bool) (note string, err error)
	// Kill ends a client, or only the statement that it runs; it says whose.
	Kill func(client uint32, statement bool) (note string, err error)
	// Reload reads the configuration again; it says what has changed.
	Reload   func() (note string, err error)
	LogLevel func(level string) (string, error) // "" changes nothing
	Route    func(r RouteRequest) ([]Route, error)
	// Explain answers a line of `dsmproxy explain -json` by JSON, or by a string
	// of JSON with the text for people.
	Explain func(line []byte, text bool) ([]byte, error)
	Group   GroupActions
}

// ErrNotFound is what an action returns for a store or client that is not
// there.
var ErrNotFound = errors.New("not found")

// Config is what a Handler serves. All functions are called from many
// goroutines.
type Config struct {
	Status  func() *Status
	Clients func() []Client
	Ready   func() error // why the proxy is to get no new clients; nil if it is ready
	Login   func() Login
	Metrics http.Handler
	Actions Actions
	Log     *slog.Logger
}

//go:embed page.html
var page []byte

// maxBody bounds what an action is sent.
const maxBody = 16 << 20

// Handler serves the address.
func Handler(c Config) http.Handler {
	s := &service{Config: c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /{$}", s.guarded(s.page))
	mux.Handle("GET /api/status", s.guarded(s.status))
	mux.Handle("GET /api/clients", s.guarded(s.clients))
	mux.Handle("GET /metrics", s.metrics())
	s.actions(mux)
	return secured(mux)
}

type service struct{ Config }

// secured sets what keeps a browser from doing more with a page than it is for.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h.ServeHTTP(w, r)
	})
}

// readyz is 200 when new clients may come. (Kubernetes then sends them.)
func (s *service) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.Ready(); err != nil {
		text(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(w, http.StatusOK, "ready")
}

func (s *service) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page)
}

func (s *service) status(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Status()) }

func (s *service) clients(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Clients()) }

func (s *service) metrics() http.Handler {
	guarded := s.guarded(s.Metrics.ServeHTTP)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Login().OpenMetrics {
			s.Metrics.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// guarded lets in who may see and do everything.
func (s *service) guarded(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := s.Login()
		switch {
		case l.Password == "" && !literalHost(r.Host):
			// A page of another name that resolves to this address, in a browser
			// on this machine, would be let in.
			text(w, http.StatusForbidden, "without admin.password, ask by an address or localhost, not by another name")
		case l.Password != "" && !l.admits(r):
			w.Header().Set("WWW-Authenticate", `Basic realm="dsmproxy", charset="UTF-8"`)
			text(w, http.StatusUnauthorized, "a password is needed")
		default:
			h(w, r)
		}
	})
}

// admits reports whether a request has the password.
func (l Login) admits(r *http.Request) bool {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(token, l.Password)
	}
	user, password, ok := r.BasicAuth()
	return ok && same(user, l.User) && same(password, l.Password)
}

// same compares in a time that tells nothing.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// literalHost reports whether a Host header is an address, or localhost.
func literalHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}

func text(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	w.Write([]byte(message + "\n"))
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(v) // an error is the client's, who has gone
}

// Server serves h; its times keep strangers from holding connections.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
