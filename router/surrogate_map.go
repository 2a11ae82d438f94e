package router

import (
	"container/list"
	"sync"

	"github.com/dsmproxy/dsmproxy/router/replica"
)

// maxLearned bounds how many numbers a Router knows the keys of, and maxName
// how long a number, or what a table has in its place, may be to be learned.
const (
	maxLearned = 1 << 16
	maxName    = 64
)

// learned are the keys of records by their numbers, as far as this proxy has
// learned them. What it says may be out of date: a record's key may be changed
// through another proxy. Its zero value is ready; it is safe for concurrent
// use.
type learned struct {
	mu     sync.Mutex // guards what follows
	byName map[recordName]*list.Element
	recent list.List // of *lesson, the last one used first
}

// recordName is a number, or what a table has in its place, and the table.
type recordName struct {
	table replica.Table
	name  string
}

type lesson struct {
	name recordName
	key  string
}

func (l *learned) learn(t replica.Table, name string, key []byte) {
	record := recordName{t, name}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byName[record]; e != nil {
		e.Value.(*lesson).key = string(key)
		l.recent.MoveToFront(e)
		return
	}
	if l.byName == nil {
		l.byName = make(map[recordName]*list.Element)
	}
	l.byName[record] = l.recent.PushFront(&lesson{record, string(key)})
	if l.recent.Len() > maxLearned {
		last := l.recent.Back()
		delete(l.byName, l.recent.Remove(last).(*lesson).name)
	}
}

// key appends the key of the record to dst.
func (l *learned) key(dst []byte, t replica.Table, name string) (key []byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byName[recordName{t, name}]
	if e == nil {
		return dst, false
	}
	l.recent.MoveToFront(e)
	return append(dst, e.Value.(*lesson).key...), true
}

func (l *learned) forget(t replica.Table, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byName[recordName{t, name}]; e != nil {
		l.recent.Remove(e)
		delete(l.byName, recordName{t, name})
	}
}
