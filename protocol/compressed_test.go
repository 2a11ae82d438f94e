package protocol

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const bothCodecs = ClientCompress | ClientZstdCompression

// compressing starts a server that offers compression.
func compressing(t testing.TB, change func(*Server)) *testServer {
	t.Helper()
	return startServer(t, func(s *Server) {
		s.Compression = bothCodecs
		if change != nil {
			change(s)
		}
	})
}

// loginCompressed logs in by hand and goes on with compressed frames.
func (s *testServer) loginCompressed(t testing.TB, flag Capability, level byte) *rawClient {
	t.Helper()
	c := s.dial(t)
	if !c.caps.Has(flag) {
		t.Fatalf("capabilities %#x lack %#x", c.caps, flag)
	}
	p := responseHead(rawCaps | flag)
	p = append(append(p, "app"...), 0, 20)
	p = append(p, scrambleNative(c.scramble[:], "secret")...)
	p = append(append(p, pluginNative...), 0)
	p = append(p, 0) // no attributes
	if flag.Has(ClientZstdCompression) {
		p = append(p, level)
	}
	c.packet(t, p)
	c.expectOK(t)
	var all codecs
	all.init()
	c.startCompression(all.forClient(flag, level), 1<<30)
	return c
}

// compressible is text that gets shorter, noise does not.
func compressible(n int) string { return strings.Repeat("a:1:{i:0;s:3:\"abc\";}", n/20+1)[:n] }

func noise(n int) string {
	b := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(n)})
	random.Read(b)
	return string(b)
}

// TestCompression sends and gets packets of all sizes by three clients.
func TestCompression(t *testing.T) {
	plain := compressing(t, nil)
	secure := compressing(t, func(s *Server) { s.TLS = selfSigned(t) })
	gomysqlClient := func(s *testServer, flag uint32, options ...client.Option) func(t *testing.T) func(string) (string, error) {
		return func(t *testing.T) func(string) (string, error) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			conn, err := client.ConnectWithContext(ctx, s.addr, "app", "secret", "", patience, append(options,
				func(c *client.Conn) error { return c.SetCapability(flag) })...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return func(text string) (string, error) {
				r, err := conn.Execute("echo " + text)
				if err != nil {
					return "", err
				}
				return r.GetString(0, 0)
			}
		}
	}
	driver := func(s *testServer) func(t *testing.T) func(string) (string, error) {
		return func(t *testing.T) func(string) (string, error) {
			db := s.open(t, func(c *mysql.Config) {
				c.MaxAllowedPacket = 64 << 20
				c.Apply(mysql.EnableCompression(true))
				if s.TLS != nil {
					c.TLS = &tls.Config{InsecureSkipVerify: true}
				}
			})
			return func(text string) (got string, err error) {
				err = db.QueryRow("echo " + text).Scan(&got)
				return got, err
			}
		}
	}
	byHand := func(flag Capability, level byte) func(t *testing.T) func(string) (string, error) {
		return func(t *testing.T) func(string) (string, error) {
			c := plain.loginCompressed(t, flag, level)
			return func(text string) (string, error) {
				c.send(t, ComQuery, "echo "+text)
				return c.echoed(t), nil
			}
		}
	}
	insecure := func(c *client.Conn) error { c.UseSSL(true); return nil }
	for name, connect := range map[string]func(*testing.T) func(string) (string, error){
		"go-sql-driver zlib":      driver(plain),
		"go-sql-driver zlib, tls": driver(secure),
		"go-mysql zlib":           gomysqlClient(plain, gomysql.CLIENT_COMPRESS),
		"go-mysql zstd":           gomysqlClient(plain, gomysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM),
		"go-mysql zstd, tls":      gomysqlClient(secure, gomysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM, insecure),
		"by hand zlib":            byHand(ClientCompress, 0),
		"by hand zstd 1":          byHand(ClientZstdCompression, 1),
		"by hand zstd 3":          byHand(ClientZstdCompression, 3),
		"by hand zstd 22":         byHand(ClientZstdCompression, 22),
		"by hand, both asked for": byHand(bothCodecs, 3),
	} {
		t.Run(name, func(t *testing.T) {
			echo := connect(t)
			sizes := []int{0, 1, 40, 49, 50, 51, 250, 251, 5000, maxPiece - 5, maxPiece, 70_000, 200_000, 1 << 20}
			switch name {
			// go-mysql's frames can't hold more than 2^24-1 bytes, headers included,
			// and it doesn't cut them. go-sql-driver takes a second for each.
			case "go-sql-driver zlib":
				sizes = append(sizes, MaxFrame-6, MaxFrame-5)
			case "by hand zstd 3":
				sizes = append(sizes, MaxFrame-7, MaxFrame-6, MaxFrame-5, MaxFrame-4)
			}
			for _, n := range sizes {
				texts := map[string]string{"compressible": compressible(n)}
				if n != MaxFrame-6 { // the one whose packet is full
					texts["noise"] = noise(n)
				}
				for kind, text := range texts {
					if got, err := echo(text); err != nil || got != text {
						t.Fatalf("echo of %d bytes, %s: %d bytes, %v", n, kind, len(got), err)
					}
				}
			}
		})
	}
}

// echoed reads the answer to "echo".
func (c *rawClient) echoed(t testing.TB) string {
	t.Helper()
	var value string
	for i := 0; ; i++ {
		p, err := c.ReadPacket(64 << 20)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case p[0] == headerERR:
			t.Fatal(ParseErr(p))
		case i == 3:
			v, _ := ReadLenencBytes(p)
			value = string(v)
		case i > 3 && p[0] == headerEOF:
			return value
		}
	}
}

// TestCompressionOffered: what is not configured is not offered, nor used when
// a client asks for it all the same.
func TestCompressionOffered(t *testing.T) {
	for _, offer := range []Capability{0, ClientCompress, ClientZstdCompression, bothCodecs} {
		s := startServer(t, func(s *Server) { s.Compression = offer })
		c := s.dial(t)
		if got := c.caps & bothCodecs; got != offer {
			t.Errorf("offered %#x, want %#x", got, offer)
		}
		if offer == 0 {
			c.respond(t, rawCaps|bothCodecs, "app", "", pluginNative, scrambleNative(c.scramble[:], "secret"))
			c.expectOK(t)
			c.send(t, ComQuery, "echo x")
			if got := c.echoed(t); got != "x" {
				t.Errorf("echo = %q", got)
			}
		}
	}
}

// TestCompressedCommands has other commands than queries, and several answers.
func TestCompressedCommands(t *testing.T) {
	s := compressing(t, nil)
	for _, flag := range []Capability{ClientCompress, ClientZstdCompression} {
		c := s.loginCompressed(t, flag, 3)
		for range 300 {
			c.send(t, ComPing, "")
			c.expectOK(t)
		}
		c.send(t, ComQuery, "fail t")
		c.expectError(t, ErrNoSuchTable)
		c.send(t, ComResetConnection, "")
		c.expectOK(t)
		c.send(t, ComChangeUser, "other\x00\x00\x00")
		p := c.read(t)
		if len(p) < 20 || p[0] != headerEOF {
			t.Fatalf("COM_CHANGE_USER: %q", p)
		}
		auth := scrambleCachingSHA2(p[len(p)-1-scrambleSize:len(p)-1], "geheim")
		if !strings.Contains(string(p), pluginCachingSHA2) {
			auth = scrambleNative(p[len(p)-1-scrambleSize:len(p)-1], "geheim")
		}
		c.packet(t, auth)
		if p := c.read(t); p[0] == 1 {
			p = c.read(t)
			if p[0] != headerOK {
				t.Fatalf("COM_CHANGE_USER: %q", p)
			}
		}
		c.send(t, ComQuery, "echo "+compressible(3000))
		if got := c.echoed(t); got != compressible(3000) {
			t.Errorf("after COM_CHANGE_USER: %d bytes", len(got))
		}
		// Without waiting for answers.
		for range 100 {
			c.send(t, ComQuery, "echo "+compressible(100))
		}
		for range 100 {
			c.ResetSequence()
			c.z.seq = 1
			if got := c.echoed(t); got != compressible(100) {
				t.Fatalf("pipelined: %q", got)
			}
		}
		c.send(t, ComQuit, "")
		c.expectEnd(t)
	}
}

// compressedFrame makes a frame by hand. plain is the length it claims.
func compressedFrame(seq byte, plain int, body []byte) []byte {
	n := len(body)
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq, byte(plain), byte(plain >> 8), byte(plain >> 16)}, body...)
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstandard(t testing.TB, b []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(b, nil)
}

func packet(seq byte, text string) []byte {
	return append(appendHeader(nil, len(text), seq), text...)
}

// TestCompressedFrames sends frames that clients may make and no library does.
func TestCompressedFrames(t *testing.T) {
	s := compressing(t, nil)
	query := packet(0, "\x03echo "+compressible(200))
	two := append(packet(0, "\x03echo "+compressible(150)), packet(0, "\x03echo last")...)
	squeezed := deflated(query)
	for name, tc := range map[string]struct {
		frames []byte
		want   []string
	}{
		"one":             {compressedFrame(0, len(query), squeezed), []string{compressible(200)}},
		"plain":           {compressedFrame(0, 0, query), []string{compressible(200)}},
		"two in one":      {compressedFrame(0, len(two), deflated(two)), []string{compressible(150), "last"}},
		"two in one, raw": {compressedFrame(0, 0, two), []string{compressible(150), "last"}},
		"empty before":    {append(compressedFrame(0, 0, nil), compressedFrame(1, len(query), squeezed)...), []string{compressible(200)}},
		"cut in the header": {append(compressedFrame(0, 0, query[:2]), compressedFrame(1, len(query)-2, deflated(query[2:]))...),
			[]string{compressible(200)}},
		"byte by byte": {func() (all []byte) {
			for i := range query {
				all = append(all, compressedFrame(byte(i), 0, query[i:i+1])...)
			}
			return all
		}(), []string{compressible(200)}},
		"second in the next": {append(compressedFrame(0, 0, two[:len(two)-5]), compressedFrame(1, 0, two[len(two)-5:])...),
			[]string{compressible(150), "last"}},
		"short claim of length 1": {compressedFrame(0, len(query), append(bytes.Clone(squeezed), "trailing"...)), []string{compressible(200)}},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.loginCompressed(t, ClientCompress, 0)
			if _, err := c.z.Conn.Write(tc.frames); err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				h, err := c.z.frames.Fill(compressedHeaderSize)
				if err != nil {
					t.Fatal(err)
				}
				c.z.seq = h[3]
				if got := c.echoed(t); got != want {
					t.Errorf("echo = %q, want %q", got, want)
				}
			}
		})
	}
}

// TestCompressedMalformed: frames that lie are told so and end their client.
func TestCompressedMalformed(t *testing.T) {
	s := compressing(t, func(s *Server) { s.MaxPacket = 1 << 20 })
	query := packet(0, "\x03echo "+compressible(200))
	zip := deflated(query)
	broken := bytes.Clone(zip)
	broken[len(broken)-1] ^= 1
	bomb := deflated(append([]byte{1, 0, 0x10, 0}, make([]byte, 1<<20+50_000)...))
	for name, tc := range map[string]struct {
		frame []byte
		code  uint16
	}{
		"wrong sequence":     {compressedFrame(3, len(query), zip), ErrNetPacketsOutOrder},
		"claims more":        {compressedFrame(0, len(query)+1, zip), ErrNetUncompress},
		"claims far more":    {compressedFrame(0, 1<<20, zip), ErrNetUncompress},
		"claims less":        {compressedFrame(0, len(query)-1, zip), ErrNetUncompress},
		"claims too much":    {compressedFrame(0, MaxFrame, zip), ErrPacketTooLarge},
		"is announced long":  {[]byte{0xff, 0xff, 0xff, 0, 0, 0, 0}, ErrPacketTooLarge},
		"no zlib":            {compressedFrame(0, 100, []byte("this is no compressed data")), ErrNetUncompress},
		"nothing":            {compressedFrame(0, 100, nil), ErrNetUncompress},
		"cut":                {compressedFrame(0, len(query), zip[:len(zip)-8]), ErrNetUncompress},
		"checksum":           {compressedFrame(0, len(query), broken), ErrNetUncompress},
		"bomb":               {compressedFrame(0, 1<<20+50_004, bomb), ErrPacketTooLarge},
		"zstd where zlib is": {compressedFrame(0, len(query), zstandard(t, query)), ErrNetUncompress},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.loginCompressed(t, ClientCompress, 0)
			if _, err := c.z.Conn.Write(tc.frame); err != nil {
				t.Fatal(err)
			}
			h, err := c.z.frames.Fill(compressedHeaderSize)
			if err != nil {
				t.Fatal(err)
			}
			c.z.seq = h[3]
			c.expectError(t, tc.code)
			c.expectEnd(t)
		})
	}
	t.Run("zstd", func(t *testing.T) {
		z := zstandard(t, query)
		for name, frame := range map[string][]byte{
			"claims more": compressedFrame(0, len(query)+1, z), "claims less": compressedFrame(0, len(query)-1, z),
			"cut": compressedFrame(0, len(query), z[:len(z)-3]), "zlib": compressedFrame(0, len(query), zip),
			"window": compressedFrame(0, 100, []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0}),
		} {
			c := s.loginCompressed(t, ClientZstdCompression, 3)
			if _, err := c.z.Conn.Write(frame); err != nil {
				t.Fatal(err)
			}
			c.z.seq = 1
			if p, err := c.ReadPacket(1 << 20); err != nil || ParseErr(p) == nil || ParseErr(p).Code != ErrNetUncompress {
				t.Errorf("%s: %q, %v, want error 1157", name, p, err)
			}
			c.expectEnd(t)
		}
	})
}

// TestCompressedClaimsTakeNoMemory has clients that claim much and send little.
func TestCompressedClaimsTakeNoMemory(t *testing.T) {
	s := compressing(t, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var clients []*rawClient
	for i := range 100 {
		flag := []Capability{ClientCompress, ClientZstdCompression}[i%2]
		c := s.loginCompressed(t, flag, 3)
		// A header that promises 16 MiB, and one frame that is yet to come.
		if _, err := c.z.Conn.Write(compressedFrame(0, MaxFrame, make([]byte, 100))[:50]); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	waitFor(t, "the frames to be read", func() bool { return s.Stats().Clients == 100 })
	runtime.ReadMemStats(&after)
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 64<<20 {
		t.Errorf("100 clients took %d MiB", grown>>20)
	}
	runtime.KeepAlive(clients)
}

// TestCompressedIdle: a connection that waits holds neither buffer nor
// decompressor.
func TestCompressedIdle(t *testing.T) {
	x, y := tcpPair(t)
	var all codecs
	all.init()
	sender, c := NewConn(x), NewConn(y)
	for _, conn := range []*Conn{sender, c} {
		conn.startCompression(all.forClient(ClientZstdCompression, 3), 1<<20)
	}
	for range 3 {
		for _, text := range []string{compressible(5000), noise(20), compressible(200_000)} {
			sender.ResetSequence()
			sender.QueuePacket([]byte(text))
			sender.Flush()
			c.ResetSequence()
			if p, err := c.ReadPacket(1 << 20); err != nil || string(p) != text {
				t.Fatalf("read %d bytes, %v", len(p), err)
			}
		}
		c.SetDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.Fill(0); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Fill = %v, want an expired deadline", err)
		}
		c.SetDeadline(time.Time{})
		if c.in != nil || c.z.frames.in != nil || sender.out != nil || c.z.decoder != nil {
			t.Fatalf("held: %d and %d bytes, %d to be sent, decoder %v", len(c.in), len(c.z.frames.in), len(sender.out), c.z.decoder)
		}
	}
}

// TestCompressedShutdown: a frame that has come in part goes on after the
// reading was interrupted.
func TestCompressedShutdown(t *testing.T) {
	s := compressing(t, nil)
	c := s.loginCompressed(t, ClientCompress, 0)
	c.send(t, ComQuery, "begin")
	c.expectOK(t)
	query := packet(0, "\x03echo "+compressible(2000))
	frame := compressedFrame(0, len(query), deflated(query))
	c.z.Conn.Write(frame[:20])
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Errorf("Shutdown = %v, want an expired deadline", err)
	}
	c.z.Conn.Write(frame[20:])
	c.z.seq = 1
	if got := c.echoed(t); got != compressible(2000) {
		t.Errorf("echo = %d bytes", len(got))
	}
	c.send(t, ComQuery, "commit")
	c.expectOK(t)
	c.expectEnd(t)
}

// byteConn is a connection that reads from memory.
type byteConn struct {
	net.Conn
	r io.Reader
	w bytes.Buffer
}

func (c *byteConn) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c *byteConn) Write(p []byte) (int, error) { return c.w.Write(p) }

// FuzzCompressedRead: no frames make the reader panic, or hand out more than
// they claim.
func FuzzCompressedRead(f *testing.F) {
	query := packet(0, "\x03echo "+compressible(200))
	f.Add(compressedFrame(0, len(query), deflated(query)), false)
	f.Add(compressedFrame(0, len(query), zstandard(f, query)), true)
	f.Add(append(compressedFrame(0, 0, query[:9]), compressedFrame(1, len(query)-9, deflated(query[9:]))...), false)
	f.Add(compressedFrame(0, 1<<20, deflated(make([]byte, 1<<20))), false)
	var all codecs
	all.init()
	f.Fuzz(func(t *testing.T, b []byte, zstd bool) {
		flag := ClientCompress
		if zstd {
			flag = ClientZstdCompression
		}
		claimed := 0
		for rest := b; len(rest) >= compressedHeaderSize; {
			n := frameSize(rest)
			claimed += max(n, frameSize(rest[4:]))
			rest = rest[min(len(rest), compressedHeaderSize+n):]
		}
		c := NewConn(&byteConn{r: bytes.NewReader(b)})
		c.startCompression(all.forClient(flag, 3), 1<<20)
		got, err := io.Copy(io.Discard, c.z)
		if int(got) > claimed {
			t.Errorf("%d bytes out of frames that claim %d", got, claimed)
		}
		if err == nil && c.z.left > 0 {
			t.Errorf("%d bytes left at the end", c.z.left)
		}
		c = NewConn(&byteConn{r: bytes.NewReader(b)})
		c.startCompression(all.forClient(flag, 3), 1<<20)
		for range 100 {
			c.ResetSequence()
			if _, err := c.ReadPacket(1 << 20); err != nil {
				break
			}
		}
	})
}

// FuzzCompressedRoundTrip: what is written in any pieces is what is read.
func FuzzCompressedRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), uint16(3), uint8(0))
	f.Add([]byte(compressible(1000)), uint16(400), uint8(1))
	f.Add([]byte(noise(1000)), uint16(60), uint8(9))
	var all codecs
	all.init()
	f.Fuzz(func(t *testing.T, b []byte, piece uint16, level uint8) {
		flag := ClientCompress
		if level > 0 {
			flag = ClientZstdCompression
		}
		b = bytes.Repeat(b, 1+int(level)*20)
		net := &byteConn{}
		w := NewConn(net)
		w.startCompression(all.forClient(flag, level), 1<<30)
		for rest := b; len(rest) > 0; {
			n := min(len(rest), 1+int(piece)*5)
			if _, err := w.z.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		net.r = &net.w
		r := NewConn(net)
		r.startCompression(all.forClient(flag, level), 1<<30)
		got, err := io.ReadAll(r.z)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes became %d: %v", len(b), len(got), err)
		}
	})
}

// BenchmarkCompressedPing is a whole command over compressed frames.
func BenchmarkCompressedPing(b *testing.B) {
	s := compressing(b, nil)
	for _, flag := range []Capability{ClientCompress, ClientZstdCompression} {
		for _, n := range []int{10, 2000} {
			b.Run(fmt.Sprintf("%#x/%d", uint32(flag), n), func(b *testing.B) {
				c := s.loginCompressed(b, flag, 3)
				text := binary.LittleEndian.AppendUint32(append([]byte{byte(ComQuery)}, "echo "+compressible(n)...), 0)
				b.ReportAllocs()
				for b.Loop() {
					c.ResetSequence()
					c.QueuePacket(text)
					c.Flush()
					c.echoed(b)
				}
			})
		}
	}
}
