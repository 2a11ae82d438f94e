//go:build compat

package compat

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// The driver whose test suite is run, as the main module requires it.
const driverModule = "github.com/go-sql-driver/mysql@v1.10.1"

// notRun dials an address outside of this machine.
const notRun = "^TestConnectorReturnsTimeout$"

// driverDifferences are the tests that a plain server passes and the proxy does
// not, with the reason. One that passes after all fails TestDriverSuite.
var driverDifferences = differences(map[string][]string{
	"LOAD DATA is refused: the proxy does not read the client's file": {
		"TestLoadData", "TestLoadData/default", "TestLoadData/interpolateParams", "TestLoadData/compress",
	},
	"a store's performance_schema has the attributes of the proxy's connections": {"TestConnectionAttributes"},
})

// differences turns a list by reason into the reason by test.
func differences(byReason map[string][]string) map[string]string {
	all := make(map[string]string)
	for reason, names := range byReason {
		for _, name := range names {
			all[name] = reason
		}
	}
	return all
}

// TestDriverSuite runs go-sql-driver's own tests against a plain server and
// against the proxy, whose other_tables setting gives all their tables to one
// store.
func TestDriverSuite(t *testing.T) {
	dir := driverSource(t)
	const database = "CREATE DATABASE gotest CHARACTER SET utf8mb4"
	// The suite wants TLS, which the proxy always offers.
	const attributes = "--performance-schema=ON" // TestConnectionAttributes asks for it
	plain := startStores(t, 1, database, append(serverTLS(t), attributes)...)
	c := startCluster(t, 2, 2, database, `other_tables = "s0"`, "\n[[table]]\nname = \"sessions\"\nkey = \"id\"\n", attributes)
	direct := runDriverSuite(t, dir, plain[0].Addr(), ".")
	proxied := runDriverSuite(t, dir, c.Addr, ".")
	// Some skip themselves when they are late, on a busy machine: they are given
	// another chance, so that what they would show is seen.
	for name, v := range proxied {
		top, _, _ := strings.Cut(name, "/")
		for range 3 {
			if v.result != "skip" || direct[name].result == "skip" {
				break
			}
			v = runDriverSuite(t, dir, c.Addr, "^"+top+"$")[name]
		}
		proxied[name] = v
	}

	count := make(map[string]int)
	for name, want := range direct {
		count["direct "+want.result]++
		if want.result != "pass" {
			t.Logf("%s: %s directly", name, want.result)
		}
		count["proxy "+proxied[name].result]++
		reason, known := driverDifferences[name]
		same := proxied[name].result == want.result
		if want.result == "skip" { // some do on a busy machine
			same = proxied[name].result != "fail"
		}
		switch {
		case same && known:
			t.Errorf("%s: no difference any more: take it out of driverDifferences (%s)", name, reason)
		case !same && !known:
			t.Errorf("%s: %q directly, %q through the proxy\n%s", name, want.result, proxied[name].result, proxied[name].output)
		}
	}
	for name := range proxied {
		if _, ok := direct[name]; !ok {
			t.Errorf("%s: only through the proxy", name)
		}
	}
	for name := range driverDifferences {
		if _, ok := direct[name]; !ok {
			t.Errorf("driverDifferences names %s, which there is not", name)
		}
	}
	t.Logf("tests and subtests: %v", count)
	if count["direct pass"] < 400 {
		t.Errorf("no more than %d tests pass directly: was the suite run?", count["direct pass"])
	}
}

// driverSource copies the driver's source to a directory that can be written.
func driverSource(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", driverModule).Output()
	if err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "mysql")
	if err := os.CopyFS(dir, os.DirFS(module.Dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serverTLS makes a certificate and returns the options by which a server uses
// it.
func serverTLS(t *testing.T) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var args []string
	for _, f := range []struct {
		option, kind string
		der          []byte
	}{{"ssl-cert", "CERTIFICATE", cert}, {"ssl-key", "PRIVATE KEY", secret}} {
		path := filepath.Join(dir, f.option)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--"+f.option+"="+path)
	}
	return args
}

// verdict is what became of one test: pass, fail, skip.
type verdict struct{ result, output string }

// runDriverSuite returns the verdict of each test that the expression names, and
// of its subtests.
func runDriverSuite(t *testing.T, dir, addr, tests string) map[string]verdict {
	t.Helper()
	cmd := exec.CommandContext(within(t, 8*time.Minute), "go", "test", "-json", "-count=1", "-timeout=7m", "-run", tests, "-skip", notRun, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "MYSQL_TEST_PROT=tcp", "MYSQL_TEST_ADDR="+addr,
		"MYSQL_TEST_USER="+mariadbtest.User, "MYSQL_TEST_PASS="+mariadbtest.Password, "MYSQL_TEST_DBNAME=gotest",
		"MYSQL_TEST_CONCURRENT=1") // runs TestConcurrent
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	verdicts := make(map[string]verdict)
	outputs := make(map[string]string)
	var rest []string
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			rest = append(rest, lines.Text())
			continue
		}
		switch {
		case e.Action == "output" && e.Test != "":
			outputs[e.Test] += e.Output
		case e.Action == "output", e.Action == "build-output":
			rest = append(rest, strings.TrimSpace(e.Output))
		case e.Test != "" && slices.Contains([]string{"pass", "fail", "skip"}, e.Action):
			verdicts[e.Test] = verdict{e.Action, outputs[e.Test]}
		}
	}
	// Its exit status says no more than the verdicts: a suite that did not run
	// has none.
	if err := cmd.Wait(); err != nil && len(verdicts) == 0 {
		t.Fatalf("go test in the driver's source: %v\n%s", err, strings.Join(rest, "\n"))
	}
	for name, output := range outputs {
		if _, ok := verdicts[name]; !ok {
			verdicts[name] = verdict{"no end", output}
		}
	}
	return verdicts
}
