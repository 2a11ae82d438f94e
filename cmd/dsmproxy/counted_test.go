package main

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// TestStatusTellsAll: each count that the status has of clients, writes and
// stores is printed for people as well.
func TestStatusTellsAll(t *testing.T) {
	s := &admin.Status{Version: "v9.8.7", Slow: 7001, OtherRefusals: 7002, Errors: map[string]uint64{"client": 7003, "proxy": 7004, "store": 7005, "link": 7006}}
	s.Stores = []admin.Store{{Name: "s1"}}
	next := uint64(7100)
	var want []string
	number := func(v reflect.Value, but ...string) {
		for i := range v.NumField() {
			if v.Field(i).Kind() != reflect.Uint64 || slices.Contains(but, v.Type().Field(i).Name) {
				continue
			}
			next++
			v.Field(i).SetUint(next)
			want = append(want, v.Type().Field(i).Name+" "+strconv.FormatUint(next, 10))
		}
	}
	number(reflect.ValueOf(&s.Clients).Elem())
	number(reflect.ValueOf(&s.Writes).Elem())
	number(reflect.ValueOf(&s.Stores[0]).Elem(), "Sent", "Dials")
	number(reflect.ValueOf(&s.Stores[0].Backlog).Elem(), "Replayed")
	s.Stores[0].Waiting = 7007
	var out strings.Builder
	if err := printStatus(&out, s, false); err != nil {
		t.Fatal(err)
	}
	for n := 7001; n <= 7007; n++ {
		want = append(want, "one "+strconv.Itoa(n))
	}
	for _, w := range append(want, "version v9.8.7") {
		name, number, _ := strings.Cut(w, " ")
		if !strings.Contains(out.String(), number) {
			t.Errorf("%s (%s) is not printed:\n%s", name, number, &out)
		}
	}
	if rows := counted(&admin.Status{Stores: []admin.Store{{Name: "s1"}}}); len(rows) > 8 {
		t.Errorf("of a proxy to which nothing has happened: %v", rows)
	}
}
