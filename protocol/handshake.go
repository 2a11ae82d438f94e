package protocol

import (
	"crypto/tls"
	"errors"
	"os"
	"time"
)

// handshake greets the client and checks who it is. The errors that are to be
// sent to it are *Error.
func (c *Client) handshake() error {
	c.server.scrambles.next(&c.scramble)
	caps := offered | c.server.Compression&(ClientCompress|ClientZstdCompression)
	if c.server.tlsConfig != nil {
		caps |= ClientSSL
		// What follows a request for TLS is left in the socket, for TLS alone to
		// read: nothing that came in clear can pass for what came by TLS.
		c.conn.exact = true
	}
	start, err := c.conn.begin(room)
	if err != nil {
		return err
	}
	c.conn.out = appendGreeting(c.conn.out, c.server.version(), c.ID, &c.scramble, caps)
	if err := c.conn.finish(start); err != nil {
		return err
	}
	if err := c.conn.Flush(); err != nil {
		return err
	}
	if err := c.readProxyHeader(); err != nil {
		return err
	}
	r, err := c.readResponse(caps)
	if err == nil && r.sslRequest {
		if err := c.upgrade(); err != nil {
			return err
		}
		if r, err = c.readResponse(caps); err == nil && r.sslRequest {
			err = badHandshake()
		}
	}
	if err != nil {
		return err
	}
	c.conn.exact = false
	return c.admit(&r, caps)
}

// badHandshake is what a client is told that can't be understood.
func badHandshake() *Error { return Errorf(ErrHandshake, "Bad handshake") }

func (c *Client) readResponse(caps Capability) (response, error) {
	p, err := c.conn.ReadPacket(maxLoginPacket)
	if err != nil {
		if _, ok := err.(*Error); ok {
			err = badHandshake()
		}
		return response{}, err
	}
	r, err := parseResponse(p, caps)
	switch err {
	case nil:
		return r, nil
	case errOldClient:
		return r, oldClient()
	}
	return r, badHandshake()
}

func oldClient() *Error {
	return Errorf(ErrNotSupportedAuthMode, "Client does not support authentication protocol requested by server; consider upgrading MySQL client")
}

// upgrade goes on by TLS.
func (c *Client) upgrade() error {
	if c.server.tlsConfig == nil || c.conn.Buffered() > 0 {
		return badHandshake()
	}
	t := tls.Server(c.raw, c.server.tlsConfig)
	if err := t.Handshake(); err != nil {
		return err
	}
	c.conn.startTLS(t)
	c.conn.exact = false
	state := t.ConnectionState()
	c.TLS, c.TLSVersion, c.TLSCipher = true, state.Version, state.CipherSuite
	return nil
}

// admit notes what the handshake response says, and checks the password.
func (c *Client) admit(r *response, caps Capability) error {
	c.Capabilities = r.caps & caps
	c.Collation = r.collation
	c.SetDB(r.db)
	c.Attributes = r.attributes
	c.zstdLevel = r.zstdLevel
	c.codec = c.server.codecs.forClient(c.Capabilities, r.zstdLevel)
	c.setUser(r.user)
	if c.server.RequireTLS && !c.TLS && c.RemoteAddr.IsValid() {
		return Errorf(ErrSecureTransport, "Connections using insecure transport are prohibited while --require_secure_transport=ON.")
	}
	p := proof{plugin: r.plugin, scramble: c.scramble[:], auth: r.auth}
	if !c.Capabilities.Has(ClientPluginAuth) {
		if !c.Capabilities.Has(ClientSecureConnection) {
			return oldClient()
		}
		p.plugin = pluginNative
	}
	return c.authenticate(r.user, p, c.Capabilities.Has(ClientPluginAuth) && !p.conclusive(pluginCachingSHA2))
}

// authenticate checks p, or with ask what the client answers to an
// AuthSwitchRequest instead. The final OK is left to the caller.
func (c *Client) authenticate(user string, p proof, ask bool) error {
	who, most := loginName{user, c.host()}, c.server.limits.Load().MaxLoginFailures
	if !c.server.failures.allowed(who, most, c.server.tick.Load()) {
		c.server.blocked.Add(1)
		return Errorf(ErrHostBlocked, "Host '%s' is blocked because of many connection errors; "+
			"dsmproxy: user '%s' may try again in a second (limits.max_login_failures)", c.host(), user)
	}
	password, known := c.server.Credentials.Password(user)
	if known && password == "" && emptyAuth(p.auth) {
		return nil
	}
	if ask {
		if p.plugin != pluginCachingSHA2 {
			// Who doesn't follow the greeting is old.
			p.plugin = pluginNative
		}
		if err := c.switchAuth(&p); err != nil {
			return err
		}
	}
	ok := p.check(password, known)
	c.server.failures.ended(who, ok, most, c.server.tick.Load())
	if !ok {
		using := "YES"
		if emptyAuth(p.auth) {
			using = "NO"
		}
		return Errorf(ErrAccessDenied, "Access denied for user '%s'@'%s' (using password: %s)", user, c.host(), using)
	}
	if p.plugin == pluginCachingSHA2 && !emptyAuth(p.auth) {
		return c.conn.QueuePacket(fastAuthOK[:])
	}
	return nil
}

// switchAuth has the client prove its password by p's plugin with a new
// scramble, and puts its answer into p.
func (c *Client) switchAuth(p *proof) error {
	c.server.scrambles.next(&c.scramble)
	p.scramble = c.scramble[:]
	start, err := c.conn.begin(room)
	if err != nil {
		return err
	}
	c.conn.out = appendAuthSwitch(c.conn.out, p.plugin, &c.scramble)
	if err := c.conn.finish(start); err != nil {
		return err
	}
	if err := c.conn.Flush(); err != nil {
		return err
	}
	auth, err := c.loginPacket()
	if err != nil {
		if _, ok := err.(*Error); ok {
			err = badHandshake()
		}
		return err
	}
	p.auth = auth
	return nil
}

// loginPacket reads an answer in the midst of a login, or of a COM_CHANGE_USER. A
// shutdown may have found that one's client idle just before it, and wake it as
// such (Client.offer, Client.end): that is for behind the command.
func (c *Client) loginPacket() ([]byte, error) {
	end := time.Now().Add(c.server.handshakeTimeout())
	for {
		p, err := c.conn.ReadPacket(maxLoginPacket)
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.since.Load() == 0 ||
			killed(c.ending.Load()) || !time.Now().Before(end) {
			return p, err
		}
		c.raw.SetReadDeadline(end)
	}
}

// changeUser carries out a COM_CHANGE_USER. Any error ends the connection;
// those to be sent are *Error.
func (c *Client) changeUser(payload []byte) error {
	r, err := parseChangeUser(payload, c.Capabilities)
	if err != nil {
		return badHandshake()
	}
	c.conn.SetDeadline(time.Now().Add(c.server.handshakeTimeout()))
	p := proof{plugin: r.plugin, scramble: c.scramble[:], auth: r.auth}
	// The answer that came with the command is to the scramble of the login,
	// which is good for one use: a client that can is asked anew.
	ask := c.Capabilities.Has(ClientPluginAuth)
	if !ask {
		p.plugin = pluginNative
	}
	err = c.authenticate(r.user, p, ask)
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if err == nil {
		err = c.server.reseat(c.User, r.user)
	}
	if err != nil {
		return c.stays(err)
	}
	was := response{user: c.User, db: c.DB, attributes: c.Attributes, collation: c.Collation}
	c.become(r)
	if err := c.session.Reset(); err != nil { // a database that it may not use
		c.become(was)
		if err := c.server.reseat(r.user, was.user); err != nil {
			return err
		}
		return c.stays(err)
	}
	return c.WriteOK(OK{})
}

// become takes over what a login says of the client.
func (c *Client) become(r response) {
	c.setUser(r.user)
	c.SetDB(r.db)
	c.Attributes = r.attributes
	if r.collation != 0 {
		c.Collation = r.collation
	}
}

var errShortChangeUser = errors.New("COM_CHANGE_USER too short")

// parseChangeUser reads a COM_CHANGE_USER, whose last fields may be missing.
func parseChangeUser(payload []byte, caps Capability) (r response, err error) {
	f := fields{b: payload[1:]}
	r.user = string(f.null())
	if caps.Has(ClientSecureConnection) {
		// One byte of length, whatever PLUGIN_AUTH_LENENC says.
		r.auth = f.auth(ClientSecureConnection)
	} else {
		r.auth = f.null()
	}
	r.db = string(f.rest())
	if len(f.b) >= 2 {
		r.collation = f.take(2)[0]
	}
	if caps.Has(ClientPluginAuth) && len(f.b) > 0 {
		r.plugin = string(f.rest())
	}
	if caps.Has(ClientConnectAttrs) && len(f.b) > 0 {
		r.attributes = f.attributes()
	}
	if f.short {
		return r, errShortChangeUser
	}
	return r, nil
}
