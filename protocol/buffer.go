package protocol

import "sync"

// Buffers come in two pooled sizes. Nearly every statement and answer fits the
// small one; the large one serves bulk, and what needs more still gets a buffer
// of its own that is dropped after use.
const (
	smallBuffer = 16 << 10
	largeBuffer = 128 << 10
)

// The pools hold pointers to arrays, for a slice in an interface would cost an
// allocation at each Put. They are shared by all connections on purpose: that
// is what lets an idle one hold none.
var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// takeBuffer returns a buffer of at least n bytes, its length being its size.
func takeBuffer(n int) []byte {
	switch {
	case n <= smallBuffer:
		return smallBuffers.Get().(*[smallBuffer]byte)[:]
	case n <= largeBuffer:
		return largeBuffers.Get().(*[largeBuffer]byte)[:]
	}
	return make([]byte, n)
}

// giveBuffer takes back what takeBuffer returned, whatever its length is now.
func giveBuffer(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case largeBuffer:
		largeBuffers.Put((*[largeBuffer]byte)(b[:largeBuffer]))
	}
}
