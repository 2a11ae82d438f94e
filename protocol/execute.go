package protocol

import (
	"encoding/binary"
	"strconv"
)

// Execute is a COM_STMT_EXECUTE packet, taken apart as far as routing needs it.
// It refers to the payload it was parsed from and is valid as long as that. It
// is reused by Parse, which then allocates nothing.
type Execute struct {
	StmtID     uint32
	Flags      byte // cursor type
	Iterations uint32
	// NewTypes: the packet brings the parameters' types; without, the types of
	// the statement's last execution hold.
	NewTypes bool
	// Types has two bytes for each parameter, the packet's own or the bound ones:
	// the type, and 0x80 if it is unsigned.
	Types []byte
	// NullBitmap has one bit for each parameter.
	NullBitmap []byte

	payload []byte
	values  int // where the values begin
	params  []span
	text    []byte // scratch of Arg
}

// span is where a parameter's value stands in the payload, without the length
// before it. A negative start: there is none (NULL, or sent as long data).
type span struct{ start, end int }

// unsignedFlag is the second byte of an unsigned parameter's type.
const unsignedFlag = 0x80

// executeHead is the length of what stands before the NULL bitmap.
const executeHead = 10

// ParseExecute takes a COM_STMT_EXECUTE of a statement of params parameters
// apart, none of which was sent as long data. See Execute.Parse.
func ParseExecute(payload []byte, params int, boundTypes []byte) (x Execute, err error) {
	err = x.Parse(payload, params, boundTypes, nil)
	return x, err
}

// Parse takes the packet apart. boundTypes, two bytes for each parameter, are
// the types of the statement's last execution (nil before the first); isLong,
// unless nil, tells which parameters were sent as long data and so have no
// value in the packet. What doesn't parse is an *Error, 1210 for a packet that
// needs types and has none, 1835 otherwise.
func (x *Execute) Parse(payload []byte, params int, boundTypes []byte, isLong func(i int) bool) error {
	*x = Execute{params: x.params[:0], text: x.text[:0], payload: payload}
	if len(payload) < executeHead || Command(payload[0]) != ComStmtExecute {
		return malformedExecute()
	}
	x.StmtID = binary.LittleEndian.Uint32(payload[1:])
	x.Flags = payload[5]
	x.Iterations = binary.LittleEndian.Uint32(payload[6:])
	x.values = len(payload)
	if params == 0 {
		return nil
	}
	at := executeHead
	bitmap := (params + 7) / 8
	if len(payload)-at < bitmap+1 {
		return malformedExecute()
	}
	x.NullBitmap = payload[at : at+bitmap]
	at += bitmap
	x.NewTypes = payload[at] == 1
	at++
	x.Types = boundTypes
	if x.NewTypes {
		if len(payload)-at < 2*params {
			return malformedExecute()
		}
		x.Types = payload[at : at+2*params]
		at += 2 * params
	}
	if len(x.Types) != 2*params {
		return Errorf(ErrWrongArguments, "Incorrect arguments to mysqld_stmt_execute")
	}
	x.values = at
	return x.parseValues(params, isLong)
}

func malformedExecute() *Error { return Errorf(ErrMalformedPacket, "Malformed communication packet") }

func (x *Execute) parseValues(params int, isLong func(i int) bool) error {
	at := x.values
	for i := range params {
		if x.IsNull(i) || isLong != nil && isLong(i) {
			x.params = append(x.params, span{-1, -1})
			continue
		}
		head, size, ok := valueSize(x.Types[2*i], x.payload[at:])
		if !ok {
			return malformedExecute()
		}
		at += head
		x.params = append(x.params, span{at, at + size})
		at += size
	}
	return nil
}

// valueSize returns the length of the value at the front of b and of the
// length before it.
func valueSize(typ byte, b []byte) (head, size int, ok bool) {
	switch typ {
	case TypeNull:
		return 0, 0, true
	case TypeTiny:
		size = 1
	case TypeShort, TypeYear:
		size = 2
	case TypeLong, TypeInt24, TypeFloat:
		size = 4
	case TypeLongLong, TypeDouble:
		size = 8
	case TypeDate, TypeDatetime, TypeTimestamp, TypeTime:
		if len(b) == 0 {
			return 0, 0, false
		}
		head, size = 1, int(b[0])
	default:
		n, used := ReadLenenc(b)
		if used == 0 || n > uint64(len(b)) {
			return 0, 0, false
		}
		head, size = used, int(n)
	}
	return head, size, len(b) >= head+size
}

// Params is the number of parameters.
func (x *Execute) Params() int { return len(x.params) }

// IsNumber reports whether parameter i was bound as a number.
func (x *Execute) IsNumber(i int) bool {
	if 2*i >= len(x.Types) {
		return false
	}
	switch x.Types[2*i] {
	case TypeTiny, TypeShort, TypeLong, TypeLongLong, TypeInt24, TypeYear, TypeFloat, TypeDouble, TypeDecimal, TypeNewDecimal:
		return true
	}
	return false
}

// IsBinary reports whether parameter i was bound as a blob, which a server takes
// for bytes in no charset.
func (x *Execute) IsBinary(i int) bool {
	return 2*i < len(x.Types) && x.Types[2*i] >= TypeTinyBlob && x.Types[2*i] <= TypeBlob
}

// IsNull reports whether parameter i is NULL. One that was sent as long data is
// not, whatever its bit says; only the caller knows of that.
func (x *Execute) IsNull(i int) bool {
	return x.NullBitmap[i/8]&(1<<(i%8)) != 0 || x.Types[2*i] == TypeNull
}

// Arg returns what parameter i is as a literal's value would be: the bytes of
// a string or blob, the decimal text of an integer. ok is false where that
// can't be told without the server: for floating point numbers, dates, decimals
// that are no plain integers, and for long data, which the caller has. text is
// valid until the next call of Arg or Parse.
func (x *Execute) Arg(i int) (text []byte, null, ok bool) {
	s := x.params[i]
	if s.start < 0 {
		null = x.IsNull(i)
		return nil, null, null
	}
	v := x.payload[s.start:s.end]
	typ, unsigned := x.Types[2*i], x.Types[2*i+1]&unsignedFlag != 0
	var n uint64
	switch typ {
	case TypeTiny:
		n = signed(uint64(v[0]), 8, unsigned)
	case TypeShort, TypeYear:
		n = signed(uint64(binary.LittleEndian.Uint16(v)), 16, unsigned)
	case TypeLong, TypeInt24:
		n = signed(uint64(binary.LittleEndian.Uint32(v)), 32, unsigned)
	case TypeLongLong:
		n = binary.LittleEndian.Uint64(v)
	case TypeFloat, TypeDouble, TypeDate, TypeDatetime, TypeTimestamp, TypeTime:
		return nil, false, false
	case TypeDecimal, TypeNewDecimal:
		return v, false, plainInteger(v)
	default:
		return v, false, true
	}
	if unsigned {
		x.text = strconv.AppendUint(x.text[:0], n, 10)
	} else {
		x.text = strconv.AppendInt(x.text[:0], int64(n), 10)
	}
	return x.text, false, true
}

// signed extends the sign of a number of so many bits, unless it is unsigned.
func signed(n uint64, bits int, unsigned bool) uint64 {
	if unsigned {
		return n
	}
	shift := 64 - bits
	return uint64(int64(n<<shift) >> shift)
}

// plainInteger reports whether s is an integer as MySQL itself prints it.
func plainInteger(s []byte) bool {
	digits := s
	if len(s) > 1 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(s) > 1 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// AppendExecute appends x's packet with another statement id and with the
// types given, which a store needs where the client doesn't repeat those of an
// execution on another store.
func AppendExecute(dst []byte, x *Execute, newID uint32, types []byte) []byte {
	dst = append(dst, byte(ComStmtExecute))
	dst = binary.LittleEndian.AppendUint32(dst, newID)
	dst = append(dst, x.Flags)
	dst = binary.LittleEndian.AppendUint32(dst, x.Iterations)
	if len(x.NullBitmap) == 0 {
		return append(dst, x.payload[executeHead:]...)
	}
	dst = append(dst, x.NullBitmap...)
	dst = append(dst, 1)
	dst = append(dst, types...)
	return append(dst, x.payload[x.values:]...)
}

// AppendSubset appends an EXECUTE of a statement that has the parameters of x
// whose indexes params lists, in ascending order. types are the bound types of
// all of x's parameters.
func AppendSubset(dst []byte, x *Execute, id uint32, types []byte, params []int) []byte {
	dst = append(dst, byte(ComStmtExecute))
	dst = binary.LittleEndian.AppendUint32(dst, id)
	dst = append(dst, x.Flags)
	dst = binary.LittleEndian.AppendUint32(dst, x.Iterations)
	if len(params) == 0 {
		return dst
	}
	bitmap := len(dst)
	dst = append(dst, make([]byte, (len(params)+7)/8)...)
	for i, p := range params {
		if x.NullBitmap[p/8]&(1<<(p%8)) != 0 {
			dst[bitmap+i/8] |= 1 << (i % 8)
		}
	}
	dst = append(dst, 1)
	for _, p := range params {
		dst = append(dst, types[2*p], types[2*p+1])
	}
	at, next := x.values, 0
	for i, value := range x.params {
		wanted := next < len(params) && params[next] == i
		if wanted {
			next++
		}
		if value.start < 0 {
			continue
		}
		if wanted {
			dst = append(dst, x.payload[at:value.end]...)
		}
		at = value.end
	}
	return dst
}
