package store

import (
	"strconv"
	"time"
)

// A store's clock is compared with the proxy's now and then, for what NOW() says
// there is written into records. The store reads its own somewhere between the
// question and the answer, so that its offset is known up to half of the time
// that these are apart; no more than what is certain is told.

const (
	clockEvery = time.Minute
	// A clock is wrong from clockWrong on, as for check -online, and right again
	// below clockRight.
	clockWrong = 5 * time.Second
	clockRight = time.Second
)

// clock is what is known of a store's clock.
type clock struct {
	asked time.Time // by the probe alone

	// Guarded by the store's mu.
	known  bool
	offset time.Duration // ahead of the proxy's
	wrong  bool
}

// askTime is the store's clock in microseconds, whatever its time zone.
const askTime = "SELECT TIMESTAMPDIFF(MICROSECOND,'1970-01-01',UTC_TIMESTAMP(6))"

// readClock asks for the time on the probe's connection, if that is due. The
// connection may fail by it, which says nothing of the store.
func (s *Store) readClock(c *Conn, timeout time.Duration) {
	if time.Since(s.clock.asked) < clockEvery {
		return
	}
	s.clock.asked = time.Now()
	c.pc.SetDeadline(s.clock.asked.Add(timeout))
	rows, err := c.query(askTime, maxEarly)
	took := time.Since(s.clock.asked)
	if err != nil || len(rows) != 1 || len(rows[0]) != 1 {
		return
	}
	if micros, err := strconv.ParseInt(string(rows[0][0]), 10, 64); err == nil {
		s.clockSays(certain(time.UnixMicro(micros).Sub(s.clock.asked), took))
	}
}

// certain is by how much a clock is ahead at least, or behind, that was so far
// ahead of the time of the question, whose answer took that long.
func certain(ahead, took time.Duration) time.Duration {
	switch {
	case ahead > took:
		return ahead - took
	case ahead < 0:
		return ahead
	}
	return 0
}

// clockSays notes a store's offset and tells where that changes what is to be
// done.
func (s *Store) clockSays(offset time.Duration) {
	s.mu.Lock()
	k := &s.clock
	was := k.wrong
	k.known, k.offset = true, offset
	k.wrong = offset.Abs() >= clockWrong || was && offset.Abs() >= clockRight
	wrong := k.wrong
	s.mu.Unlock()
	switch {
	case wrong && !was:
		s.cfg.Log.Warn("clock of a store is wrong", "store", s.cfg.Name, "ahead_of_the_proxy", offset.Round(time.Millisecond),
			"action", "set the clock right there, or here if all stores differ: NOW() in records is the store's, so that sessions end early or late")
	case was && !wrong:
		s.cfg.Log.Info("clock of a store is right again", "store", s.cfg.Name)
	}
}
