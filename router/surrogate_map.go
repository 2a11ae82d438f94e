package router

import (
	"container/list"
	"sync"

	"github.com/dsmproxy/dsmproxy/router/replica"
)

// maxLearned bounds how many numbers a Router knows the keys of.
const maxLearned = 1 << 16

// learned are the keys of records by their numbers, as far as this proxy has
// learned them. What it says may be out of date: a record's key may be changed
// through another proxy. Its zero value is ready; it is safe for concurrent
// use.
type learned struct {
	mu     sync.Mutex // guards what follows
	byName map[recordName]*list.Element
	recent list.List // of *lesson, the last one used first
}

// recordName is a number and its table.
type recordName struct {
	table  replica.Table
	number uint64
}

type lesson struct {
	name recordName
	key  string
}

func (l *learned) learn(t replica.Table, number uint64, key []byte) {
	name := recordName{t, number}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byName[name]; e != nil {
		e.Value.(*lesson).key = string(key)
		l.recent.MoveToFront(e)
		return
	}
	if l.byName == nil {
		l.byName = make(map[recordName]*list.Element)
	}
	l.byName[name] = l.recent.PushFront(&lesson{name, string(key)})
	if l.recent.Len() > maxLearned {
		last := l.recent.Back()
		delete(l.byName, l.recent.Remove(last).(*lesson).name)
	}
}

// key appends the key of the record to dst.
func (l *learned) key(dst []byte, t replica.Table, number uint64) (key []byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byName[recordName{t, number}]
	if e == nil {
		return dst, false
	}
	l.recent.MoveToFront(e)
	return append(dst, e.Value.(*lesson).key...), true
}

func (l *learned) forget(t replica.Table, number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byName[recordName{t, number}]; e != nil {
		l.recent.Remove(e)
		delete(l.byName, recordName{t, number})
	}
}
