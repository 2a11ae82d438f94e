package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
)

// Banner says how to use a demo that runs: addresses, what to paste, and a
// walk-through of four lines for a session that the first store of the order
// holds. config is the path of the configuration that the proxy runs with.
func Banner(ctx context.Context, w io.Writer, c *Console, config string) {
	host, port, err := net.SplitHostPort(c.Proxy)
	if err != nil {
		host, port = c.Proxy, ""
	}
	user, password := c.Account.User, c.Account.Password
	fmt.Fprintf(w, "%d stores (%s), each session on %d of them, consistency level %s\n",
		len(c.Stores.Names()), c.Stores.Kind(), c.Copies, c.Level)
	if !c.Stores.Fences() {
		fmt.Fprintf(w, "(the levels safe and strict need servers with InnoDB: -stores real)\n")
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "  PHP     new PDO('mysql:host=%s;port=%s;dbname=%s;charset=utf8mb4', '%s', '%s')\n", host, port, Database, user, password)
	fmt.Fprintf(w, "  Go      %s:%s@tcp(%s)/%s\n", user, password, c.Proxy, Database)
	fmt.Fprintf(w, "  URL     mysql://%s:%s@%s/%s\n", user, password, c.Proxy, Database)
	fmt.Fprintf(w, "  client  %s\n", clientLine(ctx, host, port, c.Account))
	fmt.Fprintf(w, "  table   %s (id, data, expires)\n", Table)
	fmt.Fprintf(w, "  config  %s\n\n", config)

	const id = "visitor-1"
	first := c.Order(id)[0]
	fmt.Fprintf(w, "See a session survive the death of the store that answers for it:\n")
	back, what := "the store comes back, with what it had", "At level seed a store that comes back is not repaired: until its records are\n"+
		"written again, it answers with what it had when it died.\n\n"
	if c.Level != "seed" {
		back, what = "the store comes back, and is brought up to date", "At level "+c.Level+" nothing that is read is older than what was written.\n\n"
	}
	for _, step := range [][2]string{
		{"put " + id + " hello", "write it, through the proxy"},
		{"kill " + first, "the first of its stores crashes"},
		{"get " + id, "the next one answers"},
		{"start " + first, back},
	} {
		fmt.Fprintf(w, "  %-22s %s\n", step[0], step[1])
	}
	fmt.Fprintf(w, "Other commands: status, where ID, sql STATEMENT, help, quit.\n%s", what)
}

// clientLine is a command line for the MySQL client of this machine. The
// password goes by the environment, for arguments are everybody's to read.
func clientLine(ctx context.Context, host, port string, a Account) string {
	client, options := "mysql", ""
	for _, name := range []string{"mariadb", "mysql"} {
		out, err := exec.CommandContext(ctx, name, "--no-defaults", "--version").Output()
		if err != nil {
			continue
		}
		client = name
		if strings.Contains(string(out), "MariaDB") {
			// From 11.4 on it wants a certificate that it can check.
			options = " --skip-ssl"
		}
		break
	}
	return fmt.Sprintf("MYSQL_PWD=%s %s --protocol=tcp --host=%s --port=%s --user=%s%s %s",
		a.Password, client, host, port, a.User, options, Database)
}
