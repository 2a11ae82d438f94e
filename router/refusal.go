package router

import (
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// Refusal is what a client is told of a statement that the proxy does not carry
// out whatever its stores hold, "" for one that it does. others says whether
// there is a store for the tables that are not configured.
func Refusal(st *rewrite.Statement, others bool) string {
	if e := refusedAlways(st, others); e != nil {
		return strings.TrimPrefix(e.Message, refusedPrefix)
	}
	return ""
}

func refusedAlways(st *rewrite.Statement, others bool) *protocol.Error {
	p := st.Plan
	if p.Refuse != "" && p.Computed == nil {
		if (p.Elsewhere || p.Gathers || p.Selects || p.Joins) && others {
			return nil
		}
		return refusal(p)
	}
	if e := unassignable(p); e != nil {
		return e
	}
	if p.Joins {
		return nil
	}
	switch p.Kind {
	case rewrite.KindOtherTable, rewrite.KindCall:
		return refusedOther(p, others)
	case rewrite.KindLockTables:
		if p.Table != nil {
			return lockRefused(p)
		}
		return refusedOther(p, others)
	case rewrite.KindSessionState:
		if p.Pins != "" {
			return refuse(p.Pins)
		}
		return refusedSet(p)
	}
	if p.Pins != "" && p.Pins != sqlCalcFoundRows {
		return refuse(p.Pins)
	}
	why := ""
	switch p.Kind {
	case rewrite.KindRead, rewrite.KindReadForUpdate, rewrite.KindScatterRead:
		if len(p.Others) > 0 && (!others || p.Kind == rewrite.KindReadForUpdate) {
			return refusedJoin(p)
		}
		if p.Kind == rewrite.KindScatterRead {
			_, why = st.Scatter()
		}
	case rewrite.KindWrite:
		if p.Selects {
			_, why = st.Selected()
		} else if len(p.Keys) == 0 {
			why = noKey
		}
	case rewrite.KindBroadcast:
		if p.Verb == rewrite.VerbDelete || p.Verb == rewrite.VerbUpdate {
			_, why = st.Sweep()
		}
	case rewrite.KindAny:
		if p.Routines != nil {
			return refusedOther(p, others)
		}
	}
	if why != "" {
		return refuse(why)
	}
	return nil
}

// noLocalFiles is the refusal of LOAD DATA LOCAL with the number that a server
// of this version gives it whose local_infile is off.
func noLocalFiles(p *rewrite.Plan, version string) *protocol.Error {
	e := refusal(p)
	switch {
	case strings.Contains(version, "MariaDB"):
		e.Code, e.State = 4166, "HY000"
	case mysql8(version):
		e.Code = 3948
	}
	return e
}

// mysql8 reports whether a version is that of MySQL 8 or later.
func mysql8(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(major)
	return n >= 8 && !strings.Contains(version, "MariaDB")
}

// noKey is said of an INSERT whose key no literal and no parameter gives.
const noKey = "a key that the store would have to make"

// refusedJoin refuses a statement on a session table and another one.
func refusedJoin(p *rewrite.Plan) *protocol.Error {
	return refuse("a join with table " + p.Others[0] + ", which is not a session table")
}

// refusedOther refuses what is about other tables or routines where no store
// serves those.
func refusedOther(p *rewrite.Plan, others bool) *protocol.Error {
	switch {
	case others && p.Table != nil:
		return refuse("a statement on a session table and another one")
	case others:
		return nil
	case p.Routines != nil && len(p.Others) == 0:
		return refuse("the stored routine " + p.Routines[0] + " (other_tables names no store for it)")
	}
	name := "(unknown)"
	if len(p.Others) > 0 {
		name = p.Others[0]
	}
	return protocol.Errorf(protocol.ErrNotSupportedYet, "dsmproxy: table %s is not a session table; "+
		"add it as a [[table]], or name the store that serves all other tables in other_tables", name)
}

// refusedSet refuses what a SET assigns beyond the session.
func refusedSet(p *rewrite.Plan) *protocol.Error {
	for _, a := range p.Set {
		switch {
		case a.Global:
			// The number is that of an account that may not: handlers that
			// would like to set something go on without.
			e := refuse("SET GLOBAL " + a.Name)
			e.Code = 1227
			return e
		case a.Name == "autocommit" && p.Params == 0 && onOff(a.Value) == none:
			if a.Value != "" {
				return &protocol.Error{Code: 1231, State: "42000",
					Message: "Variable 'autocommit' can't be set to the value of '" + strings.Trim(a.Value, `'"`) + "'"}
			}
			return refuse("SET autocommit to an expression")
		}
	}
	return nil
}
