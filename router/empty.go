package router

import (
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// empty answers a statement that is blank or nothing but a comment.
func (s *session) empty(st *rewrite.Statement) error {
	if s.data.More {
		return emptyBefore()
	}
	if err := emptiness(st); err != nil {
		return err
	}
	return s.ok()
}

// emptiness is what is wrong with a statement of rewrite.KindEmpty; nil where
// it holds a comment.
func emptiness(st *rewrite.Statement) error {
	switch {
	case st.Remark:
		return emptyBefore()
	case rewrite.OnlyComment(st.Text):
		return nil
	}
	return protocol.Errorf(protocol.ErrEmptyQuery, "Query was empty")
}

// emptyBefore is the answer to an empty statement that a semicolon ends before
// something else.
func emptyBefore() error {
	return protocol.Errorf(protocol.ErrParse, "You have an error in your SQL syntax; dsmproxy: an empty statement before a semicolon")
}
