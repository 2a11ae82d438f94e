-- handler: constructed
-- config: table=sessions key=id
-- section: what names no key

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id IN (NULL)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = NULL

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id <=> NULL

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id NOT IN ('abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE ! (id = 'abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc') = 0

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc') IS FALSE

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' XOR expires > 5

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' || expires > 5

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id BETWEEN 'abc' AND 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE LOWER(id) = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = @k

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = other

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' COLLATE utf8mb4_general_ci

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = CAST('abcdef' AS CHAR(3))

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = CAST('7' AS UNSIGNED)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = _utf16'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 1.5

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = (SELECT 'abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE CASE WHEN id = 'abc' THEN 1 ELSE 1 END

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE data = 'id = ''abc'''

-- expect: scatter-read
-- proto: text
SELECT data, id = 'abc' AS mine FROM sessions ORDER BY id = 'abc' DESC

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions HAVING id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions /* WHERE id = 'abc' */

-- expect: scatter-read (joins other table)
-- proto: text
SELECT * FROM sessions s LEFT JOIN users u ON s.id = 'abc' AND u.id = s.user_id

-- expect: read key='abc' (joins other table)
-- proto: text
SELECT * FROM users u LEFT JOIN sessions s ON s.id = 'abc'

-- expect: scatter-read (joins other table)
-- proto: text
SELECT * FROM sessions s RIGHT JOIN users u ON u.id = 'abc' AND s.user_id = u.id

-- expect: read key='abc' (joins other table)
-- proto: text
SELECT * FROM users u INNER JOIN sessions s ON u.id = s.user_id AND s.id = 'abc' ORDER BY u.name

-- expect: scatter-read
-- proto: text
SELECT * FROM sessions WHERE user_id IN (SELECT user_id FROM sessions WHERE id = 'abc')

-- expect: other-table
-- proto: text
SELECT * FROM users WHERE EXISTS (SELECT 1 FROM logs WHERE id = 'abc')

-- expect: scatter-read
-- proto: text
SELECT EXISTS(SELECT * FROM sessions WHERE user_id = 5)

-- expect: scatter-read
-- proto: text
SELECT id FROM sessions WHERE id = 'abc' UNION SELECT id FROM sessions WHERE user_id = 5

-- expect: read-for-update
-- proto: text
SELECT id FROM sessions WHERE expires < 5 FOR UPDATE

-- expect: write refuse: INSERT of a computed key
-- proto: text
INSERT INTO sessions (id, data) VALUES (UUID(), 'x')

-- expect: write key='900150983cd24fb0d6963f7d28e17f72'
-- proto: text
INSERT INTO sessions (id, data) VALUES (MD5('abc'), 'x')

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) SELECT id, data FROM sessions WHERE id = 'abc'

-- expect: write refuse: INSERT without a column list
-- proto: text
INSERT INTO sessions SELECT * FROM sessions WHERE id = 'abc'

-- expect: write refuse: INSERT from another table
-- proto: text
INSERT INTO sessions (id, data) SELECT id, data FROM old_sessions

-- expect: write refuse: UPDATE of the key column to a computed value
-- proto: text
UPDATE sessions SET id = CONCAT(id, 'x') WHERE id = 'abc'

-- expect: write refuse: UPDATE that gives several records one key
-- proto: text
UPDATE sessions SET id = 'x' WHERE id IN ('abc', 'def')

-- expect: broadcast-write refuse: UPDATE of the key column of unknown records
-- proto: text
UPDATE sessions SET id = 'x' WHERE expires < 5

-- expect: write refuse: DELETE that joins another table
-- proto: text
DELETE s FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = 'abc'

-- expect: refuse: GRANT
-- proto: text
GRANT ALL ON *.* TO x

-- expect: refuse: XA
-- proto: text
XA START 'x'

-- expect: refuse: LOAD DATA
-- proto: text
LOAD DATA LOCAL INFILE 'x' INTO TABLE sessions

-- expect: refuse: HANDLER
-- proto: text
HANDLER sessions OPEN

-- expect: refuse: FLUSH
-- proto: text
FLUSH TABLES WITH READ LOCK

-- expect: refuse: CREATE VIEW
-- proto: text
CREATE VIEW v AS SELECT * FROM sessions

-- expect: any key='abc' (schema metadata)
-- proto: text
ANALYZE SELECT * FROM sessions WHERE id = 'abc'

-- section: keys in unusual places

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE 'abc' = id

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE 'abc' IN (id)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE ((((id)) = (('abc'))))

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE (id, user_id) = ('abc', 7)

-- expect: read keys=['abc','def']
-- proto: text
SELECT data FROM sessions WHERE (user_id, id) IN ((7, 'abc'), (8, 'def'))

-- expect: read keys=['abc','def']
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc' AND expires > 5) OR (id = 'def' AND expires > 6)

-- expect: read keys=['a','b','c']
-- proto: text
SELECT data FROM sessions WHERE id = 'a' OR id IN ('b', 'c')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc' OR id = 'def') AND id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id IN ('abc', NULL)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE expires > 5 && id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE NOT (expires < 5 OR id <> 'def') AND id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE BINARY id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id COLLATE utf8mb4_bin = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id COLLATE utf8mb4_uca1400_as_cs_bin = BINARY 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = CONVERT('abc', CHAR)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = b'011000010110001001100011'

-- expect: read key=-7
-- proto: text
SELECT data FROM sessions WHERE id = -007

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = _utf8mb3 'a' 'b' "c"

-- expect: read key='abc'
-- proto: text
WITH s AS (SELECT * FROM sessions WHERE id = 'abc') SELECT * FROM s

-- expect: read key='abc'
-- proto: text
SELECT t.data FROM (SELECT id, data FROM sessions) t WHERE t.id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT t.data FROM (SELECT id, data FROM sessions LIMIT 1) t WHERE t.id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT t.n FROM (SELECT user_id AS id, COUNT(*) AS n FROM sessions GROUP BY user_id) t WHERE t.id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT * FROM sessions a JOIN sessions b ON a.id = b.id WHERE a.id = 'abc'

-- expect: read key='abc'
-- proto: prepared
SELECT * FROM sessions a JOIN sessions b WHERE a.id = ? AND b.id = ?
-- params: ["abc", "abc"]

-- expect: read key='abc'
-- proto: text
SELECT (SELECT data FROM sessions WHERE id = 'abc') AS data

-- expect: scatter-read
-- proto: text
TABLE sessions ORDER BY id

-- section: sql_mode
-- mode: ANSI_QUOTES

-- expect: read key='abc'
-- proto: text
SELECT "data" FROM "sessions" WHERE "id" = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = "abc"

-- mode: NO_BACKSLASH_ESCAPES
-- expect: read key='a\\'
-- proto: text
SELECT data FROM sessions WHERE id = 'a\'

-- mode: PIPES_AS_CONCAT
-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'a' || 'bc'

-- mode: IGNORE_SPACE
-- expect: scatter-read
-- proto: text
SELECT COUNT (*) FROM sessions

-- mode: HIGH_NOT_PRECEDENCE
-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE NOT id = 'abc'

-- mode:
-- section: executable comments

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE /*! BINARY */ id = 'abc'

-- expect: scatter-read refuse: executable comment
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' /*!50001 AND id = 'def' OR 1 */

-- expect: scatter-read refuse: executable comment
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' /*M! OR 1 = 1 */

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' /*M!100100 AND expires > 5 */ /*!99999 LIMIT 1 */

-- expect: scatter-read refuse: executable comment
-- proto: text
SELECT data FROM sessions /*! WHERE 1=1 */ /*M! OR id = 'abc' */

-- section: what the parser doesn't know

-- expect: read-for-update key='abc'
-- proto: text
SELECT data FROM sessions WHERE id='abc' LOCK IN SHARE MODE SKIP LOCKED

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id='abc' LIMIT 1 ROWS EXAMINED 1000

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id='abc' OFFSET 0 ROWS FETCH FIRST 1 ROWS ONLY

-- expect: read key='abc'
-- proto: text
SELECT CAST(expires AS INT), CAST(ip AS INET6) FROM sessions WHERE id='abc'

-- expect: read key='abc'
-- proto: text
SELECT rank, groups FROM sessions WHERE id='abc'

-- expect: write key='abc'
-- proto: text
DELETE FROM sessions WHERE id='abc' RETURNING data

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) VALUES ('abc', 'x') ON DUPLICATE KEY UPDATE data = VALUE(data)

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) VALUES ('abc', 'x') AS new(a, b) ON DUPLICATE KEY UPDATE id = a, data = b

-- expect: read key='abc'
-- proto: text
SET STATEMENT max_statement_time=1 FOR SELECT data FROM sessions WHERE id = 'abc'

-- expect: txn-begin
-- proto: text
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY

-- expect: txn-commit
-- proto: text
COMMIT WORK AND NO CHAIN NO RELEASE

-- expect: prepare-sql
-- proto: text
EXECUTE IMMEDIATE 'SELECT 1'

-- expect: prepare-sql
-- proto: text
DEALLOCATE PREPARE st

-- section: session state

-- expect: session-state autocommit=0
-- proto: text
SET SESSION autocommit = OFF, sql_mode = ''

-- expect: session-state user-variable
-- proto: text
SET @a = 1, @b := 'x'

-- expect: session-state
-- proto: text
SET CHARACTER SET utf8

-- expect: session-state
-- proto: text
SET GLOBAL max_connections = 5

-- expect: session-state user-variable
-- proto: prepared
SET @a = ?
-- params: [1]

-- expect: session-state refuse: SET PASSWORD
-- proto: text
SET PASSWORD = 'x'

-- expect: session-state
-- proto: text
SET ROLE NONE

-- section: locks

-- expect: lock name='abc'
-- proto: text
SELECT GET_LOCK(CONCAT('a', 'bc'), -1)

-- expect: lock name='unknown'
-- proto: text
SELECT GET_LOCK(MD5('abc'), 10)

-- expect: lock refuse: GET_LOCK of a computed name
-- proto: text
SELECT GET_LOCK(UUID(), 10)

-- expect: lock name='a'
-- proto: text
SELECT IF(IS_FREE_LOCK('a'), GET_LOCK('a', 1), 0)

-- expect: unlock name='abc'
-- proto: prepared
DO RELEASE_LOCK(?)
-- params: ["abc"]

-- config: table=sessions key=sid surrogate=id
-- section: a surrogate

-- expect: write-by-other-column id=['1','2']
-- proto: text
UPDATE sessions SET data = 'x' WHERE id = 1 OR id = 2

-- expect: write key='abc'
-- proto: text
DELETE FROM sessions WHERE sid = 'abc' AND id = 7

-- expect: write key=AUTO (AUTO)
-- proto: text
INSERT INTO sessions (id, data) VALUES (NULL, 'x')

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, sid, data) VALUES (DEFAULT, 'abc', 'x') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)

-- expect: write-by-other-column id='7'
-- proto: text
UPDATE sessions SET id = 8 WHERE id = 7

-- config: table=sessions key=id schema=sess table=sessions key=token schema=api
-- section: schemas

-- expect: read key='abc'
-- proto: text
SELECT * FROM sessions WHERE id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT * FROM api.sessions WHERE token = 'abc'

-- expect: other-table
-- proto: text
SELECT * FROM shop.sessions WHERE id = 'abc'

-- config: table=sessions key=id ci
-- section: a collation that ignores case

-- expect: read key='ABC'
-- proto: text
SELECT * FROM sessions WHERE id = 'ABC' COLLATE utf8mb4_unicode_ci
