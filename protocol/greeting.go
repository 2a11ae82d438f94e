package protocol

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// scrambleSize is the length of the random bytes that passwords are mixed with.
const scrambleSize = 20

// maxLoginPacket bounds what a client that has not logged in may send.
const maxLoginPacket = 64 << 10

// defaultCollation is utf8mb4_general_ci, which MySQL and MariaDB both have.
const defaultCollation = 45

// appendGreeting appends the payload of a Protocol::HandshakeV10.
func appendGreeting(b []byte, version string, id uint32, scramble *[scrambleSize]byte, caps Capability) []byte {
	b = append(b, 10)
	b = append(append(b, version...), 0)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = append(append(b, scramble[:8]...), 0)
	b = append(b, byte(caps), byte(caps>>8), defaultCollation)
	b = binary.LittleEndian.AppendUint16(b, uint16(StatusAutocommit))
	b = append(b, byte(caps>>16), byte(caps>>24), scrambleSize+1)
	b = append(b, make([]byte, 10)...)
	b = append(append(b, scramble[8:]...), 0)
	return append(append(b, pluginCachingSHA2...), 0)
}

// scrambles makes the scrambles of many logins from one read of the system's
// randomness, which costs more than the login's own arithmetic.
type scrambles struct {
	mu     sync.Mutex // guards what follows
	random [64 * scrambleSize]byte
	left   int // random[:left] has not been used
}

// next fills s with random bytes that no client takes for the end of a string
// ('$' divides the fields of MySQL's stored caching_sha2 passwords).
func (r *scrambles) next(s *[scrambleSize]byte) {
	r.mu.Lock()
	if r.left == 0 {
		rand.Read(r.random[:])
		r.left = len(r.random)
	}
	r.left -= scrambleSize
	used := r.random[r.left : r.left+scrambleSize]
	copy(s[:], used)
	clear(used)
	r.mu.Unlock()
	for i := range s {
		s[i] &= 0x7f
		if s[i] == 0 || s[i] == '$' {
			s[i]++
		}
	}
}
