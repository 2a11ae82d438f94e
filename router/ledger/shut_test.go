package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// TestShut: a store that lets nobody in has answered, and nothing was sent.
func TestShut(t *testing.T) {
	answer := protocol.Errorf(protocol.ErrAccessDenied, "Access denied")
	err := unsent(fmt.Errorf("log in: %w", answer))
	if got, want := err.Error(), "login refused: "+answer.Error(); got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	if !errors.Is(err, fence.ErrUnsent) || !errors.As(err, new(*protocol.Error)) {
		t.Errorf("%v is no ErrUnsent, or not the store's answer", err)
	}
}
