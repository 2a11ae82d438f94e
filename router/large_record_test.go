package router_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestLargeRecord carries a record that is longer than 16 MiB from store to
// store, and longer in hexadecimal than a store takes in one statement.
func TestLargeRecord(t *testing.T) {
	servers := installed.Start(t, 3, manyConnections, "--max-allowed-packet=32M", "--loose-innodb-log-file-size=256M", "--loose-innodb-redo-log-capacity=512M",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
	h := startBeforeAt(t, "seed", servers, 2, -1)
	for _, db := range h.direct {
		h.exec(db, "ALTER TABLE app.sessions ADD COLUMN note longtext CHARACTER SET utf8mb4")
	}
	data := bytes.Repeat([]byte("\x00\xff'\\x'0123456789a"), 1<<20) // 17 MiB
	sum := sha256.Sum256(data)
	note := string(bytes.Repeat([]byte("ä-"), 50_000))
	c := h.conn("maxAllowedPacket=0")
	h.exec(c, "INSERT INTO sessions (id, data, note) VALUES ('big', ?, ?)", data, note)
	// at looks for the record on the stores.
	at := func(key string, want ...uint16) {
		t.Helper()
		h.holders(key, want...)
		for _, i := range want {
			var got, text string
			err := h.direct[i].QueryRow("SELECT SHA2(data, 256), note FROM app.sessions WHERE id = ?", key).Scan(&got, &text)
			if err != nil || got != hex.EncodeToString(sum[:]) || text != note {
				t.Errorf("store %d has other data of %q: %s, %v", i, key, got, err)
			}
		}
	}
	at("big", h.order("big")[:2]...)
	h.exec(c, "UPDATE sessions SET n = FLOOR(RAND() * 1000000) WHERE id = 'big'") // carried as an image
	at("big", h.order("big")[:2]...)
	h.exec(c, "UPDATE sessions SET id = 'moved' WHERE id = 'big'")
	at("moved", h.order("moved")[:2]...)
	h.holders("big")
	o := h.order("moved")
	h.down(int(o[1]))
	h.await("a copy in its place", func() bool {
		_, err := c.ExecContext(context.Background(), "UPDATE sessions SET n = n + 1 WHERE id = 'moved'")
		return err == nil && h.record(int(o[2]), "moved") != ""
	})
	at("moved", o[0], o[2])
}
