//go:build browser

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// browser is a headless Chromium with one page, driven by the DevTools protocol
// over a pipe.
type browser struct {
	t       *testing.T
	in      *os.File
	session string

	mu      sync.Mutex // guards what follows
	last    int
	answers map[int]chan json.RawMessage
	asked   []string // URLs
	wrong   []string // errors of scripts, and what the page's policy has stopped
}

// browse opens a page.
func browse(t *testing.T, url string) *browser {
	t.Helper()
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "dsmproxy-test-browser-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(proxytest.Tool(t, "chromium", "chromium-browser", "google-chrome"),
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
		"--user-data-dir="+dir, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: ourOut, answers: make(map[int]chan json.RawMessage)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(ourIn)
	}()
	t.Cleanup(func() {
		ourOut.Close() // which ends it
		cmd.Process.Kill()
		cmd.Wait()
		<-read
		ourIn.Close()
		os.RemoveAll(dir)
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", `{"url": "about:blank"}`, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", fmt.Sprintf(`{"targetId": %q, "flatten": true}`, target.TargetID), &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Network", "Runtime", "Log", "Page"} {
		b.call(domain+".enable", `{}`, nil)
	}
	b.call("Page.navigate", fmt.Sprintf(`{"url": %q}`, url), nil)
	return b
}

// read takes answers and events until the browser ends.
func (b *browser) read(from *os.File) {
	for r := bufio.NewReader(from); ; {
		line, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Result json.RawMessage
			Error  json.RawMessage
			Params struct {
				Request struct{ URL string }
				Entry   struct{ Level, Text string }
			}
		}
		if json.Unmarshal(line[:len(line)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case m.ID > 0:
			if m.Error != nil {
				b.wrong = append(b.wrong, string(m.Error))
			}
			b.answers[m.ID] <- m.Result
		case m.Method == "Network.requestWillBeSent":
			b.asked = append(b.asked, m.Params.Request.URL)
		case m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded" && m.Params.Entry.Level == "error":
			b.wrong = append(b.wrong, string(line))
		}
		b.mu.Unlock()
	}
}

// call sends a command and decodes its answer into v, unless that is nil.
func (b *browser) call(method, params string, v any) {
	b.t.Helper()
	answer := make(chan json.RawMessage, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.answers[id] = answer
	b.mu.Unlock()
	session := ""
	if b.session != "" {
		session = fmt.Sprintf(`, "sessionId": %q`, b.session)
	}
	if _, err := fmt.Fprintf(b.in, `{"id": %d, "method": %q, "params": %s%s}`+"\x00", id, method, params, session); err != nil {
		b.t.Fatal(err)
	}
	select {
	case result := <-answer:
		if v != nil {
			if err := json.Unmarshal(result, v); err != nil {
				b.t.Fatalf("%s: %v in %s", method, err, result)
			}
		}
	case <-time.After(time.Minute):
		b.t.Fatalf("%s: no answer from the browser", method)
	}
}

// eval is the value of an expression, as text.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	params, err := json.Marshal(map[string]any{"expression": "String(" + expression + ")", "returnByValue": true})
	if err != nil {
		b.t.Fatal(err)
	}
	var out struct{ Result struct{ Value string } }
	b.call("Runtime.evaluate", string(params), &out)
	return out.Result.Value
}

// picture saves what the page looks like, in docs, if UPDATE_PICTURES=1.
func (b *browser) picture(name string, width, height int, mobile bool, scheme string) {
	b.t.Helper()
	if os.Getenv("UPDATE_PICTURES") != "1" {
		return
	}
	b.call("Emulation.setDeviceMetricsOverride", fmt.Sprintf(`{"width": %d, "height": %d, "deviceScaleFactor": 1, "mobile": %v}`, width, height, mobile), nil)
	b.call("Emulation.setEmulatedMedia", fmt.Sprintf(`{"features": [{"name": "prefers-color-scheme", "value": %q}]}`, scheme), nil)
	var shot struct{ Data []byte }
	b.call("Page.captureScreenshot", `{"format": "png", "optimizeForSpeed": false}`, &shot)
	if err := os.WriteFile("../docs/"+name, shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.call("Emulation.clearDeviceMetricsOverride", `{}`, nil)
	b.call("Emulation.setEmulatedMedia", `{"features": []}`, nil)
}

// TestStatusPageOfGroup: at the level safe, the page shows within two seconds
// that a store was killed, then that others have taken over, and how the copies
// are.
func TestStatusPageOfGroup(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2, storeArgs: []string{"--innodb-flush-log-at-trx-commit=1"},
		sections: "\n[consistency]\nlevel = \"safe\"\n"})
	db := c.client(t)
	eventually(t, time.Minute, "the first write", func() bool {
		_, err := db.Exec("REPLACE INTO sessions (id, data) VALUES ('k', 'v')")
		return err == nil
	})
	for i := range 200 {
		mustExec(t, db, "REPLACE INTO sessions (id, data) VALUES (?, 'v')", fmt.Sprint("k", i))
	}
	if _, err := db.Exec("SELECT * FROM other WHERE id = 4711"); err == nil {
		t.Fatal("a table that is not configured is not refused")
	}
	b := browse(t, c.Admin+"/")
	member := func(name string) string {
		return b.eval(fmt.Sprintf(`[...document.querySelectorAll('#members tr')].find(r => r.cells[0].innerText === %q)?.innerText`, name))
	}
	view := func() string { return b.eval(`document.getElementById('view').innerText`) }
	copies := func() string {
		return b.eval(`document.getElementById('copies').innerText + document.getElementById('heal').innerText`)
	}
	eventually(t, time.Minute, "the page to show that all is well", func() bool {
		return strings.Contains(view(), "3 of 3 up") && strings.Contains(copies(), "Copies are up to date") && strings.Contains(member("s1"), "up")
	})
	if err := c.nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	eventually(t, 30*time.Second, "the page to show the dead store", func() bool {
		return b.eval(`document.querySelector('[data-store="s1"]').dataset.state`) == "down"
	})
	took := time.Since(killed)
	eventually(t, time.Minute, "the page to show that others have taken over", func() bool {
		return strings.Contains(view(), "2 of 3 up") && strings.Contains(member("s1"), "down") && strings.Contains(member("s1"), "does not answer")
	})
	t.Logf("a killed store is on the page after %v, excluded after %v", took.Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it took %v to show that a store is dead, more than 2 s", took)
	}
	eventually(t, time.Minute, "the page to show that the copies are made elsewhere", func() bool {
		text := copies()
		return strings.Contains(text, "too few copies, about\t0") && strings.Contains(text, "Copies are up to date")
	})
	b.picture("status-page.png", 1000, 1000, false, "light")
	b.picture("status-page-phone.png", 360, 740, true, "dark")
	restart(t, c.nodes[1].Server)
	eventually(t, time.Minute, "the page to show that all is well again", func() bool { return strings.Contains(view(), "3 of 3 up") })
}

// TestStatusPage: a store that is killed is shown within two seconds, by a page
// that loads nothing from elsewhere, fits a phone, and has a dark face.
func TestStatusPage(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	db := c.client(t)
	mustExec(t, db, "INSERT INTO sessions (id, data) VALUES ('k', '<script>alert(1)</script>')")
	for _, n := range c.nodes {
		mustExec(t, n.db, "CREATE TABLE app.`<img src=x onerror=alert(1)>` (id VARCHAR(20))")
	}
	if _, err := db.Exec("SELECT * FROM `<img src=x onerror=alert(1)>` WHERE id = 'secret-key'"); err == nil {
		t.Fatal("a table that is not configured is not refused")
	}
	b := browse(t, c.Admin+"/")
	state := func(store string) string {
		return b.eval(fmt.Sprintf(`document.querySelector('[data-store="%s"]')?.dataset.state`, store))
	}
	eventually(t, time.Minute, "the page to show the stores", func() bool { return state("s0") == "up" && state("s2") == "up" })
	eventually(t, 30*time.Second, "the page to show the traffic", func() bool {
		text := b.eval("document.body.innerText")
		return strings.Contains(text, "write") && strings.Contains(text, "WHERE id = ?") && !strings.Contains(text, "secret-key")
	})
	if n := b.eval("document.images.length + document.querySelectorAll('main script').length"); n != "0" {
		t.Errorf("what a client has sent became %s elements of the page", n)
	}

	if err := c.nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	eventually(t, 30*time.Second, "the page to show the dead store", func() bool { return state("s1") == "down" })
	took := time.Since(killed)
	t.Logf("a killed store is on the page after %v", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it took %v to show that a store is dead, more than 2 s", took)
	}
	if text := b.eval(`document.querySelector('[data-store="s1"]').innerText`); !strings.Contains(text, "last error") || !strings.Contains(text, "other stores serve its records") {
		t.Errorf("the dead store is shown as %q", text)
	}
	if title := b.eval("document.title"); !strings.HasPrefix(title, "(!)") {
		t.Errorf("the title is %q", title)
	}
	restart(t, c.nodes[1].Server)
	eventually(t, 30*time.Second, "the page to show the store again", func() bool { return state("s1") == "up" })

	b.call("Emulation.setDeviceMetricsOverride", `{"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true}`, nil)
	if wide := b.eval("document.documentElement.scrollWidth"); wide != "360" {
		t.Errorf("on a phone 360 wide the page is %s wide", wide)
	}
	light := b.eval("getComputedStyle(document.body).backgroundColor")
	b.call("Emulation.setEmulatedMedia", `{"features": [{"name": "prefers-color-scheme", "value": "dark"}]}`, nil)
	if dark := b.eval("getComputedStyle(document.body).backgroundColor"); dark == light {
		t.Errorf("light or dark, the page is %s", dark)
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.asked {
		if !strings.HasPrefix(url, c.Admin+"/") && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			t.Errorf("the page has asked for %s", url)
		}
	}
	for _, w := range b.wrong {
		t.Errorf("the browser complains: %s", w)
	}
}
