package rewrite

import (
	"strconv"
	"strings"
)

// The modes that MySQL and MariaDB name, with what of them matters here.
var modeNames = map[string]Mode{
	"ANSI_QUOTES":          ModeANSIQuotes,
	"NO_BACKSLASH_ESCAPES": ModeNoBackslashEscapes,
	"PIPES_AS_CONCAT":      ModePipesAsConcat,
	"IGNORE_SPACE":         ModeIgnoreSpace,
	"HIGH_NOT_PRECEDENCE":  ModeHighNotPrecedence,

	"NO_AUTO_VALUE_ON_ZERO": ModeNoAutoValueOnZero,

	"ANSI":       modeANSI,
	"DB2":        modeANSI,
	"MAXDB":      modeANSI,
	"MSSQL":      modeANSI,
	"ORACLE":     modeANSI,
	"POSTGRESQL": modeANSI,
	"MYSQL323":   ModeHighNotPrecedence,
	"MYSQL40":    ModeHighNotPrecedence,
}

const modeANSI = ModePipesAsConcat | ModeANSIQuotes | ModeIgnoreSpace

// The bits of @@sql_mode as a number, as both MySQL and MariaDB have them.
var modeBits = map[uint64]Mode{
	1 << 1:  ModePipesAsConcat,
	1 << 2:  ModeANSIQuotes,
	1 << 3:  ModeIgnoreSpace,
	1 << 8:  modeANSI, // POSTGRESQL
	1 << 9:  modeANSI, // ORACLE
	1 << 10: modeANSI, // MSSQL
	1 << 11: modeANSI, // DB2
	1 << 12: modeANSI, // MAXDB
	1 << 16: ModeHighNotPrecedence,
	1 << 17: ModeHighNotPrecedence,
	1 << 18: modeANSI,
	1 << 19: ModeNoAutoValueOnZero,
	1 << 20: ModeNoBackslashEscapes,
	1 << 29: ModeHighNotPrecedence,
}

// ParseMode finds the modes in the value of @@sql_mode, combination modes
// (ANSI, ORACLE, ...) included. A number is read as the bits that SET sql_mode
// takes.
func ParseMode(sqlMode string) Mode {
	var mode Mode
	if bits, err := strconv.ParseUint(sqlMode, 10, 64); err == nil {
		for bit, m := range modeBits {
			if bits&bit != 0 {
				mode |= m
			}
		}
		return mode
	}
	for name := range strings.SplitSeq(sqlMode, ",") {
		mode |= modeNames[strings.ToUpper(strings.TrimSpace(name))]
	}
	return mode
}
