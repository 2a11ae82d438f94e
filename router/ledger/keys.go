package ledger

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// sorted fills j.order with the indexes of n keys in their order, in which
// everybody takes the rows' locks.
func (j *job) sorted(n int, key func(i int) *fence.Key) []int {
	j.order = j.order[:0]
	for i := range n {
		j.order = append(j.order, i)
	}
	if n > 1 {
		slices.SortFunc(j.order, func(a, b int) int { return compareKeys(key(a), key(b)) })
	}
	return j.order
}

func compareKeys(a, b *fence.Key) int {
	if d := cmp.Compare(a.Table, b.Table); d != 0 {
		return d
	}
	return bytes.Compare(a.ID, b.ID)
}

// oneKey appends the condition for the version of a key in the table called v.
func (j *job) oneKey(k *fence.Key) *job {
	return j.add("v.t=").num(uint64(k.Table)).add(" AND v.k=").hex(k.ID)
}

// anyKey is oneKey for several keys, which are sorted as j.order says.
func (j *job) anyKey(keys []fence.Key) {
	if len(keys) == 1 {
		j.oneKey(&keys[0])
		return
	}
	j.add("(")
	last := -1
	for _, i := range j.order {
		k := &keys[i]
		switch {
		case int(k.Table) == last:
			j.add(",")
		default:
			if last >= 0 {
				j.add(") OR ")
			}
			j.add("v.t=").num(uint64(k.Table)).add(" AND v.k IN (")
			last = int(k.Table)
		}
		j.hex(k.ID)
	}
	j.add("))")
}

// find is the index of a key among those of j.order; -1 if it is none.
func (j *job) find(keys []fence.Key, k *fence.Key) int {
	at, ok := slices.BinarySearchFunc(j.order, k, func(i int, k *fence.Key) int { return compareKeys(&keys[i], k) })
	if !ok {
		return -1
	}
	return j.order[at]
}

// version is what columns of v are read as.
const version = "CONCAT_WS(_binary',',v.ep,v.n,v.wid,v.fl,v.tick)"

// entry reads them; nothing of a key that has none.
func entry(cell []byte) (e fence.Entry, ok bool) {
	if len(cell) == 0 {
		return e, true
	}
	var n [5]uint64
	if numbers(cell, n[:]) != len(n) {
		return e, false
	}
	return fence.Entry{
		Known: true, Version: view.Version{Epoch: n[0], N: n[1], ID: n[2]}, Flags: view.Flags(n[3]), Tick: n[4],
	}, true
}
