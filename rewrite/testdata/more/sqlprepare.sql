-- handler: constructed: user variables, PREPARE in SQL, routines, and what only the store of other tables can do (see ../plans/more/sqlprepare.txt)
-- config: table=sessions key=id
-- section: user variables

-- expect: session-state user-variable
-- proto: text
SET @a = 1, @b = @a + 1, @`C d` = 'x'

-- expect: session-state user-variable
-- proto: text
SET @a = (SELECT n FROM sessions WHERE id = 'k'), @b = 2

-- expect: session-state refuse: SET from a table together with a variable that is assigned before
-- proto: text
SET @a = (SELECT n FROM sessions WHERE id = 'k'), @b = @a

-- expect: session-state refuse: SET from a table
-- proto: text
SET @a = (SELECT n FROM sessions WHERE id = 'k'), sql_mode = ''

-- expect: session-state user-variable
-- proto: text
SET @old = @@sql_mode, sql_mode = 'ANSI', NAMES utf8mb4

-- expect: session-state user-variable
-- proto: text
SET @a = my_function(1)

-- expect: session-state user-variable
-- proto: text
SET @a = (@b := 5) + 1

-- expect: session-state
-- proto: prepared
SET SESSION sql_mode = ?
-- params: ["ANSI"]

-- expect: read key='k'
-- proto: text
SELECT n, data INTO @n, @d FROM sessions WHERE id = 'k'

-- expect: read key='k'
-- proto: text
SELECT @n := @n + n FROM sessions WHERE id = 'k'

-- expect: write key='k'
-- proto: text
UPDATE sessions SET n = (@old := n) + 1 WHERE id = 'k'

-- expect: scatter-read
-- proto: text
SELECT n FROM sessions WHERE id = @id

-- expect: any
-- proto: text
DO @a := 5, @b := 6

-- section: PREPARE, EXECUTE, DEALLOCATE

-- expect: prepare-sql
-- proto: text
PREPARE s FROM 'SELECT 1'

-- expect: prepare-sql
-- proto: text
PREPARE `S t` FROM "a" 'b'

-- expect: prepare-sql
-- proto: text
PREPARE s FROM @text

-- expect: prepare-sql
-- proto: text
EXECUTE s

-- expect: prepare-sql
-- proto: text
EXECUTE s USING @a, 'lit', 5, -6, 1.5, NULL, _utf8mb4'x', x'41'

-- expect: prepare-sql
-- proto: text
EXECUTE IMMEDIATE 'SELECT ?' USING @a

-- expect: prepare-sql
-- proto: text
EXECUTE IMMEDIATE @text

-- expect: prepare-sql
-- proto: text
DEALLOCATE PREPARE s

-- expect: prepare-sql
-- proto: text
DROP PREPARE s

-- expect: prepare-sql
-- proto: text
PREPARE s FROM CONCAT('SELECT', ' 1')

-- expect: prepare-sql refuse: an expression in EXECUTE ... USING
-- proto: text
EXECUTE s USING @a + 1

-- expect: prepare-sql refuse: statement not understood near 'end'
-- proto: text
PREPARE s FROM

-- expect: prepare-sql refuse: statement not understood near 's'
-- proto: text
DEALLOCATE s

-- section: routines

-- expect: call
-- proto: text
CALL p(1, @out, 'x')

-- expect: call
-- proto: text
CALL other.p

-- expect: call refuse: CALL with a session table among its arguments
-- proto: text
CALL p((SELECT n FROM sessions WHERE id = 'k'))

-- expect: any
-- proto: text
SELECT my_function(5), other.f(@a)

-- expect: any
-- proto: text
DO my_function(5)

-- section: only the store of other tables can carry it out

-- expect: refuse: CREATE VIEW
-- proto: text
CREATE VIEW v AS SELECT id FROM users

-- expect: refuse: CREATE VIEW
-- proto: text
CREATE OR REPLACE VIEW v AS SELECT id, sessions FROM users

-- expect: refuse: CREATE PROCEDURE
-- proto: text
CREATE PROCEDURE p() SELECT 1

-- expect: refuse: CREATE PROCEDURE
-- proto: text
CREATE PROCEDURE p() BEGIN INSERT INTO users VALUES (1); SELECT 2; END

-- expect: refuse: CREATE TRIGGER
-- proto: text
CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.n = 1

-- expect: refuse: DROP PROCEDURE
-- proto: text
DROP PROCEDURE IF EXISTS p

-- expect: refuse: CREATE VIEW
-- proto: text
CREATE VIEW v AS SELECT * FROM users JOIN sess.sessions USING (id)

-- expect: refuse: CREATE FUNCTION
-- proto: text
CREATE FUNCTION f() RETURNS int BEGIN UPDATE sessions SET n = 1; RETURN 1; END

-- expect: refuse: GRANT
-- proto: text
GRANT SELECT ON app.users TO u

-- expect: refuse: GRANT
-- proto: text
GRANT SELECT ON sess.sessions TO u

-- expect: refuse: FLUSH
-- proto: text
FLUSH TABLES

-- expect: refuse: HANDLER
-- proto: text
HANDLER users OPEN

-- expect: refuse: HANDLER
-- proto: text
HANDLER sessions OPEN

-- expect: refuse: LOAD DATA
-- proto: text
LOAD DATA INFILE 'x' INTO TABLE users

-- expect: refuse: LOAD DATA LOCAL
-- proto: text
LOAD DATA LOCAL INFILE 'x' INTO TABLE users

-- expect: refuse: CHECKSUM
-- proto: text
CHECKSUM TABLE users

-- expect: refuse: ANALYZE of a statement
-- proto: text
ANALYZE SELECT * FROM users

-- section: LOCK TABLES

-- expect: lock tables
-- proto: text
LOCK TABLES sessions WRITE

-- expect: lock tables
-- proto: text
LOCK TABLES users READ, app.other AS o WRITE

-- expect: unlock tables
-- proto: text
UNLOCK TABLES

-- expect: prepare-sql refuse: a text from a table in PREPARE
-- proto: text
PREPARE s FROM (SELECT query FROM sessions)
