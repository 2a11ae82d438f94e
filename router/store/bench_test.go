package store

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// BenchmarkGetRelease is what each statement outside a transaction pays.
func BenchmarkGetRelease(b *testing.B) {
	var none *Session
	for _, bb := range []struct {
		name     string
		parallel bool
		idle     int
	}{
		{"one", false, 1},
		{"twenty states", false, 20},
		{"parallel", true, 16},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := New(config(b, (&fake{version: "11.4.2-MariaDB", plugin: nativePassword, password: "p"}).start(b).addr))
			l := Login{User: "u", Password: "p"}
			want := none.with(names, modeA)
			conns := []*Conn{getAs(b, s, l, want)}
			for len(conns) < bb.idle {
				state := want
				if !bb.parallel {
					state = want.WithSet([]byte("SET @a="+itoa(uint32(len(conns)))), []string{"@a"}, true)
				}
				conns = append(conns, getAs(b, s, l, state))
			}
			for _, c := range conns {
				c.Release()
			}
			ctx := context.Background()
			b.ReportAllocs()
			same := none.with(names, modeA)
			loop := func() {
				c, err := s.Get(ctx, l, same, false)
				if err != nil {
					b.Error(err)
					return
				}
				c.Release()
			}
			if bb.parallel {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						loop()
					}
				})
				return
			}
			for b.Loop() {
				loop()
			}
		})
	}
}

// BenchmarkStatement is a whole statement on a pooled connection.
func BenchmarkStatement(b *testing.B) {
	s := New(config(b, startServer(b).Addr()))
	ctx := context.Background()
	b.ReportAllocs()
	var f protocol.Framer
	payload := []byte("\x03DO 1")
	for b.Loop() {
		c, err := s.Get(ctx, app, nil, false)
		if err != nil {
			b.Fatal(err)
		}
		c.Begin(time.Time{})
		c.Queue(payload)
		c.Send()
		if e, err := c.Await(); e != nil || err != nil {
			b.Fatal(e, err)
		}
		f.Reset(protocol.AnswerResult, true, 1)
		if _, err := c.Relay(io.Discard, &f); err != nil {
			b.Fatal(err)
		}
		c.Release()
	}
}

// What every statement needs allocates nothing.
func TestGetDoesNotAllocate(t *testing.T) {
	s := New(config(t, (&fake{version: "11.4.2-MariaDB", plugin: nativePassword, password: "p"}).start(t).addr))
	l := Login{User: "u", Password: "p"}
	want := (*Session)(nil).with(names, modeA)
	getAs(t, s, l, want).Release()
	ctx := context.Background()
	if n := testing.AllocsPerRun(200, func() {
		c, err := s.Get(ctx, l, want, false)
		if err != nil {
			t.Fatal(err)
		}
		c.Release()
	}); n != 0 {
		t.Errorf("%v allocations for a Get and Release", n)
	}
}
