package replica

import (
	"context"
	"strconv"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// An image is twice as long as its record, so that a record may be too long for
// one statement that its store has taken in one. Its long values are put
// together in user variables then, piece by piece:
//
//	SET @dsmproxy_image_0=x'00ff...'
//	SET @dsmproxy_image_0=CONCAT(@dsmproxy_image_0,x'0102...')
//	REPLACE INTO `app`.`sessions` (`id`,`data`) VALUES (x'6162',@dsmproxy_image_0)
//	SET @dsmproxy_image_0=NULL

const (
	// maxImage bounds what is held in memory of a record.
	maxImage = 256 << 20
	// shortImage is how long a statement may be without a look at what the store
	// takes: no server is set to less.
	shortImage = 1 << 20
	// longValue is the least length of a value, in hexadecimal, that is taken out
	// of its statement.
	longValue = 64 << 10
	// maxPiece is the longest piece of a value, in hexadecimal.
	maxPiece = 8 << 20
)

// fitting are statements that do what sqls do and that dst takes.
func (c *Client) fitting(dst *store.Conn, sqls []string) ([]string, error) {
	long := false
	for _, sql := range sqls {
		long = long || len(sql) > shortImage
	}
	if !long {
		return sqls, nil
	}
	packet, err := maxPacket(c.ctx, dst)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, sql := range sqls {
		if len(sql) < packet {
			list = append(list, sql)
			continue
		}
		pieces, err := inPieces(sql, packet)
		if err != nil {
			return nil, err
		}
		list = append(list, pieces...)
	}
	return list, nil
}

// maxPacket is the store's max_allowed_packet.
func maxPacket(ctx context.Context, conn *store.Conn) (int, error) {
	rows, err := conn.Query(ctx, "SELECT @@max_allowed_packet")
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, errOddRow
	}
	return strconv.Atoi(string(rows[0][0]))
}

// inPieces takes the long values out of a statement that has none but numbers,
// names and hexadecimal literals.
func inPieces(sql string, packet int) (list []string, err error) {
	piece := min(maxPiece, packet/2) &^ 1
	var out strings.Builder
	var names []string
	for {
		before, value, rest, ok := cutLong(sql)
		if !ok {
			break
		}
		if len(value)/2 > packet {
			return nil, protocol.Errorf(protocol.ErrPacketTooLarge,
				"dsmproxy: a value of a record is longer than max_allowed_packet of a store that is to have it")
		}
		name := "@dsmproxy_image_" + strconv.Itoa(len(names))
		names = append(names, name)
		list = append(list, "SET "+name+"=x''")
		for len(value) > 0 {
			n := min(len(value), piece)
			list = append(list, "SET "+name+"=CONCAT("+name+",x'"+value[:n]+"')")
			value = value[n:]
		}
		out.WriteString(before + name)
		sql = rest
	}
	list = append(list, out.String()+sql)
	for _, name := range names {
		list = append(list, "SET "+name+"=NULL")
	}
	return list, nil
}

// cutLong cuts a statement around its first long hexadecimal literal.
func cutLong(sql string) (before, value, rest string, ok bool) {
	for at := 0; ; {
		i := strings.Index(sql[at:], "x'")
		if i < 0 {
			return sql, "", "", false
		}
		begin := at + i + 2
		n := strings.IndexFunc(sql[begin:], func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f') })
		if n >= longValue && sql[begin+n] == '\'' {
			return sql[:begin-2], sql[begin : begin+n], sql[begin+n+1:], true
		}
		at = begin
	}
}
