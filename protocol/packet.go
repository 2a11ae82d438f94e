package protocol

import "encoding/binary"

// First bytes of the packets that answers are made of.
const (
	headerOK     = 0x00
	headerInfile = 0xfb
	headerEOF    = 0xfe
	headerERR    = 0xff
)

// ReadLenenc reads a length-encoded integer from the front of b and returns it
// with the number of bytes it takes; n is 0 if b is too short. NULL (0xfb) and
// 0xff are no integers: they too give n = 0.
func ReadLenenc(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch first := b[0]; {
	case first < 0xfb:
		return uint64(first), 1
	case first == 0xfc && len(b) >= 3:
		return uint64(b[1]) | uint64(b[2])<<8, 3
	case first == 0xfd && len(b) >= 4:
		return uint64(b[1]) | uint64(b[2])<<8 | uint64(b[3])<<16, 4
	case first == 0xfe && len(b) >= 9:
		return binary.LittleEndian.Uint64(b[1:]), 9
	}
	return 0, 0
}

// AppendLenenc appends v as a length-encoded integer.
func AppendLenenc(b []byte, v uint64) []byte {
	switch {
	case v < 0xfb:
		return append(b, byte(v))
	case v < 1<<16:
		return append(b, 0xfc, byte(v), byte(v>>8))
	case v < 1<<24:
		return append(b, 0xfd, byte(v), byte(v>>8), byte(v>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), v)
}

// ReadLenencBytes reads a length-encoded string from the front of b, without
// copying it, and returns what it takes; n is 0 if b is too short. NULL (0xfb)
// is a nil s with n = 1; an empty string is not nil.
func ReadLenencBytes(b []byte) (s []byte, n int) {
	if len(b) > 0 && b[0] == 0xfb {
		return nil, 1
	}
	v, n := ReadLenenc(b)
	if n == 0 || v > uint64(len(b)-n) {
		return nil, 0
	}
	end := n + int(v)
	return b[n:end:end], end
}

// AppendLenencBytes appends s as a length-encoded string.
func AppendLenencBytes[T []byte | string](b []byte, s T) []byte {
	return append(AppendLenenc(b, uint64(len(s))), s...)
}

// ParseOK reads an OK packet, also one that ends rows (with the header of an
// EOF packet) under DEPRECATE_EOF. ok is false if it is none.
func ParseOK(payload []byte) (p OK, status Status, ok bool) {
	if len(payload) < 7 || payload[0] != headerOK && payload[0] != headerEOF {
		return p, 0, false
	}
	at, ok := statusOfOK(payload)
	if !ok {
		return p, 0, false
	}
	var n int
	p.AffectedRows, n = ReadLenenc(payload[1:])
	p.InsertID, _ = ReadLenenc(payload[1+n:])
	p.Warnings = binary.LittleEndian.Uint16(payload[at+2:])
	if info := payload[at+4:]; len(info) > 0 {
		// A server that was offered SESSION_TRACK or PROTOCOL_41 sends a
		// length-encoded info, old ones the rest of the packet.
		if s, n := ReadLenencBytes(info); n == len(info) {
			p.Info = string(s)
		} else {
			p.Info = string(info)
		}
	}
	return p, Status(binary.LittleEndian.Uint16(payload[at:])), true
}

// statusOfOK finds the status flags of an OK packet.
func statusOfOK(payload []byte) (at int, ok bool) {
	at = 1
	for range 2 {
		_, n := ReadLenenc(payload[at:])
		if n == 0 {
			return 0, false
		}
		at += n
	}
	return at, len(payload) >= at+4
}

// ParseEOF reads a classic EOF packet.
func ParseEOF(payload []byte) (status Status, warnings uint16, ok bool) {
	if len(payload) != 5 || payload[0] != headerEOF {
		return 0, 0, false
	}
	return Status(binary.LittleEndian.Uint16(payload[3:])), binary.LittleEndian.Uint16(payload[1:]), true
}

// ParseErr reads an ERR packet, with or without SQLSTATE; it is nil if payload
// is none.
func ParseErr(payload []byte) *Error {
	if len(payload) < 3 || payload[0] != headerERR {
		return nil
	}
	e := &Error{Code: binary.LittleEndian.Uint16(payload[1:])}
	rest := payload[3:]
	if len(rest) >= 6 && rest[0] == '#' {
		e.State, rest = string(rest[1:6]), rest[6:]
	}
	e.Message = string(rest)
	return e
}

// AppendOK appends the payload of an OK packet; header is 0x00, or 0xfe where
// it ends rows under DEPRECATE_EOF.
func AppendOK(b []byte, header byte, ok OK, status Status) []byte {
	b = append(b, header)
	b = AppendLenenc(b, ok.AffectedRows)
	b = AppendLenenc(b, ok.InsertID)
	b = append(b, byte(status), byte(status>>8), byte(ok.Warnings), byte(ok.Warnings>>8))
	if ok.Info != "" {
		b = AppendLenencBytes(b, ok.Info)
	}
	return b
}

// AppendEOF appends the payload of a classic EOF packet.
func AppendEOF(b []byte, status Status, warnings uint16) []byte {
	return append(b, headerEOF, byte(warnings), byte(warnings>>8), byte(status), byte(status>>8))
}

// AppendErr appends the payload of an ERR packet; with state, it carries the
// SQLSTATE (PROTOCOL_41).
func AppendErr(b []byte, e *Error, state bool) []byte {
	b = append(b, headerERR, byte(e.Code), byte(e.Code>>8))
	if state {
		s := e.State
		if len(s) != 5 {
			s = "HY000"
		}
		b = append(append(b, '#'), s...)
	}
	return append(b, e.Message...)
}

// AppendColumn appends the payload of a column definition
// (Protocol::ColumnDefinition41).
func AppendColumn(b []byte, c *Column) []byte {
	b = AppendLenencBytes(b, "def")
	b = AppendLenencBytes(b, c.Schema)
	b = AppendLenencBytes(b, c.Table)
	b = AppendLenencBytes(b, c.OrgTable)
	b = AppendLenencBytes(b, c.Name)
	b = AppendLenencBytes(b, c.OrgName)
	b = append(b, 0x0c)
	b = binary.LittleEndian.AppendUint16(b, c.Charset)
	b = binary.LittleEndian.AppendUint32(b, c.Length)
	b = append(b, c.Type)
	b = binary.LittleEndian.AppendUint16(b, c.Flags)
	return append(b, c.Decimals, 0, 0)
}

// ParseColumn reads a column definition; ok is false if payload is none.
func ParseColumn(payload []byte) (c Column, ok bool) {
	var catalog string
	rest := payload
	for _, s := range []*string{&catalog, &c.Schema, &c.Table, &c.OrgTable, &c.Name, &c.OrgName} {
		v, n := ReadLenencBytes(rest)
		if n == 0 {
			return c, false
		}
		*s, rest = string(v), rest[n:]
	}
	fixed, n := ReadLenencBytes(rest)
	if n == 0 || len(fixed) < 10 {
		return c, false
	}
	c.Charset = binary.LittleEndian.Uint16(fixed)
	c.Length = binary.LittleEndian.Uint32(fixed[2:])
	c.Type = fixed[6]
	c.Flags = binary.LittleEndian.Uint16(fixed[7:])
	c.Decimals = fixed[9]
	return c, true
}
