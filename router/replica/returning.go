package replica

import (
	"bytes"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/merge"
)

// A statement that is carried out in parts may answer with rows: INSERT, REPLACE
// and DELETE ... RETURNING. The client gets the rows of all parts as one result,
// of an INSERT in the order of its rows.

// maxReturned bounds what is kept of such rows, in bytes.
const maxReturned = 64 << 20

// returned are the answers of the parts, in order.
type returned struct {
	parts [][]byte // frames
	size  int
}

// add takes a part's answer over.
func (r *returned) add(frames []byte) error {
	if r.size += len(frames); r.size > maxReturned {
		return protocol.Errorf(protocol.ErrUnknown,
			"dsmproxy: RETURNING of more than %d bytes by a statement whose records are on different stores", maxReturned)
	}
	r.parts = append(r.parts, bytes.Clone(frames))
	return nil
}

// writeReturned answers with the rows of all parts, one at least.
func (c *Client) writeReturned(r *returned, binary bool, warnings uint16) error {
	out := c.out.Conn()
	status := c.out.Status &^ protocol.StatusCursorExists
	if c.InTxn() {
		c.out.Status |= c.txnStatus()
		status |= c.txnStatus()
	}
	if c.More {
		status |= protocol.StatusMoreResults
	}
	rows := &merge.Rows{
		Answer: merge.Answer{DeprecateEOF: c.Login.Capabilities.Has(protocol.ClientDeprecateEOF), Binary: binary},
		All:    true, Limit: -1, Seq: out.Sequence(), Status: status,
	}
	for _, part := range r.parts {
		rows.Begin()
		if _, err := rows.Write(part); err != nil {
			return told(err)
		}
	}
	rows.End(status, warnings)
	if _, err := out.Write(rows.Out); err != nil {
		return err
	}
	out.SetSequence(rows.Seq)
	a := c.frame.Answer()
	a.Err, a.Status, a.Warnings, a.Columns, a.Rows = nil, status, warnings, rows.Columns(), rows.Sent
	return nil
}
