package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// step is one line for a client's runner, and what it must answer; see
// clients/README.md.
type step struct {
	Name   string  `json:"name"`
	Conn   int     `json:"conn"`
	SQL    string  `json:"sql,omitempty"`
	Params []param `json:"params,omitempty"`
	Raw    bool    `json:"raw,omitempty"`
	Op     string  `json:"op,omitempty"`

	want want
}

// want is what a step must answer; what is nil is not looked at.
type want struct {
	affected      *int64 // without CLIENT_FOUND_ROWS
	affectedFound *int64 // with it
	rows          [][]any
	errno         int
	errText       string // part of the error's text
	warnings      *int64
	statusSet     int64
	statusClear   int64
	inTransaction *bool
	plainErrno    *int // where a plain server answers otherwise
	orRefused     bool // the proxy may refuse it instead, with 1235
}

// answer is what a runner said.
type answer struct {
	Name          string  `json:"name"`
	Affected      *int64  `json:"affected"`
	Rows          [][]any `json:"rows"`
	InsertID      *int64  `json:"insert_id"`
	Warnings      *int64  `json:"warnings"`
	Status        *int64  `json:"status"`
	Errno         int     `json:"errno"`
	Error         string  `json:"error"`
	Unsupported   bool    `json:"unsupported"`
	InTransaction *bool   `json:"in_transaction"`
}

// param is a value bound to a statement: a string, an int, a []byte, a
// repeated or nil.
type param struct{ v any }

// repeated is bytes many times over.
type repeated struct {
	b     []byte
	times int
}

func (r repeated) bytes() []byte { return bytes.Repeat(r.b, r.times) }

func (p param) MarshalJSON() ([]byte, error) {
	switch v := p.v.(type) {
	case nil:
		return []byte("null"), nil
	case string:
		return json.Marshal(map[string]string{"s": v})
	case int:
		return json.Marshal(map[string]int{"i": v})
	case []byte:
		return json.Marshal(map[string]string{"b": base64.StdEncoding.EncodeToString(v)})
	case repeated:
		return json.Marshal(map[string]any{"b": base64.StdEncoding.EncodeToString(v.b), "times": v.times})
	}
	return nil, fmt.Errorf("parameter of type %T", p.v)
}

// value is the parameter as database/sql takes it.
func (p param) value() any {
	if r, ok := p.v.(repeated); ok {
		return r.bytes()
	}
	return p.v
}

// script is a list of steps of one section, each with connections of its own.
type script struct {
	prefix string // of the keys
	steps  []*step
	base   int // number of the section's first connection
	keys   []string
	gone   []string
}

// key makes a key that must exist in the end on the right stores.
func (s *script) key(name string) string {
	k := s.prefix + name
	s.keys = append(s.keys, k)
	return k
}

// goneKey makes a key that must not exist in the end.
func (s *script) goneKey(name string) string {
	k := s.prefix + name
	s.gone = append(s.gone, k)
	return k
}

// do adds a statement that must succeed.
func (s *script) do(sql string, params ...any) *step {
	st := &step{Name: fmt.Sprintf("%d %.70s", len(s.steps)+1, strings.Join(strings.Fields(sql), " ")), Conn: s.base, SQL: sql}
	for _, p := range params {
		st.Params = append(st.Params, param{p})
	}
	s.steps = append(s.steps, st)
	return st
}

// raw adds a statement that goes by the text protocol in any mode.
func (s *script) raw(sql string, params ...any) *step {
	st := s.do(sql, params...)
	st.Raw = true
	return st
}

// op adds what a library has a function for.
func (s *script) op(op string) *step {
	st := &step{Name: fmt.Sprintf("%d %s", len(s.steps)+1, op), Conn: s.base, Op: op}
	s.steps = append(s.steps, st)
	return st
}

// on moves the step to another of the section's connections.
func (st *step) on(conn int) *step { st.Conn += conn; return st }

// affects wants a number of affected rows, whatever CLIENT_FOUND_ROWS says.
func (st *step) affects(n int64) *step { return st.affectsOr(n, n) }

// affectsOr wants n, or found with CLIENT_FOUND_ROWS.
func (st *step) affectsOr(n, found int64) *step {
	st.want.affected, st.want.affectedFound = &n, &found
	return st
}

// gives wants these rows.
func (st *step) gives(rows ...[]any) *step {
	st.want.rows = append([][]any{}, rows...)
	return st
}

// fails wants an error.
func (st *step) fails(errno int) *step { st.want.errno = errno; return st }

// saying wants text in the error.
func (st *step) saying(text string) *step { st.want.errText = text; return st }

// onPlain says what a plain server answers instead: an error, or 0.
func (st *step) onPlain(errno int) *step { st.want.plainErrno = &errno; return st }

// orRefused lets the proxy refuse the statement instead of carrying it out.
func (st *step) orRefused() *step { st.want.orRefused = true; return st }

func (st *step) warns(n int64) *step { st.want.warnings = &n; return st }

// flags wants status flags set and others clear.
func (st *step) flags(set, clear int64) *step {
	st.want.statusSet, st.want.statusClear = set, clear
	return st
}

func (st *step) inTransaction(in bool) *step { st.want.inTransaction = &in; return st }

func row(values ...any) []any { return values }

// judge compares an answer with what is wanted of the step.
func (st *step) judge(t testing.TB, a *answer, found, plain bool) {
	t.Helper()
	w := st.want
	if plain && w.plainErrno != nil {
		w = want{errno: *w.plainErrno}
	}
	if w.orRefused && !plain && a.Errno == 1235 {
		return
	}
	if a.Errno != w.errno {
		t.Errorf("%s: error %d (%s), want %d", st.Name, a.Errno, a.Error, w.errno)
		return
	}
	if w.errText != "" && !strings.Contains(a.Error, w.errText) {
		t.Errorf("%s: error %q, want %q in it", st.Name, a.Error, w.errText)
	}
	affected := w.affected
	if found {
		affected = w.affectedFound
	}
	if affected != nil && (a.Affected == nil || *a.Affected != *affected) {
		t.Errorf("%s: affected rows %s, want %d", st.Name, show(a.Affected), *affected)
	}
	if w.rows != nil {
		if got, want := fmt.Sprint(a.Rows), fmt.Sprint(encodeRows(w.rows)); got != want || (a.Rows == nil) {
			t.Errorf("%s: rows %.300s, want %.300s", st.Name, showRows(a.Rows), showRows(encodeRows(w.rows)))
		}
	}
	if w.warnings != nil && a.Warnings != nil && *a.Warnings != *w.warnings {
		t.Errorf("%s: %d warnings, want %d", st.Name, *a.Warnings, *w.warnings)
	}
	if a.Status != nil && (*a.Status&w.statusSet != w.statusSet || *a.Status&w.statusClear != 0) {
		t.Errorf("%s: status flags %#x, want %#x set and %#x clear", st.Name, *a.Status, w.statusSet, w.statusClear)
	}
	if w.inTransaction != nil && a.InTransaction != nil && *a.InTransaction != *w.inTransaction {
		t.Errorf("%s: in a transaction: %v, want %v", st.Name, *a.InTransaction, *w.inTransaction)
	}
}

func show(n *int64) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprint(*n)
}

// encodeRows brings wanted rows to the form of an answer's.
func encodeRows(rows [][]any) [][]any {
	out := make([][]any, len(rows))
	for i, r := range rows {
		for _, v := range r {
			var e any
			switch v := v.(type) {
			case nil:
			case string:
				e = encodeValue([]byte(v))
			case []byte:
				e = encodeValue(v)
			case int:
				e = encodeValue([]byte(fmt.Sprint(v)))
			case repeated:
				e = encodeValue(v.bytes())
			default:
				panic(fmt.Sprintf("value of type %T", v))
			}
			out[i] = append(out[i], e)
		}
	}
	return out
}

func encodeValue(b []byte) any {
	if len(b) > 4096 {
		sum := sha256.Sum256(b)
		return map[string]any{"sha256": hex.EncodeToString(sum[:]), "len": len(b)}
	}
	return base64.StdEncoding.EncodeToString(b)
}

// showRows decodes what can be for a message.
func showRows(rows [][]any) string {
	var out []string
	for _, r := range rows {
		for _, v := range r {
			if s, ok := v.(string); ok {
				if b, err := base64.StdEncoding.DecodeString(s); err == nil {
					v = fmt.Sprintf("%q", b)
				}
			}
			out = append(out, fmt.Sprint(v))
		}
	}
	return fmt.Sprintf("%d:%v", len(rows), out)
}
