package replica

import (
	"encoding/hex"
	"errors"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// BinaryRows is implemented by a Request whose rows come in the binary
// protocol.
type BinaryRows interface{ BinaryRows() bool }

var errOddRow = errors.New("row of another form than asked for")

// firstColumn returns the first column of a result set, decoded from
// hexadecimal; NULL is left out.
func firstColumn(frames []byte, a *protocol.Answer, deprecateEOF bool, req Request) ([][]byte, error) {
	binary := false
	if b, ok := req.(BinaryRows); ok {
		binary = b.BinaryRows()
	}
	skip := 1 + a.Columns
	if !deprecateEOF {
		skip++
	}
	var list [][]byte
	for i := 0; i < skip+int(a.Rows); i++ {
		if len(frames) < 4 {
			return nil, errOddRow
		}
		size := int(frames[0]) | int(frames[1])<<8 | int(frames[2])<<16
		if len(frames) < 4+size {
			return nil, errOddRow
		}
		row := frames[4 : 4+size]
		frames = frames[4+size:]
		if i < skip {
			continue
		}
		if binary {
			head := 1 + (a.Columns+7+2)/8
			if len(row) < head {
				return nil, errOddRow
			}
			if row[1]&4 != 0 { // the bitmap begins with its third bit
				continue
			}
			row = row[head:]
		} else if len(row) > 0 && row[0] == 0xfb {
			continue
		}
		text, n := protocol.ReadLenencBytes(row)
		if n == 0 {
			return nil, errOddRow
		}
		key, err := hex.AppendDecode(nil, text)
		if err != nil {
			return nil, errOddRow
		}
		list = append(list, key)
	}
	return list, nil
}
