package ledger

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// job is the text of a packet that is being written, and then its answer.
type job struct {
	buf   []byte // beginning with the command's byte
	frame protocol.Framer
	reply reply
	order []int // of keys
	// params are those of a form, whose rows are binary.
	params []param
	sequel store.Sequel
	binary bool
}

func (w *Witness) begin() *job {
	j := w.jobs.Get().(*job)
	j.buf = append(j.buf[:0], byte(protocol.ComQuery))
	return j
}

// keptText is how much memory a job keeps.
const keptText = 64 << 10

func (w *Witness) end(j *job) {
	if cap(j.buf) > keptText {
		j.buf = nil
	}
	clear(j.params)
	j.params, j.binary = j.params[:0], false
	j.reply.reset()
	w.jobs.Put(j)
}

// add appends text.
func (j *job) add(parts ...string) *job {
	for _, p := range parts {
		j.buf = append(j.buf, p...)
	}
	return j
}

func (j *job) num(n uint64) *job {
	j.buf = strconv.AppendUint(j.buf, n, 10)
	return j
}

// hex appends a literal that means the same in any session.
func (j *job) hex(v []byte) *job {
	j.buf = append(j.buf, 'x', '\'')
	j.buf = hex.AppendEncode(j.buf, v)
	j.buf = append(j.buf, '\'')
	return j
}

// quoted appends a literal for a connection of the proxy's own.
func (j *job) quoted(v []byte) *job {
	b := append(j.buf, '\'')
	for _, c := range v {
		switch c {
		case '\'', '\\':
			b = append(b, '\\', c)
		case 0:
			b = append(b, '\\', '0')
		default:
			b = append(b, c)
		}
	}
	j.buf = append(b, '\'')
	return j
}

// run sends the job's text over a connection of the proxy's own and reads the
// answer. Its error is one of fence.
func (w *Witness) run(ctx context.Context, c *store.Conn, j *job, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, c.Abort)
		defer stop()
	}
	c.Begin(deadline)
	if err := c.Queue(j.buf); err != nil {
		return failure(err)
	}
	if err := c.Send(); err != nil {
		return failure(err)
	}
	return j.read(c)
}

// read reads an answer.
func (j *job) read(c *store.Conn) error {
	j.frame.Reset(protocol.AnswerResult, c.DeprecateEOF(), 1)
	j.frame.Cut = true
	frames, err := c.Read(&j.frame, maxAnswer)
	if err != nil {
		return lost(err)
	}
	j.reply.binary = j.binary
	if err := j.reply.parse(frames, c.DeprecateEOF(), j.frame.Answer().Err); err != nil {
		return lost(err)
	}
	return nil
}
