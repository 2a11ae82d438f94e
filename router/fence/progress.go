package fence

import (
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// progress is how far a heal is.
type progress struct {
	mu    sync.Mutex // guards what follows
	state Heal
	held  uint64 // what the stores had, added up, when it began
	met   uint64 // how much of that has been looked at
	size  int    // about how many bytes the last records had
}

// Heal says how far the present heal is, or how the last one ended.
type Heal struct {
	View    string // "" before the first
	Running bool
	Began   time.Duration
	Took    time.Duration // of one that has ended
	Keys    uint64        // looked at
	Of      uint64        // about how many there are; 0 if that is not known
	Copied  uint64        // records brought to a store, or removed there
	Err     error         // why the last one was given up, if something is left to heal
	Done    uint64        // heals that have ended well
}

// begin: the stores have held keys, added up, and most keys are on copies of them.
func (p *progress) begin(v *view.View, held, copies uint64, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.met = held, 0
	p.state = Heal{View: v.String(), Running: true, Began: now, Of: (held + copies - 1) / copies, Done: p.state.Done}
}

func (p *progress) end(err error, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Running, p.state.Took, p.state.Err = false, now-p.state.Began, err
	if err == nil {
		p.state.Done++
		p.state.Of = p.state.Keys
	}
}

// well: nothing is left to heal. If the last heal was given up, another proxy has
// done it, or the view has moved on.
func (p *progress) well() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Err = nil
}

// passed notes that so many keys have been looked at, which stores held so often.
// On how many stores a key is tells how many keys there are.
func (p *progress) passed(keys, held int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Keys += uint64(keys)
	if p.met += uint64(held); p.met > 0 {
		p.state.Of = max(p.state.Keys, uint64(float64(p.held)*float64(p.state.Keys)/float64(p.met)))
	}
}

func (p *progress) copied(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Copied += uint64(n)
}

// What a heal asks a store for at a time: about how much, and at most how many.
const (
	roomBytes = 4 << 20
	roomKeys  = walkBatch
)

// weighed notes the size of a record.
func (p *progress) weighed(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size += (n - p.size) / 16
	p.size = max(p.size, n/16, 1)
}

// room is how many records are asked for at a time. Of the first nobody knows
// how long they are.
func (p *progress) room() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.size == 0 {
		return 8
	}
	return min(max(roomBytes/p.size, 1), roomKeys)
}
