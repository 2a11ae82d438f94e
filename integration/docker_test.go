//go:build docker

package integration

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// image is the image under test; the daemon is that of DOCKER_HOST.
var image = flag.String("image", "dsmproxy", "test this `image`")

// TestDockerImage: the image runs without root, rights and a file system that it
// can write to; docker stop lets a transaction end, and the exit status is 0.
func TestDockerImage(t *testing.T) {
	docker := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(tool(t, "docker"), args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := docker("image", "inspect", "-f", "{{.Config.User}} {{.Config.StopSignal}} {{len .RootFS.Layers}}", *image); got != "65532:65532 SIGTERM 3" {
		t.Errorf("user, signal and layers: %s", got)
	}
	t.Logf("size: %s bytes", docker("image", "inspect", "-f", "{{.Size}}", *image))

	c := startStores(t, options{stores: 2, copies: 2, sections: "\n[limits]\ndrain_timeout = \"20s\"\n"})
	text, err := os.ReadFile(c.config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "dsmproxy.toml")
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	addr := strings.Trim(strings.TrimPrefix(strings.SplitN(string(text), "\n", 2)[0], "listen = "), `"`)
	id := docker("run", "-d", "--network", "host", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"-v", config+":/etc/dsmproxy/dsmproxy.toml:ro", *image)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command(tool(t, "docker"), "logs", id).CombinedOutput()
			t.Logf("%s", out)
		}
		docker("rm", "-f", id)
	})
	db := open(t, addr)
	eventually(t, time.Minute, "the container to serve", func() bool {
		_, err := db.Exec("REPLACE INTO app.sessions (id, data) VALUES ('k', 'before')")
		return err == nil
	})
	if got := docker("top", id, "-o", "pid,uid,args"); !strings.Contains(got, "65532") || strings.Count(got, "\n") != 1 {
		t.Errorf("the container's processes:\n%s", got)
	}
	if got := docker("exec", id, "/dsmproxy", "status", "-config", "/etc/dsmproxy/dsmproxy.toml"); !strings.Contains(got, "ready") {
		t.Errorf("dsmproxy status in the container: %s", got)
	}
	txn, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Exec("UPDATE app.sessions SET data = 'in a transaction' WHERE id = 'k'"); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- exec.Command(proxytest.Tool(t, "docker"), "stop", "--time", "40", id).Run() }()
	eventually(t, time.Minute, "the proxy to take no new clients", func() bool { return open(t, addr).Ping() != nil })
	if err := txn.Commit(); err != nil {
		t.Errorf("COMMIT while the container stops: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("docker stop: %v", err)
	}
	if got := docker("inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", id); got != "0 false" {
		t.Errorf("exit status: %s", got)
	}
	var data string
	if err := c.nodes[0].db.QueryRow("SELECT data FROM app.sessions WHERE id = 'k'").Scan(&data); err != nil || data != "in a transaction" {
		t.Errorf("the record: %q, %v", data, err)
	}
}
