package protocol

import "testing"

// TestNotOffered: what would change the packets is not offered, and a client
// that sets its flags all the same is read and answered without it.
func TestNotOffered(t *testing.T) {
	const never = ClientLocalFiles | ClientSessionTrack | ClientQueryAttributes | ClientNoSchema
	s := startServer(t, func(s *Server) { s.Compression = ^Capability(0) })
	c := s.dial(t)
	if got := c.caps & never; got != 0 {
		t.Errorf("offered %#x", got)
	}
	c.respond(t, rawCaps|never, "app", "", pluginNative, scrambleNative(c.scramble[:], "secret"))
	c.expectOK(t)
	// With CLIENT_QUERY_ATTRIBUTES the first bytes would count parameters.
	c.send(t, ComQuery, "echo x")
	if got := c.echoed(t); got != "x" {
		t.Errorf("echo = %q", got)
	}
}

// TestNoStoreAsksForAFile: an answer that asks the client for a file is none.
func TestNoStoreAsksForAFile(t *testing.T) {
	for _, b := range []string{"\x0c\x00\x00\x01\xfb/etc/passwd", "\x01\x00\x00\x01\xfb"} {
		var f Framer
		f.Reset(AnswerResult, false, 1)
		if n, done, err := f.Feed([]byte(b)); n != 0 || done || err == nil {
			t.Errorf("Feed(%q) = %d, %v, %v, want an error", b, n, done, err)
		}
	}
}
