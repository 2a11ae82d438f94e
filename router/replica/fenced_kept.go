package replica

import "sync"

// An answer that is kept back needs memory until it is told, and an idle client
// has none: clients share it.

// kept is memory for an answer.
type kept struct{ b []byte }

var keptAnswers = sync.Pool{New: func() any { return new(kept) }}

// keptAnswer is how much of it is kept for the next answer.
const keptAnswer = 256 << 10

// keeps makes held empty, and gives it memory.
func (c *Client) keeps() {
	if f := c.fencing; f.kept == nil {
		f.kept = keptAnswers.Get().(*kept)
		c.held = f.kept.b
	}
	c.held = c.held[:0]
}

// keptNoMore gives the memory back, when what is in held has been told.
func (c *Client) keptNoMore() {
	if k := c.fencing.kept; k != nil {
		if k.b = c.held; cap(k.b) > keptAnswer {
			k.b = nil
		}
		keptAnswers.Put(k)
	}
	c.held, c.fencing.kept = nil, nil
}
