// Package realstore runs real MariaDB and MySQL servers in directories of its
// own: it installs an empty one, starts it on 127.0.0.1, kills, stops,
// restarts, wipes and rewinds it. No server that is there already is touched, and
// nothing outlives the process that started it. `dsmproxy demo` and the
// integration tests call it.
package realstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotInstalled is what Find returns where there is no server program.
var ErrNotInstalled = errors.New("neither mariadbd nor mysqld is installed")

// Program is a server program found on this machine. It is not modified after
// Find and is safe for concurrent use.
type Program struct {
	Path    string // of mariadbd or mysqld
	Version string // what --version prints
	MariaDB bool
	install string // of mariadb-install-db; "" for MySQL, which installs itself
}

// serverDirs are where servers lie that are in nobody's PATH.
var serverDirs = []string{
	"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin",
	"/usr/local/mysql/bin", "/usr/local/mariadb/bin", "/opt/mysql/bin",
	"/opt/homebrew/bin", "/opt/homebrew/sbin",
}

// Find returns the first of names that is an installed server, by default
// mariadbd, then mysqld. A name with a slash is taken as a path.
func Find(ctx context.Context, names ...string) (*Program, error) {
	if len(names) == 0 {
		names = []string{"mariadbd", "mysqld"}
	}
	var problems []error
	for _, name := range names {
		path := lookPath(name, serverDirs)
		if path == "" {
			continue
		}
		p, err := inspect(ctx, path)
		if err == nil {
			return p, nil
		}
		problems = append(problems, err)
	}
	return nil, errors.Join(append([]error{ErrNotInstalled}, problems...)...)
}

func inspect(ctx context.Context, path string) (*Program, error) {
	out, err := exec.CommandContext(ctx, path, "--no-defaults", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", path, err)
	}
	p := &Program{Path: path, Version: strings.TrimSpace(string(out))}
	p.MariaDB = strings.Contains(p.Version, "MariaDB")
	if !p.MariaDB {
		return p, nil
	}
	base := p.base()
	dirs := []string{
		filepath.Join(base, "bin"), filepath.Join(base, "scripts"),
		"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin",
	}
	for _, name := range []string{"mariadb-install-db", "mysql_install_db"} {
		if p.install = lookPath(name, dirs); p.install != "" {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s has no mariadb-install-db beside it", path)
}

// base is the directory that the program was installed under.
func (p *Program) base() string {
	path := p.Path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return filepath.Dir(filepath.Dir(path))
}

// prepareTimeout bounds an installation: one that hangs is not waited for.
const prepareTimeout = 3 * time.Minute

// Prepare installs an empty database into dir, which must not exist or be
// empty: a template, which Start copies for each server. It takes some
// seconds, of MySQL more, and fails after three minutes.
func (p *Program) Prepare(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// One that is interrupted leaves temporary tables behind.
	tmp := dir + ".tmp"
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var cmd *exec.Cmd
	if p.MariaDB {
		// --rpm keeps the script from changing the owner of a plugin's
		// directory, which is the system's, when root runs it.
		cmd = exec.CommandContext(ctx, p.install, "--no-defaults",
			"--datadir="+dir, "--basedir="+p.base(), "--rpm",
			"--auth-root-authentication-method=normal", "--skip-test-db",
			"--skip-name-resolve", "--innodb-log-file-size=8M")
	} else {
		cmd = exec.CommandContext(ctx, p.Path, "--no-defaults",
			"--initialize-insecure", "--datadir="+dir,
			"--loose-innodb-redo-log-capacity=8388608", "--skip-log-bin")
	}
	cmd.Args = append(append(cmd.Args, "--tmpdir="+tmp), asUser()...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Dir = dir
	cmd.SysProcAttr = ownGroup()
	// An interrupt ends the script's own children as well.
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	out, err := runLocked(cmd)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("not done after %v", prepareTimeout)
	}
	if err != nil {
		return fmt.Errorf("install an empty database with %s: %w\n%s", cmd.Path, err, tail(out, 20))
	}
	// Two MySQL servers should not have one server_uuid.
	if err := os.Remove(filepath.Join(dir, "auto.cnf")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// asUser lets a server run as root, which it does only if told so.
func asUser() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

func lookPath(name string, dirs []string) string {
	if strings.ContainsRune(name, filepath.Separator) {
		dirs = []string{""}
	} else if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path
		}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}
