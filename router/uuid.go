package router

import "encoding/hex"

// uuidKey returns a UUID as it is placed, whichever way a statement spells it:
// as its 16 bytes, or as 32 hexadecimal digits with dashes between them or
// without. What is none of these is the UUID of no record.
func uuidKey(key []byte, raw bool) []byte {
	var id [16]byte
	if !parseUUID(&id, key) {
		return key
	}
	if raw {
		return id[:]
	}
	b := make([]byte, 0, 36)
	for i, c := range id {
		switch i {
		case 4, 6, 8, 10:
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, []byte{c})
	}
	return b
}

func parseUUID(id *[16]byte, key []byte) bool {
	if len(key) == len(id) {
		copy(id[:], key)
		return true
	}
	var digits [32]byte
	n := 0
	for _, c := range key {
		switch {
		case c == '-' || c == '{' || c == '}':
		case n == len(digits):
			return false
		default:
			digits[n] = c
			n++
		}
	}
	if n != len(digits) {
		return false
	}
	_, err := hex.Decode(id[:], digits[:])
	return err == nil
}
