package main

import (
	"context"
	"time"
)

// How often the log says how far something is that takes long.
const tellEvery = 10 * time.Second

// tellProgress logs how far the listing of records is that were there before the
// group was, and how far copies are with being brought up to date, where that
// takes longer than an operator is patient.
func (f *fenced) tellProgress(ctx context.Context) {
	healing := false
	for next := patience; ctx.Err() == nil; {
		f.env.Sleep(ctx, next)
		if ctx.Err() != nil {
			return
		}
		told := false
		for _, s := range f.ledger.Stores {
			if listed, of := s.Adopting(); of > 0 {
				f.log.Info("listing records of a new store", "store", s.Name(), "listed", listed, "of_about", max(listed, of))
				told = true
			}
		}
		h := healStatus(f.group.Overview().Heal, f.env.Now())
		switch {
		case h.Running && h.For >= patience.Seconds():
			f.log.Info("bringing copies up to date", "keys", h.Keys, "of_about", h.Of, "copied", h.Copied, "left", time.Duration(h.Left)*time.Second)
			told, healing = true, true
		case healing && !h.Running && h.Error == "":
			f.log.Info("copies are up to date", "keys", h.Keys, "copied", h.Copied, "took", time.Duration(h.For*float64(time.Second)).Round(time.Millisecond))
			healing = false
		}
		if next = patience; told {
			next = tellEvery
		}
	}
}
