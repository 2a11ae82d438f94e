package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// recordCounts is about how many records each store holds. The stores are asked
// only while somebody looks, and seldom. It is safe for concurrent use.
type recordCounts struct {
	mu      sync.Mutex // guards what follows
	asked   time.Time
	asking  bool
	records []int64
}

// How old the counts get while somebody looks, how long asking takes, and up to
// how many records of a table are counted.
const (
	recordsAge  = 5 * time.Second
	recordsTime = 5 * time.Second
	fewRecords  = 10_000
)

// recordsHeld returns what is known, -1 for what is not, and has it asked anew
// if that is old.
func (p *proxy) recordsHeld() []int64 {
	r := &p.records
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.records == nil {
		r.records = make([]int64, len(p.Stores()))
		for i := range r.records {
			r.records[i] = -1
		}
	}
	if !r.asking && time.Since(r.asked) > recordsAge && p.ctx.Err() == nil {
		r.asking = true
		p.running.Go(p.countRecords)
	}
	return append([]int64(nil), r.records...)
}

func (p *proxy) countRecords() {
	query := tablesQuery(p.force.config().Tables)
	r := &p.records
	r.mu.Lock()
	counts := append([]int64(nil), r.records...)
	r.mu.Unlock()
	for i, st := range p.Stores() {
		if st.State() != store.Up {
			continue
		}
		if n, err := p.recordsAt(i, query); err == nil { // else the page says what is wrong with it
			counts[i] = n
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records, r.asked, r.asking = counts, time.Now(), false
}

// recordsAt is about how many records a store holds: those of a table with few
// are counted, for the server's own estimate may be a day old, and of others that
// is taken.
func (p *proxy) recordsAt(store int, query string) (sum int64, err error) {
	ctx, cancel := context.WithTimeout(p.ctx, recordsTime)
	defer cancel()
	list, err := p.set.QueryAt(ctx, store, query)
	if err != nil {
		return 0, err
	}
	for _, row := range list {
		n, _ := strconv.ParseInt(string(row[2]), 10, 64)
		if n < fewRecords {
			few, err := p.set.QueryAt(ctx, store, fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s.%s LIMIT %d) few",
				quoteName(row[0]), quoteName(row[1]), fewRecords))
			if err != nil {
				return 0, err
			}
			if n, err = strconv.ParseInt(string(few[0][0]), 10, 64); err != nil {
				return 0, err
			}
		}
		sum += n
	}
	return sum, nil
}

// quoteName is a name as SQL has it.
func quoteName(name []byte) string { return "`" + strings.ReplaceAll(string(name), "`", "``") + "`" }

// tablesQuery asks for the session tables, and for their rows, as the server
// estimates them.
func tablesQuery(tables []conf.Table) string {
	var or []string
	for _, t := range tables {
		cond := "TABLE_NAME=" + text(t.Name)
		if t.Schema != "" {
			cond += " AND TABLE_SCHEMA=" + text(t.Schema)
		}
		or = append(or, "("+cond+")")
	}
	return "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(TABLE_ROWS,0) FROM information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE' AND (" +
		strings.Join(or, " OR ") + ")"
}

// text is a name as a literal that means the same in every session.
func text(name string) string {
	return "CONVERT(x'" + hex.EncodeToString([]byte(name)) + "' USING utf8)"
}

// shareKeys is by how many keys shares are measured.
const shareKeys = 4096

// shares are for which part of all keys each store is the first, and is one of
// the first n.
func shares(place placement.Placement, n int) (first, any []float64) {
	m := place.Stores()
	first, any = make([]float64, m), make([]float64, m)
	order := make([]uint16, m)
	for i := range shareKeys {
		place.Order(order, fmt.Appendf(nil, "key-%d", i))
		first[order[0]] += 1.0 / shareKeys
		for _, s := range order[:n] {
			any[s] += 1.0 / shareKeys
		}
	}
	return first, any
}
