package integration

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// What a session table does to one record, as porcupine needs it: a state, and
// what each statement makes of it and answers.

// record is a row of app.sessions, or that there is none.
type record struct {
	exists bool
	val    int64 // in data: unique for each write of it
	count  int64 // in expires
	mark   int64 // in owner; 0 is NULL
}

// kind is what a client does.
type kind uint8

const (
	opRead    kind = iota
	opUpsert       // INSERT ... ON DUPLICATE KEY UPDATE
	opReplace      // REPLACE
	opInsert       // INSERT, and its duplicate-key error
	opIgnore       // INSERT IGNORE
	opSet          // UPDATE of data
	opCount        // UPDATE ... expires = expires + 1
	opMark         // UPDATE of owner to a value that it may have already
	opSwap         // UPDATE ... AND expires = what was read last
	opDelete       // DELETE
	opTxn          // SELECT ... FOR UPDATE, then UPDATE or INSERT, and COMMIT
	opTxnDrop      // the same with DELETE
	opTxnBack      // the same with ROLLBACK
)

func (k kind) String() string {
	return [...]string{
		"read", "upsert", "replace", "insert", "insert-ignore", "update", "count", "mark", "swap", "delete",
		"txn-write", "txn-delete", "txn-rollback",
	}[k]
}

// act is a statement, or a transaction, on one record.
type act struct {
	kind kind
	val  int64  // what it writes, or the mark
	want int64  // opSwap: the count that it expects
	seen record // opTxn, opTxnDrop: what the SELECT has found
	// found: affected rows are those that were found, not those that were
	// changed (CLIENT_FOUND_ROWS).
	found bool
}

// outcome is what the client was told.
type outcome struct {
	row       record // opRead
	affected  int64
	duplicate bool // error 1062
}

// apply is what a server makes of r, and answers.
func (a act) apply(r record) (next record, out outcome) {
	put := record{exists: true, val: a.val}
	one := func(next record) (record, outcome) {
		if !r.exists {
			return r, outcome{}
		}
		return next, outcome{affected: 1}
	}
	switch a.kind {
	case opRead:
		return r, outcome{row: r}
	case opUpsert, opReplace:
		if r.exists {
			return put, outcome{affected: 2}
		}
		return put, outcome{affected: 1}
	case opInsert, opIgnore:
		if r.exists {
			return r, outcome{duplicate: a.kind == opInsert}
		}
		return put, outcome{affected: 1}
	case opSet:
		return one(record{true, a.val, r.count, r.mark})
	case opCount:
		return one(record{true, r.val, r.count + 1, r.mark})
	case opMark:
		if r.mark == a.val && !a.found {
			return r, outcome{}
		}
		return one(record{true, r.val, r.count, a.val})
	case opSwap:
		if r.count != a.want {
			return r, outcome{}
		}
		return one(record{true, a.val, r.count + 1, r.mark})
	case opDelete:
		return one(record{})
	}
	// A transaction has said what it saw; it answers nothing else.
	switch {
	case r != a.seen:
		return r, outcome{affected: -1}
	case a.kind == opTxnDrop:
		return record{}, outcome{}
	case a.kind == opTxn:
		return record{true, a.val, r.count + 1, r.mark}, outcome{}
	}
	return r, outcome{}
}

// state is how an operation has ended.
type state uint8

const (
	unknown  state = iota // under way, or its connection broke: it may take effect once, at any later time, or never
	answered              // with an outcome
	refused               // certainly without effect
)

// call is one operation as its client has seen it.
type call struct {
	client string
	key    string
	act    act
	out    outcome
	state  state
	from   time.Duration // since the history began
	to     time.Duration
	err    string
}

const forever = time.Duration(math.MaxInt64 / 2)

func (c *call) String() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "%9.3fs .. ", c.from.Seconds())
	if c.state == unknown {
		fmt.Fprintf(b, "%9s ", "?")
	} else {
		fmt.Fprintf(b, "%8.3fs ", c.to.Seconds())
	}
	fmt.Fprintf(b, "%-10s %s", c.client, c.act.kind)
	switch c.act.kind {
	case opRead, opCount, opDelete:
	case opMark:
		fmt.Fprintf(b, " owner=%d", c.act.val)
	case opSwap:
		fmt.Fprintf(b, " data=%d if expires=%d", c.act.val, c.act.want)
	case opTxn, opTxnDrop, opTxnBack:
		fmt.Fprintf(b, " data=%d, having seen %v", c.act.val, c.act.seen)
	default:
		fmt.Fprintf(b, " data=%d", c.act.val)
	}
	switch {
	case c.state == unknown:
		fmt.Fprintf(b, ": outcome unknown (%s)", c.err)
	case c.act.kind == opRead:
		fmt.Fprintf(b, ": %v", c.out.row)
	case c.out.duplicate:
		b.WriteString(": duplicate key")
	case c.act.kind < opTxn:
		fmt.Fprintf(b, ": %d affected", c.out.affected)
	}
	return b.String()
}

func (r record) String() string {
	if !r.exists {
		return "no row"
	}
	return fmt.Sprintf("{data %d, expires %d, owner %d}", r.val, r.count, r.mark)
}

// model is a record that begins absent.
var model = porcupine.Model{
	Init: func() any { return record{} },
	Step: func(st, in, out any) (bool, any) {
		c := in.(*call)
		next, want := c.act.apply(st.(record))
		if c.state == answered && want != c.out {
			return false, st
		}
		return true, next
	},
}

// happening is something that was done to the stores, the links or the proxies.
type happening struct {
	at   time.Duration
	text string
}

// checkTime bounds the checker for one key.
const checkTime = 30 * time.Second

// check wants each key's calls to have an order in which they could have been
// carried out one by one. It prints the history of those that have none to w
// and returns how many these are, and of how many it does not know.
func check(w io.Writer, calls []*call, events []happening) (wrong, undecided int) {
	keys := make(map[string][]*call)
	for _, c := range calls {
		silent := c.act.kind == opRead || c.act.kind == opTxnBack
		if c.state != refused && !(c.state == unknown && silent) {
			keys[c.key] = append(keys[c.key], c)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		ops, all := operations(keys[key], false), operations(keys[key], true)
		verdict := porcupine.CheckOperationsTimeout(model, ops, checkTime)
		if verdict != porcupine.Ok && len(all) > len(ops) {
			ops = all
			verdict = porcupine.CheckOperationsTimeout(model, ops, checkTime)
		}
		switch verdict {
		case porcupine.Illegal:
			if wrong++; wrong <= 3 {
				explain(w, key, ops, events)
			}
		case porcupine.Unknown:
			undecided++
			fmt.Fprintf(w, "key %s: %d operations, and no verdict in %v\n", key, len(ops), checkTime)
		}
	}
	return wrong, undecided
}

// operations are the calls of one key for porcupine. A call of unknown outcome
// makes its work exponentially harder, as it may have taken effect at any time
// since or never. So one that must have, as somebody has seen what it wrote,
// ends when that was first told. The others are there only with unseen: what is
// in order without them is so with them, for they need not have taken effect.
func operations(calls []*call, unseen bool) (ops []porcupine.Operation) {
	seen := make(map[int64]time.Duration) // value: when it was told first
	for _, c := range calls {
		if c.state != answered {
			continue
		}
		for _, r := range []record{c.out.row, c.act.seen} {
			if at, ok := seen[r.val]; r.exists && (!ok || c.to < at) {
				seen[r.val] = c.to
			}
		}
	}
	for _, c := range calls {
		ret := c.to
		if c.state == unknown {
			at, ok := seen[c.act.val]
			switch {
			case ok && c.act.kind != opMark && c.act.kind != opTxnDrop:
				ret = at
			case unseen:
				ret = forever
			default:
				continue
			}
		}
		ops = append(ops, porcupine.Operation{Input: c, Call: int64(c.from), Return: int64(ret)})
	}
	return ops
}

// explain prints how far the calls of a key can be ordered, with what happened
// about that time.
func explain(w io.Writer, key string, ops []porcupine.Operation, events []happening) {
	_, info := porcupine.CheckOperationsVerbose(model, ops, checkTime)
	var best []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations() {
		for _, l := range part {
			if len(l) > len(best) {
				best = l
			}
		}
	}
	in := make(map[*call]bool)
	var r record
	for _, o := range best {
		c := o.Input.(*call)
		in[c] = true
		r, _ = c.act.apply(r)
	}
	var rest []*call
	for _, o := range ops {
		if c := o.Input.(*call); !in[c] {
			rest = append(rest, c)
		}
	}
	slices.SortFunc(rest, func(a, b *call) int { return cmp.Compare(a.from, b.from) })
	tail := best[max(0, len(best)-12):]
	begin, end := forever, time.Duration(0)
	fmt.Fprintf(w, "key %s is not linearizable: %d of %d operations can be ordered, the last of them in this order:\n", key, len(best), len(ops))
	note := func(c *call) {
		fmt.Fprintf(w, "    %v\n", c)
		begin, end = min(begin, c.from), max(end, c.from)
		if c.state != unknown {
			end = max(end, c.to)
		}
	}
	for _, o := range tail {
		note(o.Input.(*call))
	}
	fmt.Fprintf(w, "  which leaves %v; the first that can't follow:\n", r)
	for _, c := range rest[:min(8, len(rest))] {
		note(c)
	}
	fmt.Fprintln(w, "  what happened meanwhile, and just before:")
	for _, e := range events {
		if e.at > begin-8*time.Second && e.at < end+time.Second {
			fmt.Fprintf(w, "    %9.3fs %s\n", e.at.Seconds(), e.text)
		}
	}
}
