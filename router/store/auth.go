package store

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// The authentication plugins, and what caching_sha2_password says.
const (
	nativePassword  = "mysql_native_password"
	cachingSha2     = "caching_sha2_password"
	ed25519Password = "client_ed25519"
	sha256Password  = "sha256_password" // before caching_sha2_password

	sha256RequestKey = 1
	sha2RequestKey   = 2
	sha2FastDone     = 3
	sha2FullNeeded   = 4
	maxAuthExchanges = 8
)

// authentication proves to a store that the proxy knows a password. The
// password itself is sent only where nobody else can read it.
type authentication struct {
	pc       *protocol.Conn
	plugin   string
	salt     []byte
	password string
	private  bool // TLS or a unix socket
	tls      bool
	keyAsked bool // the store's public key was asked for
}

// respond computes the plugin's answer to the salt.
func (a *authentication) respond() ([]byte, error) {
	if a.plugin != cachingSha2 && a.plugin != ed25519Password {
		if a.plugin != nativePassword {
			// The account may use another plugin than the server prefers:
			// offer what every server knows, and let it switch.
			a.plugin = nativePassword
		}
	}
	need := 20
	if a.plugin == ed25519Password {
		need = 32
	}
	if len(a.salt) < need {
		return nil, fmt.Errorf("%w: salt of %d bytes for %s", errMalformed, len(a.salt), a.plugin)
	}
	salt := a.salt[:need]
	switch {
	case a.plugin == ed25519Password:
		return signEd25519(salt, a.password)
	case a.password == "":
		return nil, nil
	case a.plugin == cachingSha2:
		return scrambleSha2(salt, a.password), nil
	}
	return scrambleNative(salt, a.password), nil
}

// finish carries the exchange on from the login packet to the store's OK and
// returns the status in it.
func (a *authentication) finish() (protocol.Status, error) {
	for range maxAuthExchanges {
		b, err := a.pc.ReadPacket(maxLoginPacket)
		if err != nil {
			return 0, brokenAnswer(err)
		}
		if len(b) == 0 {
			return 0, fmt.Errorf("%w: empty answer to the login", errMalformed)
		}
		switch b[0] {
		case 0x00:
			return parseOK(b)
		case 0xff:
			return 0, parseError(b)
		case 0xfe:
			err = a.switchTo(b[1:])
		case 0x01:
			err = a.more(b[1:])
		default:
			err = fmt.Errorf("%w: answer to the login begins with 0x%02x", errMalformed, b[0])
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%w: the login does not come to an end", errMalformed)
}

// switchTo answers an AuthSwitchRequest.
func (a *authentication) switchTo(b []byte) error {
	r := reader{b: b}
	plugin := string(r.zeroEnded())
	if r.bad {
		return errors.New("the store asks for a password in the format before MySQL 4.1, which is never sent")
	}
	switch plugin {
	case nativePassword, cachingSha2, ed25519Password, sha256Password:
	default:
		return fmt.Errorf("the account uses %s, which is not supported; use %s, %s or ed25519", plugin, cachingSha2, nativePassword)
	}
	a.plugin = plugin
	a.salt = bytes.Clone(r.b)
	if plugin == sha256Password {
		// A unix socket is not private to this plugin.
		return a.sendPassword(a.tls, sha256RequestKey)
	}
	response, err := a.respond()
	if err != nil {
		return err
	}
	return a.send(response)
}

// sendPassword sends the password itself where that is private, and asks for
// the key to hide it by otherwise.
func (a *authentication) sendPassword(private bool, requestKey byte) error {
	if private || a.password == "" {
		return a.send(append([]byte(a.password), 0))
	}
	if len(a.salt) < 20 {
		return fmt.Errorf("%w: salt of %d bytes for %s", errMalformed, len(a.salt), a.plugin)
	}
	a.keyAsked = true
	return a.send([]byte{requestKey})
}

// more answers an AuthMoreData packet of caching_sha2_password, or takes the
// key for sha256_password.
func (a *authentication) more(b []byte) error {
	switch {
	case a.plugin != cachingSha2 && a.plugin != sha256Password || len(b) == 0:
		return fmt.Errorf("%w: unexpected data for %s", errMalformed, a.plugin)
	case len(b) == 1 && b[0] == sha2FastDone:
		return nil // an OK packet follows
	case len(b) == 1 && b[0] == sha2FullNeeded:
		return a.sendPassword(a.private, sha2RequestKey)
	case !a.keyAsked:
		return fmt.Errorf("%w: unexpected data for %s", errMalformed, a.plugin)
	}
	key, err := parseKey(b)
	if err != nil {
		return err
	}
	secret, err := encryptPassword(key, a.salt[:20], a.password)
	if err != nil {
		return err
	}
	return a.send(secret)
}

func (a *authentication) send(b []byte) error {
	if err := a.pc.QueuePacket(b); err != nil {
		return err
	}
	return a.pc.Flush()
}

// parseKey reads the public key that a store sends.
func parseKey(b []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%w: no public key", errMalformed)
	}
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	key, ok := k.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: public key is no RSA key", errMalformed)
	}
	return key, nil
}

// parseOK reads the status of an OK packet.
func parseOK(b []byte) (protocol.Status, error) {
	r := reader{b: b[1:]}
	r.lenEnc() // affected rows
	r.lenEnc() // insert id
	status := protocol.Status(r.uint(2))
	if r.bad {
		return 0, fmt.Errorf("%w: OK packet cut short", errMalformed)
	}
	return status, nil
}
