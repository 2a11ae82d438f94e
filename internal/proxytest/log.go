package proxytest

import (
	"bytes"
	"strings"
	"sync"
)

// Log keeps what a process wrote, the last 2 MB of it. It is safe for
// concurrent use.
type Log struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *Log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 2<<20 {
		l.b.Next(1 << 20)
	}
	l.b.WriteString(line)
}

// Write implements io.Writer, for a process's standard error. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.add(string(p))
	return len(p), nil
}

// String is all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Tail is the last n lines.
func (l *Log) Tail(n int) string {
	lines := strings.Split(strings.TrimSpace(l.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Find returns what stands around the first occurrence of text, or "".
func (l *Log) Find(text string) string {
	s := l.String()
	i := strings.Index(s, text)
	if i < 0 {
		return ""
	}
	return s[max(0, i-200):min(len(s), i+4000)]
}
