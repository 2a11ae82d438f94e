package protocol

import "fmt"

// Error is an error as a MySQL server reports it in an ERR packet. An Error
// that came from a store reaches the client unchanged.
type Error struct {
	Code    uint16
	State   string // SQLSTATE, five characters; "" is sent as HY000
	Message string
}

// Error returns the text the mysql command line prints.
func (e *Error) Error() string {
	return fmt.Sprintf("ERROR %d (%s): %s", e.Code, e.State, e.Message)
}

// Errorf makes an Error of MySQL's number with the SQLSTATE that MySQL pairs
// with it.
func Errorf(code uint16, format string, args ...any) *Error {
	return &Error{Code: code, State: sqlState(code), Message: fmt.Sprintf(format, args...)}
}

// Error numbers that dsmproxy itself sends or asks about.
const (
	ErrDupEntryOnKey          uint16 = 1022
	ErrConCount               uint16 = 1040
	ErrHandshake              uint16 = 1043
	ErrDBAccessDenied         uint16 = 1044
	ErrAccessDenied           uint16 = 1045
	ErrNoDB                   uint16 = 1046
	ErrUnknownCommand         uint16 = 1047
	ErrBadDB                  uint16 = 1049
	ErrServerShutdown         uint16 = 1053
	ErrDupEntry               uint16 = 1062
	ErrParse                  uint16 = 1064
	ErrEmptyQuery             uint16 = 1065
	ErrNoSuchThread           uint16 = 1094
	ErrKillDenied             uint16 = 1095
	ErrUnknown                uint16 = 1105
	ErrHostBlocked            uint16 = 1129
	ErrHostNotPrivileged      uint16 = 1130
	ErrTableAccessDenied      uint16 = 1142
	ErrNoSuchTable            uint16 = 1146
	ErrNotAllowedCommand      uint16 = 1148
	ErrPacketTooLarge         uint16 = 1153
	ErrNetPacketsOutOrder     uint16 = 1156
	ErrNetUncompress          uint16 = 1157
	ErrTooManyUserConnections uint16 = 1203
	ErrLockWaitTimeout        uint16 = 1205
	ErrLockDeadlock           uint16 = 1213
	ErrWrongArguments         uint16 = 1210
	ErrNotSupportedYet        uint16 = 1235
	ErrUnknownStmtHandler     uint16 = 1243
	ErrNotSupportedAuthMode   uint16 = 1251
	ErrUnsupportedPS          uint16 = 1295
	ErrQueryInterrupted       uint16 = 1317
	ErrMalformedPacket        uint16 = 1835
	ErrConnectionKilled       uint16 = 1927 // MariaDB: the connection was killed
	ErrStatementTimeout       uint16 = 1969 // MariaDB
	ErrQueryTimeout           uint16 = 3024 // MySQL
	ErrSecureTransport        uint16 = 3159
	ErrIdleTimeout            uint16 = 4031
)

// sqlState gives the SQLSTATE of the numbers above; HY000 is MySQL's default.
func sqlState(code uint16) string {
	switch code {
	case ErrConCount, ErrNotSupportedAuthMode:
		return "08004"
	case ErrHandshake, ErrUnknownCommand, ErrServerShutdown, ErrPacketTooLarge, ErrNetPacketsOutOrder, ErrNetUncompress:
		return "08S01"
	case ErrTooManyUserConnections, ErrDBAccessDenied, ErrBadDB, ErrEmptyQuery, ErrParse, ErrNotSupportedYet, ErrNotAllowedCommand:
		return "42000"
	case ErrAccessDenied:
		return "28000"
	case ErrNoDB:
		return "3D000"
	case ErrDupEntry, ErrDupEntryOnKey:
		return "23000"
	case ErrNoSuchTable:
		return "42S02"
	case ErrLockDeadlock:
		return "40001"
	case ErrQueryInterrupted, ErrConnectionKilled, ErrStatementTimeout:
		return "70100"
	}
	return "HY000"
}
