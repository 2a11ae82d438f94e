package conf

import (
	"bytes"
	"strconv"
	"strings"
)

// The TOML decoder knows the line of a key only while it fails at that key, and
// of the keys of [[store]] only the last store's. So the lines are found here,
// by a scanner that follows headers, keys, strings and brackets, and
// understands nothing else. It reads only what the decoder has accepted; what
// it does not expect it steps over.
//
// A path is a key's full name with the index of each array: "store[1].tls.ca".

// lineMap says in which line a path is given.
type lineMap map[string]int

// lineScanner finds the lines of paths.
type lineScanner struct {
	data   []byte
	at     int
	line   int
	lines  lineMap
	arrays map[string]int // how many elements an array of tables has so far
}

func scanLines(data []byte) lineMap {
	s := &lineScanner{data: bytes.TrimPrefix(data, []byte("\ufeff")), line: 1, lines: make(lineMap), arrays: make(map[string]int)}
	table := ""
	for s.skipBlank(); s.at < len(s.data); s.skipBlank() {
		if s.data[s.at] == '[' {
			table = s.header()
			continue
		}
		line := s.line
		path := s.join(table, s.key())
		if s.peek() != '=' {
			s.at++ // not TOML
			continue
		}
		s.at++
		s.note(path, line)
		s.value(path)
	}
	return s.lines
}

// header reads [a.b] or [[a.b]] and returns the path of its table.
func (s *lineScanner) header() string {
	line := s.line
	s.at++
	array := s.peek() == '['
	if array {
		s.at++
	}
	parts := s.key()
	for s.peek() == ']' {
		s.at++
	}
	if !array {
		path := s.join("", parts)
		s.note(path, line)
		return path
	}
	last := len(parts) - 1
	path := s.join("", parts[:last])
	if path != "" {
		path += "."
	}
	path += parts[last]
	n := s.arrays[path]
	s.arrays[path] = n + 1
	path += "[" + strconv.Itoa(n) + "]"
	s.note(path, line)
	return path
}

func (s *lineScanner) note(path string, line int) {
	if _, ok := s.lines[path]; !ok {
		s.lines[path] = line
	}
}

// join appends the parts of a key to a table's path, going into the last
// element of an array of tables.
func (s *lineScanner) join(path string, parts []string) string {
	for _, p := range parts {
		if path != "" {
			path += "."
		}
		path += p
		if n := s.arrays[path]; n > 0 {
			path += "[" + strconv.Itoa(n-1) + "]"
		}
	}
	return path
}

// key reads a key, dotted and quoted as may be, and the blanks after it.
func (s *lineScanner) key() []string {
	var parts []string
	for {
		s.skipSpaces()
		start := s.at
		switch c := s.peek(); c {
		case '"', '\'':
			s.str()
			part := string(s.data[start:s.at])
			if c == '"' {
				if u, err := strconv.Unquote(part); err == nil {
					part = u
				}
			} else {
				part = strings.Trim(part, "'")
			}
			parts = append(parts, part)
		default:
			for s.at < len(s.data) && strings.IndexByte(" \t\r\n.=[]{},#\"'", s.data[s.at]) < 0 {
				s.at++
			}
			parts = append(parts, string(s.data[start:s.at]))
		}
		s.skipSpaces()
		if s.peek() != '.' {
			return parts
		}
		s.at++
	}
}

// value steps over a value and notes the paths within it.
func (s *lineScanner) value(path string) {
	s.skipSpaces()
	switch s.peek() {
	case '"', '\'':
		s.str()
	case '[':
		s.at++
		for i := 0; ; i++ {
			s.skipSeparators()
			if s.at >= len(s.data) || s.peek() == ']' {
				s.at++
				return
			}
			before := s.at
			element := path + "[" + strconv.Itoa(i) + "]"
			s.note(element, s.line)
			s.value(element)
			if s.at == before {
				s.at++ // not TOML
			}
		}
	case '{':
		s.at++
		for {
			s.skipSeparators()
			if s.at >= len(s.data) || s.peek() == '}' {
				s.at++
				return
			}
			before, line := s.at, s.line
			key := s.join(path, s.key())
			s.note(key, line)
			if s.peek() == '=' {
				s.at++
				s.value(key)
			}
			if s.at == before {
				s.at++ // not TOML
			}
		}
	default:
		for s.at < len(s.data) && strings.IndexByte("\r\n#,]}", s.data[s.at]) < 0 {
			s.at++
		}
	}
}

// str steps over a string of any of the four kinds.
func (s *lineScanner) str() {
	quote := s.data[s.at : s.at+1]
	end := quote
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(s.data[s.at:], triple) {
		end = triple
	}
	s.at += len(end)
	for s.at < len(s.data) {
		switch {
		case s.data[s.at] == '\\' && quote[0] == '"':
			if s.at++; s.peek() == '\n' {
				s.line++
			}
		case bytes.HasPrefix(s.data[s.at:], end):
			s.at += len(end)
			// Up to two quotes may stand before the three that end a string.
			for len(end) == 3 && s.peek() == quote[0] {
				s.at++
			}
			return
		case s.data[s.at] == '\n':
			if len(end) == 1 {
				return // not TOML
			}
			s.line++
		}
		s.at++
	}
	s.at = len(s.data)
}

func (s *lineScanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *lineScanner) skipSpaces() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.at++
	}
}

// skipBlank steps over blanks, line ends and comments.
func (s *lineScanner) skipBlank() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		case '#':
			if n := bytes.IndexByte(s.data[s.at:], '\n'); n >= 0 {
				s.at += n
			} else {
				s.at = len(s.data)
			}
			continue
		default:
			return
		}
		s.at++
	}
}

// skipSeparators steps over what may stand between the elements of an array or
// inline table.
func (s *lineScanner) skipSeparators() {
	for s.skipBlank(); s.peek() == ','; s.skipBlank() {
		s.at++
	}
}
