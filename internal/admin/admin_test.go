package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// served is a Handler whose proxy notes what it is told to do.
type served struct {
	*httptest.Server
	login Login
	ready error
	done  []string
}

func serve(t *testing.T, login Login) *served {
	t.Helper()
	s := &served{login: login}
	note := func(format string, args ...any) error {
		s.done = append(s.done, fmt.Sprintf(format, args...))
		return nil
	}
	s.Server = httptest.NewServer(Handler(Config{
		Status:  func() *Status { return &Status{State: "ready", Stores: []Store{{Name: "s1"}}} },
		Clients: func() []Client { return []Client{{ID: 7}} },
		Ready:   func() error { return s.ready },
		Login:   func() Login { return s.login },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metrics") }),
		Log:     slog.New(slog.DiscardHandler),
		Actions: Actions{
			Drain: func(_ context.Context, store string, out, force bool) (string, error) {
				if store == "nosuch" {
					return "", fmt.Errorf("store %q: %w", store, ErrNotFound)
				}
				return "said", note("drain %s %v %v", store, out, force)
			},
			Kill:     func(id uint32, statement bool) (string, error) { return "killed", note("kill %d %v", id, statement) },
			Reload:   func() (string, error) { return "", errors.New("test.toml:1: listen: wrong") },
			LogLevel: func(level string) (string, error) { return "debug", note("level %s", level) },
			Route:    func(r RouteRequest) ([]Route, error) { return []Route{{ID: r.IDs[0], Order: []string{"s1"}}}, nil },
			Explain: func(line []byte, text bool) ([]byte, error) {
				return []byte(`"explained"`), note("explain %s %v", line, text)
			},
		},
	}))
	t.Cleanup(s.Close)
	return s
}

// code asks and returns the status code.
func (s *served) code(t *testing.T, method, path string, change func(*http.Request)) int {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestRemote(t *testing.T) {
	s := serve(t, Login{User: "admin", Password: "geheim"})
	r, ctx := &Remote{URL: s.URL + "/", Password: "geheim"}, context.Background()
	if st, err := r.Status(ctx); err != nil || st.Stores[0].Name != "s1" {
		t.Errorf("Status = %v, %v", st, err)
	}
	if l, err := r.Clients(ctx); err != nil || l[0].ID != 7 {
		t.Errorf("Clients = %v, %v", l, err)
	}
	if l, err := r.Route(ctx, RouteRequest{IDs: []string{"6b"}}); err != nil || l[0].ID != "6b" {
		t.Errorf("Route = %v, %v", l, err)
	}
	if e, err := r.ExplainText(ctx, []byte("{}")); err != nil || e != "explained" {
		t.Errorf("ExplainText = %q, %v", e, err)
	}
	if level, err := r.LogLevel(ctx, "debug"); err != nil || level != "debug" {
		t.Errorf("LogLevel = %q, %v", level, err)
	}
	said := ""
	for _, do := range []func() (string, error){
		func() (string, error) { return r.Drain(ctx, "a/b", true, false) },
		func() (string, error) { return r.Drain(ctx, "s1", true, true) },
		func() (string, error) { return r.Drain(ctx, "s1", false, false) },
		func() (string, error) { return r.Kill(ctx, 7, true) },
		func() (string, error) { return r.Kill(ctx, 8, false) },
	} {
		note, err := do()
		if err != nil {
			t.Error(err)
		}
		said += note + " "
	}
	if said != "said said said killed killed " {
		t.Errorf("the proxy has said %s", said)
	}
	want := "[explain {} true level debug drain a/b true false drain s1 true true drain s1 false false kill 7 true kill 8 false]"
	if got := fmt.Sprint(s.done); got != want {
		t.Errorf("the proxy was told %s, want %s", got, want)
	}
	if _, err := r.Drain(ctx, "nosuch", true, false); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("an unknown store: %v", err)
	}
	if _, err := r.Reload(ctx); err == nil || err.Error() != "test.toml:1: listen: wrong" {
		t.Errorf("Reload = %v, want the file's mistake", err)
	}
	r.Password = "wrong"
	if _, err := r.Status(ctx); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("a wrong password: %v", err)
	}
}

// TestWhoIsLetIn: with a password only who has it, without one only who asks by
// an address, and a page of another origin can have a browser do nothing.
func TestWhoIsLetIn(t *testing.T) {
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	locked := serve(t, Login{User: "admin", Password: "geheim"})
	open := serve(t, Login{})
	for name, c := range map[string]struct {
		s            *served
		method, path string
		change       func(*http.Request)
		want         int
	}{
		"no password":       {locked, "GET", "/", nil, 401},
		"wrong password":    {locked, "GET", "/api/status", basic("admin", "falsch"), 401},
		"wrong user":        {locked, "GET", "/api/status", basic("root", "geheim"), 401},
		"password":          {locked, "GET", "/api/status", basic("admin", "geheim"), 200},
		"token":             {locked, "GET", "/api/clients", header("Authorization", "Bearer geheim"), 200},
		"wrong token":       {locked, "GET", "/api/clients", header("Authorization", "Bearer "), 401},
		"metrics":           {locked, "GET", "/metrics", nil, 401},
		"healthz":           {locked, "GET", "/healthz", nil, 200},
		"readyz":            {locked, "GET", "/readyz", nil, 200},
		"open":              {open, "GET", "/", nil, 200},
		"localhost":         {open, "GET", "/", func(r *http.Request) { r.Host = "localhost:8306" }, 200},
		"IPv6":              {open, "GET", "/", func(r *http.Request) { r.Host = "[::1]:8306" }, 200},
		"rebound name":      {open, "GET", "/api/status", func(r *http.Request) { r.Host = "evil.example:8306" }, 403},
		"action":            {open, "POST", "/api/stores/s1/drain", header(ActionHeader, "1"), 200},
		"action by a form":  {open, "POST", "/api/stores/s1/drain", nil, 403},
		"action by a link":  {open, "GET", "/api/stores/s1/drain", header(ActionHeader, "1"), 405},
		"action, no login":  {locked, "POST", "/api/reload", header(ActionHeader, "1"), 401},
		"unknown store":     {open, "POST", "/api/stores/nosuch/drain", header(ActionHeader, "1"), 404},
		"failing action":    {open, "POST", "/api/reload", header(ActionHeader, "1"), 400},
		"unknown path":      {open, "GET", "/nosuch", nil, 404},
		"client not number": {open, "POST", "/api/clients/x/kill", header(ActionHeader, "1"), 400},
	} {
		if got := c.s.code(t, c.method, c.path, c.change); got != c.want {
			t.Errorf("%s: %s %s = %d, want %d", name, c.method, c.path, got, c.want)
		}
	}
	locked.login.OpenMetrics = true
	if got := locked.code(t, "GET", "/metrics", nil); got != 200 {
		t.Errorf("open metrics = %d", got)
	}
	open.ready = errors.New("draining")
	if got := open.code(t, "GET", "/readyz", nil); got != 503 {
		t.Errorf("/readyz of one that drains = %d", got)
	}
}

// TestPageStandsAlone: the page loads nothing from elsewhere.
func TestPageStandsAlone(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.]+|<(img|iframe|object)|(src|href)="[^"]*"|innerHTML|@import|url\(`).FindAll(page, -1) {
		if !bytes.Equal(m, []byte(`href="data:,"`)) {
			t.Errorf("the page has %s", m)
		}
	}
}
