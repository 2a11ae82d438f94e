package protocol

import (
	"crypto/tls"
	"testing"
	"time"
)

func TestAlive(t *testing.T) {
	for _, tr := range transports {
		if tr.name == "pipe" {
			continue // no socket to look at
		}
		t.Run(tr.name, func(t *testing.T) {
			x, y := tr.pair(t)
			c := NewConn(y)
			if !c.Alive() {
				t.Fatal("Alive() = false for an idle connection")
			}
			read := make(chan error, 1)
			go func() {
				_, err := c.Fill(0)
				read <- err
			}()
			for range 100 {
				if !c.Alive() {
					t.Fatal("Alive() = false beside a blocked read")
				}
			}
			x.Write([]byte("x"))
			if err := <-read; err != nil {
				t.Fatal(err)
			}
			if tr.name != "tls" {
				x.Write([]byte("y"))
				waitFor(t, "a byte to be seen", func() bool { return !c.Alive() })
				c.Fill(1)
				if !c.Alive() {
					t.Fatal("Alive() = false after the byte was read")
				}
			}
			c.SetDeadline(time.Time{})
			if tr, ok := x.(*tls.Conn); ok {
				tr.NetConn().Close()
			} else {
				x.Close()
			}
			waitFor(t, "the end to be seen", func() bool { return !c.Alive() })
			y.Close()
			if c.Alive() {
				t.Error("Alive() = true for a closed connection")
			}
		})
	}
}
