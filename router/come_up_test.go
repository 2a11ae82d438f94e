package router_test

import (
	"context"
	"testing"
)

// TestStoreComesUpMeanwhile: the only store that is live fails while a statement
// waits for it, and the other one is up again by then. That one is asked.
func TestStoreComesUpMeanwhile(t *testing.T) {
	h := startAt(t, "seed", 2, 2) // at the others a store that returns serves later
	c := h.conn("")
	if err := h.servers[0].Stop(); err != nil {
		t.Fatal(err)
	}
	h.isDown(0)
	if err := h.servers[1].Stop(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.ExecContext(context.Background(), "SET NAMES latin1")
		ended <- err
	}()
	h.await("the statement is on its way", func() bool {
		for _, o := range h.clients() {
			if o.Running {
				return true
			}
		}
		return false
	})
	if err := h.servers[0].Continue(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := h.servers[1].Continue(); err != nil {
		t.Fatal(err)
	}
}
