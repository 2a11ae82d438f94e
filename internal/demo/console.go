package demo

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Console carries out the demo's commands. Its fields are set before Run; it is
// used by one goroutine at a time.
type Console struct {
	Stores  Stores
	Account Account
	// Proxy is the proxy's address, DB a client of it in the demo's database.
	Proxy string
	DB    *sql.DB
	// Order is the order of the stores for a session ID.
	Order func(id string) []string
	// Copies is how many stores hold a record, Level the consistency level.
	Copies int
	Level  string
	// State is what the proxy believes of a store, and since when.
	State func(name string) (up bool, since time.Time)
	// Out gets what the commands print.
	Out io.Writer

	conn *sql.Conn // of the sql command, which keeps a session's state
	last string    // what the last command printed, for expect
}

// errQuit ends Run.
var errQuit = errors.New("quit")

// Run carries out what is typed at in until quit, the end of in or the end of
// ctx. A command that fails does not end it. It reports whether quit, or the
// end of in after a command, asks for the end of the demo; an input that ends
// at once says nothing (a demo in the background has none).
func (c *Console) Run(ctx context.Context, in io.Reader, prompt string) (quit bool) {
	lines := readLines(ctx, in)
	for {
		fmt.Fprint(c.Out, prompt)
		select {
		case <-ctx.Done():
			return true
		case line, more := <-lines:
			if !more {
				return quit || ctx.Err() != nil || prompt != ""
			}
			quit = true
			switch err := c.Do(ctx, line); {
			case errors.Is(err, errQuit):
				return true
			case err != nil && ctx.Err() == nil:
				fmt.Fprintln(c.Out, c.last)
			}
		}
	}
}

// readLines sends what it reads, line by line. A read of a terminal can't be
// interrupted, so its goroutine may outlive ctx and end with the process.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, 64<<20)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// Script carries out commands one after the other and shows each. It ends at
// the first that fails; an expect after it takes the error for its output.
func (c *Console) Script(ctx context.Context, commands []string) error {
	var failed error
	for _, command := range commands {
		if word, _, _ := strings.Cut(strings.TrimSpace(command), " "); failed != nil && word != "expect" {
			return failed
		}
		fmt.Fprintf(c.Out, "> %s\n", command)
		failed = c.Do(ctx, command)
		switch {
		case errors.Is(failed, errQuit):
			return nil
		case failed != nil:
			fmt.Fprintln(c.Out, c.last)
		}
	}
	return failed
}

// Commands takes a script apart: one command a line, or separated by
// semicolons if it is one line. Lines that begin with # are comments.
func Commands(script string) []string {
	separator := "\n"
	if !strings.Contains(strings.TrimSpace(script), "\n") {
		separator = ";"
	}
	var list []string
	for command := range strings.SplitSeq(script, separator) {
		if command = strings.TrimSpace(command); command != "" && command[0] != '#' {
			list = append(list, command)
		}
	}
	return list
}

// Do carries out one command. What it prints is remembered for expect, and an
// error is a part of that.
func (c *Console) Do(ctx context.Context, line string) error {
	line = strings.TrimSpace(line)
	if line == "" {
		return nil
	}
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	var out strings.Builder
	var err error
	switch word {
	case "expect":
		if !strings.Contains(c.last, rest) {
			err = fmt.Errorf("expected %q in the last output: %q", rest, c.last)
			c.last = "error: " + err.Error()
		}
		return err
	case "quit", "exit":
		return errQuit
	case "kill", "start":
		err = c.change(ctx, &out, word, rest)
	case "status":
		err = c.status(ctx, &out)
	case "put":
		err = c.put(ctx, &out, rest)
	case "get":
		err = c.get(ctx, &out, rest)
	case "where":
		err = c.where(ctx, &out, rest)
	case "sql":
		err = c.sql(ctx, &out, strings.TrimSuffix(rest, ";"))
	case "wait":
		err = c.wait(ctx, &out, rest)
	case "help":
		out.WriteString(Help)
	default:
		err = fmt.Errorf("unknown command %q; help shows all", word)
	}
	c.last = strings.TrimRight(out.String(), "\n")
	if err != nil {
		c.last = strings.TrimLeft(c.last+"\nerror: "+err.Error(), "\n")
		return err
	}
	fmt.Fprintln(c.Out, c.last)
	return nil
}

// Close ends the session of the sql command.
func (c *Console) Close() error {
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}

// Help lists the commands.
const Help = `kill s2        end store s2 as a crash does
start s2       bring it back, with the data it had
status         the stores: state, records, address, process
put ID DATA    write a session, through the proxy
get ID         read it, through the proxy
where ID       the order of the stores for it, and which hold it
sql STATEMENT  any statement, through the proxy
wait up s2     wait until the proxy finds s2 up (or down)
expect TEXT    fail unless the last output has TEXT (for scripts)
quit           end everything
`
