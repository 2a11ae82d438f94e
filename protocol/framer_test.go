package protocol

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"sync/atomic"
	"testing"
)

// script builds an answer as a server sends it.
type script struct {
	b   []byte
	seq byte
}

func (s *script) packet(p ...byte) *script {
	for {
		n := min(len(p), MaxFrame)
		s.b = append(appendHeader(s.b, n, s.seq), p[:n]...)
		s.seq++
		p = p[n:]
		if n < MaxFrame {
			return s
		}
	}
}

func (s *script) ok(header byte, status Status) *script {
	return s.packet(AppendOK(nil, header, OK{AffectedRows: 300, InsertID: 70000, Warnings: 2, Info: "Rows matched: 1"}, status)...)
}

func (s *script) eof(status Status) *script { return s.packet(AppendEOF(nil, status, 3)...) }

func (s *script) defs(n int) *script {
	for range n {
		s.packet(AppendColumn(nil, &Column{Name: "id", Type: 253, Length: 100})...)
	}
	return s
}

func (s *script) row(values ...string) *script {
	var p []byte
	for _, v := range values {
		p = AppendLenencBytes(p, v)
	}
	return s.packet(p...)
}

func (s *script) err() *script {
	return s.packet(AppendErr(nil, Errorf(ErrLockDeadlock, "Deadlock found"), true)...)
}

func from(seq byte) *script { return &script{seq: seq} }

type answerCase struct {
	name string
	kind AnswerKind
	dep  bool
	s    *script
	want Answer
}

func answerCases() []answerCase {
	const auto = StatusAutocommit
	long := string(randomBytes(5000))
	deadlock := Errorf(ErrLockDeadlock, "Deadlock found")
	return []answerCase{
		{"ok", AnswerResult, false, from(1).ok(0, auto), Answer{AffectedRows: 300, InsertID: 70000, Status: auto, Warnings: 2}},
		{"ok as eof", AnswerResult, true, from(1).ok(0xfe, auto), Answer{AffectedRows: 300, InsertID: 70000, Status: auto, Warnings: 2}},
		{"eof alone", AnswerResult, false, from(1).eof(auto), Answer{Status: auto, Warnings: 3}},
		{"err", AnswerResult, false, from(1).err(), Answer{Err: deadlock}},
		{
			"rows", AnswerResult, false,
			from(1).packet(2).defs(2).eof(auto).row("a", "b").row(long, "").row("", "").eof(auto | StatusNoIndex),
			Answer{Columns: 2, Rows: 3, Status: auto | StatusNoIndex, Warnings: 3},
		},
		{
			"rows without eof", AnswerResult, true,
			from(255).packet(2).defs(2).row("a", "b").row(long, "").ok(0xfe, auto),
			Answer{Columns: 2, Rows: 2, Status: auto, Warnings: 2, AffectedRows: 300, InsertID: 70000},
		},
		{
			"many columns", AnswerResult, false,
			from(1).packet(0xfc, 44, 1).defs(300).eof(auto).eof(auto),
			Answer{Columns: 300, Status: auto, Warnings: 3},
		},
		{
			"error behind rows", AnswerResult, false,
			from(1).packet(1).defs(1).eof(auto).row("a").err(),
			Answer{Columns: 1, Rows: 1, Status: auto, Warnings: 3, Err: deadlock},
		},
		{
			"binary rows", AnswerResult, false,
			from(1).packet(1).defs(1).eof(auto).packet(0, 0, 0xfe, 1, 2).packet(0, 4).eof(auto),
			Answer{Columns: 1, Rows: 2, Status: auto, Warnings: 3},
		},
		{
			"several results", AnswerResult, false,
			from(1).packet(1).defs(1).eof(auto|StatusMoreResults).row("a").eof(auto|StatusMoreResults).
				ok(0, auto|StatusMoreResults).packet(2).defs(2).eof(auto).row("x", "y").eof(auto|StatusMoreResults).ok(0, auto),
			Answer{Rows: 2, Status: auto, AffectedRows: 300, InsertID: 70000, Warnings: 2},
		},
		{
			"parameters of a procedure, as MySQL has them", AnswerResult, false,
			from(1).packet(1).defs(1).eof(auto|StatusMoreResults|StatusPSOutParams).packet(0, 0, 5).eof(auto).ok(0, auto),
			Answer{Rows: 1, Status: auto, AffectedRows: 300, InsertID: 70000, Warnings: 2},
		},
		{
			"parameters of a procedure, as MariaDB has them", AnswerResult, false,
			from(1).packet(1).defs(1).eof(auto|StatusMoreResults|StatusPSOutParams).packet(0, 0, 5).
				eof(auto|StatusMoreResults|StatusPSOutParams).ok(0, auto),
			Answer{Rows: 1, Status: auto, AffectedRows: 300, InsertID: 70000, Warnings: 2},
		},
		{
			"several results without eof", AnswerResult, true,
			from(1).packet(1).defs(1).row("a").ok(0xfe, auto|StatusMoreResults).packet(1).defs(1).ok(0xfe, auto),
			Answer{Columns: 1, Rows: 1, Status: auto, AffectedRows: 300, InsertID: 70000, Warnings: 2},
		},
		{
			"error of the second statement", AnswerResult, true,
			from(1).ok(0, auto|StatusMoreResults).err(),
			Answer{AffectedRows: 300, InsertID: 70000, Warnings: 2, Status: auto | StatusMoreResults, Err: deadlock},
		},
		{
			"cursor", AnswerResult, false,
			from(1).packet(1).defs(1).eof(auto | StatusCursorExists),
			Answer{Columns: 1, Status: auto | StatusCursorExists, Warnings: 3},
		},
		{
			"cursor without eof", AnswerResult, true,
			from(1).packet(1).defs(1).ok(0xfe, auto|StatusCursorExists),
			Answer{Columns: 1, Status: auto | StatusCursorExists, AffectedRows: 300, InsertID: 70000, Warnings: 2},
		},
		{
			"fetch", AnswerRows, false,
			from(1).packet(0, 0, 1).packet(0, 0, 2).eof(auto | StatusCursorExists),
			Answer{Rows: 2, Status: auto | StatusCursorExists, Warnings: 3},
		},
		{"field list", AnswerFields, false, from(1).defs(3).eof(auto), Answer{Status: auto, Warnings: 3}},
		{"field list without eof", AnswerFields, true, from(1).defs(3).ok(0xfe, auto), Answer{Status: auto, AffectedRows: 300, InsertID: 70000, Warnings: 2}},
		{"field list error", AnswerFields, false, from(1).err(), Answer{Err: deadlock}},
		{
			"prepare", AnswerPrepare, false,
			from(1).packet(0, 9, 0, 0, 0, 2, 0, 1, 0, 0, 5, 0).defs(1).eof(auto).defs(2).eof(auto),
			Answer{StmtID: 9, Params: 1, Columns: 2, Status: auto, Warnings: 3},
		},
		{
			"prepare without eof", AnswerPrepare, true,
			from(1).packet(0, 9, 0, 0, 0, 2, 0, 1, 0, 0, 5, 0).defs(1).defs(2),
			Answer{StmtID: 9, Params: 1, Columns: 2, Warnings: 5},
		},
		{
			"prepare without columns", AnswerPrepare, false,
			from(1).packet(0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 5, 0).defs(1).eof(auto),
			Answer{StmtID: 9, Params: 1, Status: auto, Warnings: 3},
		},
		{
			"prepare without params", AnswerPrepare, false,
			from(1).packet(0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0).defs(1).eof(auto),
			Answer{StmtID: 9, Columns: 1, Status: auto, Warnings: 3},
		},
		{
			"prepare of nothing", AnswerPrepare, false,
			from(1).packet(0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0),
			Answer{StmtID: 9, Warnings: 5},
		},
		{"prepare error", AnswerPrepare, true, from(1).err(), Answer{Err: deadlock}},
	}
}

// follow feeds data in chunks of the sizes that next gives and returns what was
// passed on.
func follow(f *Framer, data []byte, next func() int) (out []byte, done bool, err error) {
	data = bytes.Clone(data)
	fed, seen := 0, 0
	for seen < len(data) && !done {
		seen = min(len(data), seen+max(1, next()))
		var n int
		n, done, err = f.Feed(data[fed:seen])
		out = append(out, data[fed:fed+n]...)
		fed += n
		if err != nil {
			break
		}
	}
	return out, done, err
}

func TestFramer(t *testing.T) {
	for _, tc := range answerCases() {
		t.Run(tc.name, func(t *testing.T) {
			beyond := append(bytes.Clone(tc.s.b), 1, 0, 0, 1, 0xff) // another answer's bytes
			var f Framer
			f.Reset(tc.kind, tc.dep, tc.s.b[3])
			out, done, err := follow(&f, beyond, func() int { return len(beyond) })
			if err != nil || !done {
				t.Fatalf("Feed: done = %v, %v", done, err)
			}
			if !bytes.Equal(out, tc.s.b) {
				t.Errorf("passed on\n%x, want\n%x", out, tc.s.b)
			}
			if !reflect.DeepEqual(*f.Answer(), tc.want) {
				t.Errorf("Answer() = %+v, want %+v", *f.Answer(), tc.want)
			}
			if f.Seq() != tc.s.seq {
				t.Errorf("Seq() = %d, want %d", f.Seq(), tc.s.seq)
			}
			r := rand.New(rand.NewPCG(2, uint64(len(out))))
			for _, max := range []int{1, 2, 7, 100, 3000} {
				var g Framer
				g.Reset(tc.kind, tc.dep, tc.s.b[3])
				got, done, err := follow(&g, beyond, func() int { return 1 + r.IntN(max) })
				if err != nil || !done || !bytes.Equal(got, out) || !reflect.DeepEqual(g.answer, f.answer) {
					t.Errorf("in chunks of up to %d bytes: %d bytes, done = %v, %v, %+v", max, len(got), done, err, g.answer)
				}
			}
		})
	}
}

func TestFramerChangesInPlace(t *testing.T) {
	const auto = StatusAutocommit
	build := func(seq byte, id byte, s Status) *script {
		return from(seq).packet(0, id, 0, 0, 0, 1, 0, 1, 0, 0, 5, 0).defs(1).eof(s).defs(1).eof(s)
	}
	in := build(1, 9, auto|StatusMoreResults)
	want := build(200, 77, StatusInTrans|StatusMoreResults)
	var f Framer
	f.Reset(AnswerPrepare, false, 200)
	f.Set, f.Clear, f.StmtID = StatusInTrans, auto, 77
	out, done, err := follow(&f, in.b, func() int { return 5 })
	if err != nil || !done || !bytes.Equal(out, want.b) {
		t.Errorf("passed on\n%x (%v, %v), want\n%x", out, done, err, want.b)
	}
	if f.Answer().Status != auto|StatusMoreResults || f.Answer().StmtID != 9 {
		t.Errorf("Answer() = %+v, want what the store said", *f.Answer())
	}

	in2 := from(1).packet(1).defs(1).row("a").ok(0xfe, auto|StatusMoreResults).ok(0, auto)
	want2 := from(7).packet(1).defs(1).row("a").ok(0xfe, auto|StatusInTrans|StatusMoreResults).ok(0, auto|StatusInTrans)
	f.Reset(AnswerResult, true, 7)
	f.Set = StatusInTrans
	if out, done, err := follow(&f, in2.b, func() int { return 3 }); err != nil || !done || !bytes.Equal(out, want2.b) {
		t.Errorf("passed on\n%x (%v, %v), want\n%x", out, done, err, want2.b)
	}
}

// TestFramerExpired: a statement that was interrupted says why, if that is known
// when its error comes.
func TestFramerExpired(t *testing.T) {
	interrupted := Errorf(ErrQueryInterrupted, "Query execution was interrupted")
	mysql := Errorf(ErrQueryTimeout, "Query execution was interrupted, maximum statement execution time exceeded")
	maria := Errorf(ErrStatementTimeout, "Query execution was interrupted (max_statement_time exceeded)")
	short := Errorf(ErrStatementTimeout, "late")
	other := Errorf(ErrLockDeadlock, "Deadlock found")
	for _, w := range []struct{ answer, why, want *Error }{
		{interrupted, nil, interrupted}, {interrupted, mysql, mysql}, {interrupted, maria, maria},
		{interrupted, short, short}, {other, mysql, other},
	} {
		head := from(1).packet(2).defs(2).b
		b := from(1).packet(2).defs(2).packet(AppendErr(nil, w.answer, true)...).b
		want := from(4).packet(2).defs(2).packet(AppendErr(nil, w.want, true)...).b
		follow := func(f *Framer) {
			f.Reset(AnswerResult, true, 4)
			f.Expired = new(atomic.Pointer[Error])
			f.Expired.Store(w.why)
		}
		var f Framer
		follow(&f)
		f.Expired.Store(nil) // it comes up while the answer is followed
		in := bytes.Clone(b)
		if n, done, err := f.Feed(in[:len(head)]); n != len(head) || done || err != nil {
			t.Fatal(n, done, err)
		}
		f.Expired.Store(w.why)
		if n, done, err := f.Feed(in[len(head):]); n != len(in)-len(head) || !done || err != nil {
			t.Fatal(n, done, err)
		}
		if got := f.Ended(in); !bytes.Equal(got, want) || *f.Answer().Err != *w.want {
			t.Errorf("%v because of %v: %q, %v; want %q", w.answer, w.why, got, f.Answer().Err, want)
		}

		// The same by Relay, of whose source something else is left.
		client, server := net.Pipe()
		go func() {
			server.Write(append(bytes.Clone(b), "next"...))
			server.Close()
		}()
		src, out := NewConn(client), &bytes.Buffer{}
		follow(&f)
		if n, err := f.Relay(out, src); err != nil || n != int64(len(want)) || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%v because of %v: relayed %q, %d, %v; want %q", w.answer, w.why, out, n, err, want)
		}
		if rest, err := src.Fill(0); err != nil || !bytes.HasPrefix([]byte("next"), rest) {
			t.Errorf("behind it: %q, %v", rest, err)
		}
	}
}

// TestFramerLongRows has a row of a frame less one byte, of a frame, and of
// more, and one whose first byte is that of an EOF, as of 16 MiB it is.
func TestFramerLongRows(t *testing.T) {
	long := string(make([]byte, 2*MaxFrame))
	for _, tc := range []struct {
		n   int
		dep bool
	}{
		{MaxFrame - 5, true}, {MaxFrame - 4, false}, {MaxFrame - 4, true}, {MaxFrame - 3, false},
		{1 << 24, true}, {1 << 24, false}, {2*MaxFrame - 9, true},
	} {
		s := from(1)
		s.b = make([]byte, 0, tc.n+1000)
		s.packet(1).defs(1)
		if !tc.dep {
			s.eof(0)
		}
		s.row(long[:tc.n]).row("b")
		if tc.dep {
			s.ok(0xfe, 0)
		} else {
			s.eof(0)
		}
		var f Framer
		f.Reset(AnswerResult, tc.dep, 1)
		fed, seen, done := 0, 0, false
		for seen < len(s.b) && !done {
			seen = min(len(s.b), seen+100_000)
			n, d, err := f.Feed(s.b[fed:seen])
			if err != nil {
				t.Fatalf("row of %d bytes: %v", tc.n, err)
			}
			fed, done = fed+n, d
		}
		if !done || fed != len(s.b) || f.Answer().Rows != 2 || f.Seq() != s.seq {
			t.Errorf("row of %d bytes: done = %v, %d of %d bytes, %d rows, sequence %d", tc.n, done, fed, len(s.b), f.Answer().Rows, f.Seq())
		}
	}
}

func TestFramerRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind AnswerKind
		dep  bool
		s    *script
	}{
		{"local infile", AnswerResult, false, from(1).packet(0xfb, 'x')},
		{"empty packet", AnswerResult, false, from(1).packet()},
		{"short ok", AnswerResult, false, from(1).packet(0, 0, 0)},
		{"ok of a broken number", AnswerResult, false, from(1).packet(0, 0xfe, 1, 2, 3, 4, 5)},
		{"short err", AnswerResult, false, from(1).packet(0xff, 1)},
		{"column count and more", AnswerResult, false, from(1).packet(1, 2)},
		{"huge column count", AnswerResult, false, from(1).packet(0xfd, 0, 0, 2)},
		{"row instead of eof", AnswerResult, false, from(1).packet(1).defs(1).row("a")},
		{"short prepare", AnswerPrepare, false, from(1).packet(0, 1, 0, 0)},
		{"eof of six bytes", AnswerResult, false, from(1).packet(1).defs(1).packet(0xfe, 0, 0, 0, 0, 0)},
		{"wrong order", AnswerResult, false, &script{b: append(from(1).packet(1).b, from(3).defs(1).b...)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f Framer
			f.Reset(tc.kind, tc.dep, 1)
			if _, done, err := follow(&f, tc.s.b, func() int { return 4096 }); err == nil {
				t.Errorf("Feed: done = %v, want an error", done)
			}
		})
	}
}

func TestRelay(t *testing.T) {
	for _, tc := range answerCases() {
		t.Run(tc.name, func(t *testing.T) {
			x, y := tcpPair(t)
			src := NewConn(y)
			go x.Write(append(bytes.Clone(tc.s.b), "next"...))
			p, q := tcpPair(t)
			dst := NewConn(p)
			dst.SetSequence(tc.s.b[3])
			var f Framer
			f.Reset(tc.kind, tc.dep, dst.Sequence())
			n, err := f.Relay(dst, src)
			if err != nil || n != int64(len(tc.s.b)) {
				t.Fatalf("Relay = %d, %v, want %d bytes", n, err, len(tc.s.b))
			}
			if dst.Sequence() != tc.s.seq {
				t.Errorf("Sequence() = %d, want %d", dst.Sequence(), tc.s.seq)
			}
			dst.Flush()
			got := make([]byte, len(tc.s.b))
			if _, err := io.ReadFull(q, got); err != nil || !bytes.Equal(got, tc.s.b) {
				t.Errorf("%v, equal: %v", err, bytes.Equal(got, tc.s.b))
			}
			if b, err := src.Fill(3); err != nil || string(b) != "next" {
				t.Errorf("left unread: %q, %v", b, err)
			}
		})
	}
}

func TestRelaySides(t *testing.T) {
	s := from(1).packet(1).defs(1)
	x, y := tcpPair(t)
	x.Write(s.b)
	x.Close()
	var f Framer
	f.Reset(AnswerResult, false, 1)
	n, err := f.Relay(io.Discard, NewConn(y))
	var e *RelayError
	if !errors.As(err, &e) || !e.Source || !errors.Is(err, io.EOF) || n != int64(len(s.b)) {
		t.Errorf("Relay of half an answer = %d, %v", n, err)
	}

	x, y = tcpPair(t)
	x.Write(from(1).ok(0, 0).b)
	p, _ := tcpPair(t)
	p.Close()
	f.Reset(AnswerResult, false, 1)
	if n, err = f.Relay(NewConn(p), NewConn(y)); !errors.As(err, &e) || e.Source || n != 0 {
		t.Errorf("Relay to a closed connection = %d, %v", n, err)
	}
}

func TestRelayAllocatesNothing(t *testing.T) {
	x, y := tcpPair(t)
	p, q := tcpPair(t)
	src, dst := NewConn(y), NewConn(p)
	s := from(1).packet(2).defs(2).eof(2).row("a", "b").eof(2)
	sink := make([]byte, len(s.b))
	var f Framer
	relay := func() {
		x.Write(s.b)
		f.Reset(AnswerResult, false, 1)
		if _, err := f.Relay(dst, src); err != nil {
			t.Fatal(err)
		}
		io.ReadFull(q, sink)
	}
	if n := testing.AllocsPerRun(200, relay); n > 0 && !raceDetector {
		t.Errorf("Relay allocates %v times", n)
	}
}

func FuzzFramer(f *testing.F) {
	for _, tc := range answerCases() {
		if len(tc.s.b) < 1000 {
			f.Add(tc.s.b, byte(tc.kind), tc.dep, uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, kind byte, dep bool, seed uint64) {
		var whole, parts Framer
		whole.Reset(AnswerKind(kind%4), dep, 5)
		parts.Reset(AnswerKind(kind%4), dep, 5)
		whole.Clear, parts.Clear = StatusMoreResults, StatusMoreResults
		r := rand.New(rand.NewPCG(seed, 0))
		a, doneA, errA := follow(&whole, data, func() int { return len(data) })
		b, doneB, errB := follow(&parts, data, func() int { return 1 + r.IntN(9) })
		if !bytes.Equal(a, b) || doneA != doneB || (errA == nil) != (errB == nil) {
			t.Errorf("whole: %d bytes, %v, %v; in parts: %d bytes, %v, %v", len(a), doneA, errA, len(b), doneB, errB)
		}
		if !reflect.DeepEqual(whole.answer, parts.answer) {
			t.Errorf("whole: %+v; in parts: %+v", whole.answer, parts.answer)
		}
	})
}
