package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
)

// How an answer is followed.
//
// Only the first bytes of each frame matter: its length, and the first byte of
// a packet's payload, which tells a row from the packet that ends the rows.
// So definitions and rows are passed on as they arrive, and only control
// packets (OK, ERR, EOF, the column count, the head of a PREPARE's answer) must
// be there as a whole, for they are read, and changed in place.
//
//	first ──OK──────────────────────────────────────┐
//	  │ count                                       │ more results: first
//	  ▼                                             ▼
//	defs ×count ──(EOF unless DEPRECATE_EOF)── rows ──EOF/OK── done
//
// A cursor's answer ends with the EOF after the definitions, which says that a
// cursor exists; with DEPRECATE_EOF it is like an empty result set.

// maxControl bounds a control packet, which is held whole.
const maxControl = 1 << 20

// phase is what a Framer expects next.
type phase uint8

const (
	phaseFirst   phase = iota // OK, ERR or a column count; the start, and after each result that more follow
	phasePrepare              // ERR or the head of a PREPARE's answer
	phaseParams               // parameter definitions, left in defs
	phaseParEOF               // the EOF that ends them
	phaseDefs                 // column definitions, left in defs
	phaseDefEOF               // the EOF that ends them
	phaseRows                 // rows up to an EOF
	phaseFields               // definitions up to an EOF
	phaseDone                 // nothing: the answer has ended
)

var phaseNames = [...]string{
	"the first packet", "the head of a prepared statement", "parameter definitions",
	"the end of parameter definitions", "column definitions", "the end of column definitions",
	"rows", "field definitions", "nothing",
}

// String names what is expected.
func (p phase) String() string { return phaseNames[p] }

// Framer follows one answer over arbitrary chunk borders, so that a relay
// needs neither to decode rows nor to wait for whole packets. It renumbers the
// packets and changes the status flags in place where asked.
//
// A Framer is reused by Reset; it is not safe for concurrent use.
type Framer struct {
	// Set and Clear change the status flags of each OK and EOF packet.
	Set, Clear Status
	// StmtID, unless 0, replaces the statement id of an AnswerPrepare.
	StmtID uint32
	// Cut: more answers are awaited, and this one ends with error 1317 where the
	// next begins in the place of a result. A server that is to kill a query
	// between two statements of one packet leaves the others out, behind a
	// result that says that more follow, and says nothing.
	Cut bool
	// Expired is why the statement is interrupted that is answered; it may come
	// up while that is followed. It takes the place of error 1317 (query
	// interrupted); see Ended.
	Expired *atomic.Pointer[Error]

	answer       Answer
	kind         AnswerKind
	phase        phase
	deprecateEOF bool
	seq          byte // of the next frame, towards the receiver
	peerSeq      byte // of the next frame, as the peer numbers them
	started      bool // peerSeq is known
	goesOn       bool // the packet goes on in the next frame
	left         int  // bytes of the running frame that were not fed yet
	defs         int  // definitions still to come
	replaced     int  // bytes of the last packet, if answer.Err takes its place; else 0
}

// Reset begins a new answer of the given kind. deprecateEOF is what both sides
// of the relay agreed on; seq is the sequence number that the first packet
// carries towards the client. All exported fields become zero.
func (f *Framer) Reset(kind AnswerKind, deprecateEOF bool, seq byte) {
	*f = Framer{kind: kind, deprecateEOF: deprecateEOF, seq: seq}
	switch kind {
	case AnswerPrepare:
		f.phase = phasePrepare
	case AnswerFields:
		f.phase = phaseFields
	case AnswerRows:
		f.phase = phaseRows
	}
}

// Seq is the sequence number that follows the last packet fed.
func (f *Framer) Seq() byte { return f.seq }

// Answer is what the control packets have said so far.
func (f *Framer) Answer() *Answer { return &f.answer }

// Feed follows b and returns how many of its bytes are understood and may be
// passed on, and whether they end the answer. The rest (part of a header or of
// a control packet) is to be fed again with more behind it. An error means
// that the peer's bytes do not follow the grammar.
func (f *Framer) Feed(b []byte) (n int, done bool, err error) {
	for {
		if f.left > 0 {
			k := min(f.left, len(b)-n)
			n += k
			if f.left -= k; f.left > 0 {
				return n, false, nil
			}
		}
		if f.phase == phaseDone && !f.goesOn {
			return n, true, nil
		}
		rest := b[n:]
		if len(rest) < headerSize {
			return n, false, nil
		}
		if f.started && rest[3] != f.peerSeq {
			if f.Cut && f.phase == phaseFirst && !f.goesOn && rest[3] == 1 {
				f.answer.Err = Errorf(ErrQueryInterrupted, "Query execution was interrupted")
				f.phase = phaseDone
				return n, true, nil
			}
			return n, false, errors.New("packets out of order")
		}
		size := frameSize(rest)
		if !f.goesOn {
			whole, err := f.packet(rest, size)
			if err != nil || !whole {
				return n, false, err
			}
		}
		f.peerSeq, f.started = rest[3]+1, true
		rest[3] = f.seq
		f.seq++
		f.goesOn = size == MaxFrame
		f.left = size
		n += headerSize
	}
}

// packet looks at the packet at the front of b, whose first frame has the
// given size. It reports whether enough of it was there.
func (f *Framer) packet(b []byte, size int) (enough bool, err error) {
	if size == 0 {
		return false, fmt.Errorf("an empty packet instead of %s", f.phase)
	}
	if len(b) <= headerSize {
		return false, nil
	}
	first := b[headerSize]
	if !f.control(first, size) {
		switch f.phase {
		case phaseRows:
			f.answer.Rows++
		case phaseParams, phaseDefs:
			if f.defs--; f.defs == 0 {
				f.endDefs()
			}
		}
		return true, nil
	}
	if size > maxControl {
		return false, fmt.Errorf("a packet of %d bytes instead of %s", size, f.phase)
	}
	if len(b) < headerSize+size {
		return false, nil
	}
	return true, f.read(b[headerSize:headerSize+size], first)
}

// control tells a control packet from a definition or a row. A row's first
// byte is the header of an EOF only if its first value has 16 MiB and more.
func (f *Framer) control(first byte, size int) bool {
	switch f.phase {
	case phaseRows:
		if first == headerEOF {
			return f.isEOF(size)
		}
		return first == headerERR
	case phaseFields:
		return first == headerEOF && f.isEOF(size) || first == headerERR
	case phaseParams, phaseDefs:
		return first == headerERR
	}
	return true
}

func (f *Framer) isEOF(size int) bool {
	if f.deprecateEOF {
		return size < MaxFrame
	}
	return size < 9
}

// read carries out a control packet.
func (f *Framer) read(p []byte, first byte) error {
	if first == headerERR {
		if f.answer.Err = ParseErr(p); f.answer.Err == nil {
			return errors.New("malformed ERR packet")
		}
		if f.answer.Err.Code == ErrQueryInterrupted && f.Expired != nil {
			f.expire(p)
		}
		f.phase = phaseDone
		return nil
	}
	switch f.phase {
	case phaseFirst:
		return f.readFirst(p, first)
	case phasePrepare:
		return f.readPrepare(p)
	case phaseParEOF, phaseDefEOF:
		if first != headerEOF || len(p) != 5 {
			return fmt.Errorf("a packet of first byte %#x instead of %s", first, f.phase)
		}
		f.readEOF(p)
		f.endDefsEOF()
		return nil
	}
	return f.readEnd(p)
}

// expire puts why the statement was interrupted in the place of the ERR packet
// p, if that is known. It is longer than p, as a rule.
func (f *Framer) expire(p []byte) {
	if why := f.Expired.Load(); why != nil {
		e := *why
		f.answer.Err, f.replaced = &e, headerSize+len(p)
	}
}

// Ended returns frames, which end with the answer that f has followed to its
// end, as they are to be passed on: with the error that Expired has said, if it
// has. It changes frames then.
func (f *Framer) Ended(frames []byte) []byte {
	if f.replaced == 0 {
		return frames
	}
	return append(frames[:len(frames)-f.replaced], f.instead()...)
}

// instead is the frame that takes the place of the last one.
func (f *Framer) instead() []byte {
	b := AppendErr(make([]byte, headerSize, 128), f.answer.Err, true)
	n := len(b) - headerSize
	b[0], b[1], b[2], b[3] = byte(n), byte(n>>8), byte(n>>16), f.seq-1
	return b
}

// readFirst reads OK or the column count.
func (f *Framer) readFirst(p []byte, first byte) error {
	switch first {
	case headerOK, headerEOF:
		f.answer.Columns = 0
		return f.readEnd(p)
	case headerInfile:
		return errors.New("the store asks for a local file")
	}
	count, n := ReadLenenc(p)
	if n != len(p) || count > 1<<16 {
		return errors.New("malformed column count")
	}
	f.answer.Columns, f.defs = int(count), int(count)
	f.phase = phaseDefs
	return nil
}

// readPrepare reads the head of a PREPARE's answer.
func (f *Framer) readPrepare(p []byte) error {
	if p[0] != headerOK || len(p) < 9 {
		return errors.New("malformed answer to PREPARE")
	}
	a := &f.answer
	a.StmtID = binary.LittleEndian.Uint32(p[1:])
	a.Columns = int(binary.LittleEndian.Uint16(p[5:]))
	a.Params = binary.LittleEndian.Uint16(p[7:])
	if len(p) >= 12 {
		a.Warnings = binary.LittleEndian.Uint16(p[10:])
	}
	if f.StmtID != 0 {
		binary.LittleEndian.PutUint32(p[1:], f.StmtID)
	}
	f.phase, f.defs = phaseParams, int(a.Params)
	if f.defs == 0 {
		f.phase = phaseParEOF
		f.endDefsEOF()
	}
	return nil
}

// endDefs is called behind the last definition.
func (f *Framer) endDefs() {
	switch {
	case f.phase == phaseParams:
		f.phase = phaseParEOF
	case f.phase == phaseDefs:
		f.phase = phaseDefEOF
	}
	if f.deprecateEOF {
		f.endDefsEOF()
	}
}

// endDefsEOF is called behind the definitions and the EOF that ends them.
func (f *Framer) endDefsEOF() {
	switch {
	case f.phase == phaseParEOF && f.answer.Columns > 0:
		f.phase, f.defs = phaseDefs, f.answer.Columns
	case f.kind == AnswerPrepare:
		f.phase = phaseDone
	case !f.deprecateEOF && f.answer.Status.Has(StatusCursorExists):
		f.phase = phaseDone
	default:
		f.phase = phaseRows
	}
}

// readEnd reads the OK or EOF that ends a result. Behind the values of a
// procedure's OUT parameters another answer follows, which MySQL says in the
// EOF before them and not in that behind them.
func (f *Framer) readEnd(p []byte) error {
	goesOn := f.answer.Status.Has(StatusPSOutParams | StatusMoreResults)
	if p[0] == headerEOF && len(p) == 5 {
		f.answer.AffectedRows, f.answer.InsertID = 0, 0
		f.readEOF(p)
	} else if err := f.readOK(p); err != nil {
		return err
	}
	f.phase = phaseDone
	goesOn = goesOn && p[0] == headerEOF && !f.deprecateEOF
	if f.kind == AnswerResult && (goesOn || f.answer.Status.Has(StatusMoreResults)) {
		f.phase = phaseFirst
	}
	return nil
}

func (f *Framer) readOK(p []byte) error {
	at, ok := 0, false
	if p[0] == headerOK || f.deprecateEOF {
		at, ok = statusOfOK(p)
	}
	if !ok {
		return errors.New("malformed OK packet")
	}
	var n int
	a := &f.answer
	a.AffectedRows, n = ReadLenenc(p[1:])
	a.InsertID, _ = ReadLenenc(p[1+n:])
	a.Warnings = binary.LittleEndian.Uint16(p[at+2:])
	f.status(p[at:])
	return nil
}

func (f *Framer) readEOF(p []byte) {
	f.answer.Warnings = binary.LittleEndian.Uint16(p[1:])
	f.status(p[3:])
}

// status notes the flags at the front of b and changes them.
func (f *Framer) status(b []byte) {
	s := Status(binary.LittleEndian.Uint16(b))
	f.answer.Status = s
	binary.LittleEndian.PutUint16(b, uint16(s&^f.Clear|f.Set))
}
