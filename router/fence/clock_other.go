//go:build !linux

package fence

import "time"

var processStart = time.Now()

// bootTime is monotonic time. Where the machine may be suspended, the level
// strict is the one to choose: this clock may stand still then.
func bootTime() time.Duration { return time.Since(processStart) }
