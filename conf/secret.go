package conf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// secret fills password from a file or an environment variable and returns how
// many of the three ways are given. A file's last line end is not part of it.
func (r *reader) secret(path string, password *string, file, env string) (given int) {
	for _, key := range []string{".password", ".password_file", ".password_env"} {
		if r.given(path + key) {
			given++
		}
	}
	if given > 1 {
		r.report(path+".password", "give one of password, password_file, password_env")
		return given
	}
	switch {
	case r.given(path + ".password_file"):
		data, err := readSecret(r.path(file))
		if err != nil {
			r.report(path+".password_file", "%v", err)
			break
		}
		*password = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		if *password == "" {
			r.report(path+".password_file", `%s is empty (password = "" is for no password)`, r.path(file))
		}
	case r.given(path + ".password_env"):
		if *password = os.Getenv(env); *password == "" {
			r.report(path+".password_env", "the environment variable %q is not set or empty", env)
		}
	}
	if strings.ContainsRune(*password, 0) {
		r.report(path+".password", "holds a zero byte, which no MySQL client can send")
	}
	return given
}

// longestSecret is how much of a secret's file is read: it may be a pipe or a
// device.
const longestSecret = 64 << 10

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, longestSecret+1))
	if err == nil && len(data) > longestSecret {
		err = fmt.Errorf("%s holds more than %d bytes", path, longestSecret)
	}
	return data, err
}

// path is a path of the file, relative to the file's own directory.
func (r *reader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}
