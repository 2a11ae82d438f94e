package integration

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// wire is a client that says of each answer's packets what they are, so that
// the answers of two servers can be compared.
type wire struct {
	*protocol.Conn
	caps     protocol.Capability
	scramble []byte
	id       string // of the connection, four bytes
	stmt     uint32 // prepared last
}

const wireCaps = protocol.ClientLongPassword | protocol.ClientProtocol41 | protocol.ClientConnectWithDB | protocol.ClientSecureConnection |
	protocol.ClientPluginAuth | protocol.ClientTransactions | protocol.ClientMultiResults | protocol.ClientPSMultiResults

// dialWire logs in with capabilities beside the usual ones.
func dialWire(t testing.TB, addr string, extra protocol.Capability) *wire {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(time.Minute))
	c := &wire{Conn: protocol.NewConn(nc), caps: wireCaps | extra}
	greeting := c.packet(t)
	i := bytes.IndexByte(greeting, 0) + 1 + 4
	c.id = string(greeting[i-4 : i])
	c.scramble = append(c.scramble, greeting[i:i+8]...)
	c.scramble = append(c.scramble, greeting[i+8+1+2+1+2+2+1+10:][:12]...)
	c.write(t, c.login())
	if got := c.loggedIn(t, mariadbtest.Password); got != "" {
		t.Fatalf("login: %s", got)
	}
	return c
}

func (c *wire) login() []byte {
	p := binary.LittleEndian.AppendUint32(nil, uint32(c.caps))
	p = binary.LittleEndian.AppendUint32(p, 1<<24)
	p = append(append(p, 45), make([]byte, 23)...)
	p = append(append(p, mariadbtest.User...), 0, sha1.Size)
	p = append(p, nativePassword(mariadbtest.Password, c.scramble)...)
	p = append(append(p, "app"...), 0)
	return append(append(p, "mysql_native_password"...), 0)
}

// loggedIn answers what a server asks in a login or COM_CHANGE_USER, and
// returns how it ended: "" or an error.
func (c *wire) loggedIn(t testing.TB, password string) string {
	t.Helper()
	for {
		p := c.packet(t)
		switch {
		case p[0] == 0:
			return ""
		case p[0] == 0xfe:
			plugin, rest, _ := bytes.Cut(p[1:], []byte{0})
			copy(c.scramble, rest)
			if string(plugin) == "caching_sha2_password" {
				c.write(t, sha2Password(password, c.scramble))
			} else {
				c.write(t, nativePassword(password, c.scramble))
			}
		case p[0] == 1: // of MySQL's exchange
			if reply := sha2Reply(t, p[1:], password, c.scramble); reply != nil {
				c.write(t, reply)
			}
		default:
			return describe(p, 0)
		}
	}
}

func (c *wire) packet(t testing.TB) []byte {
	t.Helper()
	p, err := c.ReadPacket(1 << 24)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(p)
}

func (c *wire) write(t testing.TB, p []byte) {
	t.Helper()
	if err := c.QueuePacket(p); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

// ask sends a command and says what each packet of its answer is.
func (c *wire) ask(t testing.TB, kind protocol.AnswerKind, cmd byte, rest string) string {
	t.Helper()
	c.send(t, cmd, rest)
	var f protocol.Framer
	var b bytes.Buffer
	f.Reset(kind, c.caps.Has(protocol.ClientDeprecateEOF), 1)
	if _, err := f.Relay(&b, c.Conn); err != nil {
		if b.Len() == 0 && (err.(*protocol.RelayError).Unwrap() == io.EOF) {
			return "the end"
		}
		return fmt.Sprintf("%v after %q", err, b.Bytes())
	}
	if f.Answer().StmtID != 0 {
		c.stmt = f.Answer().StmtID
	}
	var said []string
	for rest := b.Bytes(); len(rest) > 0; {
		n := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
		said = append(said, describe(rest[4:4+n], c.caps))
		rest = rest[4+n:]
	}
	return strings.Join(said, "\n")
}

func (c *wire) send(t testing.TB, cmd byte, rest string) {
	t.Helper()
	c.ResetSequence()
	c.write(t, append([]byte{cmd}, rest...))
}

// with puts the id of the statement prepared last before rest.
func (c *wire) with(rest string) string {
	return string(binary.LittleEndian.AppendUint32(nil, c.stmt)) + rest
}

// describe says what a packet is.
func describe(p []byte, caps protocol.Capability) string {
	if e := protocol.ParseErr(p); e != nil {
		return e.Error()
	}
	if status, warnings, ok := protocol.ParseEOF(p); ok {
		return fmt.Sprintf("EOF status %#x, %d warnings", uint16(status), warnings)
	}
	if len(p) == 12 && p[0] == 0 && p[9] == 0 { // the head of a prepared statement
		return fmt.Sprintf("PREPARED %d columns, %d parameters", binary.LittleEndian.Uint16(p[5:]), binary.LittleEndian.Uint16(p[7:]))
	}
	if ok, status, is := protocol.ParseOK(p); is && (p[0] == 0 || caps.Has(protocol.ClientDeprecateEOF)) && len(p) < 200 {
		return fmt.Sprintf("OK %d affected, id %d, status %#x, %d warnings, %q", ok.AffectedRows, ok.InsertID, uint16(status), ok.Warnings, ok.Info)
	}
	return fmt.Sprintf("%q", p)
}

// dialogues are what is asked of a plain server and of the proxy, each on a
// connection of its own. They return what is to be compared.
var dialogues = map[string]func(t testing.TB, c *wire) []string{
	"empty queries": func(t testing.TB, c *wire) (said []string) {
		for _, q := range emptyQueries {
			said = append(said, fmt.Sprintf("%q: %s", q, c.ask(t, protocol.AnswerResult, 3, q)))
		}
		return said
	},
	"empty queries among several": func(t testing.TB, c *wire) (said []string) {
		c.ask(t, protocol.AnswerFields, 0x1b, "\x00\x00")
		for _, q := range emptyQueries {
			said = append(said, fmt.Sprintf("%q: %s", q, c.ask(t, protocol.AnswerResult, 3, q)))
		}
		return said
	},
	"long data": func(t testing.TB, c *wire) (said []string) {
		say := func(name, answer string) { said = append(said, name+": "+answer) }
		say("prepare", c.ask(t, protocol.AnswerPrepare, 0x16, "SELECT ? AS a"))
		execute := func(name string) {
			say(name, c.ask(t, protocol.AnswerResult, 0x17, c.with("\x00\x01\x00\x00\x00\x00\x01\xfd\x00\x01v")))
		}
		long := func(name string) {
			say(name, c.ask(t, protocol.AnswerResult, 0x17, c.with("\x00\x01\x00\x00\x00\x00\x01\xfd\x00")))
		}
		execute("before")
		c.send(t, 0x18, c.with("\x00\x00abc"))
		c.send(t, 0x18, c.with("\x00\x00def"))
		long("in two pieces")
		execute("without it")
		c.send(t, 0x18, c.with("\x01\x00abc"))
		execute("after a wrong index")
		execute("once more")
		c.send(t, 0x18, c.with("\xff\xffabc"))
		say("reset", c.ask(t, protocol.AnswerResult, 0x1a, c.with("")))
		execute("after a reset")
		c.send(t, 0x18, c.with("\x07\x00abc"))
		c.send(t, 0x18, c.with("\x00\x00abc"))
		long("a wrong index before a right one")
		execute("after it")
		say("reset", c.ask(t, protocol.AnswerResult, 0x1a, c.with("")))
		c.send(t, 0x18, "\xfe\xfe\xfe\x00\x00\x00abc")
		execute("after an unknown statement")
		c.send(t, 0x18, c.with("\x00\x00"))
		long("no bytes")
		if suite.Servers.MariaDB() { // MySQL answers it with an error
			c.send(t, 0x18, c.with(""))
			execute("no index")
		}
		say("ping", c.ask(t, protocol.AnswerResult, 0x0e, ""))
		for _, cmd := range []byte{0x17, 0x1a, 0x1c} {
			say(fmt.Sprintf("%#x of an unknown statement", cmd), c.ask(t, protocol.AnswerResult, cmd, "\x77\x66\x00\x00\x00\x01\x00\x00\x00"))
		}
		return said
	},
	"field list": func(t testing.TB, c *wire) (said []string) {
		for _, q := range []string{"sessions\x00", "sessions\x00%", "sessions\x00i%", "sessions\x00none", "nosuch\x00", "\x00", "", "sessions"} {
			said = append(said, fmt.Sprintf("%q: %s", q, c.ask(t, protocol.AnswerFields, 4, q)))
		}
		return said
	},
	"old commands": func(t testing.TB, c *wire) (said []string) {
		for _, cmd := range []byte{0x00, 0x05, 0x06, 0x0b, 0x0f, 0x10, 0x14, 0x1d, 0x1e, 0x21, 0x7f, 0xc8} {
			said = append(said, fmt.Sprintf("%#x: %s", cmd, c.ask(t, protocol.AnswerResult, cmd, "x")))
		}
		return said
	},
	"set option": func(t testing.TB, c *wire) (said []string) {
		for _, q := range []string{"\x00\x00", "\x01\x00", "\x02\x00", "\xff\xff"} {
			said = append(said, fmt.Sprintf("%q: %s", q, c.ask(t, protocol.AnswerRows, 0x1b, q)))
			said = append(said, c.ask(t, protocol.AnswerResult, 3, "DO 1; DO 2"))
		}
		return said
	},
	"debug": func(t testing.TB, c *wire) []string {
		return []string{c.ask(t, protocol.AnswerRows, 0x0d, ""), c.ask(t, protocol.AnswerResult, 0x0e, "")}
	},
	"init db": func(t testing.TB, c *wire) (said []string) {
		for _, q := range []string{"second", "nosuch", "", "app"} {
			said = append(said, fmt.Sprintf("%q: %s", q, c.ask(t, protocol.AnswerResult, 2, q)), c.ask(t, protocol.AnswerResult, 3, "SELECT DATABASE()"))
		}
		return said
	},
	"kill": func(t testing.TB, c *wire) (said []string) {
		for _, q := range []string{"\x00\x00\x00\x00", "\xff\xff\xff\x7f", "\xff\xff\xff\xff"} {
			said = append(said, fmt.Sprintf("%q: %s", q, c.ask(t, protocol.AnswerResult, 0x0c, q)))
		}
		return said
	},
	"kill of oneself": func(t testing.TB, c *wire) []string {
		return []string{c.ask(t, protocol.AnswerResult, 0x0c, c.id)}
	},
	"process info": func(t testing.TB, c *wire) []string {
		answer := c.ask(t, protocol.AnswerResult, 0x0a, "")
		return []string{answer[:strings.Index(answer, "EOF")]}
	},
	"reset connection": func(t testing.TB, c *wire) (said []string) {
		say := func(q string) {
			said = append(said, q+": "+c.ask(t, protocol.AnswerResult, 3, q))
		}
		say("SET @a = 5, autocommit = 0")
		say("SET NAMES latin1")
		say("INSERT INTO sessions (id, data) VALUES ('reset', 'x')")
		said = append(said, "prepare: "+c.ask(t, protocol.AnswerPrepare, 0x16, "SELECT 1"))
		said = append(said, "reset: "+c.ask(t, protocol.AnswerResult, 0x1f, ""))
		c.stmt = 1 // the proxy counts for each client
		said = append(said, "execute: "+strings.ReplaceAll(c.ask(t, protocol.AnswerResult, 0x17, c.with("\x00\x01\x00\x00\x00")), "(2)", "(1)"))
		if !suite.Servers.MariaDB() {
			say("SET NAMES utf8mb4") // MySQL has forgotten the login's, the proxy goes on with it
		}
		say("SELECT @@autocommit, @@character_set_client, DATABASE()")
		say("SELECT data FROM sessions WHERE id = 'reset'")
		say("BEGIN")
		say("INSERT INTO sessions (id, data) VALUES ('reset', 'x')")
		said = append(said, "reset: "+c.ask(t, protocol.AnswerResult, 0x1f, ""))
		say("SELECT data FROM sessions WHERE id = 'reset'")
		said = append(said, "reset with bytes: "+c.ask(t, protocol.AnswerResult, 0x1f, "xx"))
		return said
	},
	"change of user": func(t testing.TB, c *wire) (said []string) {
		change := func(user, db, password string) {
			c.send(t, 0x11, user+"\x00\x00"+db+"\x00\x2d\x00mysql_native_password\x00")
			said = append(said, fmt.Sprintf("to %s in %q: %s", user, db, c.loggedIn(t, password)))
		}
		say := func(q string) { said = append(said, q+": "+c.ask(t, protocol.AnswerResult, 3, q)) }
		say("BEGIN")
		say("INSERT INTO sessions (id, data) VALUES ('change', 'x')")
		change(mariadbtest.User, "second", mariadbtest.Password)
		say("SELECT DATABASE(), @@autocommit")
		change(mariadbtest.User, "", mariadbtest.Password)
		say("SELECT DATABASE()")
		change(mariadbtest.User, "app", mariadbtest.Password)
		say("SELECT data FROM sessions WHERE id = 'change'")
		return said
	},
	"change to an unknown database": func(t testing.TB, c *wire) []string {
		return c.changeFails(t, mariadbtest.User, "nosuch", mariadbtest.Password)
	},
	"change with a wrong password": func(t testing.TB, c *wire) []string { return c.changeFails(t, mariadbtest.User, "app", "wrong") },
	"change to an unknown user":    func(t testing.TB, c *wire) []string { return c.changeFails(t, "stranger", "app", "x") },
	"local infile": func(t testing.TB, c *wire) (said []string) {
		for _, q := range []string{
			"LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE sessions",
			"load data /* */ local\ninfile 'x' replace into table app.sessions (id, data)",
		} {
			said = append(said, c.ask(t, protocol.AnswerResult, 3, q))
		}
		ping, _, _ := strings.Cut(c.ask(t, protocol.AnswerResult, 0x0e, ""), " status") // MySQL still counts the error there
		return append(said, ping)
	},
	"empty prepares": func(t testing.TB, c *wire) (said []string) {
		for _, q := range emptyQueries {
			said = append(said, fmt.Sprintf("%q: %s", q, c.ask(t, protocol.AnswerPrepare, 0x16, q)))
		}
		return said
	},
}

// sameError reports whether two answers are errors of one number, of which the
// proxy's is in its own words.
func sameError(got, want string) bool {
	a, aIs := strings.CutSuffix(got, got[max(0, strings.Index(got, "dsmproxy: ")):])
	i := strings.LastIndex(a, "ERROR ")
	return aIs && i >= 0 && strings.Contains(got, "dsmproxy: ") && len(want) >= i+20 && got[:i+20] == want[:i+20]
}

// changeFails asks for a change of user that is refused. MariaDB lets the client
// go on as who it was then, MySQL and the proxy close the connection.
func (c *wire) changeFails(t testing.TB, user, db, password string) []string {
	t.Helper()
	c.send(t, 0x11, user+"\x00\x00"+db+"\x00\x2d\x00mysql_native_password\x00")
	return []string{c.loggedIn(t, password)}
}

var emptyQueries = []string{
	"", " ", ";", " ; ", ";;", "-- x", "-- x\n", "#x\n", "/* x */", "/* x */;", "/**/ ; /**/", "/* open", "/*! */",
	"SELECT 1;", "SELECT 1; ", "SELECT 1;;", "SELECT 1; ;", "SELECT 1;\n-- x", "SELECT 1; /* x */", "SELECT 1; /* x */ ;", "; SELECT 1", "/* x */; SELECT 1",
	"SELECT 1; ; SELECT 2", "SELECT 1; SELECT 2", "SELECT 1; SELECT 2;", "SELECT 1; SELECT 2; ", "SELECT 1; SELECT 2; -- x", "SELECT 1; -- x\n; SELECT 2",
}

// gone are dialogues of commands that MySQL no longer knows.
var gone = []string{"old commands", "kill", "kill of oneself", "process info"}

// inner is how servers name their own functions in errors, each differently.
var inner = regexp.MustCompile(`mysqld?_stmt_\w+$`)

// TestCommandsAsAPlainServer compares the proxy's answers to all commands with
// a plain server's, packet by packet.
func TestCommandsAsAPlainServer(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2})
	plain := startStores(t, options{stores: 1, copies: 1})
	for name, dialogue := range dialogues {
		if slices.Contains(gone, name) && !suite.Servers.MariaDB() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			want := dialogue(t, dialWire(t, plain.nodes[0].Addr(), 0))
			got := dialogue(t, dialWire(t, c.Addr, 0))
			if len(got) != len(want) {
				t.Fatalf("%d answers, want %d", len(got), len(want))
			}
			for i := range want {
				if inner.ReplaceAllString(got[i], "") != inner.ReplaceAllString(want[i], "") && !sameError(got[i], want[i]) {
					t.Errorf("got  %s\nwant %s", got[i], want[i])
				}
			}
		})
	}
}
