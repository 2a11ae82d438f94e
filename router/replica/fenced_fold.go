package replica

import (
	"bytes"
	"context"
	"errors"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/ledger"
)

// Folding is the ledger's: what makes of keys as the stores have them those that
// are placed.
func (s *Set) Folding(ctx context.Context, lt ledger.Table) (func(key []byte) ([]byte, error), error) {
	t := Table{Schema: lt.Schema, Name: lt.Name, Key: lt.Key, Collated: lt.Collated}
	sc, err := s.schemas.get(ctx, t, s.queryIn(t.Schema))
	if err != nil {
		return nil, err
	}
	pads := sc.key.rule()&KeyPads != 0
	if !pads && sc.fold == nil {
		return nil, nil
	}
	return func(key []byte) ([]byte, error) {
		if pads {
			key = bytes.TrimRight(key, " ")
		}
		if sc.fold == nil || sc.fold.Keeps(key) {
			return key, nil
		}
		return sc.fold.Append(nil, key)
	}, nil
}

// keysUnknown is what a statement gets that names keys of a table that could not
// be read; nil if it is not there, of which its store tells.
func keysUnknown(t Table, err error) error {
	var refused *protocol.Error
	if errors.As(err, &refused) && (refused.Code == protocol.ErrNoSuchTable || refused.Code == protocol.ErrBadDB) {
		return nil
	}
	return protocol.Errorf(protocol.ErrUnknown, "dsmproxy: no store says which keys of table %s are one: %v", t.quoted(), err)
}
