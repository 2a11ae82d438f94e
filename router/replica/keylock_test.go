package replica

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestKeyLockSerialises(t *testing.T) {
	l := newKeyLocks()
	var n, max int // guarded by the key lock
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			o := newLockOwner()
			for range 500 {
				if err := l.acquire(context.Background(), o, []byte("k"), time.Minute); err != nil {
					t.Error(err)
					return
				}
				n++
				max++
				n--
				l.release(o)
			}
		})
	}
	wg.Wait()
	if max != 16*500 {
		t.Errorf("increments = %d, want %d", max, 16*500)
	}
	for i := range l.shards {
		if len(l.shards[i].locks) != 0 {
			t.Errorf("shard %d still has %d locks", i, len(l.shards[i].locks))
		}
	}
}

func TestKeyLockDeadlock(t *testing.T) {
	l := newKeyLocks()
	ctx := context.Background()
	a, b := newLockOwner(), newLockOwner()
	lock := func(o *lockOwner, key string) error { return l.acquire(ctx, o, []byte(key), time.Minute) }
	if err := errors.Join(lock(a, "x"), lock(b, "y")); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { got <- lock(a, "y") }()
	for waiting := false; !waiting; time.Sleep(time.Millisecond) {
		l.graph.Lock()
		waiting = a.waiting != nil
		l.graph.Unlock()
	}
	if err := lock(b, "x"); !errors.Is(err, errDeadlock) {
		t.Fatalf("closing a cycle = %v, want %v", err, errDeadlock)
	}
	l.release(b)
	if err := <-got; err != nil {
		t.Fatalf("the survivor got %v, want its lock", err)
	}
	l.release(a)
}

func TestKeyLockTimeoutAndCancel(t *testing.T) {
	l := newKeyLocks()
	a, b := newLockOwner(), newLockOwner()
	if err := l.acquire(context.Background(), a, []byte("x"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := l.acquire(context.Background(), b, []byte("x"), time.Millisecond); !errors.Is(err, errLockTimeout) {
		t.Errorf("wait = %v, want %v", err, errLockTimeout)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.acquire(ctx, b, []byte("x"), time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("wait = %v, want %v", err, context.Canceled)
	}
	l.release(a)
	if err := l.acquire(context.Background(), b, []byte("x"), time.Minute); err != nil {
		t.Errorf("after release: %v", err)
	}
	l.release(b)
}

func BenchmarkKeyLock(b *testing.B) {
	l, o, ctx := newKeyLocks(), newLockOwner(), context.Background()
	key := []byte("0123456789abcdef0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if err := l.acquire(ctx, o, key, time.Minute); err != nil {
			b.Fatal(err)
		}
		l.release(o)
	}
}
