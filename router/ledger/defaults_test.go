package ledger

import (
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestServerDefaults: what a server gives its clients by default does not shorten
// what the ledger reads there, nor keep open what it has ended.
func TestServerDefaults(t *testing.T) {
	o := unfounded(t)
	o.exec(makeSessions)
	const records = 5
	for i := range records {
		o.exec(fmt.Sprintf("INSERT INTO app.sessions (id) VALUES ('k%d')", i))
	}
	o.exec("SET GLOBAL sql_select_limit=1, GLOBAL completion_type=1, GLOBAL autocommit=0, GLOBAL max_join_size=1, " +
		"GLOBAL sql_safe_updates=1, GLOBAL sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES', GLOBAL time_zone='+05:30'")
	o.view = view.New(3)
	if err := o.Open(o.ctx(), o.look(), fence.Found, o.view, 0); err != nil {
		t.Fatal(err)
	}
	o.boot = o.look().Boot
	items, _, err := o.Scan(o.ctx(), o.guard(), fence.All, fence.Key{}, 100)
	if err != nil || len(items) != records {
		t.Errorf("%d keys are listed, %v, of %d", len(items), err, records)
	}
	to := o.view.WithState(2, view.Down)
	if err := o.Push(o.ctx(), o.boot, to, false); err != nil {
		t.Fatal(err)
	}
	if st := o.look(); !st.View.Equal(to) {
		t.Errorf("the register is %v behind a push of %v", st.View, to)
	}
}
