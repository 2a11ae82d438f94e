package fence

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a Store says when it has not done what it was asked. None of them but
// ErrLost leaves it open whether something has happened.
var (
	// ErrFenced: the store's register is not the guard's view.
	ErrFenced = errors.New("store is in another view")
	// ErrClosed: the store has been restarted since the guard's Boot.
	ErrClosed = errors.New("store has been restarted")
	// ErrLate: a put came after its MaxTick.
	ErrLate = errors.New("put came too late")
	// ErrRefused: nobody listens. The store counts as failed soon.
	ErrRefused = errors.New("store refuses connections")
	// ErrUnsent: the request has not left the proxy.
	ErrUnsent = errors.New("store can't be reached")
	// ErrUnwritable: the store answers, and refuses what a Look has it note: it is
	// read-only, or its disk is full.
	ErrUnwritable = errors.New("store can't be written")
	// ErrLost: the request went out and nothing came back.
	ErrLost = errors.New("store does not answer")
)

// mayHaveRun reports whether a request that ended in err may have an effect.
func mayHaveRun(err error) bool {
	for _, known := range []error{ErrFenced, ErrClosed, ErrLate, ErrRefused, ErrUnsent, ErrUnwritable} {
		if errors.Is(err, known) {
			return false
		}
	}
	return true
}

// What a Group's methods return. Besides, there is *Unavailable.
var (
	// ErrUnknown: the statement may have been executed, or may still be; the
	// error is an *Unknown.
	ErrUnknown = errors.New("the outcome of the statement is unknown")
	// ErrAnswerLost: the statement was executed, and what it had to tell is lost
	// with the store that executed it.
	ErrAnswerLost = errors.New("the statement was executed, and its answer is lost")
	// ErrRestart: the transaction was rolled back, as in a deadlock.
	ErrRestart = errors.New("the stores' states have changed; the transaction was rolled back, try restarting it")
	// ErrScattered: the keys have different primaries (any more).
	ErrScattered = errors.New("the keys are not on one store")
)

// Unknown is the ErrUnknown of a statement that a store was lost with.
type Unknown struct {
	Store string
	Err   error // that ended it, or kept its copies from being made
}

// Error names the store.
func (u *Unknown) Error() string {
	return fmt.Sprintf("%v: store %s: %v", ErrUnknown, u.Store, u.Err)
}

// uncopied is the error of a copy that could not be made.
type uncopied struct {
	store string
	err   error
}

func (e *uncopied) Error() string { return "copy at store " + e.store + ": " + e.err.Error() }

func (e *uncopied) Unwrap() error { return e.err }

// Is reports whether it is ErrUnknown.
func (u *Unknown) Is(target error) bool { return target == ErrUnknown }

// Unwrap returns the error that ended it.
func (u *Unknown) Unwrap() error { return u.Err }

// ErrFounded: the registers of the stores are there already.
var ErrFounded = errors.New("it has a register already")

// Reason is why nothing can be done at the moment.
type Reason uint8

// The reasons.
const (
	// NoView: too few voters answer for there to be a view.
	NoView Reason = iota + 1
	// NotFounded: no store that answers has a register yet.
	NotFounded
	// NotOwner: another proxy serves, where only one may.
	NotOwner
	// FewOwners: fewer than MinCopies of the stores that hold the key are up.
	FewOwners
	// Unsettled: too few stores answer to say which version is the newest.
	Unsettled
	// Leases: proxies may still be reading what the write would change.
	Leases
	// Uncovered: after several failures, a store is not known yet to have the
	// newest of all records that it is to answer for.
	Uncovered
	// Failing: the store that is to serve does not, and is not excluded yet.
	Failing
	// Unequal: the record's table differs between stores.
	Unequal
	// Unclaimed: no proxy serves, where only one may, and a store that must agree
	// does not answer.
	Unclaimed
)

// Unavailable is the error of an operation that had no effect, and for which
// the stores were not in a state to carry it out for as long as Patience.
type Unavailable struct {
	Reason Reason
	Store  string // of Failing, Uncovered and Unclaimed
	Err    error  // of Failing: the last error; of Unequal: a *Differs
	Have   int    // of NoView, FewOwners, Unsettled: how many there are
	Need   int    // and how many must be
	// Closed are, of NoView, stores and witnesses that answer, and are not let in:
	// they were restarted, and what they have lost can't be told.
	Closed []string
	// Away are, of NoView, those that do not answer.
	Away  []string
	After time.Duration
}

// Error says what is the matter and what an operator can do.
func (u *Unavailable) Error() string {
	if u.After == 0 {
		return u.What() + "; nothing was changed"
	}
	return fmt.Sprintf("%s (for %s); nothing was changed", u.What(), u.After.Round(time.Millisecond))
}

// What says what is the matter and what an operator can do.
func (u *Unavailable) What() string {
	text := ""
	switch u.Reason {
	case NoView:
		text = fmt.Sprintf("only %d of the stores and witnesses agree, and %d must: bring others back", u.Have, u.Need)
		if len(u.Away) > 0 {
			text += " (" + strings.Join(u.Away, ", ") + ")"
		}
		if len(u.Closed) > 0 {
			text += fmt.Sprintf("; restarted, and not let in for they may have lost their last writes: %s (dsmproxy trust, for one that has lost nothing)",
				strings.Join(u.Closed, ", "))
		}
	case NotFounded:
		text = "the stores have not been initialised for this consistency level: all stores and witnesses must answer once, and dsmproxy's log says what is missing"
	case NotOwner:
		text = "another proxy serves: with two voters only one proxy may at a time"
	case FewOwners:
		text = fmt.Sprintf("only %d stores that hold the record are up, and %d must be (min_copies): bring others back", u.Have, u.Need)
	case Unsettled:
		text = fmt.Sprintf("only %d stores with intact memory answer, and %d must to know the record's newest version: "+
			"bring others back, or accept the loss of what only they hold", u.Have, u.Need)
	case Leases:
		text = "other proxies may still be reading the record's old copy"
	case Uncovered:
		text = fmt.Sprintf("store %s is not known yet to have the newest of all records, which are being compared: "+
			"statements that name a key are served, others must wait", u.Store)
	case Failing:
		text = fmt.Sprintf("store %s fails: %v", u.Store, u.Err)
		if u.Store == "" {
			text = fmt.Sprintf("a copy can't be made: %v", u.Err)
		}
	case Unequal:
		text = u.Err.Error()
	case Unclaimed:
		text = fmt.Sprintf("no proxy serves yet: with two voters one begins only when every store that is not excluded agrees, "+
			"and store %s does not answer: bring it back", u.Store)
	}
	return text
}

// Unwrap returns the last error of a store.
func (u *Unavailable) Unwrap() error { return u.Err }
