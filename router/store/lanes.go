package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// Lanes: the reads of many clients over few connections.
//
// A server answers the commands of one connection in their order, and takes
// further ones before it has answered. So clients whose session state is equal
// can share one. Who finds nobody writing lets those go first who could run now,
// and whose commands may have come with the same look at the network, and writes
// what all have queued, in one system call; one goroutine reads the answers, as
// many as have arrived, in another. Under load that spares the store a third of
// its work for a read (its thread does not sleep between two), and the proxy
// most of its own on that side. Nobody waits for others to come: a lane that is
// idle is written to as soon as nothing else is to be done.
//
// By a lane goes what reads, leaves nothing behind in the connection and may be
// carried out twice. Its answer is kept until all of it has arrived, so that
// whoever does not get it, for whatever reason, can ask again by a connection
// of their own: that is what ErrLane says. It says nothing of the store.
//
// Few clients have a connection each, which saves them the way by the goroutine
// that reads: lanes are used from manyReads at a time on, until there have been
// less than fewReads.
//
// A slow read holds up those behind it. Therefore nobody joins others where
// answers take more than slowAnswer lately (the store waits for its disk, say),
// or where laneWait would pass before it is its turn; and where no answer has
// come for laneBound ticks, those behind the slow one get ErrLane and nobody
// joins until the lane is empty (lane.watch). Both times are generous: a store
// whose processors are busy is slow by any number of connections, and is the one
// that lanes help most.

// ErrLane is why a read by a lane has no answer.
var ErrLane = errors.New("not answered by a shared connection")

const (
	// How many reads at a time, by a lane or not, begin and end the use of lanes.
	manyReads = 4
	fewReads  = 3
	// They hold unless one would have to wait for a connection of one's own.
	slowAnswer = time.Millisecond
	laneWait   = 10 * time.Millisecond
	// gatherTo is up to how many commands a lane is preferred to idle ones that is
	// about to be written to: reads, and their Sequels.
	gatherTo = 16
	// maxDepth bounds the reads in one lane.
	maxDepth = 128
	// laneTick is how often busy lanes are looked at.
	laneTick = 25 * time.Millisecond
	// laneBound is for how many ticks no answer makes a lane slow.
	laneBound = 4
	// laneRest is for how many ticks without a read the watch goes on.
	laneRest = 40
	// maxLaneAnswer bounds an answer. One that is longer ends its lane, and the
	// use of lanes for tooLongRounds of the janitor's.
	maxLaneAnswer = 256 << 10
	tooLongRounds = 20
	// unfitRounds is for how many of them none is used where no connection can be
	// made fit for one.
	unfitRounds = 4
	// MaxLaneCommand bounds what is sent by a lane.
	MaxLaneCommand = 8 << 10
	// maxLaneSets bounds the logins and session states that have lanes.
	maxLaneSets = 32
	// idleRounds of the janitor's without a read, and a lane is given up.
	idleRounds = 10
	// leastLanes and twice the processors that the proxy has when it starts, though
	// it may not use all of them later, bound the lanes of one session state.
	leastLanes = 4
	// connsPerLane keeps lanes from taking the connections that others need.
	connsPerLane = 8
)

// laneSets are a store's lanes.
type laneSets struct {
	most     int // of one session state
	watching atomic.Bool
	wake     chan struct{}
	readers  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	sets   map[laneKey]*Lanes
	closed bool
}

// laneKey is what those share who share lanes.
type laneKey struct {
	login        Login
	db           string
	noAutocommit bool
	sets         fingerprint
}

// Lanes are a store's shared connections for one login and session state. They
// are safe for concurrent use.
type Lanes struct {
	store   *Store
	login   Login
	session *Session
	most    int
	list    atomic.Pointer[[]*lane] // replaced under store.lanes.mu
	opening atomic.Bool
	// reads are under way now, and at most since the last tick; used: they go by
	// lanes.
	reads, peak atomic.Int32
	used        atomic.Bool
	restTo      atomic.Uint32 // the janitor's round until which none is used
	unused      int           // the janitor's rounds without a lane
	// forgotten: it is not among the store's any more, which has others if asked.
	forgotten atomic.Bool
}

// Forgotten reports whether the lanes are void, and the store is to be asked for
// others.
func (ls *Lanes) Forgotten() bool { return ls.forgotten.Load() }

// Sequel is a command of the proxy's own that goes out right behind a client's,
// so that nothing comes between the two. Its answer is a result, or several.
type Sequel struct {
	Payload []byte
	// Mark is what the connection of the lane must be marked with (Conn.Mark). Fit
	// makes a connection fit to be one, and marks it. It must bound its time.
	Mark uint64
	Fit  func(ctx context.Context, c *Conn, mark uint64) error
}

// Spoilt says that the answer to the Sequel was none, so that the lane's
// connection is not what Fit has made it any more. The lane is given up.
func (a *LaneAnswer) Spoilt() { a.conn.expired.Store(true) }

// DeprecateEOF reports whether the answer has an OK packet in place of EOF.
func (a *LaneAnswer) DeprecateEOF() bool { return a.conn.deprecateEOF }

// Lanes returns the lanes of a login and a session state; nil if these get
// none.
func (s *Store) Lanes(l Login, session *Session) *Lanes {
	most := min(s.lanes.most, s.tuning.Load().MaxConns/connsPerLane)
	if most == 0 {
		return nil
	}
	l = s.access.Load().as(l)
	l.Capabilities &= fromLogin
	key := laneKey{l, session.DB(), !session.Autocommit(), session.fingerprint()}
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	ls := s.lanes.sets[key]
	if ls == nil && len(s.lanes.sets) < maxLaneSets && !s.lanes.closed {
		ls = &Lanes{store: s, login: l, session: session, most: most}
		ls.list.Store(new([]*lane))
		s.lanes.sets[key] = ls
	}
	return ls
}

// Enter says that a read begins, and reports whether it should go by a lane.
// Leave is called in any case when it has ended.
func (ls *Lanes) Enter() (byLane bool) {
	n := ls.reads.Add(1)
	if n > ls.peak.Load() {
		ls.peak.Store(n) // roughly: another one may be lost
	}
	if n >= manyReads && !ls.used.Load() {
		ls.used.Store(true)
		ls.store.wakeWatch()
	}
	return ls.used.Load()
}

// Leave says that a read has ended.
func (ls *Lanes) Leave() { ls.reads.Add(-1) }

// calm ends the use of lanes if there have been few reads at a time since the
// last tick.
func (ls *Lanes) calm() {
	if peak := ls.peak.Swap(ls.reads.Load()); peak < fewReads {
		ls.used.Store(false)
	}
}

// Read carries one command out by a lane: payload, or the execution of st if
// that is not nil, with the statement's id put into payload. ctx ends the wait;
// the read may go on at the store. The answer is numbered from seq on, and the
// caller calls its Done. An *protocol.Error is never returned but for ctx's
// cause: what the store says is in the answer. sequel is nil for none; its answer
// is the answer's Sequel.
func (ls *Lanes) Read(ctx context.Context, payload []byte, st *Stmt, kind protocol.AnswerKind, seq byte, sequel *Sequel) (*LaneAnswer, error) {
	if len(payload) > MaxLaneCommand {
		return nil, ErrLane
	}
	l := ls.choose(ctx, sequel)
	if l == nil {
		return nil, ErrLane
	}
	a, err := l.do(ctx, payload, st, kind, seq, sequel)
	if err != errNotPrepared {
		return a, err
	}
	if err := l.prepare(ctx, st); err != nil {
		return nil, err
	}
	if a, err = l.do(ctx, payload, st, kind, seq, sequel); err == errNotPrepared {
		err = ErrLane
	}
	return a, err
}

// choose returns a lane that is about to be written to, else the one with the
// fewest reads, a new one if none is idle and there may be more; nil if all are
// too busy.
func (ls *Lanes) choose(ctx context.Context, sequel *Sequel) *lane {
	if to := ls.restTo.Load(); to != 0 {
		if ls.store.tick.Load() < to {
			return nil
		}
		ls.restTo.CompareAndSwap(to, 0)
	}
	list := *ls.list.Load()
	var best *lane
	least, joins := int32(maxDepth), false
	for _, l := range list {
		d := l.depth.Load()
		if d >= maxDepth || l.closed.Load() || l.conn.expired.Load() {
			continue
		}
		if joins = d < gatherTo && l.gathering.Load() && time.Duration(l.cost.Load()) <= slowAnswer; joins {
			best, least = l, d
			break
		}
		if d < least {
			best, least = l, d
		}
	}
	if least > 0 && !joins && len(list) < ls.most {
		if l := ls.open(ctx, sequel); l != nil {
			return l
		}
	}
	if best == nil || least == 0 {
		return best
	}
	if cost := time.Duration(best.cost.Load()); (cost > slowAnswer || time.Duration(least)*cost > laneWait) && ls.store.waiting.Load() == 0 {
		return nil
	}
	return best
}

// open opens a lane, unless somebody else is about to.
func (ls *Lanes) open(ctx context.Context, sequel *Sequel) *lane {
	if !ls.opening.CompareAndSwap(false, true) {
		return nil
	}
	defer ls.opening.Store(false)
	conn, err := ls.store.Get(ctx, ls.login, ls.session, false)
	if err != nil {
		return nil // who asks learns why from Get
	}
	if sequel != nil && sequel.Fit(ctx, conn, sequel.Mark) != nil {
		conn.Discard()
		ls.restTo.Store(ls.store.tick.Load() + unfitRounds)
		return nil
	}
	conn.Begin(time.Time{})
	l := &lane{set: ls, conn: conn}
	all := &ls.store.lanes
	all.mu.Lock()
	if all.closed || ls.forgotten.Load() {
		all.mu.Unlock()
		conn.Release()
		return nil
	}
	list := append(slices.Clone(*ls.list.Load()), l)
	ls.list.Store(&list)
	ls.unused = 0
	all.readers.Go(l.run)
	all.mu.Unlock()
	return l
}

// drop takes a lane out of the list.
func (ls *Lanes) drop(l *lane) {
	all := &ls.store.lanes
	all.mu.Lock()
	defer all.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*ls.list.Load()), func(x *lane) bool { return x == l })
	ls.list.Store(&list)
}

// each calls f for each lane.
func (s *laneSets) each(f func(l *lane)) {
	s.mu.Lock()
	var all []*lane
	for _, ls := range s.sets {
		all = append(all, *ls.list.Load()...)
	}
	s.mu.Unlock()
	for _, l := range all {
		f(l)
	}
}

// tidyLanes gives lanes up that nobody uses. It is the janitor's.
func (s *Store) tidyLanes() {
	s.lanes.each(func(l *lane) { l.tidy() })
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	for key, ls := range s.lanes.sets {
		if len(*ls.list.Load()) > 0 || ls.opening.Load() {
			ls.unused = 0
		} else if ls.unused++; ls.unused > idleRounds {
			ls.forgotten.Store(true)
			delete(s.lanes.sets, key)
		}
	}
}

// closeLanes ends all lanes and waits for their goroutines.
func (s *Store) closeLanes() {
	s.lanes.mu.Lock()
	s.lanes.closed = true
	s.lanes.mu.Unlock()
	s.lanes.each(func(l *lane) { l.conn.Abort() })
	s.lanes.readers.Wait()
}

// watchLanes looks for slow reads until ctx ends. While no lane is used it
// sleeps, so that reads need no timers and an idle proxy has none.
func (s *Store) watchLanes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.lanes.wake:
		}
		s.lanes.watching.Store(true)
		t := time.NewTicker(laneTick)
		for quiet := 0; quiet < laneRest && ctx.Err() == nil; quiet++ {
			select {
			case <-ctx.Done():
			case <-t.C:
			}
			s.lanes.each(func(l *lane) {
				if l.watch() {
					quiet = 0
				}
			})
			s.calmLanes()
		}
		t.Stop()
		s.lanes.watching.Store(false)
		// Who has come just before has not woken us.
		s.lanes.each(func(l *lane) {
			if l.depth.Load() > 0 {
				s.wakeWatch()
			}
		})
	}
}

func (s *Store) calmLanes() {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	for _, ls := range s.lanes.sets {
		ls.calm()
	}
}

func (s *Store) wakeWatch() {
	select {
	case s.lanes.wake <- struct{}{}:
	default:
	}
}
