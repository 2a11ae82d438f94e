package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// ErrNoKey says that a key is none that a version can belong to.
var ErrNoKey = errors.New("no version can belong to such a key")

// Folding returns what makes of the keys of a table, as they lie in its column,
// the keys as they are hashed; nil for nothing.
type Folding func(ctx context.Context, t Table) (func(key []byte) ([]byte, error), error)

// SetFolding has f asked for tables whose Fold is not configured.
func (l *Ledger) SetFolding(f Folding) { l.known.folding.Store(&f) }

// folding is what makes of the keys of a table those that are hashed; nil for
// nothing.
func (s *Store) folding(ctx context.Context, t *Table) (func(key []byte) ([]byte, error), error) {
	if t.Fold != nil {
		return func(key []byte) ([]byte, error) { return t.Fold(key), nil }, nil
	}
	f := s.cfg.known.folding.Load()
	if f == nil {
		return nil, nil
	}
	return (*f)(ctx, *t)
}

// hashed makes of a key, as it lies in the column, the key as it is hashed.
func (sh *shape) hashed(key []byte) ([]byte, error) {
	if sh.fold == nil {
		return key, nil
	}
	return sh.fold(bytes.Clone(key))
}

// adoptable is hashed for a record that is to get a version, and so must be found
// by the key as it is hashed.
func (sh *shape) adoptable(key []byte) ([]byte, error) {
	id, err := sh.hashed(key)
	if errors.Is(err, ErrNoKey) {
		err = fmt.Errorf("the record with the key %q of table %s can't be served at this level: remove it first: %w", key, sh.name, err)
	}
	return id, err
}
