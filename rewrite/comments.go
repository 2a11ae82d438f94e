package rewrite

import (
	"bytes"
)

var (
	commentBegin = []byte("/*")
	commentEnd   = []byte("*/")
)

// skip skips blanks and the comments that no store executes.
func (l *lexed) skip(i int) int {
	text := l.text
	for i < len(text) {
		switch c := text[i]; {
		case actions[c] == actBlank:
			i++
		case c == '#', c == '-' && isDashComment(text[i:]):
			end := bytes.IndexByte(text[i:], '\n')
			if end < 0 {
				end = len(text) - i
			}
			line := text[i : i+end]
			// MySQL ends such a comment at a NUL, others don't.
			if bytes.IndexByte(line, 0) >= 0 {
				l.err = errControl
				return -1
			}
			if l.inExec && holdsCommentSign(line) {
				l.err = errExecQuote
				return -1
			}
			i += end
		case c == '/' && isPlainComment(text[i:]):
			end := bytes.Index(text[i+2:], commentEnd)
			if end < 0 {
				l.err = errComment
				return -1
			}
			i += 2 + end + 2
		default:
			return i
		}
	}
	return i
}

// tail reads what follows the semicolon at the end of the first statement.
func (l *lexed) tail(i int) {
	l.remark = i < len(trimEnd(l.text))
	for {
		if i = l.skip(i); i < 0 || i == len(l.text) {
			return
		}
		if l.text[i] != ';' {
			l.multi = true
			return
		}
		i++
	}
}

// comment reads /* at i: a plain comment, a hint, or the opener of an
// executable comment.
func (l *lexed) comment(i int) int {
	text := l.text
	if isPlainComment(text[i:]) {
		return l.gap(i)
	}
	start := i
	if text[i+2] == '+' {
		end := bytes.Index(text[i+3:], commentEnd)
		if end < 0 {
			l.err = errComment
			return -1
		}
		if l.inExec {
			l.err = errExecNest
			return -1
		}
		if !quotesClose(text[i+3 : i+3+end]) {
			l.err = errHintQuote
			return -1
		}
		i += 3 + end + 2
		l.hints = true
		l.add(tokHint, start, i, -1)
		return i
	}
	if l.inExec {
		l.err = errExecNest
		return -1
	}
	i += 3
	if text[i-1] == 'M' {
		i++
	}
	digits, version := 0, 0
	for digits < 6 && i+digits < len(text) && classes[text[i+digits]]&classDigit != 0 {
		version = version*10 + int(text[i+digits]-'0')
		digits++
	}
	if digits >= 5 {
		i += digits
	} else {
		version = 0
	}
	l.execComments, l.inExec = true, true
	l.add(tokExecComment, start, i, version)
	return i
}

// isDashComment tells whether -- at the start of text begins a comment: a
// blank, a control character or the end must follow.
func isDashComment(text []byte) bool {
	return len(text) >= 2 && text[0] == '-' && text[1] == '-' &&
		(len(text) == 2 || text[2] <= ' ' || text[2] == 0x7f)
}

// isPlainComment tells whether text begins with a comment that is neither a
// hint nor executable.
func isPlainComment(text []byte) bool {
	if len(text) < 2 || text[0] != '/' || text[1] != '*' {
		return false
	}
	if len(text) == 2 {
		return true
	}
	switch text[2] {
	case '+':
		return false
	case '!':
		return neverRuns(text, 3)
	case 'M':
		return len(text) == 3 || text[3] != '!' || neverRuns(text, 4)
	}
	return true
}

// neverRuns tells whether the executable comment at the start of text, whose
// version is at i, is for a version that no server has: 99999 and above, as at
// the beginning of MariaDB's dumps. One with a comment sign in it is not told of:
// servers disagree about where it ends.
func neverRuns(text []byte, i int) bool {
	if !bytes.HasPrefix(text[i:], []byte("99999")) {
		return false
	}
	end := bytes.Index(text[i:], commentEnd)
	return end >= 0 && !bytes.Contains(text[i:i+end], commentBegin)
}

func holdsCommentSign(text []byte) bool {
	return bytes.Contains(text, commentEnd) || bytes.Contains(text, commentBegin)
}

// quotesClose tells whether each quote in text has its counterpart.
func quotesClose(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '\'' || c == '"' || c == '`' {
			end := bytes.IndexByte(text[i+1:], c)
			if end < 0 {
				return false
			}
			i += 1 + end
		}
	}
	return true
}
