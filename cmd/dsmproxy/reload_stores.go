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
// place, the witnesses behind them. Those whose TLS is by files are always among
// them, for the files may be others under the same names, and so are all if the
// first user is another one, whom the proxy is where it has no other account.
func accesses(old, next *conf.Config, changes []conf.Change) (map[int]store.Access, error) {
	all := make(map[int]store.Access)
	servers := slices.Clone(next.Stores)
	for _, w := range next.Witnesses {
		servers = append(servers, w.Store())
	}
	for i, s := range servers {
		kind := "store."
		if i >= len(next.Stores) {
			kind = "witness."
		}
		changed := slices.ContainsFunc(changes, func(c conf.Change) bool { return strings.HasPrefix(c.Key, kind+s.Name+".") })
		if !changed && probeLogin(old) == probeLogin(next) && s.TLS.CA == "" && s.TLS.Cert == "" {
			continue
		}
		to, err := storeAccess(next, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
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
