package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// How a store is reached may change while the proxy runs: its address, account
// and TLS. Which stores there are, their order and weights say where records
// are, and may not.

// accesses are the stores that are reached in another way by next, by their
// place. Those whose TLS is by files are always among them, for the files may be
// others under the same names.
func accesses(next *conf.Config, changes []conf.Change) (map[int]store.Access, error) {
	all := make(map[int]store.Access)
	for i, s := range next.Stores {
		changed := slices.ContainsFunc(changes, func(c conf.Change) bool { return strings.HasPrefix(c.Key, "store."+s.Name+".") })
		if !changed && s.TLS.CA == "" && s.TLS.Cert == "" {
			continue
		}
		to, err := storeAccess(next, s)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", s.Name, err)
		}
		all[i] = to
	}
	return all, nil
}

// placementChanges says which of the changes move records, and how to make
// them.
func placementChanges(old, next *conf.Config) (why []string) {
	has := func(cfg *conf.Config, name string) bool {
		return slices.ContainsFunc(cfg.Stores, func(s conf.Store) bool { return s.Name == name })
	}
	for _, s := range next.Stores {
		if !has(old, s.Name) {
			why = append(why, fmt.Sprintf(`store %s is added, which changes where records are (docs/OPERATIONS.md, "Add one")`, s.Name))
		}
	}
	for _, s := range old.Stores {
		if !has(next, s.Name) {
			why = append(why, fmt.Sprintf(`store %s is removed, which changes where records are (docs/OPERATIONS.md, "Remove one")`, s.Name))
		}
	}
	return why
}
