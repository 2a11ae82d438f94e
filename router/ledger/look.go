package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// The store's tick is the lowest of its 16 rows, which hold 16 numbers that
// follow each other: each Look brings the lowest up by 16. So no row is behind
// the store's tick, and a guard that looks at one row is never too lenient. Open
// brings up all of them.

// How many Looks go by between two that count the keys, and between two that
// remove what old proxies have left. Up to fewKeys are counted, for the server's
// own estimate may be a day old; more would have a Look wait for a disk.
const (
	countEvery = 16
	tidyEvery  = 64
	fewKeys    = "1000"
)

// recent is how old the heartbeat of a proxy may be to be reported, and ahead how
// far in the future; seconds. One that is further ahead is from before the clock
// was set back, and its proxy has not looked since.
const (
	recent = "60"
	ahead  = "1"
)

// Look implements fence.Voter. At the level strict it is asked beside each read;
// so without a Beat it is content with one row of the register, for all are
// changed by one transaction.
func (w *Witness) Look(ctx context.Context, b fence.Beat) (fence.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.LookTimeout)
	defer cancel()
	c, err := w.service(ctx, true)
	if err != nil {
		return fence.Status{}, err
	}
	defer c.Release()
	st, err := w.look(ctx, c, b)
	if err == nil && !st.Blank && st.Start == 0 {
		// Nobody has looked since the server was started.
		if err := w.start(ctx, c); err != nil {
			return fence.Status{}, err
		}
		st, err = w.look(ctx, c, b)
	}
	return st, err
}

// start gives the server's start a number, if it has none.
func (w *Witness) start(ctx context.Context, c *store.Conn) error {
	j := w.begin()
	defer w.end(j)
	j.add("INSERT IGNORE INTO ", w.texts.gate, "(id,start,boot) VALUES(1,").num(number()).add(",0)")
	if err := w.run(ctx, c, j, w.cfg.LookTimeout); err != nil {
		return err
	}
	if j.reply.err != nil {
		return unsent(j.reply.err)
	}
	return nil
}

// number is a random one that a BIGINT holds, and not 0.
func number() uint64 { return rand.Uint64()>>1 | 1 }

func (w *Witness) look(ctx context.Context, c *store.Conn, b fence.Beat) (fence.Status, error) {
	j := w.begin()
	defer w.end(j)
	before, want := w.beat(j, b), 1
	tick, rows := "(SELECT MIN(tick) FROM "+w.texts.view+")", " WHERE v.id=0"
	if before > 0 {
		tick, rows = "v.tick", " ORDER BY v.id"
	}
	j.add("SELECT v.vec,v.seq,v.boot,", tick, ",g.start,g.boot,s.format,s.name,s.act,s.cov,s.intact,"+
		"@@GLOBAL.innodb_flush_log_at_trx_commit,@@GLOBAL.log_bin,@@GLOBAL.sync_binlog FROM ",
		w.texts.view, " v LEFT JOIN ", w.texts.gate, " g ON g.id=1 LEFT JOIN ", w.texts.state, " s ON s.id=1", rows)
	if before > 0 {
		// What is told is on the disk when the answer to the COMMIT is here.
		want += 2
		j.add(";SELECT id,reach,TIMESTAMPDIFF(MICROSECOND,seen,UTC_TIMESTAMP(6)) FROM ", w.texts.proxy,
			" WHERE id%2=0 OR seen>UTC_TIMESTAMP(6)-INTERVAL "+recent+" SECOND AND seen<UTC_TIMESTAMP(6)+INTERVAL "+ahead+
				" SECOND ORDER BY id LIMIT 200;", commitSQL)
	}
	count := b.Proxy != 0 && w.own != nil && w.looks.Add(1)%countEvery == 1
	if count {
		j.add(";SELECT IF(n<"+fewKeys+",n,GREATEST(n,COALESCE((SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA='",
			w.cfg.Schema, "' AND TABLE_NAME='ver'),0))) FROM (SELECT COUNT(*) AS n FROM (SELECT 1 FROM ", w.texts.ver, " LIMIT "+fewKeys+") few) counted")
	}
	if err := w.run(ctx, c, j, w.cfg.LookTimeout); err != nil {
		return fence.Status{}, err
	}
	r := &j.reply
	if r.err != nil {
		c.Taint() // a transaction may be open
		if w.absent(r.err) {
			return fence.Status{Blank: true}, nil
		}
		if before > 0 {
			return fence.Status{}, fmt.Errorf("%w: %w", fence.ErrUnwritable, r.err)
		}
		return fence.Status{}, unsent(r.err)
	}
	if len(r.sets) < before+want {
		return fence.Status{}, lost(errOdd)
	}
	if count && len(r.sets) == before+want+1 && r.sets[before+want].rows == 1 {
		var n [1]uint64
		numbers(r.row(before+want, 0)[0], n[:])
		w.keys.Store(n[0])
	}
	shards := shards
	if before == 0 {
		shards = 1
	}
	st, err := w.status(r, before, shards)
	if err != nil {
		return fence.Status{}, lost(err)
	}
	if before > 0 {
		w.told(r, before+1, b, &st)
	}
	if len(b.Ticks) > 0 {
		w.disk.Store(&onDisk{st.Boot, st.View.String()})
	}
	st.Keys = w.keys.Load()
	return st, nil
}

// beat appends what the Look changes, and says how many statements that is.
func (w *Witness) beat(j *job, b fence.Beat) int {
	n := 0
	add := func(parts ...string) {
		if n == 0 {
			j.add(beginSQL, ";")
			n++
		}
		j.add(parts...)
		n++
	}
	if b.Tick {
		add("UPDATE ", w.texts.view, " v JOIN (SELECT MIN(tick) AS low FROM ", w.texts.view, ") d ON v.id=d.low%16 JOIN ",
			w.texts.gate, " g ON g.id=1 AND g.boot=v.boot SET v.tick=v.tick+16 WHERE v.tick=d.low;")
	}
	if b.Proxy != 0 || len(b.Ticks) > 0 {
		add("INSERT INTO ", w.texts.proxy, "(id,reach,seen) VALUES")
		for i, tick := range b.Ticks {
			j.add("(").num(tickRow(i)).add(",").num(tick).add(",UTC_TIMESTAMP(6)),")
		}
		if b.Proxy != 0 {
			j.add("(").num(b.Proxy).add(",").num(b.Reach).add(",UTC_TIMESTAMP(6)),")
		}
		j.buf = j.buf[:len(j.buf)-1]
		j.add(" ON DUPLICATE KEY UPDATE reach=CASE id")
		for i, tick := range b.Ticks {
			j.add(" WHEN ").num(tickRow(i)).add(" THEN GREATEST(reach,").num(tick).add(")")
		}
		j.add(" WHEN ").num(b.Proxy).add(" THEN ").num(b.Reach).add(" END,seen=UTC_TIMESTAMP(6);")
	}
	if b.Proxy != 0 && w.looks.Load()%tidyEvery == 0 {
		add("DELETE FROM ", w.texts.proxy, " WHERE seen<UTC_TIMESTAMP(6)-INTERVAL 1 DAY AND id%2=1;")
	}
	return n
}

// tickRow is the row that holds the highest tick that the store was told of a
// voter. The ids of proxies are odd.
func tickRow(voter int) uint64 { return 2 * uint64(voter) }

// status reads the register, of which so many rows have been asked for.
func (w *Witness) status(r *reply, set, shards int) (st fence.Status, err error) {
	rows := r.sets[set].rows
	if rows == 0 {
		return fence.Status{Blank: true}, nil
	}
	first := r.row(set, 0)
	st.Tick = ^uint64(0)
	for i := range rows {
		row := r.row(set, i)
		if string(row[0]) != string(first[0]) || string(row[2]) != string(first[2]) {
			return st, fmt.Errorf("the rows of %s differ", w.texts.view)
		}
		var tick [1]uint64
		numbers(row[3], tick[:])
		st.Tick = min(st.Tick, tick[0])
	}
	if rows != shards || first[6] == nil {
		return st, fmt.Errorf("rows of %s or %s are missing", w.texts.view, w.texts.state)
	}
	var n [1]uint64
	if numbers(first[6], n[:]) != 1 || n[0] > format {
		return st, fmt.Errorf("the tables in schema %s have format %s, and this version knows none above %d: update the proxy",
			w.cfg.Schema, first[6], format)
	}
	if st.View, err = view.Parse(string(first[0])); err != nil {
		return st, err
	}
	for _, field := range []struct {
		cell []byte
		dst  **view.View
	}{{first[8], &st.Act}, {first[9], &st.Cover}} {
		if field.cell != nil {
			if *field.dst, err = view.Parse(string(field.cell)); err != nil {
				return st, err
			}
		}
	}
	numbers(first[4], n[:])
	if first[4] != nil {
		st.Start = n[0]
		var gate, register [1]uint64
		numbers(first[5], gate[:])
		numbers(first[2], register[:])
		switch gate[0] {
		case register[0]:
			st.Boot = gate[0]
		case halfOpen(register[0]):
			st.HalfOpen = true
		}
	}
	st.Name = string(first[7])
	st.Intact = string(first[10]) == "1"
	st.Durable = durable(first[11:])
	text := st.View.String()
	w.vec.Store(&text)
	return st, nil
}

// durable reports whether what was committed survives also a crash of the
// machine. With a binary log InnoDB takes back what it does not find there.
func durable(cells [][]byte) bool {
	flush, binlog, sync := string(cells[0]), string(cells[1]), string(cells[2])
	return (flush == "1" || flush == "3") && (binlog == "0" || sync == "1")
}

// told reads what proxies have told the store: of themselves, and of the ticks of
// the others.
func (w *Witness) told(r *reply, set int, b fence.Beat, st *fence.Status) {
	if len(b.Ticks) > 0 {
		st.Ticks = make([]uint64, len(b.Ticks))
	}
	for i := range r.sets[set].rows {
		row := r.row(set, i)
		var id, reach, age [1]uint64
		switch {
		case numbers(row[0], id[:]) != 1 || numbers(row[1], reach[:]) != 1:
		case id[0]%2 == 0:
			if voter := id[0] / 2; voter < uint64(len(st.Ticks)) {
				st.Ticks[voter] = reach[0]
			}
		case b.Proxy != 0:
			numbers(row[2], age[:]) // negative if the clock was set back: 0
			st.Reports = append(st.Reports, fence.Report{Proxy: id[0], Reach: reach[0], Age: time.Duration(age[0]) * time.Microsecond})
		}
	}
}

// refused makes an error of fence of the error of a Voter's statement.
func (w *Witness) refused(e *protocol.Error) error {
	if w.absent(e) {
		return fence.ErrClosed
	}
	return unsent(e)
}
