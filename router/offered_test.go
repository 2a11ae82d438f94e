package router_test

import (
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// CLIENT_SESSION_TRACK and CLIENT_QUERY_ATTRIBUTES change packets, so that what
// is not carried out end to end is not offered either. A client's attributes
// are accepted.
func TestWhatIsNotCarriedOutIsNotOffered(t *testing.T) {
	h := start(t, 1, 1)
	c := rawConnect(t, h.addr, "app", clientSessionTrack|clientQueryAttributes|protocol.ClientConnectAttrs)
	if c.offered.Has(clientSessionTrack) || c.offered.Has(clientQueryAttributes) {
		t.Errorf("offered: %#x", uint32(c.offered))
	}
	if !c.caps.Has(protocol.ClientConnectAttrs) {
		t.Errorf("agreed on %#x, without the attributes of the connection", uint32(c.caps))
	}
	one := "[1|63|3|0x81]" // an INT
	if !installed.MariaDB() {
		one = "[1|63|8|0x81]"
	}
	for sql, want := range map[string]string{
		"SET autocommit=1": `ok affected 0 id 0 status 0x2 warnings 0 info ""`,
		"SELECT 1":         one + " status 0x2 (1) status 0x2 warnings 0",
	} {
		if got := c.tell(sql); got != want {
			t.Errorf("%s: %s", sql, got)
		}
	}
}
