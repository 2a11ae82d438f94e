package main

import (
	"bytes"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// aClient is a client's connection as the proxy has it.
func aClient(t *testing.T) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// TestHeirStopped: a successor that takes clients and says nothing any more is
// waited for as long as is said, and Close ends the wait, be it for its answer or
// for it to read.
func TestHeirStopped(t *testing.T) {
	h, _ := pairForClients(t)
	go h.listen()
	h.patience = 10 * time.Millisecond
	if said, err := h.Take(aClient(t), []byte("record")); err == nil {
		t.Errorf("no answer: %v", said)
	}
	for name, record := range map[string][]byte{"answer": []byte("record"), "read": bytes.Repeat([]byte("x"), 16<<20)} {
		t.Run(name, func(t *testing.T) {
			h, e := pairForClients(t)
			go h.listen()
			h.patience = time.Hour
			took := make(chan error)
			go func() {
				_, err := h.Take(aClient(t), record)
				took <- err
			}()
			var head [4]byte // it has begun
			if _, _, _, _, err := e.conn.ReadMsgUnix(head[:], make([]byte, syscall.CmsgSpace(4))); err != nil {
				t.Fatal(err)
			}
			h.Close()
			if err := <-took; err == nil {
				t.Error("a client was taken by a successor that has been given up")
			}
		})
	}
}

// TestNoDescriptor: of a client whose connection does not arrive it is said so,
// and the next one is taken.
func TestNoDescriptor(t *testing.T) {
	h, e := pairForClients(t)
	next := make(chan error, 1)
	go func() {
		nc, _, err := e.Next()
		if err == nil {
			nc.Close()
			err = e.Answer(protocol.Served)
		}
		next <- err
	}()
	if _, err := h.conn.Write([]byte{1, 0, 0, 0, 'x'}); err != nil {
		t.Fatal(err)
	}
	var said [1]byte
	if _, err := h.conn.Read(said[:]); err != nil || protocol.Inherited(said[0]) != protocol.RefusedDescriptor {
		t.Errorf("without a connection: %v, %v", protocol.Inherited(said[0]), err)
	}
	go h.listen()
	if said, err := h.Take(aClient(t), []byte("record")); err != nil || said != protocol.Served {
		t.Errorf("the next one: %v, %v", said, err)
	}
	if err := <-next; err != nil {
		t.Error(err)
	}
}
