package replica

import "github.com/dsmproxy/dsmproxy/protocol"

// Of a scatter with LIMIT n OFFSET m, each store is asked for the first of its
// rows, in the statement's order, and no more than are likely to do.
//
// A store's rows are in part those of records that it does not answer for:
// copies, and what is left over. They count for nothing, and only the proxy can
// tell them. So it asks for more than m+n, and looks at what came. Let w be m+n.
//
//   - Without ORDER BY any w rows that count are an answer, wherever they are
//     from. They do if they are w together, or if no store has more rows than it
//     was asked for.
//   - With ORDER BY the client's own statement is carried out on copies of the
//     rows that count. They do if each store has given w of those, or has no
//     more. For let r be one that a store has kept back: before it, or equal to
//     it in the order, are w rows of that store alone which count. So r is not
//     among the first w of all in at least one of the orders that MySQL may
//     choose from, that in which r comes after its equals. The same holds for all
//     rows kept back at once. The client's statement thus has an answer that is
//     made of the copied rows; and which of them it takes, if some are equal, is
//     the server's choice, as it is always.
//
// If they don't do, all begins anew, without a bound. That needs a store most of
// whose first rows count for nothing. Of a store's rows one in N counts where
// each record is on N stores: of 2*N*w+16*N there are 2*w+16 to be expected,
// more than twice what is needed.

// maxFirst is the largest m+n that stores are asked for: to ask them twice for
// more costs more than is gained on average.
const maxFirst = 10_000

// first is how many rows each store is asked for; 0 for all.
func (s *scatter) first() int64 {
	if s.whole || s.Limit < 0 || s.Limit > maxFirst || s.Offset > maxFirst-s.Limit {
		return 0
	}
	return 2*int64(s.set.copies)*(s.Offset+s.Limit) + 16*int64(s.set.copies)
}

// holdsBack reports whether the store whose answer a is may have more rows than
// it was asked for.
func (s *scatter) holdsBack(a *protocol.Answer) bool {
	return s.bound > 0 && int64(a.Rows) >= s.bound
}

// anew has the statement begin anew without a bound.
func (s *scatter) anew() error {
	s.whole = true
	return errAgain
}
