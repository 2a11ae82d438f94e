package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Config is what all stores and witnesses of a proxy share.
type Config struct {
	// Schema is where the ledger's tables are; "" means dsm.
	Schema string
	// Login is the account of the proxy's own statements; its capabilities are
	// set by the package.
	Login store.Login
	// Tables are the session tables. One without a Schema is that of its name in
	// any.
	Tables []Table
	// Timeout bounds what a Voter does; 0 means 2 s. LookTimeout bounds a Look;
	// 0 means Timeout. OwnTimeout bounds the proxy's own work on records; 0 means
	// 20 s. The statements of clients are bounded by whoever owns them.
	Timeout, LookTimeout, OwnTimeout time.Duration
	Log                              *slog.Logger

	known *known
}

// Table is a session table. Its Number is the same in all proxies for ever; 0
// means that it is derived from the names.
type Table struct {
	Number            uint16
	Schema, Name, Key string
	// Fold makes of a key, as it lies in the column, the key as it is hashed,
	// which is the fence.Key's ID; nil means that they are the same. The column
	// must find the record by the ID too.
	// A Fold of nil is asked of SetFolding's, which with Collated goes by the
	// column's collation.
	Fold     func(key []byte) []byte
	Collated bool
}

const (
	format    = 1 // of the ledger's tables
	shards    = 16
	maxKey    = 1024 // bytes
	maxVector = 4096
	maxAnswer = 1 << 30
)

func (c Config) withDefaults() Config {
	if c.Schema == "" {
		c.Schema = "dsm"
	}
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Second
	}
	if c.LookTimeout == 0 {
		c.LookTimeout = c.Timeout
	}
	if c.OwnTimeout == 0 {
		c.OwnTimeout = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Login.Capabilities = protocol.ClientFoundRows | protocol.ClientMultiStatements | protocol.ClientMultiResults
	c.Tables = slices.Clone(c.Tables)
	c.known = &known{changed: make(chan struct{}, 1)}
	return c
}

func (c *Config) check() error {
	if !plainName(c.Schema) {
		return fmt.Errorf("schema %q of the ledger: letters, digits and _ only", c.Schema)
	}
	for _, t := range c.Tables {
		if t.Schema == "" {
			continue // until a schema has it
		}
		if _, err := c.known.add(t); err != nil {
			return err
		}
	}
	return nil
}

// plainName reports whether a name needs no quotes.
func plainName(s string) bool {
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

var errNoTable = errors.New("key of a table that is not configured")
