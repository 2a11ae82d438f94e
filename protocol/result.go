package protocol

import "encoding/binary"

// OK is what an OK packet says beside the status.
type OK struct {
	AffectedRows uint64
	InsertID     uint64
	Warnings     uint16
	Info         string
}

// Column describes one column of a result set (Protocol::ColumnDefinition41).
type Column struct {
	Schema, Table, OrgTable, Name, OrgName string
	Charset                                uint16
	Length                                 uint32
	Type                                   byte
	Flags                                  uint16
	Decimals                               byte
}

// room is what a control packet is expected to take at most.
const room = 512

// WriteOK answers with an OK packet with the client's Status.
func (c *Client) WriteOK(ok OK) error {
	start, err := c.conn.begin(room)
	if err != nil {
		return err
	}
	c.conn.out = AppendOK(c.conn.out, headerOK, ok, c.Status)
	return c.conn.finish(start)
}

// WriteError answers with an ERR packet.
func (c *Client) WriteError(e *Error) error {
	start, err := c.conn.begin(room)
	if err != nil {
		return err
	}
	c.conn.out = AppendErr(c.conn.out, e, c.Capabilities.Has(ClientProtocol41))
	return c.conn.finish(start)
}

// WriteEOF answers with an EOF packet, or with the OK packet that stands for
// one under DEPRECATE_EOF, with the client's Status.
func (c *Client) WriteEOF() error {
	start, err := c.conn.begin(room)
	if err != nil {
		return err
	}
	if c.deprecateEOF() {
		c.conn.out = AppendOK(c.conn.out, headerEOF, OK{}, c.Status)
	} else {
		c.conn.out = AppendEOF(c.conn.out, c.Status, 0)
	}
	return c.conn.finish(start)
}

// WriteResult answers with a text result set of string columns; a nil value is
// NULL. It serves what the proxy answers by itself and what a scatter merged.
func (c *Client) WriteResult(columns []Column, rows [][][]byte) error {
	start, err := c.conn.begin(room)
	if err != nil {
		return err
	}
	c.conn.out = AppendLenenc(c.conn.out, uint64(len(columns)))
	if err := c.conn.finish(start); err != nil {
		return err
	}
	if err := c.writeColumns(columns); err != nil {
		return err
	}
	if !c.deprecateEOF() {
		if err := c.WriteEOF(); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if err := c.writeRow(row); err != nil {
			return err
		}
	}
	return c.WriteEOF()
}

func (c *Client) writeRow(row [][]byte) error {
	size := 0
	for _, v := range row {
		size += 9 + len(v)
	}
	start, err := c.conn.begin(size)
	if err != nil {
		return err
	}
	for _, v := range row {
		if v == nil {
			c.conn.out = append(c.conn.out, headerInfile) // NULL is the same byte
		} else {
			c.conn.out = AppendLenencBytes(c.conn.out, v)
		}
	}
	return c.conn.finish(start)
}

func (c *Client) writeColumns(columns []Column) error {
	for i := range columns {
		start, err := c.conn.begin(room)
		if err != nil {
			return err
		}
		c.conn.out = AppendColumn(c.conn.out, &columns[i])
		if err := c.conn.finish(start); err != nil {
			return err
		}
	}
	return nil
}

// WritePrepareOK answers a COM_STMT_PREPARE.
func (c *Client) WritePrepareOK(id uint32, params, columns []Column) error {
	start, err := c.conn.begin(room)
	if err != nil {
		return err
	}
	b := append(c.conn.out, headerOK)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(columns)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(params)))
	c.conn.out = append(b, 0, 0, 0)
	if err := c.conn.finish(start); err != nil {
		return err
	}
	for _, defs := range [][]Column{params, columns} {
		if len(defs) == 0 {
			continue
		}
		if err := c.writeColumns(defs); err != nil {
			return err
		}
		if !c.deprecateEOF() {
			if err := c.WriteEOF(); err != nil {
				return err
			}
		}
	}
	return nil
}
