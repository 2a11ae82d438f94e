package ledger

import (
	"bytes"
	"strconv"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// texts are the names of the ledger's tables, as they are written.
type texts struct {
	view, state, gate, proxy, settings, ver, epoch, tables, moving string
	open                                                           []byte // a packet
}

func (t *texts) init(c *Config) {
	name := func(table string) string { return "`" + c.Schema + "`.`" + table + "`" }
	*t = texts{
		view: name("view"), state: name("state"), gate: name("gate"), proxy: name("proxy"), settings: name("settings"),
		ver: name("ver"), epoch: name("epoch"), tables: name("tables"), moving: name(movingTable),
	}
	t.open = append([]byte{byte(protocol.ComQuery)}, "HANDLER "+t.ver+" OPEN AS "+handle...)
}

// fencing is a guard on one connection.
type fencing struct {
	fence.Guard
	shard uint64
	// gate: the connection is not known to be from a time when the gate was open
	// under Boot.
	gate bool
	// multi: the connection takes several statements in a packet, by its login.
	multi bool
	// counted: @dsmproxy_rows must be set.
	counted bool
	// silent: what the guard says is asked again.
	silent bool
	// refusable: it tells by being below 0 that the statement was refused.
	refusable bool
}

func fenced(g fence.Guard, c *store.Conn) fencing {
	return fencing{Guard: g, shard: uint64(c.ThreadID() % shards), gate: c.Mark() != g.Boot}
}

// passed notes on the connection that the gate was open.
func (f *fencing) passed(c *store.Conn) {
	if f.gate {
		c.SetMark(f.Boot)
	}
}

// guard appends the expression that is w.seq if f holds. limit, if it is not 0,
// is the last tick.
func (w *Witness) guard(j *job, f *fencing, limit uint64) {
	j.add("w.seq+9223372036854775807*(w.vec<>").hex([]byte(f.View.String())).add(" OR w.boot<>").num(f.Boot)
	if f.gate {
		j.add(" OR NOT EXISTS(SELECT 1 FROM ", w.texts.gate, " WHERE boot=").num(f.Boot).add(")")
	}
	if limit != 0 {
		j.add(" OR w.tick>").num(limit)
	}
	if f.counted {
		j.add(" OR @dsmproxy_rows IS NULL")
		if f.refusable {
			j.add(" OR @dsmproxy_rows<0")
		}
	}
	j.add(")")
}

// stand appends the columns that holds reads.
func (w *Witness) stand(j *job, gate bool) {
	j.add("w.vec,CONCAT_WS(_binary',',w.boot,w.tick")
	if gate {
		j.add(",COALESCE((SELECT MAX(boot) FROM ", w.texts.gate, "),0)")
	}
	j.add(")")
}

// holds reports what is wrong with the first two cells of a row, read by stand
// of what f guards; and the tick in them.
func (f *fencing) holds(cells [][]byte) (tick uint64, err error) {
	var n [3]uint64
	got := numbers(cells[1], n[:])
	switch {
	case got < 2 || f.gate && got < 3:
		return 0, lost(errOdd)
	case n[0] != f.Boot || f.gate && n[2] != f.Boot:
		return n[1], fence.ErrClosed
	case string(cells[0]) != f.View.String():
		return n[1], fence.ErrFenced
	}
	return n[1], nil
}

// numbers reads decimal numbers with commas between them.
func numbers(b []byte, dst []uint64) int {
	if len(b) == 0 {
		return 0
	}
	for i := range dst {
		part, rest, more := bytes.Cut(b, []byte{','})
		n, err := strconv.ParseUint(string(part), 10, 64)
		if err != nil {
			return i
		}
		dst[i] = n
		if !more {
			return i + 1
		}
		b = rest
	}
	return len(dst)
}

// because makes j the question why the guard f has failed.
func (w *Witness) because(j *job, f *fencing) {
	j.buf = append(j.buf[:0], byte(protocol.ComQuery))
	j.add("SELECT ")
	w.stand(j, true)
	j.add(" FROM ", w.texts.view, " w WHERE w.id=").num(f.shard).add(" LIMIT 1 LOCK IN SHARE MODE") // not as of a snapshot
}

// verdict reads the answer to because. late: the guard had a limit.
func (w *Witness) verdict(j *job, f *fencing, late bool) error {
	r := &j.reply
	if r.err != nil {
		if w.absent(r.err) {
			return fence.ErrClosed
		}
		return unsent(r.err)
	}
	if len(r.sets) != 1 || r.sets[0].rows != 1 {
		return fence.ErrClosed
	}
	all := *f
	all.gate = true
	_, err := all.holds(r.row(0, 0))
	switch {
	case err != nil:
		return err
	case late:
		return fence.ErrLate
	}
	return fence.ErrFenced // it was behind, and has caught up since
}
