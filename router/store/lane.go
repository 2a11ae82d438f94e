package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// lane is one shared connection; see lanes.go. Its goroutine reads, whoever has
// queued something writes.
type lane struct {
	set    *Lanes
	conn   *Conn
	depth  atomic.Int32 // reads in queue
	closed atomic.Bool  // to newcomers
	// gathering: somebody is about to write, and lets others join first.
	gathering atomic.Bool
	cost      atomic.Int64 // of an answer in nanoseconds, lately

	mu      sync.Mutex    // guards what follows
	queue   []*LaneAnswer // what is waited for, in order, from head on
	head    int
	out     []byte // what is to be written
	spare   []byte // the buffer that out is swapped with
	writing bool
	ended   bool // nothing more can be queued
	leaving bool // it is given up, and its connection in order
	ticks   int  // since the last answer, while any is waited for
	rounds  int  // of the janitor's since the last read
}

// LaneAnswer is an answer that came by a lane.
type LaneAnswer struct {
	// Frames is the whole answer, which Framer has followed.
	Frames []byte
	Framer protocol.Framer
	// Sequel is the answer to the command's Sequel, if it has one.
	Sequel *LaneAnswer

	conn  *Conn
	ready chan struct{} // gets one value when the answer is there, or lost
	lost  bool
	left  bool // nobody waits for it any more; guarded by lane.mu
}

// laneAnswers are shared, so that an idle client holds none.
var laneAnswers = sync.Pool{New: func() any { return &LaneAnswer{ready: make(chan struct{}, 1)} }}

// keptAnswer is how much memory an unused LaneAnswer keeps.
const keptAnswer = 16 << 10

// Done gives the answer's memory back, that of its Sequel included.
func (a *LaneAnswer) Done() {
	if a.Sequel != nil {
		a.Sequel.Done()
		a.Sequel = nil
	}
	a.conn = nil
	if cap(a.Frames) <= keptAnswer {
		laneAnswers.Put(a)
	}
}

// errNotPrepared says that a statement is to be prepared in the lane first.
var errNotPrepared = errors.New("not prepared")

// answer is where the answer to a command is to be put.
func (l *lane) answer(kind protocol.AnswerKind, seq byte) *LaneAnswer {
	a := laneAnswers.Get().(*LaneAnswer)
	a.Frames, a.lost, a.left, a.conn = a.Frames[:0], false, false, l.conn
	a.Framer.Reset(kind, l.conn.deprecateEOF, seq)
	return a
}

// do sends one command, with its sequel if that is not nil, and waits for the
// answers.
func (l *lane) do(ctx context.Context, payload []byte, st *Stmt, kind protocol.AnswerKind, seq byte, sequel *Sequel) (*LaneAnswer, error) {
	a := l.answer(kind, seq)
	last := a
	if sequel != nil {
		last = l.answer(protocol.AnswerResult, 1)
		a.Sequel = last
	}
	if err := l.send(a, payload, st, sequel); err != nil {
		a.Done()
		return nil, err
	}
	select {
	case <-last.ready:
	case <-ctx.Done():
		l.leave(a)
		return nil, context.Cause(ctx)
	}
	if last != a {
		<-a.ready // it was there before, or was lost with the other
	}
	if a.lost || last.lost {
		a.Done()
		return nil, ErrLane
	}
	return a, nil
}

// leave says that nobody waits for a any more, nor for its sequel. What has not
// been delivered of them is the lane's from now on.
func (l *lane) leave(a *LaneAnswer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range [...]*LaneAnswer{a, a.Sequel} {
		if a == nil {
			continue
		}
		select {
		case <-a.ready:
			if !a.lost {
				l.unprepare(a)
			}
		default:
			a.left = true
		}
	}
}

// unprepare has the statement closed that an answer which nobody waits for says
// is prepared: nobody knows of it.
func (l *lane) unprepare(a *LaneAnswer) {
	if id := a.Framer.Answer().StmtID; id != 0 {
		l.conn.mu.Lock()
		l.conn.closeLater(id)
		l.conn.mu.Unlock()
	}
}

// prepare prepares st, in the lane's session state.
func (l *lane) prepare(ctx context.Context, st *Stmt) error {
	if !l.set.session.parsesAlike(st.Session) || len(st.Text) >= MaxLaneCommand {
		return ErrLane
	}
	payload := append([]byte{byte(protocol.ComStmtPrepare)}, st.Text...)
	a, err := l.do(ctx, payload, nil, protocol.AnswerPrepare, 1, nil)
	if err != nil {
		return err
	}
	defer a.Done()
	answer := a.Framer.Answer()
	if answer.Err != nil {
		return ErrLane
	}
	l.conn.Adopt(st, answer.StmtID)
	return nil
}

// send queues a command, and writes what is queued unless somebody else is
// writing, who will.
func (l *lane) send(a *LaneAnswer, payload []byte, st *Stmt, sequel *Sequel) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.closed.Load() {
		return ErrLane
	}
	if sequel != nil && l.conn.mark != sequel.Mark {
		l.conn.expired.Store(true)
		return ErrLane
	}
	if l.conn.hasCloses.Load() {
		l.appendCloses()
	}
	id := uint32(0)
	if st != nil {
		// A COM_STMT_CLOSE that follows from now on is written later.
		l.conn.mu.Lock()
		id = l.conn.stmts[st]
		l.conn.mu.Unlock()
		if id == 0 {
			return errNotPrepared
		}
	}
	if l.head == len(l.queue) {
		l.queue, l.head, l.ticks = l.queue[:0], 0, 0
	}
	l.queue = append(l.queue, a)
	l.depth.Add(1)
	l.rounds = 0
	l.append(payload)
	if st != nil {
		binary.LittleEndian.PutUint32(l.out[len(l.out)-len(payload)+1:], id)
	}
	if sequel != nil {
		l.queue = append(l.queue, a.Sequel)
		l.depth.Add(1)
		l.append(sequel.Payload)
	}
	if s := l.set.store; !s.lanes.watching.Load() {
		s.wakeWatch()
	}
	if !l.writing {
		l.gather()
		l.write()
	}
	return nil
}

// gather lets those queue their commands who are ready to, so that one write is
// for all of them: it comes back when the goroutines that could run now have had
// their turn. l.mu is held, but not meanwhile.
func (l *lane) gather() {
	l.writing = true
	l.gathering.Store(true)
	l.mu.Unlock()
	runtime.Gosched()
	l.mu.Lock()
	l.gathering.Store(false)
}

func (l *lane) append(payload []byte) {
	n := len(payload)
	l.out = append(l.out, byte(n), byte(n>>8), byte(n>>16), 0)
	l.out = append(l.out, payload...)
}

// appendCloses queues the pending COM_STMT_CLOSE.
func (l *lane) appendCloses() {
	l.conn.mu.Lock()
	ids := l.conn.takeCloses()
	l.conn.mu.Unlock()
	for _, id := range ids {
		l.append(binary.LittleEndian.AppendUint32([]byte{byte(protocol.ComStmtClose)}, id))
	}
}

// maxRounds is how often one client writes for others.
const maxRounds = 8

// write writes until nothing is queued; l.mu is held, but not while it writes.
func (l *lane) write() {
	l.writing = true
	for round := 0; len(l.out) > 0 && !l.ended; round++ {
		if round == maxRounds {
			l.set.store.lanes.readers.Go(func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.write()
			})
			return
		}
		out := l.out
		l.out = l.spare[:0]
		l.mu.Unlock()
		_, err := l.conn.pc.Write(out)
		l.mu.Lock()
		if l.spare = out; cap(out) > keptAnswer {
			l.spare = nil
		}
		if err != nil {
			l.conn.raw.Close() // which the reader finds out, and tells all
			break
		}
	}
	l.writing = false
}

// run reads answers until the connection ends or is given up.
func (l *lane) run() {
	err := l.read()
	l.mu.Lock()
	l.closed.Store(true)
	l.ended = true
	rest := l.queue[l.head:]
	l.queue, l.head = nil, 0
	leaves := l.leaving
	whole := leaves && errors.Is(err, os.ErrDeadlineExceeded) && len(rest) == 0 &&
		!l.writing && l.conn.pc.Buffered() == 0
	for _, a := range rest {
		l.lose(a)
	}
	l.mu.Unlock()
	l.set.drop(l)
	if whole {
		l.conn.pc.SetDeadline(time.Time{})
		l.conn.Release()
		return
	}
	if l.conn.broken = true; err != errLeaves && !leaves {
		_ = l.conn.fail(err) // has the store probed
	}
	l.conn.Discard()
}

// errLeaves ends a lane for no fault of the connection.
var errLeaves = errors.New("the lane is given up")

func (l *lane) read() error {
	var a *LaneAnswer // the one that is read
	held, last := 0, time.Time{}
	for {
		b, err := l.conn.pc.Fill(held)
		if err != nil {
			return err
		}
		n, answers := 0, 0
		for n < len(b) {
			if a == nil {
				if a = l.first(); a == nil {
					return fmt.Errorf("%w: an answer to nothing", errMalformed)
				}
			}
			k, done, err := a.Framer.Feed(b[n:])
			if err != nil {
				return err
			}
			if len(a.Frames)+k > maxLaneAnswer {
				l.set.restTo.Store(l.set.store.tick.Load() + tooLongRounds)
				return errLeaves
			}
			a.Frames = append(a.Frames, b[n:n+k]...)
			n += k
			if !done {
				break
			}
			if err := l.deliver(a); err != nil {
				return err
			}
			a = nil
			answers++
		}
		held = len(b) - n
		l.conn.pc.Consume(n)
		last = l.measure(last, answers)
	}
}

// measure notes how long answers take: the time since the last ones, if others
// were waited for all the while.
func (l *lane) measure(last time.Time, answers int) time.Time {
	if answers == 0 {
		return last
	}
	if l.depth.Load() == 0 {
		return time.Time{}
	}
	now := time.Now()
	if !last.IsZero() {
		// One that takes long by chance counts no more than one that is slow.
		one := min(int64(now.Sub(last))/int64(answers), int64(2*slowAnswer))
		cost := l.cost.Load()
		l.cost.Store(cost + (one-cost)/8)
	}
	return now
}

// first is the answer that comes next; nil if none is waited for.
func (l *lane) first() *LaneAnswer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == len(l.queue) {
		return nil
	}
	return l.queue[l.head]
}

// deliver hands the first answer to who waits for it. An error by which the
// store ends the connection is nobody's answer.
func (l *lane) deliver(a *LaneAnswer) error {
	answer := a.Framer.Answer()
	if e := answer.Err; e != nil && endsConnection(e) {
		return e
	}
	dropped := answer.Status.Has(protocol.StatusDBDropped)
	l.mu.Lock()
	l.queue[l.head] = nil
	l.head++
	l.ticks = 0
	l.depth.Add(-1)
	if a.left {
		l.unprepare(a)
	} else {
		a.ready <- struct{}{}
	}
	l.mu.Unlock()
	if dropped {
		return errLeaves
	}
	return nil
}

// lose tells who waits for a that it will not come; l.mu is held.
func (l *lane) lose(a *LaneAnswer) {
	l.depth.Add(-1)
	if !a.left {
		a.lost = true
		a.ready <- struct{}{}
	}
}

// watch looks at the lane at each tick, and reports whether it is used. Those
// behind a slow read are sent elsewhere; one that nobody waits for any more is
// ended at the store, with the connection.
func (l *lane) watch() (busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	// What was slow is tried again after a while.
	l.cost.Store(l.cost.Load() * 31 / 32)
	if l.head == len(l.queue) {
		l.closed.Store(false)
		return false
	}
	if l.ticks++; l.ticks <= laneBound {
		return true
	}
	l.closed.Store(true)
	slow := l.queue[l.head]
	for i := l.head + 1; i < len(l.queue); i++ {
		if a := l.queue[i]; !a.left && a != slow.Sequel {
			// Its answer will come all the same, after it is somebody else's.
			in := &LaneAnswer{Framer: a.Framer, left: true}
			l.queue[i] = in
			a.lost = true
			a.ready <- struct{}{}
		}
	}
	if slow.left {
		l.ended = true
		l.conn.Abort()
		s := l.set.store
		s.lanes.readers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), s.tuning.Load().ConnectTimeout)
			defer cancel()
			_ = s.KillConn(ctx, l.conn) // best effort: it may have ended
		})
	}
	return true
}

// tidy has the lane given up if it is unused, or its connection old.
func (l *lane) tidy() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds++
	idle := idleRounds
	if l.conn.keepsOpen {
		idle = openRounds
	}
	if l.rounds < idle && !l.conn.expired.Load() {
		return
	}
	l.closed.Store(true)
	if l.head == len(l.queue) && !l.ended {
		l.leaving, l.ended = true, true
		l.conn.pc.SetDeadline(time.Unix(1, 0)) // ends the goroutine's wait
	}
}
