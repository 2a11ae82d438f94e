// Command dsmproxy is a MySQL proxy that keeps each session record on the
// first N live stores of an order derived from its session ID.
//
// Each subcommand lives in a file of its own and shares nothing but this
// table; wiring, signals and the order of start and stop are serve.go's.
package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// command is one subcommand. run gets the arguments after its name and returns
// nil, errUsage, or an error that main prints on stderr.
type command struct {
	summary string
	run     func(args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

// errUsage makes main exit with 2; whoever returns it has printed why.
var errUsage = errors.New("usage")

// errSilent makes main exit with 1; whoever returns it has printed why.
var errSilent = errors.New("silent")

// commands are the subcommands, but for those of table; each adds its line
// here.
var commands = map[string]command{
	"init-config": {"write a configuration from a DSN and the stores' addresses", runInitConfig},
	"clients":     {"print the clients of a running proxy", runClients},
	"accept-loss": {"take what the other stores have for all there is", runAcceptLoss},
	"forget":      {"give up what a store remembers that is down", runForget},
	"init":        {"prepare the stores for the levels safe and strict", runInit},
	"trust":       {"let a store in as it is that may have lost something", runTrust},
	"drain":       {"take a store of a running proxy out of service", runDrain},
	"kill":        {"end a client of a running proxy", runKill},
	"log-level":   {"change the level of a running proxy's log", runLogLevel},
	"reload":      {"have a running proxy read its configuration again", runReload},
	"status":      {"print how a running proxy is", runStatus},
	"undrain":     {"put a store back into service", runUndrain},
	"demo":        {"start stores and a proxy to try, and kill some", runDemo},
	"explain":     {"print what a statement is, its keys and their stores", runExplain},
	"check":       {"read the configuration and print every problem", runCheck},
	"route":       {"print the order of the stores for session IDs", runRoute},
	"verify":      {"compare all copies of all records", runVerify},
	"version":     {"print the version", runVersion},
	"serve":       {"run the proxy", runServe},
}

// table is all subcommands: also those that print what all of them are.
func table() map[string]command {
	all := maps.Clone(commands)
	all["completion"] = command{"print what completes command lines in a shell", func(args []string, _ io.Reader, stdout, stderr io.Writer) error {
		return runCompletion(all, args, stdout, stderr)
	}}
	all["man"] = command{"print the manual page", func(args []string, _ io.Reader, stdout, stderr io.Writer) error {
		return runMan(all, args, stdout, stderr)
	}}
	return all
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		usage(stdout, table())
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	c, ok := table()[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "dsmproxy: unknown command %q\n", args[0])
		usage(stderr, table())
		return 2
	}
	switch err := c.run(args[1:], stdin, stdout, stderr); {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errSilent):
		return 1
	default:
		fmt.Fprintf(stderr, "dsmproxy %s: %v\n", args[0], err)
		return 1
	}
}

func usage(w io.Writer, all map[string]command) {
	fmt.Fprint(w, "usage: dsmproxy COMMAND [FLAGS]\n\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "  %-11s %s\n", name, all[name].summary)
	}
	fmt.Fprint(w, "\nEach command prints its flags with -h.\n")
}
