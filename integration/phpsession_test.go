package integration

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"
)

// TestPHPSessions uses PHP's session functions over handlers that send what
// well-known ones send.
func TestPHPSessions(t *testing.T) {
	c := startCluster(t, options{stores: 4, copies: 2})
	plain := startStores(t, options{stores: 1, copies: 1})
	for _, h := range []struct{ name, table, column string }{
		{"mysqli-replace", "sessions", "id"},
		{"mysqli-prepared", "sessions", "id"},
		{"pdo-symfony", "symfony_sessions", "sess_id"},
		{"pdo-symfony-native", "symfony_sessions", "sess_id"},
		{"pdo-laravel", "laravel_sessions", "id"},
		{"mysqli-codeigniter", "ci_sessions", "id"},
	} {
		t.Run(h.name+"/plain", func(t *testing.T) { runPHPSessions(t, plain.nodes[0].Addr(), h.name) })
		t.Run(h.name+"/proxy", func(t *testing.T) {
			ids, gone := runPHPSessions(t, c.Addr, h.name)
			c.wantPlacedIn(t, h.table, h.column, ids, gone)
		})
	}
}

func runPHPSessions(t *testing.T, addr, handler string) (ids, gone []string) {
	t.Helper()
	begin := time.Now()
	cmd := exec.Command(tool(t, "php"), "clients/php/sessions.php", handler, "20", "5")
	cmd.Env = clientEnv(t, addr)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sessions.php %s: %v\n%.3000s", handler, err, out)
	}
	var said struct{ Failures, IDs, Gone []string }
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("sessions.php %s printed what is no JSON: %v\n%.3000s", handler, err, out)
	}
	for i, f := range said.Failures {
		if i < 10 {
			t.Error(f)
		}
	}
	t.Logf("100 requests of 20 users in %v", time.Since(begin).Round(time.Millisecond))
	return said.IDs, said.Gone
}
