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

// How old the counts get while somebody looks, and how long asking takes.
const (
	recordsAge  = 15 * time.Second
	recordsTime = 5 * time.Second
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
	query := countQuery(p.force.config().Tables)
	r := &p.records
	r.mu.Lock()
	counts := append([]int64(nil), r.records...)
	r.mu.Unlock()
	for i, st := range p.Stores() {
		if st.State() != store.Up {
			continue
		}
		ctx, cancel := context.WithTimeout(p.ctx, recordsTime)
		rows, err := p.set.QueryAt(ctx, i, query)
		cancel()
		if err != nil {
			continue // the page says what is wrong with it
		}
		if n, err := strconv.ParseInt(string(rows[0][0]), 10, 64); err == nil {
			counts[i] = n
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records, r.asked, r.asking = counts, time.Now(), false
}

// countQuery asks for the rows of the session tables, as the server estimates
// them, for counting would read every table.
func countQuery(tables []conf.Table) string {
	var or []string
	for _, t := range tables {
		cond := "TABLE_NAME=" + text(t.Name)
		if t.Schema != "" {
			cond += " AND TABLE_SCHEMA=" + text(t.Schema)
		}
		or = append(or, "("+cond+")")
	}
	return "SELECT CAST(COALESCE(SUM(TABLE_ROWS),0) AS SIGNED) FROM information_schema.TABLES WHERE " + strings.Join(or, " OR ")
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
