package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// sslRequestSize is the length of a handshake response that only asks for TLS.
const sslRequestSize = 32

// response is a Protocol::HandshakeResponse41, or an SSLRequest, which is its
// beginning.
type response struct {
	caps       Capability // as asked for
	collation  byte
	sslRequest bool
	user, db   string
	auth       []byte
	plugin     string
	attributes Attributes
	zstdLevel  byte
}

var (
	errShortResponse = errors.New("handshake response too short")
	errOldClient     = errors.New("client speaks a protocol older than 4.1")
)

// parseResponse reads a handshake response. offered is what the client was
// offered: flags beyond it do not change how the rest is read.
func parseResponse(p []byte, offered Capability) (r response, err error) {
	if len(p) < 2 {
		return r, errShortResponse
	}
	if !Capability(binary.LittleEndian.Uint16(p)).Has(ClientProtocol41) {
		return r, errOldClient
	}
	if len(p) < sslRequestSize {
		return r, errShortResponse
	}
	r.caps = Capability(binary.LittleEndian.Uint32(p))
	r.collation = p[8]
	if len(p) == sslRequestSize {
		r.sslRequest = r.caps.Has(ClientSSL)
		if !r.sslRequest {
			return r, errShortResponse
		}
		return r, nil
	}
	caps := r.caps & offered
	f := fields{b: p[sslRequestSize:]}
	r.user = string(f.null())
	r.auth = f.auth(caps)
	if caps.Has(ClientConnectWithDB) {
		r.db = string(f.rest())
	}
	if caps.Has(ClientPluginAuth) {
		r.plugin = string(f.rest())
	}
	if caps.Has(ClientConnectAttrs) && len(f.b) > 0 {
		r.attributes = f.attributes()
	}
	if caps.Has(ClientZstdCompression) && len(f.b) > 0 {
		r.zstdLevel = f.take(1)[0]
	}
	if f.short {
		return r, errShortResponse
	}
	return r, nil
}

// fields reads one field of a packet after the other; short says that one
// reached beyond the end.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.short = true
		f.b = nil
		return nil
	}
	v := f.b[:n:n]
	f.b = f.b[n:]
	return v
}

// null reads up to a NUL.
func (f *fields) null() []byte {
	n := bytes.IndexByte(f.b, 0)
	v := f.take(n)
	if n >= 0 {
		f.take(1)
	}
	return v
}

// rest reads up to a NUL or to the end: some clients leave out the last NUL,
// or the last fields.
func (f *fields) rest() []byte {
	if bytes.IndexByte(f.b, 0) < 0 {
		return f.take(len(f.b))
	}
	return f.null()
}

// lenenc reads a length-encoded string.
func (f *fields) lenenc() []byte {
	v, n := ReadLenencBytes(f.b)
	if n == 0 || v == nil {
		f.short = true
		f.b = nil
		return nil
	}
	f.b = f.b[n:]
	return v
}

// auth reads what proves the password, in the form the capabilities say.
func (f *fields) auth(caps Capability) []byte {
	switch {
	case caps.Has(ClientPluginAuthLenEnc):
		return f.lenenc()
	case caps.Has(ClientSecureConnection):
		if n := f.take(1); n != nil {
			return f.take(int(n[0]))
		}
		return nil
	}
	return f.rest()
}

// attributes reads the connection attributes. They take no more memory than
// their bytes: a length beyond the packet makes it short.
func (f *fields) attributes() Attributes {
	all := f.lenenc()
	for block := (fields{b: all}); len(block.b) > 0; {
		block.lenenc()
		block.lenenc()
		if block.short {
			f.short = true
			return ""
		}
	}
	return Attributes(all)
}

// Attributes are what a client tells of itself, as they came: a name and a
// value, each behind its length, again and again.
type Attributes string

// Get returns the value of a name, "" for none.
func (a Attributes) Get(name string) string {
	for block := (fields{b: []byte(a)}); len(block.b) > 0; {
		k, v := block.lenenc(), block.lenenc()
		if string(k) == name {
			return string(v)
		}
	}
	return ""
}
