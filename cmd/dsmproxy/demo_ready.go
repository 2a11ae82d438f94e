package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// readyTime is how long a demo whose stores run may take to be ready.
const readyTime = 2 * time.Minute

// isGroup reports whether the stores are a group.
func isGroup(o fence.Overview) bool { return o.View != "" }

// isWhole reports whether all records are where they belong.
func isWhole(o fence.Overview) bool { return len(missing(o)) == 0 }

// missing says what a group lacks.
func missing(o fence.Overview) (list []string) {
	if o.Why != nil {
		list = append(list, o.Why.Error())
	}
	for _, s := range o.Stores {
		switch {
		case s.Err != nil:
			list = append(list, fmt.Sprintf("store %s does not answer: %v", s.Name, s.Err))
		case s.Blank:
			list = append(list, fmt.Sprintf("store %s has not been initialised", s.Name))
		case s.State != "up":
			list = append(list, fmt.Sprintf("store %s is %s", s.Name, s.State))
		case !s.Covered:
			list = append(list, fmt.Sprintf("store %s does not have all its records yet", s.Name))
		}
	}
	return list
}

// await waits, at the levels safe and strict, until the group is as wanted. An
// error says what it lacks, and ends with what the proxy has logged last.
func (d *runningDemo) await(ctx context.Context, ok func(o fence.Overview) bool) error {
	if d.proxy.fenced == nil {
		return nil
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		o := d.proxy.fenced.group.Overview()
		if len(o.Stores) > 0 && ok(o) {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the stores were not ready in time: %s%s", strings.Join(missing(o), "; "), d.logTail())
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// logTail is the end of the proxy's log, where that is not shown anyway.
func (d *runningDemo) logTail() string {
	if d.log == nil {
		return ""
	}
	text, err := os.ReadFile(d.log.Name())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\nthe proxy's log ends with\n" + strings.Join(lines[max(0, len(lines)-10):], "\n")
}
