package realstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Options say how a server is started.
type Options struct {
	// Program is what Find returned.
	Program *Program
	// Template is a directory that Prepare filled; it is copied, and may serve
	// any number of servers at once.
	Template string
	// Dir gets the data, the socket and the log. It must not exist. Close
	// removes it.
	Dir string
	// Port is where to listen on 127.0.0.1; 0 chooses a free one.
	Port int
	// User is an account with all rights that is made, with Password, and is the
	// only one then. Without it there is root, who has no password.
	User, Password string
	// Args are further options of the server, such as
	// "--max-allowed-packet=64M"; they win over those that Start sets.
	Args []string
	// ReadyTimeout bounds how long a start may take; 0 means 60 s.
	ReadyTimeout time.Duration
}

// Server is one server. It is safe for concurrent use: of two calls that start
// or end the process one waits for the other, and Kill interrupts a start.
type Server struct {
	o    Options
	data string
	logs string

	starting sync.Mutex // held while the process is started or replaced

	mu   sync.Mutex // guards what follows
	port int
	proc *process // nil before the first start
}

// Start copies the template and starts a server on it. It returns once the
// server answers a statement, or with the end of its log in the error.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.ReadyTimeout == 0 {
		o.ReadyTimeout = 60 * time.Second
	}
	if err := os.Mkdir(o.Dir, 0o700); err != nil {
		return nil, err
	}
	s := &Server{o: o, data: filepath.Join(o.Dir, "data"), logs: filepath.Join(o.Dir, "log"), port: o.Port}
	err := s.install()
	if err == nil {
		err = s.Restart(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// install fills the data directory.
func (s *Server) install() error {
	if err := os.CopyFS(s.data, os.DirFS(s.o.Template)); err != nil {
		return fmt.Errorf("copy %s: %w", s.o.Template, err)
	}
	if err := os.MkdirAll(filepath.Join(s.o.Dir, "tmp"), 0o700); err != nil {
		return err
	}
	if s.o.User == "" {
		return nil
	}
	// The server runs this before it takes connections, at every start.
	account := fmt.Sprintf("'%s'@'%%'", quote(s.o.User))
	sql := fmt.Sprintf("CREATE USER IF NOT EXISTS %s IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO %s WITH GRANT OPTION;\n"+
		"DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1';\n",
		account, quote(s.o.Password), account)
	return os.WriteFile(s.initFile(), []byte(sql), 0o600)
}

func (s *Server) initFile() string { return filepath.Join(s.o.Dir, "init.sql") }

func quote(text string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text)
}

// Restart starts a server that is not running, on its former port and data; one
// that runs is shut down first.
func (s *Server) Restart(ctx context.Context) error {
	s.starting.Lock()
	defer s.starting.Unlock()
	s.shutdown(ctx)
	return s.start(ctx)
}

// start is called with starting held.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.ReadyTimeout)
	defer cancel()
	fixed := s.Port() != 0
	for {
		if !fixed {
			port, err := freePort()
			if err != nil {
				return err
			}
			s.mu.Lock()
			s.port = port
			s.mu.Unlock()
		}
		err := s.startOnce(ctx)
		if err == nil {
			return nil
		}
		// Somebody else's socket may have the port, for a while or for good.
		if !portTaken(s.LogTail(50)) || ctx.Err() != nil {
			return fmt.Errorf("start %s on port %d: %w\n%s", s.o.Program.Path, s.Port(), err, s.LogTail(20))
		}
		if fixed && wait(ctx, 200*time.Millisecond) != nil {
			return fmt.Errorf("start %s: port %d is in use", s.o.Program.Path, s.Port())
		}
	}
}

func portTaken(log string) bool {
	return strings.Contains(log, "Address already in use") || strings.Contains(log, "Bind on TCP/IP port")
}

func (s *Server) startOnce(ctx context.Context) error {
	// A log for each start: what LogTail shows is of the run that failed.
	out, err := os.Create(s.logs)
	if err != nil {
		return err
	}
	defer out.Close()
	// MySQL refuses a socket whose lock names a process that exists, which
	// need not be a server.
	os.Remove(s.Socket() + ".lock")
	p, err := launch(s.o.Program.Path, s.args(), s.data, out)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.proc = p
	s.mu.Unlock()
	if err := s.await(ctx, p); err != nil {
		p.proc.Kill()
		<-p.done
		return err
	}
	return nil
}

func (s *Server) args() []string {
	args := []string{
		"--no-defaults",
		"--basedir=" + s.o.Program.base(),
		"--datadir=" + s.data,
		"--tmpdir=" + filepath.Join(s.o.Dir, "tmp"),
		// Relative to the data directory, for a socket's path may not be long.
		"--socket=" + socketName,
		"--pid-file=" + filepath.Join(s.o.Dir, "pid"),
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(s.Port()),
		"--skip-networking=0",
		"--skip-name-resolve",
		"--secure-file-priv=" + filepath.Join(s.o.Dir, "tmp"),
		"--skip-log-bin",
		"--performance-schema=off",
		"--innodb-buffer-pool-size=16M",
		// What was committed outlives a kill of the process, which is all that
		// happens here.
		"--innodb-flush-log-at-trx-commit=2",
		"--max-allowed-packet=64M",
	}
	if s.o.Program.MariaDB {
		args = append(args, "--innodb-log-file-size=8M")
	} else {
		// Writers wait for the checkpoint where one record is a good part of
		// the redo log. A machine has native AIO for some twenty servers, and
		// MySQL does not start without.
		args = append(args, "--loose-innodb-redo-log-capacity=128M", "--loose-mysqlx=OFF", "--innodb-use-native-aio=OFF")
	}
	if s.o.User != "" {
		args = append(args, "--init-file="+s.initFile())
	}
	return append(append(args, asUser()...), s.o.Args...)
}

// await returns when the server answers a statement, or p or ctx has ended.
func (s *Server) await(ctx context.Context, p *process) error {
	c := s.config("")
	c.Timeout, c.ReadTimeout = time.Second, 5*time.Second
	c.Logger = log.New(io.Discard, "", 0)
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	for {
		// Another server that has the port would answer as well as this one.
		var dir string
		err := db.QueryRowContext(ctx, "SELECT @@datadir").Scan(&dir)
		if err == nil && sameFile(dir, s.data) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("port %d is another server's", s.Port())
		}
		select {
		case <-p.done:
			return fmt.Errorf("the server ended: %v", p.err)
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v: %w", s.o.ReadyTimeout, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func sameFile(a, b string) bool {
	fa, errA := os.Stat(a)
	fb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(fa, fb)
}

// Wipe gives the server an empty database again, as if its disk had been
// replaced: one that runs is killed first and started again.
func (s *Server) Wipe(ctx context.Context) error { return s.replace(ctx, s.install) }

// Snapshot copies the data of a server that is not running into dir, which must
// not exist. Who wants that of one that runs kills it first.
func (s *Server) Snapshot(dir string) error {
	s.starting.Lock()
	defer s.starting.Unlock()
	if s.Running() {
		return errors.New("the server is running")
	}
	return s.copyData(dir, s.data)
}

// Rewind gives the server the data that Snapshot has put into dir, as if a
// backup had been restored: one that runs is killed first and started again.
func (s *Server) Rewind(ctx context.Context, dir string) error {
	return s.replace(ctx, func() error { return s.copyData(s.data, dir) })
}

func (s *Server) copyData(dst, src string) error {
	// A killed server leaves its socket, which can't be copied.
	for _, name := range []string{socketName, socketName + ".lock"} {
		if err := os.Remove(filepath.Join(src, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.CopyFS(dst, os.DirFS(src)); err != nil {
		return fmt.Errorf("copy %s: %w", src, err)
	}
	return nil
}

// replace fills the data directory anew.
func (s *Server) replace(ctx context.Context, fill func() error) error {
	s.starting.Lock()
	defer s.starting.Unlock()
	running := s.Running()
	if running {
		if err := s.Kill(); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(s.data); err != nil {
		return err
	}
	if err := fill(); err != nil || !running {
		return err
	}
	return s.start(ctx)
}

// Close kills the process, if it runs, and removes its directory.
func (s *Server) Close() error {
	if p := s.process(); p != nil {
		p.proc.Kill()
		<-p.done
	}
	return os.RemoveAll(s.o.Dir)
}

// Running reports whether the process exists; a stopped one does.
func (s *Server) Running() bool {
	p := s.process()
	return p != nil && !p.gone()
}

// Pid is the process's id, 0 if it is not running.
func (s *Server) Pid() int {
	if p := s.process(); p != nil && !p.gone() {
		return p.pid
	}
	return 0
}

// Port is where it listens, and what it keeps.
func (s *Server) Port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.port
}

// Addr is its host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port())) }

const socketName = "mysql.sock"

// Socket is its Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.data, socketName) }

// DSN is its address and account for go-sql-driver/mysql; db may be empty.
func (s *Server) DSN(db string) string { return s.config(db).FormatDSN() }

func (s *Server) config(db string) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", s.Addr(), db
	c.User, c.Passwd = s.o.User, s.o.Password
	if c.User == "" {
		c.User = "root"
	}
	return c
}

// LogTail is the last n lines that the server has written since its last start.
func (s *Server) LogTail(n int) string {
	b, err := os.ReadFile(s.logs)
	if err != nil {
		return err.Error()
	}
	return tail(b, n)
}

func (s *Server) process() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
