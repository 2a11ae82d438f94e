package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// prepare makes the side tables at all stores and witnesses. All problems are
// said at once, each with what to do.
func (f *fenced) prepare(ctx context.Context) error {
	var problems []error
	for i, w := range f.members() {
		st := f.servers[i]
		if s := st.Stats(); s.State != store.Up {
			err := s.Err
			if err == nil {
				err = errors.New("no answer")
			}
			problems = append(problems, fmt.Errorf("%s can't be reached, and all must be: %w", st.Name(), err))
			continue
		}
		if err := w.Prepare(ctx); err != nil {
			problems = append(problems, f.withGrant(ctx, st, err))
		}
	}
	return errors.Join(problems...)
}

// withGrant adds to an error of a missing right what to do about it.
func (f *fenced) withGrant(ctx context.Context, st *store.Store, err error) error {
	var e *protocol.Error
	if !errors.As(err, &e) || !missingRight(e.Code) {
		return err
	}
	who := "the account"
	if c, gerr := st.Get(ctx, ownLogin, nil, false); gerr == nil {
		if rows, qerr := c.Query(ctx, "SELECT CURRENT_USER()"); qerr == nil && len(rows) == 1 {
			user, host, _ := strings.Cut(string(rows[0][0]), "@")
			who = fmt.Sprintf("'%s'@'%s'", user, host)
		}
		c.Release()
	}
	return fmt.Errorf("%w\n  at %s, run: %s", err, st.Name(), grantFor(who, f.cfg))
}

// missingRight reports whether an error of a server says that a right is missing.
func missingRight(code uint16) bool {
	return code == protocol.ErrDBAccessDenied || code == 1142 || code == 1143 || code == 1227 || code == 1370
}

// grantFor are the rights of the account of the proxy's own statements, as
// ledger/doc.go has them.
func grantFor(who string, cfg *conf.Config) string {
	text := "GRANT ALL ON dsm.* TO " + who + ";"
	seen := make(map[string]bool)
	for _, t := range cfg.Tables {
		if t.Schema != "" && !seen[t.Schema] {
			seen[t.Schema] = true
			text += " GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, TRIGGER ON `" + t.Schema + "`.* TO " + who + ";"
		}
	}
	return text
}

// inOneLine is an error of several lines for the log.
func inOneLine(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n  at ", ": at ")
	return strings.ReplaceAll(strings.ReplaceAll(text, ";\n", "\n"), "\n", "; ")
}
