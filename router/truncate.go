package router

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
)

// truncate carries TRUNCATE of a session table out at the levels safe and
// strict: as a DELETE of all records, so that a store that is away can't bring
// them back. The numbers begin anew as they do.
func (s *session) truncate(st *rewrite.Statement) error {
	t := s.table(st.Plan)
	name := func(n string) string { return "`" + strings.ReplaceAll(n, "`", "``") + "`" }
	text := []byte("DELETE FROM " + name(t.Schema) + "." + name(t.Name))
	deletes := &rewrite.Statement{}
	s.router.Planner.Plan(deletes, text, s.data.State().DB(), s.mode)
	if deletes.Plan.Refuse != "" || deletes.Plan.Kind != rewrite.KindBroadcast {
		return refuse("TRUNCATE of this table at the levels safe and strict")
	}
	parts, why := deletes.Sweep()
	if why != "" {
		return refuse(why)
	}
	request := func(text []byte) replica.Request {
		return &textRequest{payload: append([]byte{byte(protocol.ComQuery)}, text...)}
	}
	if err := s.data.KeysKnown(t); err != nil {
		return err
	}
	numbering := s.numbering(st.Plan)
	w := replica.Sweep{
		Table: t, Limit: -1, Removes: true, Truncates: true, Fold: s.folding(t),
		Select: func(limit uint64) (replica.Request, func()) {
			return request(strconv.AppendUint(bytes.Clone(parts.Select), limit, 10)), func() {}
		},
		Batch: func(list []byte) (replica.Request, func()) {
			return request(append(append(bytes.Clone(parts.Head), list...), parts.Tail...)), func() {}
		},
	}
	if s.data.InTxn() {
		if err := s.data.Commit(); err != nil {
			return err
		}
	}
	err := s.data.Sweep(&w)
	if err == nil {
		s.restartNumbers(st, numbering)
	}
	return err
}

// renames reports whether a statement begins with RENAME.
func renames(st *rewrite.Statement) bool {
	word, _, _ := bytes.Cut(bytes.TrimSpace(st.Text), []byte{' '})
	return bytes.EqualFold(word, []byte("rename"))
}
