package ledger

import (
	"fmt"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestPage: digests tell equal records from others, and pages come together
// to the whole table, in whatever order its collation has.
func TestPage(t *testing.T) {
	o, other := unfounded(t), unfounded(t)
	const odd = "CREATE TABLE app.sessions (id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, part INT NOT NULL, " +
		"data MEDIUMBLOB, f DOUBLE, at TIMESTAMP(3) NULL, e ENUM('a','b'), len INT AS (LENGTH(data)) STORED, PRIMARY KEY (id, part)) ENGINE=InnoDB"
	for _, s := range []*one{o, other} {
		s.exec(odd)
		for i := range 25 {
			s.exec(fmt.Sprintf("INSERT INTO app.sessions (id,part,data,f,at,e) VALUES ('%c%d',0,REPEAT(x'00ff27',%d),-0e0,'2024-01-01 00:00:00.123','b')",
				"aBcDä"[i%4], i, i*1000))
		}
		s.exec("INSERT INTO app.sessions (id,part,data) VALUES ('c99',1,'x'),('c99',2,NULL)")
	}
	other.exec("UPDATE app.sessions SET data=CONCAT(data,'!') WHERE id='a8'")
	other.exec("UPDATE app.sessions SET data='' WHERE id='c99' AND part=2") // is not NULL
	all := func(s *one, limit int) map[string]Row {
		rows := map[string]Row{}
		var after []byte
		for {
			page, more, err := s.Page(s.ctx(), PageOf{Table: 1, After: after, Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				if _, twice := rows[string(r.ID)]; twice {
					t.Fatalf("%s is listed twice", r.ID)
				}
				rows[string(r.ID)] = r
			}
			if !more {
				return rows
			}
			after = page[len(page)-1].Key
		}
	}
	whole := all(o, 1000)
	if len(whole) != 26 {
		t.Fatalf("%d records, want 26", len(whole))
	}
	for _, limit := range []int{3, 4, 7, 27} {
		pages := all(o, limit)
		for id, r := range whole {
			if pages[id].Digest != r.Digest {
				t.Errorf("%s differs between pages of %d and one", id, limit)
			}
		}
	}
	for id, r := range all(other, 5) {
		if differs := id == "a8" || id == "c99"; (r.Digest != whole[id].Digest) != differs {
			t.Errorf("%s: digests differ: %v, want %v", id, !differs, differs)
		}
	}
	page, _, err := o.Page(o.ctx(), PageOf{Table: 1, After: []byte("B13"), UpTo: []byte("c10"), Limit: 100})
	if err != nil || len(page) == 0 || string(page[0].ID) != "B17" || string(page[len(page)-1].ID) != "c10" {
		t.Errorf("a part of the table: %d rows %+v, %v", len(page), page, err)
	}
	if _, _, err := o.Page(o.ctx(), PageOf{Table: 1, After: []byte("c98"), Limit: 2}); err == nil {
		t.Error("a page that one key fills must fail")
	}
	a, err := o.Image(o.ctx(), key("a8"))
	b, err2 := other.Image(o.ctx(), key("a8"))
	if err != nil || err2 != nil || a == nil || string(a) == string(b) {
		t.Errorf("images of a8: %d and %d bytes, %v, %v", len(a), len(b), err, err2)
	}
	if none, err := o.Image(o.ctx(), key("nosuch")); none != nil || err != nil {
		t.Errorf("image of no record: %q, %v", none, err)
	}
}

// TestPageVersions: pages tell the versions of records that have one.
func TestPageVersions(t *testing.T) {
	o := found(t)
	for i := range 9 {
		o.mustWrite(uint64(i+1), fmt.Sprintf("INSERT INTO app.sessions (id) VALUES ('k%d')", i), key(fmt.Sprintf("k%d", i)))
	}
	o.mustWrite(20, "DELETE FROM app.sessions WHERE id='k3'", key("k3"))
	o.exec("INSERT INTO app.sessions (id) VALUES ('stray')")
	rows, more, err := o.Page(o.ctx(), PageOf{Table: 1, Limit: 100, Versions: true})
	if err != nil || more || len(rows) != 9 {
		t.Fatalf("Page = %d rows, %v, %v; want 9", len(rows), more, err)
	}
	for _, r := range rows {
		want := view.Version{Epoch: o.view.Epoch(), N: 1, ID: uint64(r.ID[len(r.ID)-1]-'0') + 1}
		if listed := string(r.ID) != "stray"; r.Listed != listed || listed && r.Version != want {
			t.Errorf("%s: version %+v, listed %v", r.ID, r.Version, r.Listed)
		}
	}
}
