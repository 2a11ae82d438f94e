package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// pairForClients is both ends of what passes clients on, in this process.
func pairForClients(t *testing.T) (*heir, *estate) {
	t.Helper()
	h, theirs, err := newHeir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	defer theirs.Close()
	l, err := net.FileConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return h, &estate{l.(*net.UnixConn)}
}

// TestHeir: connections arrive with their records, many at a time and large ones,
// and each gets its own answer; without a successor nothing is sent.
func TestHeir(t *testing.T) {
	h, e := pairForClients(t)
	if _, err := e.conn.Write([]byte{protocol.PassVersion}); err != nil {
		t.Fatal(err)
	}
	if !h.greeted() {
		t.Fatal("the successor's hello was not understood")
	}
	go h.listen()
	answers := []protocol.Inherited{protocol.Served, protocol.RefusedUser, protocol.RefusedID}
	go func() {
		for {
			nc, record, err := e.Next()
			if err != nil {
				return
			}
			// What is written here comes out where the client is.
			if _, err := nc.Write(record[:3]); err != nil {
				t.Error(err)
			}
			nc.Close()
			if err := e.Answer(answers[int(record[2]-'0')%len(answers)]); err != nil {
				t.Error(err)
			}
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	for i := range 30 {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		wg.Go(func() {
			record := append(fmt.Appendf(nil, "%03d", i), bytes.Repeat([]byte("x"), i*100_000)...)
			said, err := h.Take(server, record)
			if want := answers[i%10%len(answers)]; err != nil || said != want {
				t.Errorf("client %d: %v, %v; want %v", i, said, err, want)
			}
			got := make([]byte, 3)
			if _, err := client.Read(got); err != nil || !bytes.Equal(got, record[:3]) {
				t.Errorf("client %d: %q, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	e.Close()
	tcp, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	// The first one may be sent before the end is seen.
	_, err = h.Take(tcp, []byte("late"))
	if err == nil {
		t.Error("a client was taken by a successor that has gone")
	}
	if _, err = h.Take(tcp, []byte("later")); !errors.Is(err, protocol.ErrNotSent) {
		t.Errorf("Take = %v, want ErrNotSent", err)
	}
}

// TestHeirOfOldVersion: a successor that says nothing gets no clients.
func TestHeirOfOldVersion(t *testing.T) {
	h, _ := pairForClients(t)
	if h.greeted() {
		t.Error("silence was taken for a hello")
	}
	h, e := pairForClients(t)
	e.conn.Write([]byte{protocol.PassVersion - 1})
	if h.greeted() {
		t.Error("a version that does not know the records was taken for one that does")
	}
}
