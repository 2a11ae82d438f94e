package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestUpgradeAtLevels: at the levels safe and strict, too, no client sees an
// error when the program is started anew under load; nor with quorum = "solo",
// where the old process serves until the first statement at the new one.
func TestUpgradeAtLevels(t *testing.T) {
	for name, c := range map[string]struct {
		stores      int
		consistency string
	}{
		"safe":   {3, `level = "safe"`},
		"strict": {3, `level = "strict"`},
		"solo":   {2, "level = \"safe\"\nquorum = \"solo\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testUpgradeAt(t, c.stores, c.consistency)
		})
	}
}

func testUpgradeAt(t *testing.T, stores int, consistency string) {
	c := startCluster(t, options{
		stores: stores, copies: 2, storeArgs: []string{"--max-connections=2000", "--innodb-flush-log-at-trx-commit=1"},
		sections: "\n[limits]\ndrain_timeout = \"30s\"\n[consistency]\n" + consistency + "\n",
	})
	first := c.client(t)
	eventually(t, time.Minute, "the first write", func() bool {
		_, err := first.Exec("REPLACE INTO sessions (id, data) VALUES ('first', 'x')")
		return err == nil
	})
	v, stop := c.visitFew(t)
	v.progress(150)
	begun := time.Now()
	c.upgrade(t)
	t.Logf("handed over after %v", time.Since(begun).Round(10*time.Millisecond))
	v.progress(150)
	eventually(t, time.Minute, "the predecessor to end", func() bool { return !alive(c.Pid()) })
	v.progress(150)
	stop()
	v.judge("an upgrade")
	if text := c.Log.String(); strings.Contains(text, "outcome of a write unknown") {
		t.Error("the outcome of a write is unknown")
	}
}

// visitFew starts a few clients that connect for each visit, and some of a pool,
// of statements that are a transaction each.
func (c *cluster) visitFew(t *testing.T) (v *visitors, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	v = &visitors{t: t, ctx: ctx}
	pause := func() time.Duration { return 20 * time.Millisecond }
	fresh, pool := c.client(t), c.client(t)
	fresh.SetMaxIdleConns(-1)
	for i := range 8 {
		v.run(fmt.Sprint("fresh-", i), pause, v.connecting(fresh))
		v.run(fmt.Sprint("pool-", i), pause, func(id string, n int) error { return v.writeAndRead(pool, id, n) })
	}
	stop = func() {
		cancel()
		v.wg.Wait()
	}
	t.Cleanup(stop)
	return v, stop
}
