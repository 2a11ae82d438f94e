package rewrite

import "testing"

func TestParseMode(t *testing.T) {
	for _, c := range []struct {
		value string
		want  Mode
	}{
		{"", 0},
		{"STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION", 0},
		{"ANSI_QUOTES", ModeANSIQuotes},
		{" ansi_quotes , No_Backslash_Escapes", ModeANSIQuotes | ModeNoBackslashEscapes},
		{"REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI", modeANSI},
		{"ANSI", modeANSI},
		{"ORACLE,NO_BACKSLASH_ESCAPES", modeANSI | ModeNoBackslashEscapes},
		{"TRADITIONAL", 0},
		{"HIGH_NOT_PRECEDENCE", ModeHighNotPrecedence},
		{"MYSQL40", ModeHighNotPrecedence},
		{"4", ModeANSIQuotes},
		{"1048580", ModeANSIQuotes | ModeNoBackslashEscapes},
		{"0", 0},
	} {
		if got := ParseMode(c.value); got != c.want {
			t.Errorf("ParseMode(%q) = %b, want %b", c.value, got, c.want)
		}
	}
}
