-- handler: constructed: what statements read of a session, leave behind in a connection, or may do differently on each store (see ../plans/more/effects.txt)
-- config: table=sessions key=id surrogate=num
-- section: time and chance in writes

-- expect: write key='a'
-- proto: text
UPDATE sessions SET t = NOW(6), u = CURRENT_TIMESTAMP, v = UNIX_TIMESTAMP() WHERE id = 'a'

-- expect: write key='a'
-- proto: text
UPDATE sessions SET t = UNIX_TIMESTAMP('2026-01-01'), now = 5, d = DATE_ADD(t, INTERVAL 1 DAY), e = FROM_UNIXTIME(5) WHERE id = 'a'

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', UUID())

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', RAND())

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', SYSDATE())

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', @v)

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', @@server_id)

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', my_function('x'))

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', other.f('x'))

-- expect: write key='a'
-- proto: text
INSERT INTO sessions(id,t)VALUES('a',IF(1,MD5('x'),SHA2('y',256)))

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', USER())

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', CURRENT_USER)

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, t) VALUES ('a', LAST_INSERT_ID())

-- expect: write key='a'
-- proto: text
UPDATE sessions SET n = LAST_INSERT_ID(n + 1) WHERE id = 'a'

-- expect: write key='a'
-- proto: text
UPDATE sessions SET n = (@a := n + 1) WHERE id = 'a'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE user = 'x' LIMIT 5

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE expires < NOW() LIMIT 5

-- expect: broadcast-write
-- proto: text
UPDATE sessions SET x = 1 WHERE user = 'x' ORDER BY id LIMIT 5

-- expect: write key='a'
-- proto: text
UPDATE sessions SET x = (SELECT COUNT(*) FROM (SELECT * FROM sessions) y) WHERE id = 'a'

-- expect: write refuse: UPDATE that joins another table
-- proto: text
UPDATE sessions SET x = (SELECT name FROM users WHERE users.id = 1) WHERE id = 'a'

-- expect: write keys=['AUTO','AUTO'] (AUTO)
-- proto: text
INSERT INTO sessions (data) VALUES ('a'), ('b')

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, num, data) VALUES ('a', 5, 'x')

-- expect: write keys=['a','b']
-- proto: text
INSERT INTO sessions (num, id) VALUES (NULL, 'a'), (7, 'b')

-- section: what is the session's own

-- expect: any
-- proto: text
SELECT LAST_INSERT_ID()

-- expect: any
-- proto: text
SELECT @@last_insert_id, @@identity

-- expect: any
-- proto: text
SELECT FOUND_ROWS()

-- expect: any
-- proto: text
SELECT ROW_COUNT(), DATABASE(), SCHEMA()

-- expect: any
-- proto: text
SELECT @@warning_count, @@session.error_count

-- expect: any (schema metadata)
-- proto: text
SHOW COUNT(*) ERRORS

-- expect: any
-- proto: text
SELECT CONNECTION_ID(), @@pseudo_thread_id

-- expect: any
-- proto: text
SELECT @a, @`b c`

-- section: what stays in the connection

-- expect: scatter-read
-- proto: text
SELECT SQL_CALC_FOUND_ROWS id FROM sessions LIMIT 1

-- expect: read key='a'
-- proto: text
SELECT data INTO @d FROM sessions WHERE id = 'a'

-- expect: read key='a'
-- proto: text
SELECT data, n FROM sessions WHERE id = 'a' INTO @d, @n

-- expect: any
-- proto: text
SELECT @a := 1

-- expect: any
-- proto: text
SELECT LAST_INSERT_ID(5)

-- expect: other-table (DDL)
-- proto: text
CREATE TEMPORARY TABLE tmp (id INT)

-- expect: broadcast-write refuse: a temporary table in the place of a session table
-- proto: text
CREATE TEMPORARY TABLE IF NOT EXISTS sessions LIKE other

-- expect: broadcast-write refuse: CREATE TABLE ... SELECT
-- proto: text
CREATE TABLE sessions AS SELECT 1 AS id

-- expect: read refuse: SELECT ... INTO OUTFILE
-- proto: text
SELECT * FROM sessions WHERE id = 'a' INTO OUTFILE '/tmp/x'

-- expect: any
-- proto: text
SELECT my_function('a')

-- expect: other-table
-- proto: text
SELECT NEXTVAL(s)

-- section: SET

-- expect: session-state user-variable
-- proto: text
SET @a = 'x'

-- expect: session-state user-variable
-- proto: text
SET @a = CONCAT(@b, MD5('x'))

-- expect: session-state user-variable
-- proto: text
SET @a = NOW()

-- expect: session-state user-variable
-- proto: text
SET @a = (SELECT 1)

-- expect: session-state user-variable
-- proto: text
SET @a = LAST_INSERT_ID()

-- expect: session-state user-variable
-- proto: text
SET @a = (SELECT data FROM sessions WHERE id = 'a')

-- expect: session-state user-variable
-- proto: text
SET @a = GET_LOCK('x', 1)

-- expect: session-state
-- proto: text
SET timestamp = UNIX_TIMESTAMP()

-- expect: session-state
-- proto: text
SET GLOBAL a = 1, b = 2, SESSION c = 3, @@global.d = 4, @@e = 5, PERSIST f = 6

-- expect: session-state
-- proto: text
SET tx_isolation = 'READ-COMMITTED', @@session.tx_read_only = TRUE

-- expect: session-state
-- proto: text
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- expect: session-state
-- proto: text
SET GLOBAL TRANSACTION READ WRITE

-- expect: session-state next-txn-isolation
-- proto: text
SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED

-- expect: session-state
-- proto: text
SET NAMES DEFAULT

-- expect: session-state refuse: statement not understood near 'end'
-- proto: text
SET NAMES

-- expect: session-state refuse: statement not understood near 'b'
-- proto: text
SET a b

-- expect: session-state refuse: SET RESOURCE
-- proto: text
SET RESOURCE GROUP x

-- expect: write key='a'
-- proto: text
DELETE FROM sessions WHERE id = 'a' AND x > (SELECT AVG(x) FROM (SELECT x FROM sessions) y)

-- expect: session-state
-- proto: text
SET SESSION sql_mode=(SELECT REPLACE(@@sql_mode,'ONLY_FULL_GROUP_BY',''))

-- expect: write keys=['a','b']
-- proto: text
INSERT INTO sessions (id, data) VALUES ROW('a', 'x'), ROW('b', 'y')

-- expect: write key='a'
-- proto: text
INSERT INTO sessions (id, data) SELECT * FROM (SELECT 'a' AS id, 'x' AS data) AS tmp WHERE NOT EXISTS (SELECT id FROM sessions WHERE id = 'a') LIMIT 1

-- expect: broadcast-write refuse: a foreign key from a session table to another table
-- proto: text
ALTER TABLE sessions ADD CONSTRAINT c FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE

-- expect: broadcast-write refuse: a foreign key from a session table to another table
-- proto: text
CREATE TABLE sessions (id varchar(99) PRIMARY KEY, user_id int REFERENCES sess.users (id))

-- expect: broadcast-write (DDL)
-- proto: text
ALTER TABLE sessions ADD FOREIGN KEY (parent) REFERENCES sessions (id)

-- expect: broadcast-write (DDL)
-- proto: text
ALTER TABLE sessions ADD `references` int COMMENT 'references users'

-- expect: other-table (DDL)
-- proto: text
CREATE TABLE users (id int PRIMARY KEY, rank int REFERENCES ranks (id))

-- expect: write refuse: GET_LOCK in a write
-- proto: text
UPDATE sessions SET n = GET_LOCK('l', 1) WHERE id = 'a'

-- expect: write refuse: GET_LOCK in a write
-- proto: prepared
DELETE FROM sessions WHERE id = ? AND get_lock(?, 1)

-- expect: write refuse: GET_LOCK in a write
-- proto: text
INSERT INTO sessions (id, n) VALUES ('a', GET_LOCK('l', 1))

-- expect: other-table (GET_LOCK in a write)
-- proto: text
UPDATE users SET n = GET_LOCK('l', 1)

-- expect: other-table (RELEASE_LOCK in a write)
-- proto: text
REPLACE INTO users SELECT 1, RELEASE_LOCK('l')

-- expect: other-table
-- proto: text
INSERT INTO get_lock (id) VALUES (1)
