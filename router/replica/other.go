package replica

import (
	"context"
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
	rows, err := queryOnce(ctx, conn, sql)
	if err != nil && storeFailed(err) {
		return nil, unreachable(err)
	}
	return rows, err
}

// Context ends when the client's statements are aborted.
func (c *Client) Context() context.Context { return c.ctx }
