package conf

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// sizeUnits are the endings of a size. K, M and G are what my.cnf has; KB and
// its relatives are left out, for they mean 1000 to some and 1024 to others.
var sizeUnits = []struct {
	ending string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30},
	{"B", 1}, {"", 1},
}

// duration reads "1s", "1h30m", or the number 0.
func (r *reader) duration(path string, v any, dst *time.Duration) {
	if n, ok := v.(int64); ok && n == 0 {
		*dst = 0
		return
	}
	s, ok := v.(string)
	if !ok {
		r.report(path, `must be a duration with its unit, in quotes, such as "1s" or "250ms", not %s`, kindOf(v))
		return
	}
	d, err := time.ParseDuration(strings.TrimSpace(s))
	if err != nil {
		r.report(path, `%q is not a duration such as "1s", "250ms", "1h30m"`, s)
		return
	}
	*dst = d
}

// size reads "64MiB" or a number of bytes.
func (r *reader) size(path string, v any, dst *int64) {
	switch v := v.(type) {
	case int64:
		*dst = v
		return
	case string:
		if n, ok := parseSize(v); ok {
			*dst = n
			return
		}
		r.report(path, `%q is not a size such as "64MiB", "16KiB", "1GiB", or a number of bytes`, v)
	default:
		r.report(path, `must be a size such as "64MiB", not %s`, kindOf(v))
	}
}

func parseSize(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.ending)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			return 0, false
		}
		return n * u.bytes, true
	}
	return 0, false
}
