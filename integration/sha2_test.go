package integration

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

// sha2Password is what caching_sha2_password asks first.
func sha2Password(password string, scramble []byte) []byte {
	one := sha256.Sum256([]byte(password))
	two := sha256.Sum256(one[:])
	three := sha256.Sum256(append(two[:], scramble...))
	for i := range one {
		one[i] ^= three[i]
	}
	return one[:]
}

// sha2Reply is what to send for what the server says then: it knows the
// password (3, nothing to send), it wants the whole exchange (4), or it sends
// its public key for that.
func sha2Reply(t testing.TB, said []byte, password string, scramble []byte) []byte {
	t.Helper()
	switch {
	case bytes.Equal(said, []byte{3}):
		return nil
	case bytes.Equal(said, []byte{4}):
		return []byte{2}
	}
	block, _ := pem.Decode(said)
	if block == nil {
		t.Fatalf("not a public key: %q", said)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	text := append([]byte(password), 0)
	for i := range text {
		text[i] ^= scramble[i%len(scramble)]
	}
	secret, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key.(*rsa.PublicKey), text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}
