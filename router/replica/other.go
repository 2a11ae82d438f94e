package replica

import (
	"context"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// QueryAt runs a statement of the proxy's own on store i.
func (s *Set) QueryAt(ctx context.Context, i int, sql string) ([][][]byte, error) {
	conn, err := s.stores[i].Get(ctx, s.service, nil, true)
	if err != nil {
		if storeFailed(err) {
			return nil, unreachable(err)
		}
		return nil, err
	}
	rows, err := conn.Query(ctx, sql)
	if err == nil {
		conn.Release()
		return rows, nil
	}
	if e, ok := err.(*protocol.Error); ok {
		conn.Release()
		return nil, e
	}
	conn.Discard()
	return nil, unreachable(err)
}

// Context ends when the client's statements are aborted.
func (c *Client) Context() context.Context { return c.ctx }
