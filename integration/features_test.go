package integration

import (
	"os/exec"
	"strings"
	"testing"
)

// TestMysqliFeatures uses what mysqli can do beside queries: long data,
// cursors, several statements in one, kill, change of user and so on.
func TestMysqliFeatures(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	// A plain server without certificates can't do TLS; the proxy can.
	plain := startStores(t, options{stores: 1, copies: 1})
	lacks := []string{"tls"}
	if !suite.Servers.MariaDB() {
		lacks = append(lacks, "kill") // MySQL 9 has no COM_PROCESS_KILL
	}
	for name, env := range map[string]string{"": "", " compressed": "DSM_COMPRESS=1"} {
		prefix := "features" + strings.TrimSpace(name)
		t.Run("plain"+name, func(t *testing.T) { runFeatures(t, plain.nodes[0].Addr(), prefix, env, lacks...) })
		t.Run("proxy"+name, func(t *testing.T) { c.wantPlaced(t, runFeatures(t, c.Addr, prefix, env), nil) })
	}
}

func runFeatures(t *testing.T, addr, prefix, env string, skip ...string) (keys []string) {
	t.Helper()
	cmd := exec.Command(tool(t, "php"), append([]string{"clients/php/features.php", prefix + "-"}, skip...)...)
	cmd.Env = append(clientEnv(t, addr), env)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\ndone\n") {
		t.Errorf("features.php: %v\n%.3000s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "ok "); ok {
			t.Run(name, func(t *testing.T) {})
		} else if bad, ok := strings.CutPrefix(line, "not ok "); ok {
			name, why, _ := strings.Cut(bad, ": ")
			t.Run(name, func(t *testing.T) { t.Error(why) })
		} else if key, ok := strings.CutPrefix(line, "key "); ok {
			keys = append(keys, key)
		}
	}
	return keys
}
