package fence

import (
	"context"
	"sync"

	"github.com/dsmproxy/dsmproxy/router/view"
)

const cleanFlag = view.Clean

// replicate puts entries, what the primary has of keys, on all other targets.
// If all of them have them then, the versions will be marked clean.
func (o *op) replicate(ctx context.Context, c *installed, keys []Key, entries []Entry, sites []site) error {
	var others uint64 // a bit set of stores
	for i := range sites {
		for _, t := range sites[i].holders()[1:] {
			others |= 1 << t
		}
	}
	last := -1
	parallel := 0
	for t := range o.g.stores {
		if others&(1<<t) != 0 {
			last = t
			parallel++
		}
	}
	var err error
	switch parallel {
	case 0:
	case 1: // the usual case: without a goroutine
		err = o.putTo(ctx, c, last, keys, entries, sites)
	default:
		err = o.putToAll(ctx, c, others, keys, entries, sites)
	}
	if err == nil {
		for i := range keys {
			marked := sites[i].holders()
			if len(marked) == 2 {
				marked = marked[:1] // the other one's was the last put
			}
			o.g.clean.add(keys[i], entries[i].Version, marked)
		}
	}
	return err
}

func (o *op) putToAll(ctx context.Context, c *installed, others uint64, keys []Key, entries []Entry, sites []site) error {
	var peers []*peer
	for t, p := range o.g.stores {
		if others&(1<<t) != 0 {
			peers = append(peers, p)
		}
	}
	var mu sync.Mutex
	var first error
	o.g.each(ctx, peers, func(p *peer) func() {
		if err := o.putTo(ctx, c, p.index, keys, entries, sites); err != nil {
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = err
			}
		}
		return nil
	}, nil)
	mu.Lock()
	defer mu.Unlock()
	if first == nil {
		first = ctx.Err()
	}
	return first
}

// putTo puts those of entries that belong at store t there.
func (o *op) putTo(ctx context.Context, c *installed, t int, keys []Key, entries []Entry, sites []site) error {
	puts := make([]Put, 0, len(keys))
	size := 0
	for i := range keys {
		if !sites[i].target(t) {
			continue
		}
		if len(puts) > 0 && size+len(entries[i].Image) > maxPut {
			if err := o.put(ctx, c, t, puts); err != nil {
				return err
			}
			puts, size = puts[:0], 0
		}
		puts = append(puts, Put{Key: keys[i], Entry: entries[i], MaxTick: o.limits[t], Last: sites[i].n == 2})
		size += len(entries[i].Image)
	}
	return o.put(ctx, c, t, puts)
}

// maxPut is about how many bytes of records a store is given at a time: it may
// not take a packet of any length.
const maxPut = 2 << 20

func (o *op) put(ctx context.Context, c *installed, t int, puts []Put) error {
	p := o.g.stores[t]
	guard, s, err := o.g.guard(ctx, c, p)
	if err == nil {
		err = p.store.Put(ctx, guard, puts)
		o.g.noteErr(p, s, err)
	}
	if err != nil {
		return &uncopied{p.name(), err}
	}
	return nil
}
