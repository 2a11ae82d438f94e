package conf

import (
	"testing"
	"time"
)

// TestPatience wants statements to wait longer than a failover takes.
func TestPatience(t *testing.T) {
	for _, w := range []struct {
		lease string
		want  time.Duration
	}{
		{"1s", 10 * time.Second},
		{"10s", 24 * time.Second},
	} {
		file := writeFile(t, t.TempDir(), "c.toml", `
copies = 1
[consistency]
level = "safe"
view_lease = "`+w.lease+`"
[[user]]
name = "app"
password = "x"
[[store]]
name = "s1"
addr = "a"
[[table]]
name = "sessions"
key = "id"
`)
		c, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if c.Consistency.Patience != w.want {
			t.Errorf("with view_lease = %q, patience is %v, want %v", w.lease, c.Consistency.Patience, w.want)
		}
	}
}
