package rewrite

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Waits says how long a statement may wait, where that is not as its session
// says.
type Waits struct {
	No   bool   // NOWAIT
	Skip bool   // SKIP LOCKED
	Lock *Value // WAIT n, SET STATEMENT innodb_lock_wait_timeout = n: seconds
	// Time is SET STATEMENT max_statement_time = n, in seconds, and Hint
	// MAX_EXECUTION_TIME(n).
	Time *Value
	Hint time.Duration
}

// waits returns those of the plan, to be changed.
func (a *analyzer) waits() *Waits {
	if a.p.Waits == nil {
		a.p.Waits = &Waits{}
	}
	return a.p.Waits
}

// lockWaits reads what a locking read ends with.
func (a *analyzer) lockWaits() {
	end := len(a.toks)
	for end > 0 && a.op(end-1, ";") {
		end--
	}
	switch {
	case a.is(end-1, "nowait"):
		a.waits().No = true
	case a.is(end-2, "skip") && a.is(end-1, "locked"):
		a.waits().Skip = true
	case a.is(end-2, "wait"):
		if v, n := a.valueAt(end - 1); n == 1 {
			a.waits().Lock = &v
		}
	}
}

// sharesLock reports whether a locking read ends with LOCK IN SHARE MODE or FOR
// SHARE.
func (a *analyzer) sharesLock() bool {
	i := a.find(1, "lock", "update", "share")
	return a.is(i, "lock") || a.is(i, "share")
}

// hintedTime reads MAX_EXECUTION_TIME(n), the milliseconds that a SELECT may
// take. Of several the first counts.
func (a *analyzer) hintedTime() {
	const name = "MAX_EXECUTION_TIME"
	for _, t := range a.l.tokens {
		if t.kind != tokHint {
			continue
		}
		_, rest, ok := bytes.Cut(bytes.ToUpper(a.l.bytes(t)), []byte(name))
		rest, paren := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("("))
		digits, _, closed := bytes.Cut(rest, []byte(")"))
		if !ok || !paren || !closed {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(digits)), 10, 31); err == nil && n > 0 {
			a.waits().Hint = time.Duration(n) * time.Millisecond
			return
		}
	}
}

// limits reads the limits of SET STATEMENT ... FOR, whose assignments are the
// tokens up to end.
func (a *analyzer) limits(end int) (lock, time *Value) {
	for i := 2; i < end; i = min(a.findOp(i, ","), end) + 1 {
		_, name, next := a.tableName(i)
		if !a.op(next, "=") && !a.op(next, ":=") {
			continue
		}
		v, n := a.valueAt(next + 1)
		if a.kind(next+1) == tokDecimal {
			v, n = Value{Parts: []Part{{Source: SourceLiteral, Index: int(a.toks[next+1].lit)}}}, 1
		}
		switch {
		case n == 0:
		case strings.EqualFold(name, "innodb_lock_wait_timeout"):
			lock = &v
		case strings.EqualFold(name, "max_statement_time"):
			time = &v
		}
	}
	return lock, time
}

// Seconds returns the duration that v names in seconds, with their fraction.
func (s *Statement) Seconds(v Value, args Args) (d time.Duration, ok bool) {
	text, null, ok := s.append(nil, v, args, true)
	if null || !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f < 0 || f > 1e9 {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}
