package fence

import (
	"context"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// Key is a record's key: the number of its table, and its ID as it is hashed.
// Methods that keep a key longer than the call clone it.
type Key struct {
	Table uint16
	ID    []byte
}

// Statement is a statement of a client with the place for its answer. The
// package hands it on unseen. If a statement is run again, because the first
// run did not count, the new answer takes the place of the old one, so nothing
// of it may be relayed before the Group's method returns nil.
type Statement any

// Guard is what must hold for a store to do what it is asked. The store checks
// it in the same transaction, holding its register until that has committed.
type Guard struct {
	// Boot is the admission that the proxy knows the store by: the request may
	// go only over connections that were opened under it (ErrClosed).
	Boot uint64
	// View is what the store's register must equal (ErrFenced).
	View *view.View
	// Leased: what is read is told only if the proxy has a lease of View then, so
	// that Read, and a Write that has changed nothing, need not look at the
	// register (readGuard).
	Leased bool
}

// Entry is what a store holds of a key.
type Entry struct {
	// Known is false where the store has neither a version nor a record. A
	// record without a version is Known, with the zero Version.
	Known   bool
	Version view.Version
	Flags   view.Flags
	// Tick is the store's tick at which the version came to it.
	Tick uint64
	// Confirmed is the view in which this copy was last known to be the
	// newest; nil if that is not known, or was said before the store's last
	// Reset. Read and Write need not fill it in.
	Confirmed *view.View
	// Image is the whole record; nil where there is none, or it was not asked
	// for. One that is Deleted has an Image where the record was made behind the
	// protocol's back; it is not stored.
	Image []byte
}

// same reports whether two stores have the same of a key.
func (e *Entry) same(o *Entry) bool { return e.Known == o.Known && e.Version == o.Version }

// Put is a version that is to be stored.
type Put struct {
	Key   Key
	Entry Entry // Known, Version, Flags and Image count
	// MaxTick is the last tick of the store at which it may still come
	// (ErrLate).
	MaxTick uint64
	// Last: every other target has the version, so that it is Clean with this
	// one, also where the store has it already. Swap does not ask.
	Last bool
}

// Swap is a Put for where the store still has what was Seen. If Entry is not
// Known, what the store has of the key is removed.
type Swap struct {
	Put
	Seen Entry // Known and Version count
	// Listed: Seen is from Scan, so that it is Known by its version.
	Listed bool
	// Keep: the record stays as it is, and Entry, which has no Image, is Deleted
	// if there is none. Seen is Known and Listed then.
	Keep bool
}

// Mark names a version of a key.
type Mark struct {
	Key     Key
	Version view.Version
}

// Item is a key with what a store holds of it.
type Item struct {
	Key   Key
	Entry Entry
}

// Filter says which keys Scan lists.
type Filter uint8

// The filters of Scan.
const (
	All   Filter = iota // every key that the store knows
	Dirty               // those whose version is not Clean
	Tombs               // those that are Deleted
)

// Beat is what a proxy tells a store while it looks at it.
type Beat struct {
	// Tick moves the store's tick on by one, if its gate is open. One that is
	// closed may have gone back in time, which must not be made up for before it
	// is found out.
	Tick bool
	// Proxy and Reach, if Proxy is not 0, are kept by the store with the time:
	// which stores the proxy reaches, as a bit set (and more, drain.go).
	Proxy, Reach uint64
	// Ticks, if not nil, are the highest that the proxy knows of all voters, by
	// their index. The store keeps the highest that it has ever been told of
	// each.
	Ticks []uint64
}

// notes reports whether the store has something to note, and so must be one that
// can be written.
func (b *Beat) notes() bool { return b.Tick || b.Proxy != 0 || len(b.Ticks) > 0 }

// Report is the Beat of another proxy.
type Report struct {
	Proxy, Reach uint64
	Age          time.Duration // by the store's clock
}

// Status is what a voter says of itself.
type Status struct {
	// Name is what the store was called when it was founded or reset; "" where
	// that is not recorded.
	Name string
	// Boot is a number that no other admission of any store has; 0 while the
	// gate is closed: the store has been restarted and nobody has admitted it
	// since.
	Boot uint64
	// HalfOpen: the gate is closed because an Open has failed behind the register,
	// in this very start of the server: nothing has been lost since then.
	HalfOpen bool
	// Start tells the server's present start from others, where it is not
	// Blank; 0 if that is told otherwise. It means something to Open alone.
	Start uint64
	// Blank: there is no register.
	Blank bool
	// Durable: what the store has committed is there after any restart.
	Durable bool
	// View is the register, Act the newest view whose leases somebody has
	// outwaited (may be nil).
	View, Act *view.View
	// Tick is the store's own count.
	Tick uint64
	// Intact: the store has not lost its memory since it was last made whole.
	// Cover is the view as of which it held the newest version of every key
	// that it is a target of; nil if that was never said. A store that is
	// Intact without a Cover has been founded and not yet healed.
	Intact bool
	Cover  *view.View
	// Keys is about how many keys the store knows; 0 if it can't tell.
	Keys uint64
	// Reports are those of the proxies that have lately looked at the store, told
	// to who says with its Beat which proxy it is.
	Reports []Report
	// Ticks are the highest that the voter was ever told of the others, by their
	// index; 0, or none, where it was not. It tells them to who tells it some.
	Ticks []uint64
}

// founding reports whether s is from before the first heal.
func (s *Status) founding() bool { return s.Intact && s.Cover == nil }

// Opening says how a store's gate is opened.
type Opening uint8

// How a store's gate is opened.
const (
	// Admit: the store is believed to have all that it had before.
	Admit Opening = iota
	// Reset: its memory counts for nothing. It becomes the join of its register
	// and the view, not Intact, without a Cover, and every Confirmed is void,
	// also one of this very view: it is from before the loss. Where the store
	// is Blank the register is made first; records are left alone.
	Reset
	// Found: the register is made anew, holding the view, Intact, without a
	// Cover: the first time ever.
	Found
)

// Note says what Voter.Note records.
type Note uint8

// What Voter.Note records.
const (
	NoteAct   Note = iota // the guard's view as Act
	NoteCover             // the guard's view as Cover, and that the store is Intact
)

// Voter is one server that holds a register. Each method is one round trip,
// takes effect atomically or not at all, and returns in bounded time. Its
// errors are those of errors.go; any other is taken for ErrLost. Voters are
// safe for concurrent use.
type Voter interface {
	// Name is the configured name.
	Name() string
	// Look reads the register over any connection, admitted or not. With
	// Beat.Ticks what it tells is on the disk, else a crash may take it back
	// where somebody else has only just written it.
	Look(ctx context.Context, b Beat) (Status, error)
	// Push raises the register to the join of what it holds and v, and waits
	// for what was fenced by the old one; when it returns the register is on the
	// disk, whoever has raised it. With solo it is refused (ErrFenced)
	// where the register's term is above v's. On a store that is not durable
	// it makes sure that the register is.
	Push(ctx context.Context, boot uint64, v *view.View, solo bool) error
	// Open opens the gate, giving the store a new Boot, if the store is still
	// as in seen: the same start of the server, and closed (ErrClosed). It moves
	// the tick on, to above the given one, so that who has used the store since
	// knows a copy of its data from before.
	Open(ctx context.Context, seen Status, how Opening, v *view.View, tick uint64) error
	// Note records something of the view.
	Note(ctx context.Context, g Guard, n Note) error
}

// Store is a voter that holds records. A store never runs two transactions on
// one key at a time; a statement that waits for a row lock is waited for, or
// answered with the store's own error, which is an answer like any other.
type Store interface {
	Voter
	// Read runs a statement that changes nothing, and then reads the marks of
	// the keys, into marks, which is as long as keys: first the data, then the
	// guard and the marks.
	Read(ctx context.Context, g Guard, stmt Statement, keys []Key, marks []Entry) error
	// Write runs a statement, and if it has changed something, gives each of
	// the keys its next version in the guard's view, with the write's id,
	// confirmed and not Clean. entries, as long as keys, get what is there
	// then, with images if something changed. A statement that the store
	// answers with an error has changed nothing. If the guard fails, nothing
	// has happened.
	Write(ctx context.Context, g Guard, stmt Statement, keys []Key, id uint64, entries []Entry) (changed bool, err error)
	// Load reads entries, with their Confirmed, and with images if it is told
	// so. What it tells with images is on the disk: it is brought to others, and
	// must not be lost where it comes from. tick is the store's own.
	Load(ctx context.Context, g Guard, keys []Key, images bool, entries []Entry) (tick uint64, err error)
	// Put stores each version that is newer than the store's own, confirmed,
	// and Clean if it is the Last: all, or none with an error.
	Put(ctx context.Context, g Guard, puts []Put) error
	// Swap does each swap that it can, and says in done, as long as swaps,
	// which. A version that the store has already keeps its tick and Clean, and
	// is confirmed.
	Swap(ctx context.Context, g Guard, swaps []Swap, done []bool) error
	// MarkClean marks the versions that the store still has. It is not fenced.
	MarkClean(ctx context.Context, boot uint64, marks []Mark) error
	// Scan lists up to limit keys above after (all, if after.ID is nil) in
	// their order: by table, then by the bytes of the ID. No images.
	Scan(ctx context.Context, g Guard, f Filter, after Key, limit int) (items []Item, tick uint64, err error)
}
