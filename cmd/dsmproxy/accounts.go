package main

import (
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/conf"
)

// accounts are the users that clients may log in as. They can be replaced while
// clients log in.
type accounts struct {
	passwords atomic.Pointer[map[string]string]
}

// set replaces the users. Clients that are there stay.
func (a *accounts) set(users []conf.User) {
	m := make(map[string]string, len(users))
	for _, u := range users {
		m[u.Name] = u.Password
	}
	a.passwords.Store(&m)
}

// Password implements protocol.Credentials.
func (a *accounts) Password(user string) (string, bool) {
	password, ok := (*a.passwords.Load())[user]
	return password, ok
}
