package store

import (
	"slices"
	"strings"
)

// Assigns reports whether one of the state's SET statements assigns the
// variable of the given name.
func (s *Session) Assigns(name string) bool {
	return s != nil && slices.ContainsFunc(s.sets, func(a assignment) bool {
		return slices.ContainsFunc(a.names, func(n string) bool { return strings.EqualFold(n, name) })
	})
}
