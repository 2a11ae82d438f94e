package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The soak: clients put 80 % of the load on the proxy that it carries, while
// its stores are killed and returned in turn, and new clients come and go. What
// grows in that time, however slowly, shows at the end beside the beginning:
// memory, goroutines, descriptors, and at the stores prepared statements and
// connections.

const (
	soakClients = 32
	soakShare   = 0.8
	// soakRound is how long a store is away, and then how long all are there.
	soakRound = 10 * time.Second
	// soakSettle is how long what is measured may take to become level.
	soakSettle = 30 * time.Second
)

// level is what must not grow.
type level struct {
	Memory      int64   `json:"memory"` // resident bytes
	Goroutines  int     `json:"goroutines"`
	Descriptors int     `json:"descriptors"`
	Prepared    int     `json:"prepared"`    // at all stores
	Connections int     `json:"connections"` // to them
	PerSecond   float64 `json:"per_second,omitempty"`
}

// soak is what a soak has shown: the levels once all stores have been away and
// returned, at the end under load, and when the clients have gone.
type soak struct {
	Length      string  `json:"length"`
	Capacity    float64 `json:"capacity_per_second"`
	Killed      int     `json:"stores_killed"`
	Done        int64   `json:"statements"`
	Failed      int64   `json:"failed"`
	Begin, End  level   `json:"-"`
	After       level   `json:"after"`
	Levels      []level `json:"levels"`
	lastFailure error
}

// measureSoak soaks a proxy of its own.
func measureSoak(ctx context.Context, b *bed, _ []*target, o options, r *report) error {
	if o.levels[0] != "seed" {
		return errors.New("the level seed only: go test ./integration -run TestSoak is for the others")
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	b.admin = addr
	t, err := b.dsmproxy(ctx, o.levels[0], 200, "")
	b.admin = ""
	if err != nil {
		return err
	}
	s := &soak{Length: o.duration.String()}
	if s.Capacity, err = capacity(ctx, t, o); err != nil {
		return err
	}
	load := startSoakLoad(ctx, t, o, s.Capacity*soakShare/soakClients)
	err = s.run(ctx, b, t, addr, o.duration, load)
	load.end()
	s.Done, s.Failed, s.lastFailure = load.done.Load(), load.failed.Load(), load.lastFailure()
	if err != nil {
		return err
	}
	if s.After, err = s.settled(ctx, b, t, addr, func(l level) bool { return l.Prepared == 0 }); err != nil {
		return err
	}
	r.Soak = s
	return nil
}

// capacity is how many statements per second the clients of a soak get done if
// nothing holds them back.
func capacity(ctx context.Context, t *target, o options) (float64, error) {
	var all []*client
	defer func() { closeAll(all) }()
	for i := range soakClients {
		c, err := dial(ctx, t, soakOperation(i), o.records, uint64(i))
		if err != nil {
			return 0, err
		}
		all = append(all, c)
	}
	if _, err := round(t, all, o.length); err != nil {
		return 0, err
	}
	s, err := round(t, all, 3*o.length)
	return s.perSecond, err
}

// soakOperation is what client i does: one of five writes, half are prepared.
func soakOperation(i int) operation {
	op := operation{name: "select", payload: 1024, binary: i%2 == 0}
	if i%5 == 0 {
		op.name, op.write = "upsert", true
	}
	return op
}

// run kills and returns stores until the soak is over.
func (s *soak) run(ctx context.Context, b *bed, t *target, admin string, length time.Duration, load *soakLoad) error {
	end := time.Now().Add(length)
	for turn := 0; ; turn++ {
		st := b.stores[turn%len(b.stores)]
		fmt.Fprintf(os.Stderr, "soak, store %d is killed, %s to go\n", turn%len(b.stores), time.Until(end).Round(time.Second))
		if err := st.Kill(); err != nil {
			return err
		}
		s.Killed++
		if err := pause(ctx, soakRound); err != nil {
			return err
		}
		if err := st.Restart(ctx); err != nil {
			return err
		}
		before, at := load.done.Load(), time.Now()
		if err := pause(ctx, soakRound); err != nil {
			return err
		}
		l, err := s.look(ctx, b, t, admin)
		if err != nil {
			return err
		}
		l.PerSecond = float64(load.done.Load()-before) / time.Since(at).Seconds()
		s.Levels = append(s.Levels, l)
		if s.Killed == len(b.stores) {
			s.Begin = l
		}
		if time.Now().After(end) && s.Killed > len(b.stores) {
			s.End = l
			return nil
		}
	}
}

// settled looks until enough holds, for soakSettle at most.
func (s *soak) settled(ctx context.Context, b *bed, t *target, admin string, enough func(level) bool) (l level, err error) {
	for end := time.Now().Add(soakSettle); ; {
		if l, err = s.look(ctx, b, t, admin); err != nil || enough(l) || time.Now().After(end) {
			return l, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return l, err
		}
	}
}

func (s *soak) look(ctx context.Context, b *bed, t *target, admin string) (l level, err error) {
	if l.Memory, err = resident(t.pid); err != nil {
		return l, err
	}
	if l.Descriptors, err = descriptors(t.pid); err != nil {
		return l, err
	}
	if l.Goroutines, err = goroutines(ctx, admin); err != nil {
		return l, err
	}
	for _, st := range b.stores {
		n, err := status(ctx, st.DSN(""), "Prepared_stmt_count")
		if err != nil {
			return l, err
		}
		l.Prepared += n
		if n, err = status(ctx, st.DSN(""), "Threads_connected"); err != nil {
			return l, err
		}
		l.Connections += n - 1 // without the one that asks
	}
	return l, nil
}

// goroutines asks the proxy for their number.
func goroutines(ctx context.Context, admin string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			return strconv.Atoi(n)
		}
	}
	return 0, errors.New("the proxy does not tell its goroutines")
}

func status(ctx context.Context, dsn, name string) (n int, err error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(new(string), &n)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// soakLoad is the clients of a soak: each waits for its turn, and one that has
// lost its connection opens another. Beside them a visitor comes and goes.
type soakLoad struct {
	stop         chan struct{}
	all          sync.WaitGroup
	done, failed atomic.Int64
	mu           sync.Mutex
	last         error // guarded by mu
}

func startSoakLoad(ctx context.Context, t *target, o options, perSecond float64) *soakLoad {
	l := &soakLoad{stop: make(chan struct{})}
	every := time.Duration(float64(time.Second) / perSecond)
	for i := range soakClients {
		l.all.Go(func() {
			var c *client
			defer func() {
				if c != nil {
					c.close()
				}
			}()
			l.pace(every, func() (err error) {
				if c == nil {
					if c, err = dial(ctx, t, soakOperation(i), o.records, uint64(i)); err != nil {
						return err
					}
				}
				if err = c.turn(); err != nil {
					c.close()
					c = nil
				}
				return err
			})
		})
	}
	l.all.Go(func() {
		v, err := newVisitor(t, o.records, 1)
		l.pace(20*every, func() error {
			if err != nil {
				return err
			}
			return v.visit()
		})
	})
	return l
}

// pace calls turn at its times, late ones at once, until the load ends.
func (l *soakLoad) pace(every time.Duration, turn func() error) {
	for next := time.Now(); ; next = next.Add(every) {
		if late := time.Since(next); late > time.Second {
			next = time.Now() // what could not be done is not made up for
		}
		select {
		case <-l.stop:
			return
		case <-time.After(time.Until(next)):
		}
		if err := turn(); err != nil {
			l.failed.Add(1)
			l.mu.Lock()
			l.last = err
			l.mu.Unlock()
		} else {
			l.done.Add(1)
		}
	}
}

func (l *soakLoad) end() {
	close(l.stop)
	l.all.Wait()
}

func (l *soakLoad) lastFailure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// grown says what is not level at the end; nil if all is. A little may come and
// go with the moment: connections for a burst, memory with the collector.
func (s *soak) grown() error {
	var errs []error
	check := func(what string, begin, end, slack int64) {
		if end > begin+slack {
			errs = append(errs, fmt.Errorf("%s: %d at the beginning, %d at the end", what, begin, end))
		}
	}
	a, z := s.Begin, s.End
	check("bytes of memory", a.Memory, z.Memory, a.Memory/4+8<<20)
	check("goroutines", int64(a.Goroutines), int64(z.Goroutines), soakClients)
	check("descriptors", int64(a.Descriptors), int64(z.Descriptors), 2*soakClients)
	check("prepared statements at the stores", int64(a.Prepared), int64(z.Prepared), 2*soakClients)
	check("connections to the stores", int64(a.Connections), int64(z.Connections), 2*soakClients)
	check("prepared statements when all clients have gone", 0, int64(s.After.Prepared), 0)
	check("goroutines when all clients have gone", int64(a.Goroutines), int64(s.After.Goroutines), 0)
	return errors.Join(errs...)
}
