package integration

import (
	"strings"
	"testing"
	"time"
)

// TestHistoryChecker: the judge finds what it is there to find. Each history is
// that of one key; bad ones differ from good ones in one call.
func TestHistoryChecker(t *testing.T) {
	at := time.Duration(0)
	ok := func(a act, out outcome) *call {
		at += 2 * time.Millisecond
		return &call{client: "c", key: "k", act: a, out: out, state: answered, from: at, to: at + time.Millisecond}
	}
	lost := func(a act) *call {
		c := ok(a, outcome{})
		c.state, c.to, c.err = unknown, 0, "broken"
		return c
	}
	put := func(v int64) *call { return ok(act{kind: opReplace, val: v}, outcome{affected: 2}) }
	first := func(v int64) *call { return ok(act{kind: opUpsert, val: v}, outcome{affected: 1}) }
	read := func(r record) *call { return ok(act{kind: opRead}, outcome{row: r}) }
	del := func(n int64) *call { return ok(act{kind: opDelete}, outcome{affected: n}) }
	is := func(v, count int64) record { return record{exists: true, val: v, count: count} }
	for _, h := range []struct {
		name  string
		calls []*call
		good  bool
	}{
		{"reads see the last write", []*call{first(1), read(is(1, 0)), put(2), read(is(2, 0))}, true},
		{"stale read", []*call{first(1), put(2), read(is(1, 0))}, false},
		{"deleted", []*call{first(1), del(1), read(record{}), del(0)}, true},
		{"a delete that comes undone", []*call{first(1), del(1), read(is(1, 0))}, false},
		{"a delete whose outcome nobody knows", []*call{first(1), lost(act{kind: opDelete}), read(is(1, 0)), read(record{})}, true},
		{"a delete that takes effect and is gone", []*call{first(1), lost(act{kind: opDelete}), read(record{}), read(is(1, 0))}, false},
		{"lost write", []*call{first(1), put(2), read(record{})}, false},
		{"a write of unknown outcome that comes late", []*call{first(1), lost(act{kind: opSet, val: 7}), read(is(1, 0)), read(is(7, 0))}, true},
		{"one that comes twice", []*call{first(1), lost(act{kind: opCount}), read(is(1, 1)), read(is(1, 2))}, false},
		{"affected rows of an UPDATE", []*call{first(1), ok(act{kind: opSet, val: 2}, outcome{})}, false},
		{"found rows", []*call{first(1), ok(act{kind: opMark, val: 1, found: true}, outcome{affected: 1}), ok(act{kind: opMark, val: 1, found: true}, outcome{affected: 1})}, true},
		{"changed rows", []*call{first(1), ok(act{kind: opMark, val: 1}, outcome{affected: 1}), ok(act{kind: opMark, val: 1}, outcome{affected: 1})}, false},
		{"duplicate", []*call{first(1), ok(act{kind: opInsert, val: 2}, outcome{duplicate: true}), ok(act{kind: opIgnore, val: 3}, outcome{}), read(is(1, 0))}, true},
		{"lost update", []*call{
			first(1), ok(act{kind: opTxn, val: 2, seen: is(1, 0)}, outcome{}), ok(act{kind: opTxn, val: 3, seen: is(1, 0)}, outcome{}),
		}, false},
		{"updates one after the other", []*call{
			first(1), ok(act{kind: opTxn, val: 2, seen: is(1, 0)}, outcome{}), ok(act{kind: opTxn, val: 3, seen: is(2, 1)}, outcome{}),
			ok(act{kind: opSwap, val: 4, want: 1}, outcome{}), ok(act{kind: opSwap, val: 5, want: 2}, outcome{affected: 1}), read(is(5, 3)),
		}, true},
	} {
		var text strings.Builder
		wrong, undecided := check(&text, h.calls, nil)
		if undecided != 0 || (wrong == 0) != h.good {
			t.Errorf("%s: %d wrong, %d undecided; want it good: %v\n%s", h.name, wrong, undecided, h.good, &text)
		}
		if !h.good && !strings.Contains(text.String(), "the first that can't follow") {
			t.Errorf("%s: it is not explained:\n%s", h.name, &text)
		}
	}
}
