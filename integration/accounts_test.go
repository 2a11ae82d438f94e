package integration

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestRotatedPassword: the account of the clients, which is the proxy's own too,
// gets another password at the stores and in the file. Clients that are there
// go on, and the stores stay up.
func TestRotatedPassword(t *testing.T) {
	for _, level := range []string{"safe", "seed"} {
		t.Run(level, func(t *testing.T) {
			c := startStores(t, options{level: level, stores: 2, copies: 2, storeSQL: "CREATE USER web IDENTIFIED BY 'first'; GRANT ALL ON *.* TO web;"})
			c.edit(t, "[[user]]", "[[user]]\nname = \"web\"\npassword = \"first\"\n\n[[user]]")
			c.Proxy = suite.Serve(t, c.config)
			ctx := context.Background()
			conn, err := c.client(t, as("web", "first")).Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			write := func() error {
				var all error
				for _, id := range []string{"a", "b", "c"} {
					_, err := conn.ExecContext(ctx, "REPLACE INTO sessions (id, data) VALUES ('"+id+"', 'v')")
					all = errors.Join(all, err)
				}
				return all
			}
			for end := time.Now().Add(time.Minute); ; {
				err := write()
				if err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the first write: %v", err)
				}
			}
			for _, n := range c.nodes {
				mustExec(t, n.db, "ALTER USER web IDENTIFIED BY 'second'")
			}
			c.edit(t, "password = \"first\"", "password = \"second\"")
			if out, ok := c.run(t, "reload"); !ok {
				t.Fatalf("dsmproxy reload: %s", out)
			}
			// New connections to the stores alone can carry this out.
			if err := write(); err != nil {
				t.Errorf("a client from before: %v", err)
			}
			if err := c.client(t, as("web", "second")).Ping(); err != nil {
				t.Errorf("a client with the new password: %v", err)
			}
			if n := number(c.client(t, as("web", "first")).Ping()); n != 1045 {
				t.Errorf("a client with the old password: error %d, want 1045", n)
			}
			if log := c.Log.String(); strings.Contains(log, "store down") || strings.Contains(log, "store excluded") {
				t.Error("a store was taken for down")
			}
		})
	}
}

// TestStoresOwnAccount: where each store has an account of its own for the proxy,
// it needs none of those that clients log in with.
func TestStoresOwnAccount(t *testing.T) {
	c := startStores(t, options{stores: 2, copies: 2, storeSQL: "CREATE USER keeper IDENTIFIED BY 'own'; GRANT ALL ON *.* TO keeper;"})
	c.edit(t, "[[user]]", "[[user]]\nname = \"front\"\npassword = \"known here alone\"\n\n[[user]]")
	for _, n := range c.nodes {
		c.edit(t, "\nname = \""+n.name+"\"\n", "\nname = \""+n.name+"\"\nuser = \"keeper\"\npassword = \"own\"\n")
	}
	c.Proxy = suite.Serve(t, c.config)
	db := c.client(t, as("front", "known here alone"))
	eventually(t, time.Minute, "a write", func() bool {
		_, err := db.Exec("REPLACE INTO sessions (id, data) VALUES ('a', 'v')")
		return err == nil
	})
	for _, s := range c.status(t).Stores {
		if s.State != "up" {
			t.Errorf("store %s is %s: %s", s.Name, s.State, s.LastError)
		}
	}
}
