package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// action is a command with one argument, or none, that acts on a running proxy.
func action(name, synopsis, about string, most int, do func(ctx context.Context, r *admin.Remote, args []string, stdout io.Writer) error,
) func([]string, io.Reader, io.Writer, io.Writer) error {
	return func(args []string, _ io.Reader, stdout, stderr io.Writer) error {
		fs := newFlags(name, "[-config FILE | -admin ADDRESS] "+synopsis, about)
		to := addRemoteFlags(fs)
		rest, done, err := parseFlags(fs, args, stdout, stderr)
		if done || err != nil {
			return err
		}
		if len(rest) > most || most == 1 && len(rest) == 0 && synopsis[0] != '[' {
			return usageError(fs, stderr, "takes %s", synopsis)
		}
		return to.ask(stderr, func(ctx context.Context, r *admin.Remote) error { return do(ctx, r, rest, stdout) })
	}
}

var runReload = action("reload", "", "Has a running proxy read its configuration again. It is taken over as a whole\nor not at all; what is wrong with it is printed.", 0,
	func(ctx context.Context, r *admin.Remote, _ []string, stdout io.Writer) error {
		note, err := r.Reload(ctx)
		if err == nil {
			_, err = fmt.Fprintln(stdout, note)
		}
		return err
	})

var runLogLevel = action("log-level", "[debug | info | warn | error]",
	"Changes the level of a running proxy's log, until its restart; without a level\nit prints the one in force.", 1,
	func(ctx context.Context, r *admin.Remote, args []string, stdout io.Writer) error {
		level := ""
		if len(args) > 0 {
			level = args[0]
		}
		now, err := r.LogLevel(ctx, level)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, now)
		return err
	})

func runKill(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("kill", "[-config FILE | -admin ADDRESS] [-statement] CLIENT",
		"Ends a client of a running proxy, by the id that dsmproxy clients prints (and\nCONNECTION_ID() returns); or only the statement that it runs.")
	to := addRemoteFlags(fs)
	statement := fs.Bool("statement", false, "end the running statement only")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError(fs, stderr, "takes the id of one client")
	}
	id, err := strconv.ParseUint(rest[0], 10, 32)
	if err != nil {
		return usageError(fs, stderr, "%q is not the id of a client, a number", rest[0])
	}
	return to.ask(stderr, func(ctx context.Context, r *admin.Remote) error {
		note, err := r.Kill(ctx, uint32(id), *statement)
		if err == nil {
			_, err = fmt.Fprintln(stdout, note)
		}
		return err
	})
}

func runClients(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("clients", "[-config FILE | -admin ADDRESS] [-json] [-watch]", "Prints the clients of a running proxy.")
	to := addRemoteFlags(fs)
	asJSON := fs.Bool("json", false, "print one object a line")
	watch := fs.Bool("watch", false, "print them anew every second")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument")
	}
	screen := isTerminal(stdout)
	return to.ask(stderr, func(ctx context.Context, r *admin.Remote) error {
		return again(ctx, *watch, func(ctx context.Context) error {
			list, err := r.Clients(ctx)
			if err != nil {
				return err
			}
			if *asJSON {
				e := json.NewEncoder(stdout)
				for _, c := range list {
					if err := e.Encode(c); err != nil {
						return err
					}
				}
				return nil
			}
			if *watch && screen {
				fmt.Fprint(stdout, clearScreen)
			}
			return printClients(stdout, list)
		})
	})
}

func printClients(w io.Writer, list []admin.Client) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tUSER\tHOST\tTLS\tSTATE\tFOR\tCOMMANDS")
	for _, c := range list {
		host, secure := c.Host, "no"
		if c.Via != "" {
			host += " via " + c.Via
		}
		if c.TLS {
			secure = "yes"
		}
		state := c.State
		if c.InTxn {
			state += ", in transaction"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%d\n", c.ID, c.User, host, secure, state, time.Duration(c.For*float64(time.Second)), c.Questions)
	}
	return t.Flush()
}
