package ledger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// An image is a record, or all rows of one whose key is not unique, as bytes
// that are the same for equal records at any server:
//
//	format (1), fingerprint of the columns (8),
//	for each row, in the order of the bytes: 1, then each column's value as a
//	length-encoded string, or 0xfb for NULL
//
// Columns whose values the server computes are left out. The fingerprint is of
// the others' names and codings: where it differs, the table has been changed
// at one store and not yet at the other, and the record is not carried over
// until it has been there too.

// imageFormat is the first byte of an image.
const imageFormat = 1

// image makes an image of the rows of a statement's result, whose columns begin
// at from; nil if there is no record.
func (sh *shape) image(r *reply, set, from int) ([]byte, error) {
	rows := r.sets[set].rows
	if r.sets[set].columns != from+len(sh.columns) {
		return nil, lost(errOdd)
	}
	var encoded [][]byte
	for i := range rows {
		cells := r.row(set, i)[from:]
		if cells[sh.keyAt] == nil {
			continue
		}
		size := 16
		for c, v := range cells {
			if sh.columns[c].coding == codeFloat && bytes.IndexByte(v, 0) >= 0 {
				cells[c] = bytes.ReplaceAll(v, []byte{0}, nil)
			}
			size += len(v) + 9
		}
		b := make([]byte, 0, size)
		if rows == 1 {
			b = sh.head(b)
		}
		encoded = append(encoded, appendRow(b, cells))
	}
	switch {
	case len(encoded) == 0:
		return nil, nil
	case rows == 1:
		return encoded[0], nil
	}
	slices.SortFunc(encoded, bytes.Compare)
	return append(sh.head(nil), bytes.Join(encoded, nil)...), nil
}

func appendRow(b []byte, cells [][]byte) []byte {
	b = append(b, 1)
	for _, v := range cells {
		if v == nil {
			b = append(b, 0xfb)
		} else {
			b = protocol.AppendLenencBytes(b, v)
		}
	}
	return b
}

// takeRow takes the next row off an image.
func takeRow(b []byte, cells [][]byte) (rest []byte, ok bool) {
	if b[0] != 1 {
		return nil, false
	}
	b = b[1:]
	for i := range cells {
		switch {
		case len(b) > 0 && b[0] == 0xfb:
			cells[i], b = nil, b[1:]
		default:
			v, n := protocol.ReadLenencBytes(b)
			if n == 0 {
				return nil, false
			}
			cells[i], b = v[:len(v):len(v)], b[n:]
		}
	}
	return b, true
}

// rows returns an image without its head.
func (sh *shape) rows(image []byte) ([]byte, error) {
	switch {
	case len(image) < 10 || image[0] != imageFormat:
		return nil, fmt.Errorf("%w: image of a record in another format: the proxies are of different versions", fence.ErrUnsent)
	case binary.BigEndian.Uint64(image[1:]) != sh.print:
		return nil, &fence.Differs{Table: sh.table.Schema + "." + sh.table.Name,
			Why: "it differs between the stores, so that its records can't be copied: dsmproxy check -online says in what"}
	}
	return image[9:], nil
}

// install appends the statements that make what is in the image the record,
// provided that the ledger has the version of e: one statement where that is
// enough, two otherwise, and none but one where the record is deleted.
func (s *Store) install(j *job, sh *shape, k *fence.Key, e *fence.Entry) (statements int, err error) {
	deleted := e.Flags.Has(view.Deleted) || e.Image == nil
	if deleted || sh.updates == "" {
		j.add("DELETE FROM ", sh.name, " WHERE ")
		sh.keyIs(j, "", k.ID)
		j.add(" AND EXISTS(SELECT 1 FROM ", s.texts.ver, " v WHERE ")
		j.oneKey(k).versionIs(e.Version).add(");")
		statements++
	}
	if deleted {
		return statements, nil
	}
	n, err := sh.eachRow(e.Image, func(cells [][]byte) {
		j.add("INSERT INTO ", sh.name, " (", sh.list, ") SELECT ")
		sh.literals(j, cells)
		j.add(" FROM ", s.texts.ver, " v WHERE ").oneKey(k).versionIs(e.Version)
		if sh.updates != "" {
			j.add(" ON DUPLICATE KEY UPDATE ", sh.updates)
		}
		j.add(";")
	})
	if err != nil {
		return 0, err
	}
	return statements + n, nil
}

// installNew is install where the record is to be what is in the image, of one
// row and whatever is there.
func (s *Store) installNew(j *job, sh *shape, k *fence.Key, e *fence.Entry) (statements int, err error) {
	if e.Flags.Has(view.Deleted) || e.Image == nil {
		j.add("DELETE FROM ", sh.name, " WHERE ")
		sh.keyIs(j, "", k.ID)
		j.add(";")
		return 1, nil
	}
	return sh.eachRow(e.Image, func(cells [][]byte) {
		j.add("INSERT INTO ", sh.name, " (", sh.list, ") VALUES (")
		sh.literals(j, cells)
		j.add(") ON DUPLICATE KEY UPDATE ", sh.updates, ";")
	})
}

// eachRow calls do with the cells of each of an image's rows, and returns how
// many there are. The cells are do's until it returns.
func (sh *shape) eachRow(image []byte, do func(cells [][]byte)) (rows int, err error) {
	rest, err := sh.rows(image)
	if err != nil {
		return 0, err
	}
	cells := make([][]byte, len(sh.columns))
	for ; len(rest) > 0; rows++ {
		var ok bool
		if rest, ok = takeRow(rest, cells); !ok {
			return 0, fmt.Errorf("%w: malformed image", fence.ErrUnsent)
		}
		do(cells)
	}
	return rows, nil
}

// literals appends a row's values.
func (sh *shape) literals(j *job, cells [][]byte) {
	for i := range cells {
		if i > 0 {
			j.add(",")
		}
		sh.columns[i].literal(j, cells[i])
	}
}

// versionIs appends the condition that v has a version.
func (j *job) versionIs(v view.Version) *job {
	return j.add(" AND v.ep=").num(v.Epoch).add(" AND v.n=").num(v.N).add(" AND v.wid=").num(v.ID)
}
