package main

import (
	"context"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// serviceEvery is how often it is looked whether records can be served.
const serviceEvery = 500 * time.Millisecond

// tellService logs when records can't be served for want of stores, and when they
// can again. What a store's exclusion takes is not worth a line.
func (f *fenced) tellService(ctx context.Context) {
	var since time.Time // zero: they are served
	told := false
	for {
		f.env.Sleep(ctx, serviceEvery)
		if ctx.Err() != nil {
			return
		}
		why := f.group.Overview().Why
		switch {
		case why == nil || why.Reason == fence.NotOwner || why.Reason == fence.NotFounded: // they are, another proxy does, or found tells
			if told {
				f.log.Info("records are served again", "lasted", time.Since(since).Round(time.Millisecond))
			}
			since, told = time.Time{}, false
		case since.IsZero():
			since = time.Now()
		case !told && time.Since(since) >= patience+f.cfg.Consistency.Detect+f.cfg.Consistency.ViewLease:
			told = true
			f.log.Error("records can't be served", "why", why.What(),
				"action", "bring stores back, dsmproxy status says which; until then statements on records wait for consistency.patience and end with an error")
		}
	}
}
