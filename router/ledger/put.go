package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// change runs a transaction of the proxy's own: text appends its statements to
// the job, and done reads their results, of which the first is of START
// TRANSACTION. It is tried again after a deadlock.
func (s *Store) change(ctx context.Context, g fence.Guard, late bool, text func(j *job, f *fencing) (statements int, err error), done func(r *reply) error) error {
	for try := 1; ; try++ {
		again, err := s.changeOnce(ctx, g, late, text, done)
		if !again || try == tries || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Store) changeOnce(ctx context.Context, g fence.Guard, late bool, text func(j *job, f *fencing) (statements int, err error), done func(r *reply) error) (again bool, err error) {
	c, err := s.service(ctx, false)
	if err != nil {
		return false, err
	}
	defer c.Release()
	j := s.begin()
	defer s.end(j)
	f := fenced(g, c)
	j.add(beginSQL, ";")
	n, err := text(j, &f)
	if err != nil {
		return false, err
	}
	j.add(commitSQL)
	if err := s.run(ctx, c, j, s.cfg.OwnTimeout); err != nil {
		return false, err
	}
	r := &j.reply
	if r.err == nil {
		f.passed(c)
		return false, done(r)
	}
	e := r.err
	if len(r.sets) == 1+n { // COMMIT
		c.Taint()
		return false, lost(e)
	}
	if e.Code == errBadColumn || e.Code == protocol.ErrNoSuchTable {
		s.Forget()
	}
	again, err = s.undone(c, j, &f, e, late)
	if f.silent && e.Code == errOutOfRange {
		err = errNotNewer
	}
	return again, err
}

// undone is undo in bounded time.
func (s *Store) undone(c *store.Conn, j *job, f *fencing, e *protocol.Error, late bool) (bool, error) {
	c.Begin(time.Now().Add(s.cfg.OwnTimeout))
	return s.undo(c, j, f, e, late)
}

// lastTick is the last tick of all puts.
func lastTick(limit, next uint64) uint64 { return min(limit, next) }

// Put implements fence.Store. Of each key the version goes first, if it is
// newer, and then the record, if the version is there:
//
//	INSERT INTO ver … SELECT … ON DUPLICATE KEY UPDATE fl=IF(newer,…,fl), …
//	INSERT INTO sessions (…) SELECT … FROM ver v WHERE v.wid=… ON DUPLICATE KEY UPDATE …
func (s *Store) Put(ctx context.Context, g fence.Guard, puts []fence.Put) error {
	if len(puts) == 0 {
		return nil
	}
	limit := puts[0].MaxTick
	shapes := make([]*shape, len(puts))
	for i := range puts {
		var err error
		if shapes[i], err = s.shape(ctx, puts[i].Key.Table); err != nil {
			return err
		}
		limit = lastTick(limit, puts[i].MaxTick)
	}
	text := func(j *job, f *fencing) (statements int, err error) {
		for _, i := range j.sorted(len(puts), func(i int) *fence.Key { return &puts[i].Key }) {
			p := &puts[i]
			s.upsert(j, f, p, limit)
			n, err := s.install(j, shapes[i], &p.Key, &p.Entry)
			if err != nil {
				return 0, s.forgetting(err)
			}
			statements += 1 + n
		}
		return statements, nil
	}
	done := func(r *reply) error {
		if r.sets[1].affected == 0 {
			return fence.ErrClosed // the register is gone
		}
		return nil
	}
	if len(puts) == 1 && shapes[0].updates != "" {
		if err := s.putNewer(ctx, g, &puts[0], shapes[0], limit, done); !errors.Is(err, errNotNewer) {
			return err
		}
	}
	return s.change(ctx, g, true, text, done)
}

// errNotNewer: a put, as putNewer has it, failed where the guard may have, or
// the version that is there is no older one.
var errNotNewer = errors.New("guarded")

// putNewer is Put for one version, which is newer as a rule. Nothing depends on
// what is there then but whether it is: the statement overflows, as by the
// guard, where it is not, and nothing of the packet is done. Why is found out by
// doing it in the other way.
func (s *Store) putNewer(ctx context.Context, g fence.Guard, p *fence.Put, sh *shape, limit uint64, done func(r *reply) error) error {
	if ok, err := s.putFormed(ctx, g, p, sh, limit); ok {
		return err
	}
	return s.change(ctx, g, true, func(j *job, f *fencing) (statements int, err error) {
		f.silent = true
		v := p.Entry.Version
		j.add("INSERT INTO ", s.texts.ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ").num(uint64(p.Key.Table)).add(",").hex(p.Key.ID).
			add(",").num(flags(&p.Entry, p.Last)).add(",")
		s.guard(j, f, limit)
		j.add(",w.tick,").num(v.ID).add(",").num(v.Epoch).add(",").num(v.N).
			add(" FROM ", s.texts.view, " w WHERE w.id=").num(f.shard).add(" LOCK IN SHARE MODE ON DUPLICATE KEY UPDATE fl=").num(flags(&p.Entry, p.Last)).
			add(",iep=w.seq+9223372036854775807*(", s.texts.ver, ".ep>").num(v.Epoch).add(" OR ", s.texts.ver, ".ep=").num(v.Epoch).
			add(" AND ", s.texts.ver, ".n>=").num(v.N).add("),tick=w.tick,wid=").num(v.ID).add(",ep=").num(v.Epoch).add(",n=").num(v.N).add(";")
		n, err := s.installNew(j, sh, &p.Key, &p.Entry)
		if err != nil {
			return 0, s.forgetting(err)
		}
		return 1 + n, nil
	}, done)
}

// forgetting drops what is known of the tables: one may have been changed.
func (s *Store) forgetting(err error) error {
	s.Forget()
	return err
}

// flags are those that a version is stored with.
func flags(e *fence.Entry, clean bool) uint64 {
	if clean {
		return uint64(e.Flags&view.Deleted | view.Clean)
	}
	return uint64(e.Flags & view.Deleted)
}

// upsert appends the statement that stores a version if it is newer.
// Assignments are made from left to right: what newer looks at comes last.
func (s *Store) upsert(j *job, f *fencing, p *fence.Put, limit uint64) {
	v := p.Entry.Version
	set := func(name string, value func()) {
		j.add(name, "=IF(").num(v.Epoch).add(">", s.texts.ver, ".ep OR ").num(v.Epoch).add("=", s.texts.ver, ".ep AND ").
			num(v.N).add(">", s.texts.ver, ".n,")
		value()
		j.add(",", s.texts.ver, ".", name, "),")
	}
	j.add("INSERT INTO ", s.texts.ver, "(t,k,fl,iep,tick,wid,ep,n) SELECT ").num(uint64(p.Key.Table)).add(",").hex(p.Key.ID).
		add(",").num(flags(&p.Entry, p.Last)).add(",")
	s.guard(j, f, limit)
	j.add(",w.tick,").num(v.ID).add(",").num(v.Epoch).add(",").num(v.N).
		add(" FROM ", s.texts.view, " w WHERE w.id=").num(f.shard).add(" LOCK IN SHARE MODE ON DUPLICATE KEY UPDATE ")
	if p.Last { // then a version that is there already is clean now
		j.add("fl=IF(").num(v.Epoch).add("=", s.texts.ver, ".ep AND ").num(v.N).add("=", s.texts.ver, ".n AND ").
			num(v.ID).add("=", s.texts.ver, ".wid,", s.texts.ver, ".fl|2,", s.texts.ver, ".fl),")
	}
	set("fl", func() { j.num(flags(&p.Entry, p.Last)) })
	set("iep", func() { j.add("w.seq") })
	set("tick", func() { j.add("w.tick") })
	set("wid", func() { j.num(v.ID) })
	set("n", func() { j.num(v.N) })
	j.add("ep=GREATEST(", s.texts.ver, ".ep,").num(v.Epoch).add(");")
}
