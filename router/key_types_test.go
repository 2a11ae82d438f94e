package router_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// TestKeyTypes: whatever a key's column takes for one key is one record, in the
// ways in which a statement may spell it, at both levels as at one server.
func TestKeyTypes(t *testing.T) { eachLevel(t, testKeyTypes) }

// spellings are what a text column may be given, with blanks behind it, in
// capitals, as bytes, and longer than it is.
const spellings = `SET sql_mode=''
INSERT INTO $ (id,n) VALUES ('abc',1)
INSERT INTO $ (id,n) VALUES ('ABC',2) ON DUPLICATE KEY UPDATE n=n+10
SELECT id,n FROM $ WHERE id='abc  '
INSERT IGNORE INTO $ (id,n) VALUES ('abc ',3)
UPDATE $ SET n=n+100 WHERE id='aBC   '
INSERT INTO $ (id,n) VALUES ('longer than many columns are',4)
INSERT INTO $ (id,n) VALUES ('longer than most columns are',5) ON DUPLICATE KEY UPDATE n=n+10
SELECT id,n FROM $ WHERE id='longer'
DELETE FROM $ WHERE id='longer t'
INSERT INTO $ (id,n) VALUES ('',6)
INSERT INTO $ (id,n) VALUES (' ',7) ON DUPLICATE KEY UPDATE n=n+10
SELECT id,n FROM $ WHERE id=''
INSERT INTO $ (id,n) VALUES (x'7A7A',8)
SELECT id,n FROM $ WHERE id=0x5A5A
SELECT id,n FROM $ WHERE id=_latin1'zz' COLLATE latin1_bin
UPDATE $ SET id='ZZ ', n=n+1 WHERE id='zz'
UPDATE $ SET id='abc' WHERE id='ZZ'
DELETE FROM $ WHERE id IN ('ABC','zZ ')
SELECT HEX(id),n FROM $ ORDER BY n,id`

const numbers = `SET sql_mode=''
INSERT INTO $ (id,n) VALUES (1,1)
INSERT INTO $ (id,n) VALUES ('01',2) ON DUPLICATE KEY UPDATE n=n+10
INSERT INTO $ (id,n) VALUES ('1x',2) ON DUPLICATE KEY UPDATE n=n+10
SELECT id,n FROM $ WHERE id='1e0'
SELECT id,n FROM $ WHERE id=0x1
SELECT id,n FROM $ WHERE id=' 1'
SELECT id,n FROM $ WHERE id=1.0
SELECT id,n FROM $ WHERE id=1.4
UPDATE $ SET n=n+1 WHERE id=1.0e0
DELETE FROM $ WHERE id IN (12.0,1.5)
INSERT INTO $ (id,n) VALUES ('2.5',5)
UPDATE $ SET n=n+1 WHERE id=3
INSERT INTO $ (id,n) VALUES (99999999999999999999,7)
INSERT INTO $ (id,n) VALUES ('77777777777777777777777',8) ON DUPLICATE KEY UPDATE n=n+10
INSERT INTO $ (id,n) VALUES (-99999999999999999999,9)
INSERT INTO $ (id,n) VALUES ('abc',10)
INSERT INTO $ (id,n) VALUES (-1,11) ON DUPLICATE KEY UPDATE n=n+100
SELECT id,n FROM $ WHERE id=''
UPDATE $ SET id='88x' WHERE id=3
SELECT id,n FROM $ ORDER BY id
DELETE FROM $ WHERE id='88y'
SELECT id,n FROM $ ORDER BY id`

const uuids = `INSERT INTO $ (id,n) VALUES ('123E4567-e89b-12d3-a456-426655440000',1)
INSERT INTO $ (id,n) VALUES ('123e4567-e89b-12d3-a456-426655440000',2) ON DUPLICATE KEY UPDATE n=n+10
SELECT id,n FROM $ WHERE id='123e4567e89b12d3a456426655440000'
SELECT id,n FROM $ WHERE id=x'123e4567e89b12d3a456426655440000'
SELECT id,n FROM $ WHERE id='nonsense'
UPDATE $ SET n=n+1 WHERE id='123e4567e89b12d3A456426655440000'
INSERT INTO $ (id,n) VALUES ('00000000-0000-0000-0000-000000000001',1),('00000000-0000-0000-0000-000000000002',2)
UPDATE $ SET n=n+1 WHERE n<3
UPDATE $ SET id='00000000000000000000000000000003' WHERE id='00000000-0000-0000-0000-000000000002'
SELECT id,n FROM $ ORDER BY n
DELETE FROM $ WHERE id IN (x'123e4567e89b12d3a456426655440000','00000000-0000-0000-0000-000000000003')
SELECT id,n FROM $
DELETE FROM $`

func testKeyTypes(t *testing.T, level string) {
	columns := []struct{ typ, lines string }{
		{"varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", spellings},
		{"varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", spellings},
		{"varchar(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", spellings},
		{"char(16) CHARACTER SET latin1", spellings},
		{"char(8) CHARACTER SET ascii COLLATE ascii_bin", spellings},
		{"binary(8)", spellings},
		{"varbinary(32)", spellings},
		{"tinyint", numbers},
		{"int", numbers},
		{"bigint unsigned", numbers},
		{"varchar(16) DEFAULT 'it''s'", leftOut},
		{"varbinary(8) DEFAULT 'k'", leftOut},
		{"varchar(8) DEFAULT 'NULL'", leftOut},
		{"int DEFAULT 7", leftOut},
		{"bigint", leftOut},
	}
	if installed.MariaDB() {
		columns = append(columns, struct{ typ, lines string }{"uuid", uuids},
			struct{ typ, lines string }{"varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", spellings})
	}
	h := startOtherAt(t, level, 3, 2, 1)
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	var tables []rewrite.Table
	for i, c := range columns {
		name := fmt.Sprintf("keyed%d", i)
		create := "CREATE TABLE app." + name + " (id " + c.typ + " NOT NULL, PRIMARY KEY (id), n int NOT NULL DEFAULT 0)"
		h.wire(single.Addr(), "", true, create)
		for _, db := range h.direct {
			h.exec(db, create)
		}
		tables = append(tables, rewrite.Table{Name: name, Key: "id", Collated: true})
	}
	tables = append(tables, rewrite.Table{Name: "sessions", Key: "id"}, rewrite.Table{Name: "odd", Key: "id"})
	for _, db := range h.direct {
		h.exec(db, "CREATE TABLE app.odd (id decimal(10,2) NOT NULL PRIMARY KEY)")
	}
	addr := h.serve(t, tables)
	for i, c := range columns {
		t.Run(c.typ, func(t *testing.T) {
			lines := strings.ReplaceAll(c.lines, "$", tables[i].Name)
			runSequence(t, &addr, single.Addr(), strings.Split(lines, "\n"), nil)
		})
	}
	odd := rawConnect(t, addr, "app", 0)
	for _, sql := range []string{"INSERT INTO odd VALUES (1)", "SELECT * FROM odd WHERE id = 1.0", "SELECT * FROM odd", "DELETE FROM odd"} {
		if got := odd.tell(sql); !strings.Contains(got, "a key column of type decimal") {
			t.Errorf("%s: %s", sql, got)
		}
	}
}

// leftOut are keys that are NULL, DEFAULT or none, for columns with defaults.
const leftOut = `INSERT INTO $ (n) VALUES (1)
INSERT INTO $ (id,n) VALUES (DEFAULT,2) ON DUPLICATE KEY UPDATE n=n+10
INSERT IGNORE INTO $ (id,n) VALUES (NULL,3)
SHOW WARNINGS
INSERT IGNORE INTO $ (id,n) VALUES (NULL,4),(DEFAULT,5)
SELECT id,n FROM $ ORDER BY n
DELETE FROM $ WHERE id=''
SELECT id,n FROM $ ORDER BY n`
