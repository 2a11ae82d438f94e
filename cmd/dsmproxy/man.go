package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// runMan is given all commands by main's table, which it is part of.
func runMan(all map[string]command, args []string, stdout, stderr io.Writer) error {
	fs := newFlags("man", "", "Prints the manual page, for man: dsmproxy man > dsmproxy.1")
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError(fs, stderr, "takes no argument")
	}
	list, err := describe(all)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	manPage(&page, list)
	_, err = page.WriteTo(stdout)
	return err
}

const manHead = `.TH DSMPROXY 1 "" "dsmproxy" "User Commands"
.SH NAME
dsmproxy \- keep the sessions of a web site on several MySQL servers
.SH SYNOPSIS
.B dsmproxy
.I COMMAND
.RI [ FLAGS ]
.SH DESCRIPTION
dsmproxy is a MySQL server to an application and a MySQL client to several
stand-alone MySQL or MariaDB servers, the stores.
From each session ID follows a fixed order of all stores; a session's record is
written to the first live stores of its order and read from the first.
.SH COMMANDS
`

const manTail = `.SH FILES
.TP
.I /etc/dsmproxy/dsmproxy.toml
The configuration of the service that the Debian package installs.
.TP
.I dsmproxy.toml
The configuration of a command that is not told one, in the current directory.
.SH EXIT STATUS
0 if all is well, 1 if something is wrong, 2 if the command line is.
.SH SIGNALS
.TP
.B SIGTERM, SIGINT
.B dsmproxy serve
takes no new clients, lets those that are there end their statement or
transaction for up to limits.drain_timeout, and ends.
.TP
.B SIGHUP
.B dsmproxy serve
reads its configuration again. A file with a mistake changes nothing.
.TP
.B SIGUSR2
.B dsmproxy serve
starts its program again, which may be a new version, hands its sockets over to
it, and ends as by SIGTERM when that one serves. No client is refused.
.SH ENVIRONMENT
.TP
.B DSMPROXY_ADMIN_PASSWORD
The password of the admin address, for the commands that ask a running proxy. It
goes before the one of the configuration.
.TP
.BR NOTIFY_SOCKET ", " WATCHDOG_USEC
Set by systemd; see
.BR sd_notify (3).
`

func manPage(w *bytes.Buffer, list []description) {
	w.WriteString(manHead)
	for _, d := range list {
		fmt.Fprintf(w, ".SS %s\n", roff(d.name))
		for i, line := range strings.Split(d.synopsis, "\n") {
			if i > 0 {
				w.WriteString(".br\n")
			}
			line = strings.TrimPrefix(strings.TrimSpace(line), "dsmproxy "+d.name)
			fmt.Fprintf(w, ".B dsmproxy %s\n%s\n", roff(d.name), roff(strings.TrimSpace(line)))
		}
		for _, paragraph := range strings.Split(d.about, "\n\n") {
			if strings.HasPrefix(paragraph, "  ") {
				fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(paragraph))
			} else {
				fmt.Fprintf(w, ".PP\n%s\n", roff(paragraph))
			}
		}
		for _, f := range d.flags {
			fmt.Fprintf(w, ".TP\n.B %s", roff("-"+f.name))
			if f.value != "" {
				fmt.Fprintf(w, " %s", roff(f.value))
			}
			fmt.Fprintf(w, "\n%s", roff(f.usage))
			if f.standard != "" {
				fmt.Fprintf(w, " (default %s)", roff(f.standard))
			}
			w.WriteByte('\n')
		}
	}
	w.WriteString(manTail)
}

// roff escapes text for a manual page: a backslash, a hyphen that is to stay
// one, and what would be a command at the beginning of a line.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\t", "        ").Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
