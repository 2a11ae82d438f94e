package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

func TestJudge(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, tt := range []struct {
		err  error
		want verdict
	}{
		{dial(syscall.ECONNREFUSED), guilty},
		{dial(syscall.ETIMEDOUT), guilty},
		{dial(syscall.EHOSTUNREACH), guilty},
		{dial(syscall.ENOENT), guilty}, // a unix socket that is not there
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, guilty},
		{fmt.Errorf("log in at x: %w", os.ErrDeadlineExceeded), guilty},
		{context.DeadlineExceeded, guilty},
		{fmt.Errorf("log in at x: %w", io.EOF), suspected},
		{fmt.Errorf("log in at x: %w", syscall.ECONNRESET), suspected},
		{errMalformed, suspected},
		{&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, suspected},
		{protocol.Errorf(protocol.ErrServerShutdown, "Server shutdown in progress"), suspected},
		{protocol.Errorf(protocol.ErrConCount, "Too many connections"), unrelated},
		{dial(syscall.EMFILE), unrelated},
		{dial(syscall.EADDRNOTAVAIL), unrelated},
		{dial(syscall.EAGAIN), unrelated}, // the queue of a unix socket is full
		{context.Canceled, unrelated},
	} {
		if got := judge(tt.err); got != tt.want {
			t.Errorf("judge(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestMayHaveRun(t *testing.T) {
	s := New(Config{Name: "s1"})
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{ErrDown, false},
		{s.netError(io.EOF, false), false},
		{s.netError(io.EOF, true), true},
		{fmt.Errorf("wrapped: %w", s.netError(io.EOF, true)), true},
		{protocol.Errorf(protocol.ErrParse, "text"), false},
	} {
		if got := MayHaveRun(tt.err); got != tt.want {
			t.Errorf("MayHaveRun(%v) = %v", tt.err, got)
		}
	}
	var e *protocol.Error
	if err := s.netError(protocol.Errorf(protocol.ErrConnectionKilled, "killed"), true); errors.As(err, &e) {
		t.Errorf("%v is taken for an answer", err)
	}
	if err := s.netError(&downError{io.EOF}, true); !errors.Is(err, ErrDown) {
		t.Errorf("%v does not say that the store is down", err)
	}
}
