package protocol

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
)

// The authentication plugins that are spoken. Both prove that the client knows
// the password, and since the proxy knows it too, caching_sha2_password always
// succeeds on its fast path: the password itself is never asked for.
const (
	pluginNative      = "mysql_native_password"
	pluginCachingSHA2 = "caching_sha2_password"
)

// fastAuthOK tells a caching_sha2 client that its scramble was right.
var fastAuthOK = [...]byte{1, 3}

// scrambleFunc mixes a password with a scramble.
type scrambleFunc func(scramble []byte, password string) []byte

// scrambleOf is what the plugin answers; nil for an unknown plugin.
func scrambleOf(plugin string) scrambleFunc {
	switch plugin {
	case pluginNative:
		return scrambleNative
	case pluginCachingSHA2:
		return scrambleCachingSHA2
	}
	return nil
}

// scrambleNative is SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))).
func scrambleNative(scramble []byte, password string) []byte {
	one := sha1.Sum([]byte(password))
	two := sha1.Sum(one[:])
	h := sha1.New()
	h.Write(scramble)
	h.Write(two[:])
	mix := h.Sum(nil)
	subtle.XORBytes(mix, mix, one[:])
	return mix
}

// scrambleCachingSHA2 is SHA256(password) XOR SHA256(SHA256(SHA256(password)) +
// scramble).
func scrambleCachingSHA2(scramble []byte, password string) []byte {
	one := sha256.Sum256([]byte(password))
	two := sha256.Sum256(one[:])
	h := sha256.New()
	h.Write(two[:])
	h.Write(scramble)
	mix := h.Sum(nil)
	subtle.XORBytes(mix, mix, one[:])
	return mix
}

// emptyAuth reports whether an answer stands for the empty password.
func emptyAuth(auth []byte) bool {
	return len(auth) == 0 || len(auth) == 1 && auth[0] == 0
}

// proof is a client's answer to a scramble.
type proof struct {
	plugin   string
	scramble []byte
	auth     []byte
}

// check reports whether p proves the user's password. An unknown user costs
// the same work as a wrong password.
func (p proof) check(password string, known bool) bool {
	f := scrambleOf(p.plugin)
	if f == nil {
		return false
	}
	want := f(p.scramble, password)
	if password == "" {
		return known && emptyAuth(p.auth)
	}
	return subtle.ConstantTimeCompare(want, p.auth) == 1 && known
}

// conclusive reports whether p can be judged as it is. One that can't be is
// asked for again by an AuthSwitchRequest: of a plugin that is not spoken, or
// from a client that prefers another plugin than the greeting's and so has not
// mixed its scramble yet (it sends nothing, even with a password).
func (p proof) conclusive(greeted string) bool {
	switch p.plugin {
	case greeted:
		return true
	case pluginNative:
		return len(p.auth) == sha1.Size
	case pluginCachingSHA2:
		return len(p.auth) == sha256.Size
	}
	return false
}

// appendAuthSwitch appends the payload of a Protocol::AuthSwitchRequest.
func appendAuthSwitch(b []byte, plugin string, scramble *[scrambleSize]byte) []byte {
	b = append(b, headerEOF)
	b = append(append(b, plugin...), 0)
	return append(append(b, scramble[:]...), 0)
}
