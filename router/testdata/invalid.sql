DELETE FROM sessions
INSERT INTO sessions (id,data,n,expires) VALUES ('a','x',1,10),('b','y',2,20),('c','z',3,30),('d','z',4,40)
SELECT n FROM sessions WHERE id='a' LIMIT '1'
SELECT n FROM sessions LIMIT '1'
SELECT n FROM sessions LIMIT -1
SELECT n FROM sessions LIMIT 1.5
SELECT n FROM sessions LIMIT n
INSERT INTO sessions (data) VALUES ('x')
INSERT INTO sessions SET data='x'
INSERT INTO sessions () VALUES ()
INSERT INTO sessions (id,id) VALUES ('x','y')
INSERT INTO sessions (id,nosuch) VALUES ('x','y')
INSERT INTO sessions (id) VALUES ('x','y')
INSERT INTO sessions (id,n) VALUES ('x')
INSERT INTO sessions (id,n) VALUES ('x','abc')
INSERT INTO sessions (id,n) VALUES ('x',99999999999)
INSERT INTO sessions (id,n) VALUES ('x',1/0)
INSERT INTO sessions (id,n) VALUES (NULL,1)
INSERT INTO sessions VALUES ('x')
INSERT INTO sessions (id) VALUE
INSERT sessions VALUES
REPLACE INTO sessions (data) VALUES ('x')
UPDATE sessions SET nosuch=1 WHERE id='a'
UPDATE sessions SET n=nosuch WHERE id='a'
UPDATE sessions SET n=1 WHERE nosuch='a'
UPDATE sessions SET n=1/0 WHERE id='a'
UPDATE sessions SET n='abc' WHERE id='a'
UPDATE sessions SET n=NULL WHERE id='a'
UPDATE sessions SET WHERE id='a'
UPDATE sessions n=1
UPDATE SET n=1
DELETE sessions WHERE id='a'
DELETE FROM sessions WHERE
DELETE FROM sessions WHERE nosuch=1
DELETE FROM sessions WHERE id='a' LIMIT 1,1
DELETE FROM sessions WHERE id='a' LIMIT '1'
DELETE FROM sessions LIMIT 1 OFFSET 2
SELECT NOSUCH()
SELECT NOSUCH() FROM sessions WHERE id='a'
SELECT NOSUCH(n) FROM sessions
SELECT app.NOSUCH(n) FROM sessions WHERE id='a'
SELECT CONCAT() FROM sessions WHERE id='a'
SELECT SUBSTRING() FROM sessions WHERE id='a'
SELECT LENGTH(1,2) FROM sessions WHERE id='a'
SELECT LENGTH(1,2)
SELECT IF(1) FROM sessions WHERE id='a'
SELECT COUNT() FROM sessions
SELECT COUNT(*,1) FROM sessions
SELECT SUM(SUM(n)) FROM sessions
SELECT n FROM sessions WHERE SUM(n)>1
SELECT nosuch FROM sessions WHERE id='a'
SELECT nosuch FROM sessions
SELECT x.n FROM sessions WHERE id='a'
SELECT x.n FROM sessions
SELECT sessions.nosuch FROM sessions ORDER BY n
SELECT n FROM sessions ORDER BY nosuch
SELECT n FROM sessions ORDER BY 5
SELECT n FROM sessions GROUP BY nosuch
SELECT n FROM sessions WHERE id=
SELECT n FROM sessions WHERE id='a' AND
SELECT FROM sessions
SELECT n, FROM sessions WHERE id='a'
SELECT * FROM sessions WHERE id='a' FOR
SELECT n FROM sessions WHERE id='a' UNION SELECT 1,2
SELECT * FROM
SELECT * FROM sessions, sessions WHERE sessions.id='a'
SELECT id FROM sessions a, sessions b WHERE a.id='a' AND b.id='a'
SELECT n FROM sessions WHERE (n,id)=1
SELECT (SELECT n FROM sessions WHERE id IN ('a','b')) FROM sessions WHERE id='a'
SELECT (SELECT 1,2)
SELECT 1/0
SELECT 1 FROM sessions WHERE id='a' INTO @x, @y
SELECT CAST(1 AS nosuch)
SELECT DATE_ADD('x')
SELECT @@nosuch
SET nosuch=1
SET @@nosuch=1
SET sql_mode='NOSUCH'
SET NAMES nosuch
SET autocommit=5
SET autocommit='x'
SET transaction isolation level nosuch
START nosuch
COMMIT nosuch
ROLLBACK TO nosuch
RELEASE SAVEPOINT nosuch
SAVEPOINT
USE
SHOW nosuch
SHOW TABLES FROM nosuch
DESCRIBE nosuch
DESCRIBE sessions nosuch
EXPLAIN SELECT nosuch FROM sessions
EXPLAIN
CREATE TABLE sessions (id int)
CREATE TABLE
CREATE INDEX i ON sessions (nosuch)
ALTER TABLE sessions ADD
ALTER TABLE sessions ADD COLUMN n int
ALTER TABLE sessions DROP COLUMN nosuch
ALTER TABLE sessions nosuch
DROP TABLE
DROP INDEX nosuch ON sessions
TRUNCATE
TRUNCATE TABLE
PREPARE s FROM 'SELECT nosuch FROM sessions'
PREPARE s FROM 'SELEC 1'
EXECUTE nosuch
DEALLOCATE PREPARE nosuch
FOO BAR
SELECT GET_LOCK()
SELECT GET_LOCK('a')
SELECT GET_LOCK('a',1,2)
SELECT RELEASE_LOCK()
GET_LOCK('a')
SELECT 'abc
SELECT `abc
SELECT 1 /* x
SELECT n FROM sessions WHERE id='a' ORDER
SELECT n FROM sessions WHERE id='a' LIMIT
SELECT n FROM sessions WHERE id='a' OFFSET 1
SELECT n FROM sessions USE INDEX (nosuch) WHERE id='a'
SELECT n FROM sessions PARTITION (p0) WHERE id='a'
SELECT DISTINCTROW n FROM sessions WHERE id='a'
SELECT n FROM sessions WHERE MATCH (data) AGAINST ('x')
SELECT n FROM sessions WHERE id LIKE 'a' ESCAPE 'xx'
SELECT n FROM sessions WHERE id REGEXP '('
SELECT n FROM sessions HAVING nosuch=1
SELECT * FROM (SELECT n FROM sessions WHERE id='a')
SELECT n AS x FROM sessions WHERE x=1
INSERT INTO sessions (id,n) VALUES ('q',1) ON DUPLICATE KEY UPDATE nosuch=1
INSERT INTO sessions (id,n) VALUES ('q',1) ON DUPLICATE KEY
INSERT INTO sessions (id,n) SELECT 1
SELECT JSON_EXTRACT(data) FROM sessions WHERE id='a'
SELECT n FROM sessions WHERE id = 'a' COLLATE nosuch
SELECT _nosuch'x'
SELECT n FROM sessions WHERE id = _utf8mb4'a' COLLATE latin1_bin
