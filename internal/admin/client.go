package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Remote is a running proxy, by its admin address.
type Remote struct {
	URL      string // http://127.0.0.1:8306
	Password string
	HTTP     *http.Client // nil: one with a time limit
}

// Status asks how the proxy is.
func (r *Remote) Status(ctx context.Context) (*Status, error) {
	s := new(Status)
	if err := r.call(ctx, http.MethodGet, "status", nil, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Clients asks who is connected.
func (r *Remote) Clients(ctx context.Context) ([]Client, error) {
	var list []Client
	err := r.call(ctx, http.MethodGet, "clients", nil, &list)
	return list, err
}

// Drain takes a store out of service, or puts it back, and returns what that
// means.
func (r *Remote) Drain(ctx context.Context, store string, out, force bool) (note string, err error) {
	verb := "undrain"
	if out {
		verb = "drain"
		if force {
			verb += "?force"
		}
	}
	var answer noted
	err = r.call(ctx, http.MethodPost, "stores/"+url.PathEscape(store)+"/"+verb, nil, &answer)
	return answer.Note, err
}

// Kill ends a client, or only the statement that it runs, and returns whose that
// was.
func (r *Remote) Kill(ctx context.Context, id uint32, statement bool) (note string, err error) {
	path := "clients/" + strconv.FormatUint(uint64(id), 10) + "/kill"
	if statement {
		path += "?statement"
	}
	var answer noted
	err = r.call(ctx, http.MethodPost, path, nil, &answer)
	return answer.Note, err
}

// Reload has the proxy read its configuration again. It returns what has changed.
func (r *Remote) Reload(ctx context.Context) (note string, err error) {
	var answer noted
	err = r.call(ctx, http.MethodPost, "reload", nil, &answer)
	return answer.Note, err
}

// LogLevel changes the level of the log, unless it is "", and returns it.
func (r *Remote) LogLevel(ctx context.Context, level string) (string, error) {
	var now struct {
		Level string `json:"level"`
	}
	err := r.call(ctx, http.MethodPost, "log-level?level="+url.QueryEscape(level), nil, &now)
	return now.Level, err
}

// Route asks for the orders of the stores.
func (r *Remote) Route(ctx context.Context, q RouteRequest) ([]Route, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	var list []Route
	err = r.call(ctx, http.MethodPost, "route", body, &list)
	return list, err
}

// Explain has the proxy explain a statement, by a line of dsmproxy explain -json,
// and returns such a line.
func (r *Remote) Explain(ctx context.Context, line []byte) ([]byte, error) {
	var out json.RawMessage
	err := r.call(ctx, http.MethodPost, "explain", line, &out)
	return out, err
}

// ExplainText is Explain for people.
func (r *Remote) ExplainText(ctx context.Context, line []byte) (string, error) {
	var out string
	err := r.call(ctx, http.MethodPost, "explain?text", line, &out)
	return out, err
}

// callTime bounds a call.
const callTime = 30 * time.Second

// call carries a request out and decodes its answer into v, unless that is nil.
func (r *Remote) call(ctx context.Context, method, path string, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.URL, "/")+"/api/"+path, bytes.NewReader(body))
	if err != nil {
		// Its text would repeat what may be a password.
		return errors.New("the admin address is not host:port, nor a URL")
	}
	req.Header.Set(ActionHeader, "1")
	if r.Password != "" {
		req.Header.Set("Authorization", "Bearer "+r.Password)
	}
	client := r.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("ask the proxy: %w", err)
	case resp.StatusCode == http.StatusUnauthorized:
		return errors.New("the proxy wants admin.password: give -config with the file it runs with, or DSMPROXY_ADMIN_PASSWORD")
	case resp.StatusCode != http.StatusOK:
		return errors.New(strings.TrimSpace(string(answer)))
	case v == nil:
		return nil
	}
	return json.Unmarshal(answer, v)
}

// Unreachable reports whether a call ended in err because nobody listens there.
func Unreachable(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && e.Op == "dial"
}
