package metrics

import "github.com/dsmproxy/dsmproxy/internal/admin"

// The metrics of the levels safe and strict. At the level seed there are none of
// them.
var (
	groupFounded = gauge("group_founded", "1 if the stores have registers (levels safe and strict, as all that follows).")
	groupServing = gauge("group_serving", "1 if this proxy can serve records: it has a view and a lease, and enough stores are up.")
	groupOwner   = gauge("group_owner", "1 if this proxy may serve; with quorum = solo that is one at a time.")
	groupEpoch   = gauge("group_epoch", "The number of the view in force; it grows with each change of a store's state.")
	groupLease   = gauge("group_lease_seconds", "How long the lease still lasts; 0 if none is held, or needed.")
	groupUp      = gauge("group_stores_up", "Stores that are up in the view.")
	groupMin     = gauge("group_min_copies", "How many stores that hold a record must be up for it to be served.")
	belowCopies  = gauge("records_below_copies", "Records that have fewer copies than they should, about.")
	unclean      = gauge("versions_not_on_all_copies", "Versions that are not marked yet as being on all copies: those of writes under way, and for some seconds those of writes that were cut off and of copies that a heal has made; 0 while nothing is written. Asked for seldom.")

	memberState     = gauge("store_view_state", "1 for the store's state in the view: up, down, join.", "store", "state")
	memberGate      = gauge("store_gate_open", "1 if the store (or witness) answers and was admitted since its last start.", "store")
	memberBlank     = gauge("store_blank", "1 if the store (or witness) answers and has no register: it is new, or was wiped.", "store")
	memberForgotten = gauge("store_forgotten", "1 if what the store remembers was given up by dsmproxy forget or accept-loss.", "store")
	memberCovered   = gauge("store_covered", "1 if the store has all records that it should have as of the view.", "store")
	memberOther     = gauge("store_other_server", "1 if another proxy reaches another server under the store's name: their addresses of it differ, and reads may be stale.", "store")
	memberKeys      = gauge("store_keys", "Keys that the store has a version of, about; deleted ones are kept for a while.", "store")

	healRunning = gauge("heal_running", "1 while copies are brought up to date.")
	healKeys    = gauge("heal_keys", "Keys that the present heal, or the last one, has looked at.")
	healOf      = gauge("heal_keys_expected", "About how many there are.")
	healSeconds = gauge("heal_seconds", "How long the present heal has been running, or the last one took.")
	heals       = counter("heals_total", "Heals that have ended well.")

	groupHelped    = counter("group_helped_total", "Versions that a reader has put on all copies.")
	groupSettled   = counter("group_settled_total", "Keys for which all stores were asked for the newest version.")
	groupCompleted = counter("group_completed_total", "Writes that were finished in another view than they began in.")
	groupRefused   = counter("group_refused_total", "Operations that were refused for the state of the stores: unsettled (too few stores with intact memory answer), other.", "reason")
	groupUnknown   = counter("group_unknown_outcomes_total", "Writes whose outcome is unknown; their clients were told so (error 1053).")
	groupWaits     = counter("group_lease_waits_total", "Waits of writes for other proxies' leases to end.")
	groupExcluded  = counter("group_exclusions_total", "Stores that this proxy has excluded.")
	groupReset     = counter("group_memory_losses_total", "Stores that were found to have lost their memory.")
	groupDropped   = counter("group_dropped_tombstones_total", "Tombstones that were dropped.")
)

var ofGroup = []*metric{
	groupFounded, groupServing, groupOwner, groupEpoch, groupLease, groupUp, groupMin, belowCopies, unclean,
	memberState, memberGate, memberBlank, memberForgotten, memberCovered, memberOther, memberKeys,
	healRunning, healKeys, healOf, healSeconds, heals,
	groupHelped, groupSettled, groupCompleted, groupRefused, groupUnknown, groupWaits, groupExcluded, groupReset, groupDropped,
}

// group emits them, if g is not nil.
func (c collector) group(e emitter, g *admin.Group) {
	if g == nil {
		return
	}
	e.value(groupFounded, boolean(g.Founded))
	e.value(groupServing, boolean(g.Serving))
	e.value(groupOwner, boolean(g.Owner))
	e.value(groupEpoch, float64(g.Epoch))
	e.value(groupLease, g.Lease)
	e.value(groupMin, float64(g.MinCopies))
	known(e, belowCopies, g.Short)
	known(e, unclean, g.Unclean)
	up := 0
	for i := range g.Members {
		m := &g.Members[i]
		e.value(memberGate, boolean(m.Answers && m.Gate), m.Name)
		e.value(memberBlank, boolean(m.Answers && m.Blank), m.Name)
		if m.Witness {
			continue
		}
		if m.State == "up" {
			up++
		}
		for _, state := range []string{"up", "down", "join"} {
			e.value(memberState, boolean(m.State == state), m.Name, state)
		}
		e.value(memberForgotten, boolean(m.Forgotten), m.Name)
		e.value(memberCovered, boolean(m.Covered), m.Name)
		e.value(memberOther, boolean(m.Other), m.Name)
		e.value(memberKeys, float64(m.Keys), m.Name)
	}
	e.value(groupUp, float64(up))
	e.value(healRunning, boolean(g.Heal.Running))
	e.value(healKeys, float64(g.Heal.Keys))
	e.value(healOf, float64(g.Heal.Of))
	e.value(healSeconds, g.Heal.For)
	e.count(heals, g.Heal.Done)
	n := g.Counts
	e.count(groupHelped, n.Helped)
	e.count(groupSettled, n.Settled)
	e.count(groupCompleted, n.Completed)
	e.count(groupRefused, n.Unsettled, "unsettled")
	e.count(groupRefused, n.Refused-min(n.Unsettled, n.Refused), "other")
	e.count(groupUnknown, n.Unknown)
	e.count(groupWaits, n.Waited)
	e.count(groupExcluded, n.Excluded)
	e.count(groupReset, n.Reset)
	e.count(groupDropped, n.Dropped)
}

// known emits what is known.
func known(e emitter, m *metric, n int64) {
	if n >= 0 {
		e.value(m, float64(n))
	}
}
