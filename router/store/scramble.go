package store

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"slices"

	"filippo.io/edwards25519"
)

// scrambleNative proves the knowledge of a password as mysql_native_password
// does: SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))).
func scrambleNative(salt []byte, password string) []byte {
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	proof := sha1.Sum(slices.Concat(salt, twice[:]))
	xor(proof[:], once[:])
	return proof[:]
}

// scrambleSha2 does it as caching_sha2_password does: SHA256(password) XOR
// SHA256(SHA256(SHA256(password)) + salt).
func scrambleSha2(salt []byte, password string) []byte {
	once := sha256.Sum256([]byte(password))
	twice := sha256.Sum256(once[:])
	proof := sha256.Sum256(slices.Concat(twice[:], salt))
	xor(proof[:], once[:])
	return proof[:]
}

// encryptPassword hides a password for the store that has the key's other half,
// as caching_sha2_password wants it without TLS.
func encryptPassword(key *rsa.PublicKey, salt []byte, password string) ([]byte, error) {
	plain := append([]byte(password), 0)
	for i := range plain {
		plain[i] ^= salt[i%len(salt)]
	}
	return rsa.EncryptOAEP(sha1.New(), rand.Reader, key, plain, nil)
}

// signEd25519 signs the salt as MariaDB's client_ed25519 does: RFC 8032, but
// with the SHA-512 of the password in place of that of a 32-byte seed.
func signEd25519(salt []byte, password string) ([]byte, error) {
	h := sha512.Sum512([]byte(password))
	s, err := edwards25519.NewScalar().SetBytesWithClamping(h[:32])
	if err != nil {
		return nil, err
	}
	public := new(edwards25519.Point).ScalarBaseMult(s).Bytes()
	nonce := sha512.Sum512(slices.Concat(h[32:], salt))
	r, err := edwards25519.NewScalar().SetUniformBytes(nonce[:])
	if err != nil {
		return nil, err
	}
	point := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	hram := sha512.Sum512(slices.Concat(point, public, salt))
	k, err := edwards25519.NewScalar().SetUniformBytes(hram[:])
	if err != nil {
		return nil, err
	}
	return append(point, k.MultiplyAdd(k, s, r).Bytes()...), nil
}

func xor(dst, src []byte) {
	for i := range dst {
		dst[i] ^= src[i]
	}
}
