package rewrite

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"
)

// An Explanation is what `dsmproxy explain` says of a statement: its plan with
// the values that it carries.
type Explanation struct {
	Kind   string `json:"kind,omitempty"`
	Detail string `json:"detail,omitempty"`
	Table  string `json:"table,omitempty"`
	// Keys are the keys of a statement that names records: those to insert
	// included, null for NULL and "AUTO" for a key that the store numbers.
	Keys []*string `json:"keys,omitempty"`
	// Order is the preference list of the first key, and is the caller's to
	// fill (see Key).
	Order []string `json:"order,omitempty"`
	Note  string   `json:"note,omitempty"` // of the order
	From  string   `json:"from,omitempty"`
	To    string   `json:"to,omitempty"`
	// Name is that of a lock, Names all of several.
	Name  string   `json:"name,omitempty"`
	Names []string `json:"names,omitempty"`
	// Column and Values name the row by another column than the key.
	Column     string         `json:"column,omitempty"`
	Values     []*string      `json:"values,omitempty"`
	SetsKey    string         `json:"sets_key,omitempty"`
	Others     []string       `json:"other_tables,omitempty"`
	Set        []Assignment   `json:"-"`
	Statements []*Explanation `json:"statements,omitempty"`
	Error      string         `json:"error,omitempty"`

	Stmt   *Statement `json:"-"` // nil for several statements
	Key    []byte     `json:"-"` // the first key, lock name or move's origin; nil for none
	HasKey bool       `json:"-"`
	Plan   *Plan      `json:"-"` // nil for several statements
}

// JSON returns the explanation in one line.
func (e *Explanation) JSON() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil { // strings and lists of them
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Explain makes the explanation of sql for a client in the given database and
// mode. args are the values of its parameters, nil for none.
//
// A plan is that of a shape, whatever its values, so that it calls each
// assignment of the key a move; an explanation has the values, and calls one
// that assigns the same key a write, as package router does.
func Explain(p *Planner, sql []byte, db string, mode Mode, args Args) *Explanation {
	var s Statement
	p.Plan(&s, sql, db, mode)
	if s.Plan.Kind != KindMulti {
		return explain(&s, args)
	}
	e := &Explanation{Kind: KindMulti.String()}
	for _, text := range p.Split(sql, mode) {
		part := Explain(p, text, db, mode, args)
		e.Statements = append(e.Statements, part)
		if use := part.Plan; use != nil && use.Database != "" {
			db = use.Database
		}
	}
	return e
}

func explain(s *Statement, args Args) *Explanation {
	p := s.Plan
	e := &Explanation{Kind: p.Kind.String(), Detail: p.Detail, Others: p.Others, Error: p.Refuse, Plan: p, Set: p.Set, Stmt: s}
	switch p.Kind {
	case KindInvalid:
		e.Kind = ""
	case KindEmpty:
		e.Kind, e.Detail = KindAny.String(), "empty query, error 1065"
		if OnlyComment(s.Text) {
			e.Detail = "nothing but a comment"
		}
	case KindOtherTable:
		// It is refused for what it is, whatever else it does.
		if e.Error != "" {
			e.Detail, e.Error = e.Error, ""
		}
	}
	if p.Table != nil {
		e.Table = p.Table.Name
	}
	e.fill(s, args)
	return e
}

// fill adds the values.
func (e *Explanation) fill(s *Statement, args Args) {
	p := s.Plan
	var keys []*string
	for i, v := range p.Keys {
		key, null, ok := s.Append(nil, v, args)
		switch {
		case !ok:
			text := "unknown"
			keys = append(keys, &text)
			continue
		case null && v.Null:
			text := "AUTO"
			keys = append(keys, &text)
		case null:
			keys = append(keys, nil)
		default:
			keys = appendKey(keys, key)
		}
		if i == 0 && !null {
			if p.Table != nil && p.Table.FoldCase {
				key = FoldKey(nil, key)
			}
			e.Key, e.HasKey = key, true
		}
	}
	e.Column = p.OtherColumn
	for _, v := range p.OtherValues {
		if text, null, ok := s.Append(nil, v, args); ok && !null {
			e.Values = append(e.Values, printable(text))
		} else {
			e.Values = append(e.Values, nil)
		}
	}
	e.place(keys)
}

// appendKey appends a key that is not among keys.
func appendKey(keys []*string, key []byte) []*string {
	text := printable(key)
	for _, k := range keys {
		if k != nil && *k == *text {
			return keys
		}
	}
	return append(keys, text)
}

// place puts the keys where they belong for the kind.
func (e *Explanation) place(keys []*string) {
	deref := func(k *string) string {
		if k == nil {
			return "NULL"
		}
		return *k
	}
	switch e.Plan.Kind {
	case KindMove:
		if len(keys) == 1 { // to itself
			e.Kind, e.Keys = KindWrite.String(), keys
			return
		}
		e.From, e.To = deref(keys[0]), deref(keys[1])
	case KindLock, KindUnlock, KindLockTest:
		for _, k := range keys {
			e.Names = append(e.Names, deref(k))
		}
		if len(e.Names) == 1 {
			e.Name, e.Names = e.Names[0], nil
		}
	case KindAny:
		if e.Plan.Explains {
			e.Keys = keys
			return
		}
		e.Key, e.HasKey = nil, false // what SHOW STATUS LIKE asks for is no record
	case KindWriteByOther:
		if len(keys) > 0 {
			e.SetsKey = deref(keys[0])
		}
		e.Key, e.HasKey = nil, false
	default:
		e.Keys = keys
	}
}

// printable returns key as text, or as 0x and its hex if it is not UTF-8.
func printable(key []byte) *string {
	text := string(key)
	if !utf8.Valid(key) {
		text = "0x" + hex.EncodeToString(key)
	}
	return &text
}
