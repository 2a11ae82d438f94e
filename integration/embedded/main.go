// Command dsmproxy-embedded runs several MySQL-compatible stores in one
// process, in memory, for `dsmproxy demo` on a machine without a MySQL or
// MariaDB server. It is controlled over its standard input and ends when that
// is closed. It is a program and a module of its own because the engine would
// make dsmproxy four times as large.
//
// README.md says what the engine can't do.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/sirupsen/logrus"
)

// The account that all stores have. The password comes by the environment, for
// arguments are everybody's to read.
const (
	envUser     = "DSMPROXY_EMBEDDED_USER"
	envPassword = "DSMPROXY_EMBEDDED_PASSWORD"
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("dsmproxy-embedded", flag.ContinueOnError)
	flags.SetOutput(stderr)
	count := flags.Int("count", 4, "how many stores, named s1, s2, ...")
	listen := flags.String("listen", "", "their addresses, comma-separated (default: 127.0.0.1, ports of their own)")
	verbose := flags.Bool("v", false, "write the engine's log to standard error")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: dsmproxy-embedded [FLAGS]\n\n")
		flags.PrintDefaults()
		fmt.Fprintf(stderr, "\nThe account is $%s (default app) with $%s (default: none).\nCommands on standard input: %s.\n", envUser, envPassword, commandNames)
	}
	if err := flags.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return 0
		}
		return 2
	}
	addrs := make([]string, *count)
	if *listen != "" {
		addrs = strings.Split(*listen, ",")
	}
	if flags.NArg() != 0 || len(addrs) == 0 || len(addrs) != *count && flagGiven(flags, "count") {
		fmt.Fprintln(stderr, "dsmproxy-embedded: give -count or as many addresses in -listen")
		return 2
	}
	if !*verbose {
		// The engine logs each failed statement, with its text.
		log.SetOutput(io.Discard)
		logrus.SetOutput(io.Discard)
	}

	user := getenv(envUser)
	if user == "" {
		user = "app"
	}
	if err := sql.SystemVariables.AssignValues(map[string]any{
		"version": version, "version_comment": "dsmproxy's embedded store",
	}); err != nil {
		fmt.Fprintf(stderr, "dsmproxy-embedded: %v\n", err)
		return 1
	}
	var stores []*store
	defer func() {
		for _, s := range stores {
			s.stop()
		}
	}()
	for i, addr := range addrs {
		s, err := newStore(fmt.Sprintf("s%d", i+1), addr, user, getenv(envPassword))
		if err != nil {
			fmt.Fprintf(stderr, "dsmproxy-embedded: %v\n", err)
			return 1
		}
		stores = append(stores, s)
	}
	for _, s := range stores {
		fmt.Fprintf(stdout, "store %s %s\n", s.name, s.addr)
	}
	fmt.Fprintln(stdout, "ready")
	if err := control(stores, stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "dsmproxy-embedded: %v\n", err)
		return 1
	}
	return 0
}

func flagGiven(flags *flag.FlagSet, name string) (given bool) {
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}
