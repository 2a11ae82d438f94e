package rewrite

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// str reads the string whose quote is at litStart; its token begins at start.
// It returns -1 with l.err.
func (l *lexed) str(start, litStart int) int {
	end, escaped := stringEnd(l.text, litStart, l.mode&ModeNoBackslashEscapes == 0)
	if end < 0 {
		l.err = errString
		return -1
	}
	if l.inExec && holdsCommentSign(l.text[litStart:end]) {
		l.err = errExecQuote
		return -1
	}
	l.literal(tokString, start, litStart, end, escaped)
	return end
}

// stringEnd finds the end of the string whose quote is at i, -1 for none.
// Session data fills most of the bytes that a proxy lexes, and it has an
// escape every 36 bytes where it is random, every 5 where it is JSON, or none
// at all: what is near is looked at in words of 8 bytes, for what is far the
// processor's own search is called, and where there has been an escape, those
// that follow are found in blocks.
func stringEnd(text []byte, i int, backslash bool) (end int, escaped bool) {
	quote := text[i]
	escape := quote
	if backslash {
		escape = '\\'
	}
	i++
	for empty := 0; i+8 <= len(text); {
		hits := eitherIn(binary.LittleEndian.Uint64(text[i:]), quote, escape)
		if hits == 0 {
			i += 8
			if empty++; empty == 4 {
				i, empty = indexFar(text, i, quote, escape), 0
			}
			continue
		}
		empty = 0
		next := i + 8
		for hits != 0 {
			at := bits.TrailingZeros64(hits) / 8
			if p := i + at; text[p] == quote && (p+1 == len(text) || text[p+1] != quote) {
				return p + 1, escaped
			}
			escaped = true
			if at == 7 {
				next++ // past the byte that is escaped
			}
			hits &= ^uint64(0) << (8 * (at + 2))
		}
		if i = next; i+denseBlock < len(text) {
			var ended bool
			if i, ended = endInBlocks(text, i, quote, escape); ended {
				return i, true
			}
		}
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote && (i+1 == len(text) || text[i+1] != quote):
			return i + 1, escaped
		case c == quote, c == escape:
			escaped = true
			i++
		}
	}
	return -1, escaped
}

// denseBlock is how many bytes indexDense looks at in one piece.
const denseBlock = 64

// endInBlocks goes on where escapes lie near to each other, and by their
// number costs nothing: no branch depends on where they are. i is the first
// byte that is not escaped; so is next, or the string ends there, if ended.
//
// In a word of the bits of 64 bytes those of a run of quotes and escapes open
// and are escaped in turn, which is told apart by whether the run begins at an
// even or an odd place: the sum carries through it. It is the method of
// simdjson (Langdale and Lemire, Parsing gigabytes of JSON per second, 3.1.1).
func endInBlocks(text []byte, i int, quote, escape byte) (next int, ended bool) {
	const odd = 0xaaaaaaaaaaaaaaaa
	for i+denseBlock < len(text) {
		quotes, marks := marksIn((*[denseBlock]byte)(text[i:]), quote, escape)
		if marks == 0 {
			return i + denseBlock, false
		}
		opens := (((marks<<1 | odd) - marks) ^ odd) & marks
		behind := quotes >> 1
		if text[i+denseBlock] == quote {
			behind |= 1 << 63
		}
		if ends := opens & quotes &^ behind; ends != 0 {
			return i + bits.TrailingZeros64(ends) + 1, true
		}
		i += denseBlock + int(opens>>63)
	}
	return i, false
}

// marksIn returns a bit for each byte that is quote, and for each that is either
// of the two.
func marksIn(block *[denseBlock]byte, quote, escape byte) (quotes, marks uint64) {
	const ones, lows, gather = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f, 0x02040810204081
	q, e := ones*uint64(quote), ones*uint64(escape)
	for at := 0; at < denseBlock; at += 8 {
		word := binary.LittleEndian.Uint64(block[at:])
		x, y := word^q, word^e
		x = (x&lows + lows) | x | lows // a byte is 0x7f where it is the quote
		y = (y&lows + lows) | y | lows
		quotes |= ^x * gather >> 56 << at
		marks |= ^(x & y) * gather >> 56 << at
	}
	return quotes, marks
}

// eitherIn returns a word whose bytes are 0x80 where those of word are a or b,
// 0 elsewhere.
func eitherIn(word uint64, a, b byte) uint64 {
	const ones, lows = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f
	x, y := word^ones*uint64(a), word^ones*uint64(b)
	return ^(((x&lows+lows)|x)&((y&lows+lows)|y) | lows)
}

// indexEither returns the index of the first a or b at or after i, len(text)
// for none.
func indexEither(text []byte, i int, a, b byte) int {
	for end := i + 32; i < end; i += 8 {
		if i+8 > len(text) {
			break
		}
		if hits := eitherIn(binary.LittleEndian.Uint64(text[i:]), a, b); hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	return indexFar(text, i, a, b)
}

// indexFar does what indexEither does where it is probably far. Its windows
// grow, so that no byte is searched often.
func indexFar(text []byte, i int, a, b byte) int {
	for size := 64; i < len(text); size *= 2 {
		window := text[i:min(i+size, len(text))]
		end := bytes.IndexByte(window, a)
		if end >= 0 {
			window = window[:end]
		}
		if a != b {
			if first := bytes.IndexByte(window, b); first >= 0 {
				return i + first
			}
		}
		i += len(window)
		if end >= 0 {
			return i
		}
	}
	return len(text)
}
