package protocol

import "io"

// AnswerKind says which grammar an answer follows.
type AnswerKind uint8

// The grammars of answers.
const (
	AnswerResult  AnswerKind = iota // COM_QUERY, COM_STMT_EXECUTE, and whatever answers with OK or ERR alone
	AnswerPrepare                   // COM_STMT_PREPARE
	AnswerFields                    // COM_FIELD_LIST: columns up to an EOF
	AnswerRows                      // COM_STMT_FETCH: rows up to an EOF
)

// Answer is what the control packets of an answer said. Of several results it
// holds the last one's values; Err is the ERR packet, which ends an answer.
type Answer struct {
	Err          *Error
	AffectedRows uint64
	InsertID     uint64
	Status       Status
	Warnings     uint16
	Columns      int    // of the last result set; 0 for an OK packet
	Rows         uint64 // in all result sets
	StmtID       uint32 // AnswerPrepare
	Params       uint16 // AnswerPrepare
}

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
	// to be written by the owner of this package
}

// Reset begins a new answer of the given kind. deprecateEOF is what both sides
// of the relay agreed on; seq is the sequence number that the first packet
// carries towards the client. Set, Clear and StmtID become zero.
func (f *Framer) Reset(kind AnswerKind, deprecateEOF bool, seq byte) { panic("contract only") }

// Feed follows b and returns how many of its bytes are understood and may be
// passed on, and whether they end the answer. The rest (part of a header or of
// a control packet) is to be fed again with more behind it. An error means
// that the peer's bytes do not follow the grammar.
func (f *Framer) Feed(b []byte) (n int, done bool, err error) { panic("contract only") }

// Seq is the sequence number that follows the last packet fed.
func (f *Framer) Seq() byte { panic("contract only") }

// Answer is what the control packets have said so far.
func (f *Framer) Answer() *Answer { panic("contract only") }

// RelayError is an error of one side of a relay, and says of which.
type RelayError struct {
	Source bool // the answering side failed, not the receiving one
	Err    error
}

// Error names the side.
func (e *RelayError) Error() string { panic("contract only") }

// Unwrap returns the cause.
func (e *RelayError) Unwrap() error { return e.Err }

// Relay reads one answer from src and writes it to dst as it arrives, without
// holding more than a buffer of it. It returns the number of bytes that went
// to dst; its errors are *RelayError. dst is not flushed. What src has sent
// beyond the answer (a pipelined one) stays unread.
func (f *Framer) Relay(dst io.Writer, src *Conn) (int64, error) { panic("contract only") }
