package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Group is what the levels safe and strict know beside the rest: which view of
// the stores counts, and how the copies are. Durations are in seconds.
type Group struct {
	Founded bool    `json:"founded"` // the stores have registers
	View    string  `json:"view"`    // "" if none is known yet
	Epoch   uint64  `json:"epoch"`
	Lease   float64 `json:"lease_left_seconds"` // 0 if it has ended, or none is needed
	Owner   bool    `json:"owner"`              // this proxy may serve; with quorum = "solo" one may
	Solo    bool    `json:"solo"`
	// Serving says whether records can be served; Why why not.
	Serving bool   `json:"serving"`
	Why     string `json:"why,omitempty"`

	MinCopies int      `json:"min_copies"`
	Members   []Member `json:"members"` // the stores, then the witnesses
	Heal      Heal     `json:"heal"`
	// Short is for about how many records fewer stores are up than copies;
	// Unclean are versions that are not marked yet as being on all copies, of the
	// stores that are not excluded: of writes under way, and for some seconds of
	// those that were cut off; -1 if that is not known.
	Short   int64 `json:"records_below_copies"`
	Unclean int64 `json:"versions_not_on_all_copies"`
	// Behind: a store joins, or is up and has not all that it should have yet.
	Behind bool `json:"copies_behind"`
	// Tidy: copies that were left over in the present view have been dropped.
	Tidy     bool        `json:"tidy"`
	Counts   GroupCounts `json:"counts"`
	Settings string      `json:"settings_differ,omitempty"` // from those of the other proxies, and how
}

// Member is a store or a witness in the group.
type Member struct {
	Name      string  `json:"name"`
	Witness   bool    `json:"witness"`
	State     string  `json:"state"` // up, down, join; "" of a witness, and before the first view
	Answers   bool    `json:"answers"`
	Refuses   bool    `json:"refuses_login"`   // it is there and does not let the proxy in, as Error says
	For       float64 `json:"for_seconds"`     // it is drained, or does not answer, or answers in State
	Error     string  `json:"error,omitempty"` // why it does not answer, or can't be written
	Why       string  `json:"why,omitempty"`   // what is the matter with one that answers
	Blank     bool    `json:"blank"`           // it has no register
	Gate      bool    `json:"gate_open"`       // it was admitted since its last start
	Forgotten bool    `json:"forgotten"`       // what it remembers was given up
	Drained   bool    `json:"drained"`         // this proxy keeps it out of service
	Covered   bool    `json:"covered"`         // it has all that it should have
	Other     bool    `json:"other_server"`    // another proxy reaches another server under its name
	Durable   bool    `json:"durable"`
	Tick      uint64  `json:"tick"`
	Keys      uint64  `json:"keys"` // about
	// Listed is how many records were listed of about Listing, while the store is
	// prepared; both 0 else.
	Listed  uint64 `json:"listed"`
	Listing uint64 `json:"listing"`
}

// Heal is how far the copies are brought up to date, or how that ended the last
// time.
type Heal struct {
	Running bool    `json:"running"`
	View    string  `json:"view,omitempty"`
	Keys    uint64  `json:"keys"` // looked at
	Of      uint64  `json:"of"`   // about
	Copied  uint64  `json:"copied"`
	For     float64 `json:"for_seconds"`  // it runs, or took
	Left    float64 `json:"left_seconds"` // about; 0 if that can't be said
	Error   string  `json:"error,omitempty"`
	Done    uint64  `json:"done"` // heals that have ended well
}

// GroupCounts are what has happened since the process began.
type GroupCounts struct {
	Helped    uint64 `json:"helped"`
	Settled   uint64 `json:"settled"`
	Completed uint64 `json:"completed"`
	Refused   uint64 `json:"refused"`
	Unsettled uint64 `json:"refused_unsettled"`
	Unknown   uint64 `json:"unknown_outcomes"`
	Waited    uint64 `json:"waited_for_leases"`
	Excluded  uint64 `json:"excluded"`
	Reset     uint64 `json:"lost_memory"`
	Dropped   uint64 `json:"dropped_tombstones"`
}

// RecordKey names a record: the number of its table, and its ID in hex.
type RecordKey struct {
	Table uint16 `json:"table"`
	ID    string `json:"id_hex"`
}

// GroupActions are what an operator can have a proxy do at the levels safe and
// strict.
type GroupActions struct {
	// Decide carries out forget, accept-loss or trust for a store.
	Decide func(ctx context.Context, verb, store string) error
	// Mend makes the copies of records what they should be, and returns how many
	// were not.
	Mend func(ctx context.Context, keys []RecordKey) (int, error)
}

// Decisions are the verbs of GroupActions.Decide.
var Decisions = []string{"forget", "accept-loss", "trust"}

// MaxMend is up to how many records one call of Mend takes.
const MaxMend = 50

// groupActions adds them.
func (s *service) groupActions(post func(path string, do func(r *http.Request) (any, error))) {
	type done struct {
		Done bool `json:"done"`
	}
	for _, verb := range Decisions {
		post("stores/{name}/"+verb, func(r *http.Request) (any, error) {
			return done{true}, s.Actions.Group.Decide(r.Context(), verb, r.PathValue("name"))
		})
	}
	post("mend", func(r *http.Request) (any, error) {
		var keys []RecordKey
		if err := json.NewDecoder(r.Body).Decode(&keys); err != nil {
			return nil, err
		}
		n, err := s.Actions.Group.Mend(r.Context(), keys)
		return mended{n}, err
	})
}

type mended struct {
	Mended int `json:"mended"`
}

// Decide has the proxy carry out one of Decisions for a store.
func (r *Remote) Decide(ctx context.Context, verb, store string) error {
	return r.call(ctx, http.MethodPost, "stores/"+url.PathEscape(store)+"/"+verb, nil, nil)
}

// Mend has the proxy mend records, up to MaxMend of them.
func (r *Remote) Mend(ctx context.Context, keys []RecordKey) (int, error) {
	body, err := json.Marshal(keys)
	if err != nil {
		return 0, err
	}
	var n mended
	err = r.call(ctx, http.MethodPost, "mend", body, &n)
	return n.Mended, err
}
