package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/dsmproxy/dsmproxy/conf"
)

// defaultConfig is the configuration file of a command that is not told one.
const defaultConfig = "dsmproxy.toml"

func runCheck(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("check", "[-config FILE]",
		"Reads the configuration and prints every problem with its line and key.\nIt connects to no store. Exits with 1 if there is a problem.")
	path := fs.String("config", defaultConfig, "configuration `file`")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument: write -config %s", rest[0])
	}
	c, err := loadConfig(*path, stderr)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "ok: %s: %s, %s, %s, copies %d, placement %q, level %q\n", *path,
		count(len(c.Stores), "store"), count(len(c.Users), "user"), count(len(c.Tables), "table"),
		c.Copies, c.Placement, c.Consistency.Level)
	return err
}

// loadConfig reads a configuration. Its problems are printed one a line, as
// compilers do, and the error is errSilent then.
func loadConfig(path string, stderr io.Writer) (*conf.Config, error) {
	c, err := conf.Load(path)
	var problems conf.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(stderr, problems)
		return nil, errSilent
	}
	return c, err
}

// count is "1 store" or "2 stores".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
