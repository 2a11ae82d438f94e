package protocol

// AnswerKind says which grammar an answer follows.
type AnswerKind uint8

// The grammars of answers.
const (
	AnswerResult  AnswerKind = iota // COM_QUERY, COM_STMT_EXECUTE, and whatever answers with OK or ERR alone
	AnswerPrepare                   // COM_STMT_PREPARE
	AnswerFields                    // COM_FIELD_LIST: columns up to an EOF
	AnswerRows                      // COM_STMT_FETCH: rows up to an EOF
)

// Answer is what the control packets of an answer said, before a Framer
// changed them. Of several results it holds the last one's values; Err is the
// ERR packet, which ends an answer.
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
