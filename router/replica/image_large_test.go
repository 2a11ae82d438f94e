package replica

import (
	"slices"
	"strings"
	"testing"
)

func TestInPieces(t *testing.T) {
	long, other := strings.Repeat("0a", 50_000), strings.Repeat("ff", 40_000)
	sql := "REPLACE INTO `x'` (`a`,`b`) VALUES (x'6162',x'" + long + "',7,NULL,CONVERT(x'" + other + "' USING utf8mb4))"
	got, err := inPieces(sql, 120_000)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SET @dsmproxy_image_0=x''",
		"SET @dsmproxy_image_0=CONCAT(@dsmproxy_image_0,x'" + long[:60_000] + "')",
		"SET @dsmproxy_image_0=CONCAT(@dsmproxy_image_0,x'" + long[60_000:] + "')",
		"SET @dsmproxy_image_1=x''",
		"SET @dsmproxy_image_1=CONCAT(@dsmproxy_image_1,x'" + other[:60_000] + "')",
		"SET @dsmproxy_image_1=CONCAT(@dsmproxy_image_1,x'" + other[60_000:] + "')",
		"REPLACE INTO `x'` (`a`,`b`) VALUES (x'6162',@dsmproxy_image_0,7,NULL,CONVERT(@dsmproxy_image_1 USING utf8mb4))",
		"SET @dsmproxy_image_0=NULL",
		"SET @dsmproxy_image_1=NULL",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d statements, want %d", len(got), len(want))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("%d: %.80s, want %.80s", i, got[i], want[i])
			}
		}
	}
	if _, err := inPieces(sql, 45_000); err == nil {
		t.Error("a value that is too long for the store is not refused")
	}
}
