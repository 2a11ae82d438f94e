package ledger

import (
	"slices"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// TestTicksOfOthers: a voter keeps the highest ticks that it was ever told of the
// others, beside what proxies say of themselves.
func TestTicksOfOthers(t *testing.T) {
	o := found(t)
	for _, step := range []struct {
		proxy      uint64
		told, want []uint64
	}{
		{5, []uint64{0, 7, 1 << 40}, []uint64{0, 7, 1 << 40}},
		{7, []uint64{3, 9, 5}, []uint64{3, 9, 1 << 40}},
		{0, []uint64{4, 1, 0}, []uint64{4, 9, 1 << 40}},
		{5, nil, nil},
		{5, []uint64{0, 0, 0, 2}, []uint64{4, 9, 1 << 40, 2}},
	} {
		st, err := o.Look(o.ctx(), fence.Beat{Proxy: step.proxy, Reach: 6, Ticks: step.told})
		if err != nil || !slices.Equal(st.Ticks, step.want) {
			t.Fatalf("told %d: ticks %d, %v, want %d", step.told, st.Ticks, err, step.want)
		}
		for _, r := range st.Reports {
			if r.Proxy != 5 && r.Proxy != 7 || r.Reach != 6 {
				t.Errorf("report %+v", r)
			}
		}
		if step.proxy == 0 && len(st.Reports) > 0 {
			t.Errorf("reports %+v to nobody", st.Reports)
		}
	}
	// Of one that has ended before the clock was set back nothing is told.
	o.exec("INSERT INTO dsm.proxy(id,reach,seen) VALUES(11,0,UTC_TIMESTAMP(6)+INTERVAL 1 HOUR)")
	st, err := o.Look(o.ctx(), fence.Beat{Proxy: 5, Reach: 6})
	if err != nil || len(st.Reports) != 2 {
		t.Errorf("reports %+v, %v; want those of two proxies", st.Reports, err)
	}
	// They are kept for longer than proxies are.
	o.exec("UPDATE dsm.proxy SET seen='2001-01-01'")
	o.looks.Store(tidyEvery)
	if _, err := o.Look(o.ctx(), fence.Beat{Proxy: 9}); err != nil {
		t.Fatal(err)
	}
	if got := o.ask("SELECT GROUP_CONCAT(id ORDER BY id) FROM dsm.proxy"); got != "0,2,4,6,9" {
		t.Errorf("rows %s are left", got)
	}
}

// TestTicksAbove: where a register begins anew its tick goes on above what others
// remember of it.
func TestTicksAbove(t *testing.T) {
	for _, from := range []uint64{0, 5, 16, 1000} {
		for tick := range uint64(1100) {
			by := ticksAbove(from, tick)
			if by%shards != 0 || by < shards || from+by <= tick || from+by > max(from, tick)+shards {
				t.Fatalf("from %d to above %d: by %d", from, tick, by)
			}
		}
	}
	o := found(t)
	tick := o.look().Tick
	for i, how := range []fence.Opening{fence.Admit, fence.Reset} {
		restart(t, o)
		above := tick + 1000
		if i > 0 {
			above = 0
		}
		st := eventuallyLook(t, o)
		if err := reconnected(t, func() error { return o.Open(o.ctx(), st, how, o.view, above) }); err != nil {
			t.Fatal(err)
		}
		now := o.look().Tick
		if now <= above || now <= tick || now > max(above, tick)+shards {
			t.Errorf("opened (%d) the tick is %d, it was %d; want it above %d", how, now, tick, above)
		}
		st, err := o.Look(o.ctx(), fence.Beat{Tick: true})
		if err != nil || st.Tick != now+1 {
			t.Errorf("the next tick is %d, %v", st.Tick, err)
		}
		tick = st.Tick
	}
	o.exec("DROP DATABASE dsm")
	o.reopenAbove(fence.Reset, o.view, 77)
	if now := o.look().Tick; now <= 77 || now > 77+shards {
		t.Errorf("made anew it is %d, want it above 77", now)
	}
	if st, err := o.Look(o.ctx(), fence.Beat{Tick: true}); err != nil || st.Tick <= 78 {
		t.Errorf("the next tick is %d, %v", st.Tick, err)
	}
}
