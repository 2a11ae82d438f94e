package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// secretConfigs are configurations with passwords and keys that are given
// wrongly: what is said of them must not repeat them.
var secretConfigs = map[string]string{
	"open string":          "[[user]]\nname = \"app\"\npassword = \"xSECRETx",
	"no string":            "[[user]]\nname = \"app\"\npassword = xSECRETx",
	"a list":               "[[user]]\nname = \"app\"\npassword = [\"xSECRETx\"]",
	"twice":                "[[user]]\nname = \"app\"\npassword = \"xSECRETx\"\npassword = \"xSECRETx\"",
	"two ways":             "[[user]]\nname = \"app\"\npassword = \"xSECRETx\"\npassword_env = \"NONE\"",
	"misspelled key":       "[[user]]\nname = \"app\"\npasswort = \"xSECRETx\"",
	"wrong table":          "password = \"xSECRETx\"\n[[user]]\nname = \"app\"",
	"wrong escape":         "[[user]]\nname = \"app\"\npassword = \"xSECRETx\\q\"",
	"control character":    "[[user]]\nname = \"app\"\npassword = \"xSECRETx\x01\"",
	"not UTF-8":            "[[user]]\nname = \"app\"\npassword = \"xSECRETx\xff\"",
	"of the admin address": "[admin]\nlisten = \"0.0.0.0:1\"\npassword = 'xSECRETx",
	"of a store":           "[[store]]\nname = \"s1\"\naddr = \"127.0.0.1:1\"\nuser = \"u\"\npassword = \"xSECRETx\"\npassword_file = \"xSECRETx-not\"",
	"in an address":        "[[store]]\nname = \"s1\"\naddr = \"app:xSECRETx@127.0.0.1:3306/app\"",
	"behind a heading":     "[[user] xSECRETx",
	"a dead store":         "listen = \"127.0.0.1:1\"\ncopies = 1\n[[user]]\nname = \"app\"\npassword = \"xSECRETx\"\n[[store]]\nname = \"s1\"\naddr = \"127.0.0.1:1\"\n[[table]]\nname = \"sessions\"\nkey = \"id\"",
	"no certificate":       "copies = 1\n[tls]\ncert = \"key.pem\"\nkey = \"key.pem\"\n[[user]]\nname = \"app\"\npassword_file = \"file.secret\"\n[[store]]\nname = \"s1\"\naddr = \"127.0.0.1:1\"\n[[table]]\nname = \"sessions\"\nkey = \"id\"",
}

// TestNoSecretInMistakes: no command repeats a password, a token or a key that
// it was given in a wrong place or a wrong way.
func TestNoSecretInMistakes(t *testing.T) {
	t.Parallel()
	program, dir := suite.Program(t), t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("key.pem", "-----BEGIN PRIVATE KEY-----\n"+strings.Repeat("xSECRETx", 9)+"\n-----END PRIVATE KEY-----\n")
	put("file.secret", "xSECRETx\nxSECRETx\n")
	said := 0
	run := func(env string, args ...string) {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), env)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return
		}
		said++
		if len(out) == 0 {
			t.Errorf("%q says nothing", args)
		}
		if i := strings.Index(string(out), "xSECRETx"); i >= 0 {
			t.Errorf("%q: %v says ...%s", args, err, out[max(0, i-150):min(len(out), i+60)])
		}
	}
	for name, text := range secretConfigs {
		path := put(strings.ReplaceAll(name, " ", "-")+".toml", text)
		for _, args := range [][]string{{"check"}, {"check", "-online", "-json"}, {"check", "-online"}, {"status"}, {"reload"}, {"init", "-yes"}, {"verify"}} {
			run("NONE=", append(append(args[:1:1], "-config", path), args[1:]...)...)
		}
		if name != "a dead store" { // which would be served
			run("NONE=", "serve", "-config", path)
		}
	}
	for _, dsn := range []string{
		"app:xSECRETx@127.0.0.1:1/app", "app:xSECRETx", "app:xSECRETx@127.0.0.1:1:2/app", "app:xSECRETx@127.0.0.1/a/b", "xSECRETx",
		"mysql://app:xSECRETx@127.0.0.1:1/app", "mysql://app:xSECRETx%zz@127.0.0.1:1/app", "mysql://app:xSECRETx@127.0.0.1:x/app", "app:xSECRETx@tcp(127.0.0.1:1/app",
	} {
		run("", "init-config", "-dsn", dsn)
		run("", "init-config", dsn)
		run("", "init-config", "-dsn", "app:pw@127.0.0.1:1/app", dsn)
		if strings.Contains(dsn, "@") { // else it is a name like any other
			run("", "check", dsn)
			run("", "status", "-admin", dsn)
		}
	}
	run("DSMPROXY_ADMIN_PASSWORD=xSECRETx", "status", "-admin", proxytest.FreeAddr(t))
	run("DSMPROXY_ADMIN_PASSWORD=xSECRETx", "status", "-admin", fmt.Sprintf("http://%s/", proxytest.FreeAddr(t)))
	if said < 90 {
		t.Errorf("only %d commands have failed: the test tests little", said)
	}
}
