package protocol

import (
	"crypto/rand"
	"encoding/binary"
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

// newScramble fills s with random bytes that no client takes for the end of a
// string ('$' divides the fields of MySQL's stored caching_sha2 passwords).
func newScramble(s *[scrambleSize]byte) {
	rand.Read(s[:])
	for i := range s {
		s[i] &= 0x7f
		if s[i] == 0 || s[i] == '$' {
			s[i]++
		}
	}
}
