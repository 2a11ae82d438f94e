package fence

import (
	"context"
	"sync"
	"time"
)

// crewSize is how many batches of a heal are carried out at a time.
const crewSize = 2

// crew carries out a heal's batches, a few at a time. It gives way to clients:
// a batch that has taken much longer than they can take is followed by a rest
// of the same length, since the stores have others to serve.
type crew struct {
	g *Group

	mu    sync.Mutex // guards what follows
	busy  int
	err   error // of the first batch that has failed
	freed Event // fired when a batch has ended; then it is another one
	best  time.Duration
}

// slack is how many times longer than the fastest a batch may take.
const slack = 4

func (g *Group) newCrew() *crew { return &crew{g: g, freed: g.env.NewEvent()} }

// give has do carried out as soon as somebody is free. Its error may be of an
// earlier batch.
func (c *crew) give(ctx context.Context, do func() error) error {
	if err := c.await(ctx, crewSize-1); err != nil {
		return err
	}
	c.mu.Lock()
	c.busy++
	c.mu.Unlock()
	c.g.env.Go(func() {
		began := c.g.env.Now()
		err := do()
		took := c.g.env.Now() - began
		if err == nil && c.slow(took) {
			c.g.env.Sleep(ctx, took)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy--
		if c.err == nil {
			c.err = err
		}
		freed := c.freed
		c.freed = c.g.env.NewEvent()
		freed.Fire()
	})
	return nil
}

// slow reports whether a batch has taken too long. What is the fastest is
// forgotten slowly.
func (c *crew) slow(took time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.best += c.best / 256; c.best == 0 || took < c.best {
		c.best = took
	}
	return took > slack*c.best
}

// await waits until no more than most batches are under way, or one has failed.
func (c *crew) await(ctx context.Context, most int) error {
	for {
		c.mu.Lock()
		busy, err, freed := c.busy, c.err, c.freed
		c.mu.Unlock()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil && most > 0 || busy <= most {
			return err
		}
		freed.Wait(context.WithoutCancel(ctx))
	}
}

// end waits until all batches have ended.
func (c *crew) end(ctx context.Context) error { return c.await(ctx, 0) }
