package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Status flags of MySQL's protocol.
const (
	inTrans            = 0x0001
	autocommit         = 0x0002
	noBackslashEscapes = 0x0200
)

// allBytes is each byte value once.
var allBytes = func() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

// section is one part of the life of a session record.
type section struct {
	name  string
	write func(s *script)
}

// contract is what each client library must find with the proxy as with a
// plain server.
var contract = []section{
	{"life", lifeSteps},
	{"affected rows", affectedSteps},
	{"binary", binarySteps},
	{"large", largeSteps},
	{"many keys", manyKeysSteps},
	{"several keys", severalKeysSteps},
	{"transaction", transactionSteps},
	{"autocommit off", autocommitSteps},
	{"errors", errorSteps},
	{"session state", sessionStateSteps},
	{"without key", scatterSteps},
	{"move", moveSteps},
	{"locks", lockSteps},
	{"warnings", warningSteps},
	{"time", timeSteps},
	{"change of user", changeUserSteps},
}

const (
	insert = "INSERT INTO sessions (id, data, expires, owner) VALUES (?, ?, ?, ?)"
	read   = "SELECT data FROM sessions WHERE id = ?"
	upsert = "INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)"
)

func lifeSteps(s *script) {
	a, b, gone := s.key("a"), s.key("b"), s.goneKey("gone")
	s.do(read, a).gives()
	s.do(insert, a, "one", 100, "me").affects(1)
	s.do(read, a).gives(row("one"))
	s.do("UPDATE sessions SET data = ?, expires = ? WHERE id = ?", "two", 200, a).affects(1)
	s.do("SELECT data, expires, owner FROM sessions WHERE expires > ? AND id = ?", 150, a).gives(row("two", 200, "me"))
	s.do("SELECT data FROM sessions WHERE expires > ? AND id = ? LIMIT 1", 250, a).gives()
	s.do(upsert, a, "three", 300).affects(2)
	s.do(read, a).gives(row("three"))
	s.do("REPLACE INTO sessions (data, expires, id) VALUES (?, ?, ?)", "four", 400, b).affects(1)
	s.do("REPLACE INTO sessions (data, expires, id) VALUES (?, ?, ?)", "five", 500, b).affects(2)
	s.do(read, b).gives(row("five"))
	s.do(insert, gone, "x", 1, nil).affects(1)
	s.do("SELECT owner FROM sessions WHERE id = ?", gone).gives(row(nil))
	s.do("DELETE FROM sessions WHERE id = ?", gone).affects(1)
	s.do("DELETE FROM sessions WHERE id = ?", gone).affects(0)
	s.do(read, gone).gives()
	s.op("ping")
	s.do(insert, gone, "y", 1, nil).affects(1)
	s.do("DELETE FROM sessions WHERE id IN (?)", gone).affects(1)
	s.do("INSERT INTO `app`.`sessions` (`id`, `data`) VALUES (?, ?)", s.key("schema"), "qualified").affects(1)
	s.do("SELECT s.`data` FROM `app`.`sessions` AS s WHERE (s.`id` = ?)", s.prefix+"schema").gives(row("qualified"))
	s.do("INSERT INTO sessions SET id = ?, data = ?", s.key("set"), "set").affects(1)
	s.do("REPLACE INTO sessions VALUES (?, ?, ?, ?)", s.key("nolist"), "no list", 5, nil).affects(1)
	s.do(read, s.prefix+"nolist").gives(row("no list"))
}

func affectedSteps(s *script) {
	a, gone := s.key("a"), s.goneKey("gone")
	update := "UPDATE sessions SET data = ?, expires = ? WHERE id = ?"
	s.do(upsert, a, "one", 1).affects(1)
	s.do(upsert, a, "one", 1).affectsOr(0, 1)
	s.do(upsert, a, "two", 1).affects(2)
	s.do(update, "two", 1, a).affectsOr(0, 1)
	s.do(update, "three", 1, a).affects(1)
	s.do(update, "three", 1, gone).affects(0)
	s.do("UPDATE sessions SET data = ?, id = ? WHERE id = ?", "three", a, a).affectsOr(0, 1)
	s.do("UPDATE sessions SET data = ?, id = ? WHERE id = ?", "four", a, a).affects(1)
	s.do("INSERT IGNORE INTO sessions (id, data) VALUES (?, ?)", a, "no").affects(0)
	s.do("DELETE FROM sessions WHERE id = ? AND expires < ?", a, 1).affects(0)
	s.do("REPLACE INTO sessions (id, data, expires) VALUES (?, ?, ?)", gone, "x", 0).affects(1)
	s.do("DELETE FROM sessions WHERE id = ? LIMIT 1", gone).affects(1)
	s.do(read, a).gives(row("four"))
}

func binarySteps(s *script) {
	for i, b := range [][]byte{
		allBytes,
		{},
		{0},
		[]byte("\x00'\"\\\\'\x00\x1a\n\r%_`;--/**/"),
		[]byte("\xff\xfe\xc3\x28\xe2\x82"),
		[]byte(`\`),
		[]byte(`'`),
		[]byte(`id = 'another-key'`),
		[]byte("?"),
	} {
		k := s.key(fmt.Sprint(i))
		s.do(insert, k, b, 1, "'\"\\ äöü €").affects(1)
		s.do("SELECT data, owner, LENGTH(data) FROM sessions WHERE id = ?", k).gives(row(b, "'\"\\ äöü €", len(b)))
		s.do("UPDATE sessions SET data = ? WHERE id = ?", append([]byte("#"), b...), k).affects(1)
		s.do("SELECT data FROM sessions WHERE id = ? AND data = ?", k, append([]byte("#"), b...)).gives(row(append([]byte("#"), b...)))
	}
	for i, k := range []string{"it's", `back\slash`, `quo"te`, "percent%_", "semi;colon", "-- dashes", "/* comment */", "äöü", " lead", "x = ? y"} {
		k = s.key(k)
		s.do(upsert, k, fmt.Sprint("odd ", i), 1).affects(1)
		s.do(read, k).gives(row(fmt.Sprint("odd ", i)))
	}
}

func largeSteps(s *script) {
	for _, large := range []struct {
		name string
		v    repeated
	}{
		{"1MB", repeated{allBytes, 4096}},
		{"16MB", repeated{[]byte("x"), 1<<24 - 1}},
		{"17MB", repeated{allBytes, 17 << 12}},
	} {
		k := s.key(large.name)
		s.do("INSERT INTO sessions (id, data) VALUES (?, ?)", k, large.v).affects(1)
		s.do("SELECT data FROM sessions WHERE id = ?", k).gives(row(large.v))
		s.do("SELECT LENGTH(data), id FROM sessions WHERE id = ?", k).gives(row(len(large.v.b)*large.v.times, k))
	}
	k := s.key("grown")
	s.do("INSERT INTO sessions (id, data) VALUES (?, ?)", k, "small").affects(1)
	s.do("UPDATE sessions SET data = ? WHERE id = ?", repeated{[]byte{0xff, '\'', 0, '\\'}, 300000}, k).affects(1)
	s.do(read, k).gives(row(repeated{[]byte{0xff, '\'', 0, '\\'}, 300000}))
	s.do("UPDATE sessions SET data = ? WHERE id = ?", "small again", k).affects(1)
	s.do(read, k).gives(row("small again"))
}

// manyKeysSteps executes the same few statements for many keys, which lie on
// all stores.
func manyKeysSteps(s *script) {
	const n = 40
	for i := range n {
		s.do(insert, s.key(fmt.Sprint(i)), fmt.Sprint("value ", i), i, s.prefix).affects(1)
	}
	for i := range n {
		s.do(read, s.keys[i]).gives(row(fmt.Sprint("value ", i)))
	}
	for i := range n {
		s.do("UPDATE sessions SET expires = expires + ? WHERE id = ?", 1000, s.keys[i]).affects(1)
	}
	for i := range n {
		s.do("SELECT expires FROM sessions WHERE id = ?", s.keys[n-1-i]).gives(row(n - 1 - i + 1000))
	}
}

func severalKeysSteps(s *script) {
	a, b, c, d, gone := s.key("a"), s.key("b"), s.key("c"), s.key("d"), s.goneKey("gone")
	s.do("INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?), (?, ?, ?), (?, ?, ?)", a, "1", 1, b, "2", 2, c, "3", 3).affects(3)
	s.do("SELECT id, data FROM sessions WHERE id IN (?, ?, ?, ?) ORDER BY id", a, b, c, gone).gives(row(a, "1"), row(b, "2"), row(c, "3"))
	s.do("SELECT data FROM sessions WHERE id = ? OR id = ? ORDER BY data DESC", a, c).gives(row("3"), row("1"))
	s.do("SELECT COUNT(*) FROM sessions WHERE id IN (?, ?, ?)", a, b, gone).gives(row(2))
	s.do("UPDATE sessions SET data = ? WHERE id IN (?, ?, ?)", "u", a, b, gone).affects(2)
	s.do(upsert+", owner = 'x'", d, "4", 4).affects(1)
	s.do("REPLACE INTO sessions (id, data) VALUES (?, ?), (?, ?)", gone, "x", c, "c2").affects(3)
	s.do("INSERT INTO sessions (id, data) VALUES (?, ?), (?, ?) ON DUPLICATE KEY UPDATE data = VALUES(data)", c, "c3", gone, "y").affects(4)
	s.do("INSERT INTO sessions (id, data) VALUES (?, ?), (?, ?)", a, "no", gone, "no").fails(1062)
	s.do("SELECT data FROM sessions WHERE id IN (?, ?) ORDER BY id", a, c).gives(row("u"), row("c3"))
	s.do("DELETE FROM sessions WHERE id IN (?, ?)", gone, gone+"-absent").affects(1)
}

func errorSteps(s *script) {
	a := s.key("a")
	s.do(insert, a, "1", 1, nil).affects(1)
	s.do(insert, a, "2", 1, nil).fails(1062).saying(a)
	s.do("SELECT data FROM missing WHERE id = ?", a).fails(1146).saying("missing")
	s.raw("SELEKT data FROM sessions").fails(1064)
	s.do("SELECT nonesuch FROM sessions WHERE id = ?", a).fails(1054)
	s.raw("SELECT id FROM other WHERE id = 1").fails(1235).saying("other_tables").onPlain(0)
	s.raw("USE nonesuch").fails(1049)
	s.raw("INSERT INTO sessions (id, data) VALUES (NULL, 'x')").fails(1048).orRefused()
	s.raw("SELECT nonesuch()").fails(1305).orRefused()
	s.do(read, a).gives(row("1"))
}

func sessionStateSteps(s *script) {
	a, b := s.key("a"), s.key("b")
	s.do(insert, a, "1", 1, nil).affects(1)
	s.raw("SET SESSION sql_mode = 'ANSI,TRADITIONAL'")
	s.raw(`SELECT "data" FROM "sessions" WHERE "id" = '` + a + `' LIMIT 0, 1`).gives(row("1"))
	s.raw("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'").flags(noBackslashEscapes, 0)
	s.raw(`INSERT INTO sessions (id, data) VALUES ('` + b + `', 'a\')`).affects(1)
	s.raw(`SELECT data FROM sessions WHERE id = '` + b + `'`).gives(row(`a\`))
	s.raw("SET SESSION sql_mode = DEFAULT").flags(0, noBackslashEscapes)
	s.raw("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")
	s.raw("SELECT @@sql_mode LIKE '%STRICT_ALL_TABLES%', @@sql_mode LIKE '%ANSI%'").gives(row(1, 0))
	s.raw("SET @mine = 5, @yours = 'six'")
	s.raw("SELECT @mine, @yours, @nobodys").gives(row(5, "six", nil))
	s.raw("SELECT data, @mine FROM sessions WHERE id = '" + a + "'").gives(row("1", 5))
	s.raw("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
	s.raw("SELECT @@collation_connection").gives(row("utf8mb4_bin"))
	s.raw("SET time_zone = '+03:00', wait_timeout = 1234")
	s.raw("SELECT @@time_zone, @@wait_timeout").gives(row("+03:00", 1234))
	for i := range 6 { // whichever store answers
		s.raw("SELECT @@time_zone, @mine FROM sessions WHERE id = '" + s.prefix + "a' OR id = '" + fmt.Sprint(s.prefix, "absent", i) + "'").gives(row("+03:00", 5))
	}
	s.raw("SELECT @mine, @@time_zone = '+03:00'").on(1).gives(row(nil, 0))
	s.op("use:second")
	s.raw("SELECT DATABASE()").gives(row("second"))
	s.do("SELECT data FROM app.sessions WHERE id = ?", a).gives(row("1"))
	s.do("SELECT data FROM sessions WHERE id = ?", a).fails(1146).saying("second.sessions")
	s.op("use:app")
	s.do(read, a).gives(row("1"))
}

func scatterSteps(s *script) {
	const n = 12
	for i := range n {
		s.do(insert, s.key(fmt.Sprintf("%02d", i)), fmt.Sprint("v", i), 1000+i, s.prefix).affects(1)
	}
	s.do("SELECT COUNT(*) FROM sessions WHERE owner = ?", s.prefix).gives(row(n))
	s.do("SELECT id, data FROM sessions WHERE owner = ? ORDER BY expires DESC LIMIT 2", s.prefix).gives(row(s.keys[11], "v11"), row(s.keys[10], "v10"))
	s.do("SELECT id FROM sessions WHERE owner = ? ORDER BY id LIMIT 3, 2", s.prefix).gives(row(s.keys[3]), row(s.keys[4]))
	s.do("SELECT MIN(expires), MAX(expires) FROM sessions WHERE owner = ?", s.prefix).gives(row(1000, 1000+n-1))
	s.do("UPDATE sessions SET data = ? WHERE owner = ? AND expires >= ?", "late", s.prefix, 1010).affects(2)
	s.do("DELETE FROM sessions WHERE owner = ? AND expires < ?", s.prefix, 1005).affects(5)
	s.do("DELETE FROM sessions WHERE owner = ? AND expires < ?", s.prefix, 1005).affects(0)
	s.do("SELECT COUNT(*) FROM sessions WHERE owner = ?", s.prefix).gives(row(n - 5))
	s.do("SELECT id FROM sessions WHERE owner = ? AND id <> ? ORDER BY id LIMIT 1", s.prefix, s.keys[5]).gives(row(s.keys[6]))
	s.do("SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) FROM sessions WHERE owner = ? ORDER BY id LIMIT 2", s.prefix).gives(row(s.keys[5], n-5), row(s.keys[6], n-6)).orRefused()
	s.do("SELECT COUNT(DISTINCT data), SUM(expires), GROUP_CONCAT(id ORDER BY id) LIKE ? FROM sessions WHERE owner = ?", s.keys[5]+",%", s.prefix).gives(row(6, 7056, 1)).orRefused()
	s.do("SELECT data, COUNT(*) FROM sessions WHERE owner = ? GROUP BY data HAVING COUNT(*) > 1", s.prefix).gives(row("late", 2)).orRefused()
	s.gone = append(s.gone, s.keys[:5]...)
	s.keys = s.keys[5:]
}

func moveSteps(s *script) {
	for i := range 6 {
		old, id := s.goneKey(fmt.Sprint("old", i)), s.key(fmt.Sprint("new", i))
		s.do(insert, old, fmt.Sprint("moved ", i), 7, "me").affects(1)
		s.do("UPDATE sessions SET id = ? WHERE id = ?", id, old).affects(1)
		s.do(read, old).gives()
		s.do("SELECT data, expires, owner FROM sessions WHERE id = ?", id).gives(row(fmt.Sprint("moved ", i), 7, "me"))
		s.do("UPDATE sessions SET id = ? WHERE id = ?", id+"x", old).affects(0)
	}
	a, b := s.key("a"), s.key("b")
	s.do(insert, a, "a", 1, nil).affects(1)
	s.do(insert, b, "b", 1, nil).affects(1)
	s.do("UPDATE sessions SET id = ? WHERE id = ?", b, a).fails(1062)
	s.do(read, a).gives(row("a"))
	s.do(read, b).gives(row("b"))
}

func warningSteps(s *script) {
	a := s.key("a")
	s.do(insert, a, "1", 1, nil).affects(1).warns(0)
	s.do("INSERT IGNORE INTO sessions (id, data) VALUES (?, ?)", a, "2").affects(0).warns(1)
	s.raw("SHOW COUNT(*) WARNINGS").gives(row(1))
	s.do("INSERT IGNORE INTO sessions (id, data) VALUES (?, ?)", a, "2").affects(0).warns(1)
	shown, none := [][]any{row("Warning", 1062, "Duplicate entry '"+a+"' for key '"+primaryOf("sessions")+"'")}, [][]any(nil)
	if !suite.Servers.MariaDB() && strings.HasPrefix(s.prefix, "php-pdo-prepared") {
		// PDO prepares SHOW WARNINGS too, which MySQL can't, and that is what
		// there is to show then.
		shown = [][]any{row("Error", 1295, "This command is not supported in the prepared statement protocol yet")}
		none = shown
	}
	s.raw("SHOW WARNINGS").gives(shown...)
	s.do(read, a).gives(row("1"))
	s.raw("SHOW WARNINGS").gives(none...)
}

// timeSteps write the time of the store, which must be one time on all copies.
func timeSteps(s *script) {
	for i := range 4 {
		k := s.key(fmt.Sprint(i))
		s.do("INSERT INTO sessions (id, data, expires) VALUES (?, NOW(6), UNIX_TIMESTAMP())", k).affects(1)
		s.do("SELECT expires BETWEEN UNIX_TIMESTAMP() - 100 AND UNIX_TIMESTAMP() FROM sessions WHERE id = ?", k).gives(row(1))
	}
	k := s.key("uuid")
	s.do("INSERT INTO sessions (id, data) VALUES (?, UUID())", k).affects(1)
	s.do("UPDATE sessions SET data = CONCAT(UUID(), RAND(), SYSDATE(6)) WHERE id = ?", k).affects(1)
}

// changeUserSteps begin a session anew on an open connection.
func changeUserSteps(s *script) {
	for i, op := range []string{"change_user", "reset"} {
		kept, gone := s.key("kept"+op), s.goneKey("gone"+op)
		s.do(upsert, kept, "kept", 1).on(5).affects(1)
		s.raw("SET @mine = 5, time_zone = '+03:00', SESSION sql_mode = 'ANSI'").on(i)
		s.raw("SELECT GET_LOCK('" + s.prefix + op + "', 1)").on(i).gives(row(1))
		s.raw("BEGIN").on(i)
		s.do(upsert, gone, "rolled back", 1).on(i).affects(1)
		s.op(op).on(i)
		s.raw("SELECT @mine, @@time_zone, @@sql_mode LIKE '%ANSI_QUOTES%'").on(i).gives(row(nil, "SYSTEM", 0))
		s.do(read, gone).on(i).gives()
		s.do(read, kept).on(i).gives(row("kept"))
		s.raw("SELECT IS_FREE_LOCK('" + s.prefix + op + "')").on(i).gives(row(1))
	}
}

// TestContract has every library carry out the contract, at a plain server
// first and then at the proxy.
func TestContract(t *testing.T) {
	c := startCluster(t, options{stores: 4, copies: 2})
	plain := startStores(t, options{stores: 1, copies: 1})
	for _, l := range libraries(t) {
		t.Run(l.name+"/plain", func(t *testing.T) { runContract(t, l, plain.nodes[0].Addr(), nil) })
		t.Run(l.name+"/proxy", func(t *testing.T) { runContract(t, l, c.Addr, c) })
	}
}

// runContract runs the contract at addr; c is nil for a plain server.
func runContract(t *testing.T, l library, addr string, c *cluster) {
	var scripts []*script
	var steps []*step
	for i, sec := range contract {
		s := &script{prefix: fmt.Sprintf("%s-%d-", l.name, i), base: i * 10}
		sec.write(s)
		scripts = append(scripts, s)
		steps = append(steps, s.steps...)
	}
	begin := time.Now()
	answers := l.run(t, addr, steps)
	t.Logf("%d steps in %v", len(steps), time.Since(begin).Round(time.Millisecond))
	for i, s := range scripts {
		t.Run(contract[i].name, func(t *testing.T) {
			cannot := make(map[int]bool) // connections whose library lacks a function
			for j, st := range s.steps {
				if answers[j].Unsupported {
					cannot[st.Conn] = true
				}
				if !cannot[st.Conn] {
					st.judge(t, answers[j], l.found, c == nil)
				}
			}
			if c != nil {
				c.wantPlaced(t, s.keys, s.gone)
			}
		})
		answers = answers[len(s.steps):]
	}
}
