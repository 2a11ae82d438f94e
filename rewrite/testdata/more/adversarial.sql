-- handler: constructed: what leads routing astray
-- config: table=sessions key=id
-- section: a key where none is

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE data = 'x' -- id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions # WHERE id = 'abc'
WHERE n = 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE/* id = 'abc' AND */n = 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE n = 1 --	AND id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE data = '\' AND id = \'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE data = 'x'' AND id = ''abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE data = "' AND id = 'abc"

-- expect: scatter-read
-- proto: text
SELECT `id = 'abc'` FROM (SELECT 1 AS `id = 'abc'` FROM sessions) x

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE NOT (NOT (id <> 'abc'))

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' OR NOT id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' IS NOT TRUE

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc') <> 1

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = id

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE sessions.id = sessions.data AND sessions.data > 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE TRIM(id) = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE MD5(id) = MD5('abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE CONCAT(id, '') = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE SUBSTR(id, 1, 3) = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = LOWER('ABC')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id LIKE 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id REGEXP '^abc$'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id >= 'abc' AND id <= 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' + 0

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' COLLATE utf8mb4_unicode_ci

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id COLLATE utf8mb4_general_ci = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = IF(1, 'abc', 'def')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id IN (SELECT 'abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id IN ('abc', data)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = ANY (SELECT 'abc' UNION SELECT 'def')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE (id, n) <> ('abc', 7)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' OR (id = 'def' AND n = 1) OR n = 2

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions s WHERE EXISTS (SELECT 1 FROM sessions t WHERE t.id = 'abc' AND t.n = s.n)

-- expect: scatter-read
-- proto: text
SELECT a.data FROM sessions a, sessions b WHERE b.id = 'abc' AND a.n = b.n

-- expect: scatter-read
-- proto: text
SELECT id, COUNT(*) FROM sessions GROUP BY id HAVING id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions ORDER BY FIELD(id, 'abc') DESC LIMIT 1

-- expect: scatter-read
-- proto: text
SELECT CASE id WHEN 'abc' THEN 1 END FROM sessions

-- expect: scatter-read
-- proto: text
WITH s AS (SELECT * FROM sessions) SELECT a.data FROM s a, s b WHERE a.id = 'abc' AND a.n <= b.n

-- expect: scatter-read
-- proto: text
WITH s AS (SELECT * FROM sessions) SELECT * FROM s WHERE n = 1 UNION ALL SELECT * FROM s WHERE id = 'abc'

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' UNION SELECT data FROM sessions

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = @@hostname

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = NULL OR id = NULL

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE id <> 'abc'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE id NOT IN ('abc', 'def')

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE NOT id = 'abc'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE id = 'abc' OR data = 'def'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE id LIKE 'abc'

-- expect: broadcast-write
-- proto: text
UPDATE sessions SET data = 'id = ''abc''' WHERE data = 'WHERE id = ''abc'''

-- expect: broadcast-write
-- proto: text
UPDATE sessions SET n = id = 'abc' WHERE n = 5

-- expect: broadcast-write
-- proto: text
UPDATE sessions SET data = (id = 'abc') WHERE n > 5

-- expect: broadcast-write
-- proto: text
UPDATE sessions SET n = 1 WHERE id = 'abc' XOR n = 2

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE id = 'abc' || n = 2

-- section: a key all the same

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id='abc'AND n>0

-- expect: read key='abc'
-- proto: text
select(data)from(sessions)where(id)=('abc')

-- expect: read key='abc'
-- proto: text
SELECT`data`FROM`sessions`WHERE`id`='abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id/**/=/* x */'abc'-- 

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc'#

-- expect: read key='abc'
-- proto: text
/* id = 'def' */ SELECT data FROM sessions WHERE id = /* 'def' */ 'abc' -- 'def'

-- expect: read key='abc'
-- proto: text
SELECT /*+ MAX_EXECUTION_TIME(1000) */ data FROM sessions WHERE id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT /*+ NO_RANGE_OPTIMIZATION(sessions PRIMARY) */ data FROM sessions FORCE INDEX (PRIMARY) WHERE id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT SQL_NO_CACHE HIGH_PRIORITY data FROM sessions USE INDEX FOR ORDER BY (PRIMARY) WHERE id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT SQL_SMALL_RESULT DISTINCT data FROM sessions WHERE id = 'abc' GROUP BY data WITH ROLLUP

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id <=> 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = N'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = n'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = _utf8mb4'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = _binary 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = x'616263'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = X'616263'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 0x616263

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = UNHEX('616263')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = BINARY 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE BINARY(id) = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = CAST('abc' AS CHAR CHARACTER SET utf8mb4)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = CAST('abc' AS BINARY)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = CONVERT('abc' USING utf8mb4)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = CONCAT('a', 'b', 'c')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'a' 'b'
'c'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'ab\c'

-- expect: read key='a\'b'
-- proto: text
SELECT data FROM sessions WHERE id = 'a\'b'

-- expect: read key='a\'b'
-- proto: text
SELECT data FROM sessions WHERE id = 'a''b'

-- expect: read key='a\'b'
-- proto: text
SELECT data FROM sessions WHERE id = "a'b"

-- expect: read key='a\\b'
-- proto: text
SELECT data FROM sessions WHERE id = 'a\\b'

-- expect: read key='a\\%b'
-- proto: text
SELECT data FROM sessions WHERE id = 'a\%b'

-- expect: read key='a;b'
-- proto: text
SELECT data FROM sessions WHERE id = 'a;b';

-- expect: read key='-- x'
-- proto: text
SELECT data FROM sessions WHERE id = '-- x' ; 

-- expect: read key='/* x */'
-- proto: text
SELECT data FROM sessions WHERE id = '/* x */'

-- expect: read key='üñ€😀'
-- proto: text
SELECT data FROM sessions WHERE id = 'üñ€😀'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' AND id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id IN ('abc','abc') AND id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc' AND (n = 1 OR n = 2)) AND NOT data = 'y'

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc' AND n = 1) OR (id = 'abc' AND n = 2)

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' IS TRUE

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE (id = 'abc') = TRUE

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE CASE WHEN id = 'abc' THEN 1 ELSE 0 END = 1 AND id IN ('abc')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' AND n IN (SELECT n FROM sessions WHERE id = 'abc')

-- expect: read key='abc'
-- proto: text
SELECT s.data FROM (SELECT * FROM sessions WHERE id = 'abc') s WHERE s.n > 0

-- expect: read key='abc'
-- proto: text
SELECT data FROM sess.sessions WHERE sess.sessions.id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT `s`.`data` FROM `sessions` `s` WHERE (`s`.`id`) IN (('abc'))

-- expect: read key='abc'
-- proto: text
SELECT MAX(data), COUNT(*) FROM sessions WHERE id = 'abc' HAVING COUNT(*) >= 0

-- expect: read key='abc'
-- proto: text
(SELECT data FROM sessions WHERE id = 'abc')

-- expect: read key='abc'
-- proto: text
(SELECT data FROM sessions WHERE id = 'abc') UNION (SELECT data FROM sessions WHERE id = 'abc') LIMIT 1

-- expect: read key='abc'
-- proto: text
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 3) SELECT r.i, s.data FROM r, sessions s WHERE s.id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT DISTINCTROW data FROM sessions WHERE id = 'abc' LIMIT 1 OFFSET 0

-- expect: read key='abc'
-- proto: text
SELECT data, ROW_NUMBER() OVER (ORDER BY n) FROM sessions WHERE id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT ALL data FROM sessions PARTITION (p0) WHERE id = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT SQL_CALC_FOUND_ROWS data FROM sessions WHERE id = 'abc' LIMIT 1

-- expect: read-for-update key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' FOR UPDATE NOWAIT

-- expect: read-for-update key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' FOR UPDATE WAIT 5

-- expect: read-for-update key='abc'
-- proto: text
SELECT data FROM sessions WHERE id = 'abc' LOCK IN SHARE MODE NOWAIT

-- expect: write key='abc'
-- proto: text
INSERT/**/INTO/**/sessions(id,data)VALUES('abc','x')

-- expect: write key='abc'
-- proto: text
INSERT sessions SET data = 'x', id = 'abc'

-- expect: write key='abc'
-- proto: text
INSERT LOW_PRIORITY IGNORE sessions (data, id) VALUE ('x', 'abc')

-- expect: write key='abc'
-- proto: text
INSERT HIGH_PRIORITY INTO sessions (id) VALUES (('abc'))

-- expect: write key='abc'
-- proto: text
REPLACE DELAYED sessions (id, data) VALUES ('abc', 'x')

-- expect: write key='abc'
-- proto: text
REPLACE LOW_PRIORITY INTO sessions SET id = 'abc', data = 'x', n = DEFAULT(n) + 1

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (sessions.id, sessions.data) VALUES ('abc', 'x')

-- expect: write key='abc'
-- proto: text
INSERT INTO sess.sessions (sess.sessions.id, data) VALUES ('abc', 'x')

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) VALUES (x'616263', x'00ff27'), ('abc', 'y')

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) VALUES (UNHEX('616263'), 'x')

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) VALUES ('abc', 'x') ON DUPLICATE KEY UPDATE data = CONCAT(data, VALUES(data)), n = n + 1

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) VALUES ('abc', 'x') ON DUPLICATE KEY UPDATE id = VALUES(id), data = IF(n < 5, VALUES(data), data)

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data, n) SELECT 'abc', 'x', 1 ON DUPLICATE KEY UPDATE data = 'x'

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, data) SELECT 'abc', 'x' FROM DUAL WHERE NOT EXISTS (SELECT * FROM sessions WHERE id = 'abc')

-- expect: write key='abc'
-- proto: text
UPDATE IGNORE sessions SET data = 'x' WHERE id = 'abc' LIMIT 1

-- expect: write key='abc'
-- proto: text
UPDATE LOW_PRIORITY sessions AS s SET s.data = 'x', n = n + 1 WHERE s.id = 'abc' ORDER BY s.n LIMIT 1

-- expect: write key='abc'
-- proto: text
UPDATE sessions SET id = 'abc', data = 'x' WHERE id = 'abc'

-- expect: write key='abc'
-- proto: text
UPDATE sessions SET data = (SELECT 'x') WHERE id = 'abc'

-- expect: write key='abc'
-- proto: text
UPDATE sessions SET data = CASE id WHEN 'abc' THEN 'x' ELSE 'y' END WHERE id IN ('abc')

-- expect: write keys=['abc','def']
-- proto: text
UPDATE sessions SET data = CASE id WHEN 'abc' THEN 'x' WHEN 'def' THEN 'y' END WHERE id IN ('abc', 'def')

-- expect: write keys=['abc','def']
-- proto: text
DELETE FROM sessions WHERE id = 'abc' OR 'def' = id

-- expect: write keys=['abc','def']
-- proto: text
DELETE LOW_PRIORITY QUICK IGNORE FROM sessions WHERE (id) IN (('abc'), ('def')) AND n >= 0

-- expect: write key='abc'
-- proto: text
DELETE s FROM sessions s WHERE s.id = 'abc'

-- expect: write key='abc'
-- proto: text
DELETE s.* FROM sessions AS s WHERE s.id = 'abc'

-- expect: write key='abc'
-- proto: text
DELETE FROM s USING sessions s WHERE s.id = 'abc'

-- expect: write key='abc'
-- proto: text
DELETE FROM sessions USING sessions WHERE sessions.id = 'abc'

-- expect: write key='abc'
-- proto: text
DELETE sessions FROM sess.sessions WHERE id = 'abc'

-- expect: write key='abc'
-- proto: text
DELETE FROM sessions WHERE id = 'abc' ORDER BY n DESC LIMIT 1

-- expect: write key='abc'
-- proto: text
DELETE s FROM sessions s WHERE s.id = 'abc' AND EXISTS (SELECT 1 FROM sessions t WHERE t.id = 'abc')

-- expect: move from='abc' to='abd'
-- proto: text
UPDATE sessions SET sessions.id = 'abd', data = 'x' WHERE sessions.id = 'abc' LIMIT 1

-- expect: move from='abd' to='abe'
-- proto: text
UPDATE IGNORE sessions s SET s.id = 'abe' WHERE s.id IN ('abd') AND s.n >= 0

-- expect: move from='abe' to='abf'
-- proto: text
UPDATE sessions SET n = 3, `id` = CONCAT('ab', 'f') WHERE 'abe' = `id`

-- expect: read keys=['k000','k001','k002','k003','k004','k005','k006','k007','k008','k009','k010','k011','k012','k013','k014','k015','k016','k017','k018','k019','k020','k021','k022','k023','k024','k025','k026','k027','k028','k029','k030','k031','k032','k033','k034','k035','k036','k037','k038','k039','k040','k041','k042','k043','k044','k045','k046','k047','k048','k049','k050','k051','k052','k053','k054','k055','k056','k057','k058','k059','k060','k061','k062','k063','k064','k065','k066','k067','k068','k069','k070','k071','k072','k073','k074','k075','k076','k077','k078','k079','k080','k081','k082','k083','k084','k085','k086','k087','k088','k089','k090','k091','k092','k093','k094','k095','k096','k097','k098','k099','k100','k101','k102','k103','k104','k105','k106','k107','k108','k109','k110','k111','k112','k113','k114','k115','k116','k117','k118','k119','k120','k121','k122','k123','k124','k125','k126','k127','k128','k129','k130','k131','k132','k133','k134','k135','k136','k137','k138','k139','k140','k141','k142','k143','k144','k145','k146','k147','k148','k149']
-- proto: text
SELECT id, data FROM sessions WHERE id IN ('k000', 'k001', 'k002', 'k003', 'k004', 'k005', 'k006', 'k007', 'k008', 'k009', 'k010', 'k011', 'k012', 'k013', 'k014', 'k015', 'k016', 'k017', 'k018', 'k019', 'k020', 'k021', 'k022', 'k023', 'k024', 'k025', 'k026', 'k027', 'k028', 'k029', 'k030', 'k031', 'k032', 'k033', 'k034', 'k035', 'k036', 'k037', 'k038', 'k039', 'k040', 'k041', 'k042', 'k043', 'k044', 'k045', 'k046', 'k047', 'k048', 'k049', 'k050', 'k051', 'k052', 'k053', 'k054', 'k055', 'k056', 'k057', 'k058', 'k059', 'k060', 'k061', 'k062', 'k063', 'k064', 'k065', 'k066', 'k067', 'k068', 'k069', 'k070', 'k071', 'k072', 'k073', 'k074', 'k075', 'k076', 'k077', 'k078', 'k079', 'k080', 'k081', 'k082', 'k083', 'k084', 'k085', 'k086', 'k087', 'k088', 'k089', 'k090', 'k091', 'k092', 'k093', 'k094', 'k095', 'k096', 'k097', 'k098', 'k099', 'k100', 'k101', 'k102', 'k103', 'k104', 'k105', 'k106', 'k107', 'k108', 'k109', 'k110', 'k111', 'k112', 'k113', 'k114', 'k115', 'k116', 'k117', 'k118', 'k119', 'k120', 'k121', 'k122', 'k123', 'k124', 'k125', 'k126', 'k127', 'k128', 'k129', 'k130', 'k131', 'k132', 'k133', 'k134', 'k135', 'k136', 'k137', 'k138', 'k139', 'k140', 'k141', 'k142', 'k143', 'k144', 'k145', 'k146', 'k147', 'k148', 'k149')

-- expect: write keys=['k000','k001','k002','k003','k004','k005','k006','k007','k008','k009','k010','k011','k012','k013','k014','k015','k016','k017','k018','k019','k020','k021','k022','k023','k024','k025','k026','k027','k028','k029','k030','k031','k032','k033','k034','k035','k036','k037','k038','k039']
-- proto: text
INSERT INTO sessions (id, data) VALUES ('k000', 'd'), ('k001', 'd'), ('k002', 'd'), ('k003', 'd'), ('k004', 'd'), ('k005', 'd'), ('k006', 'd'), ('k007', 'd'), ('k008', 'd'), ('k009', 'd'), ('k010', 'd'), ('k011', 'd'), ('k012', 'd'), ('k013', 'd'), ('k014', 'd'), ('k015', 'd'), ('k016', 'd'), ('k017', 'd'), ('k018', 'd'), ('k019', 'd'), ('k020', 'd'), ('k021', 'd'), ('k022', 'd'), ('k023', 'd'), ('k024', 'd'), ('k025', 'd'), ('k026', 'd'), ('k027', 'd'), ('k028', 'd'), ('k029', 'd'), ('k030', 'd'), ('k031', 'd'), ('k032', 'd'), ('k033', 'd'), ('k034', 'd'), ('k035', 'd'), ('k036', 'd'), ('k037', 'd'), ('k038', 'd'), ('k039', 'd')

-- expect: write keys=['k000','k001','k002','k003','k004','k005','k006','k007','k008','k009','k010','k011','k012','k013','k014','k015','k016','k017','k018','k019','k020','k021','k022','k023','k024','k025','k026','k027','k028','k029','k030','k031','k032','k033','k034','k035','k036','k037','k038','k039']
-- proto: text
DELETE FROM sessions WHERE id IN ('k000', 'k001', 'k002', 'k003', 'k004', 'k005', 'k006', 'k007', 'k008', 'k009', 'k010', 'k011', 'k012', 'k013', 'k014', 'k015', 'k016', 'k017', 'k018', 'k019', 'k020', 'k021', 'k022', 'k023', 'k024', 'k025', 'k026', 'k027', 'k028', 'k029', 'k030', 'k031', 'k032', 'k033', 'k034', 'k035', 'k036', 'k037', 'k038', 'k039') AND n >= 0

-- expect: read key='llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll'
-- proto: text
SELECT data FROM sessions WHERE id = 'llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll'

-- section: keys hashed in SQL

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = MD5('abc')

-- expect: scatter-read
-- proto: prepared
SELECT data FROM sessions WHERE id = SHA1(?)
-- params: ["abc"]

-- expect: write key='ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
-- proto: prepared
INSERT INTO sessions (id, data) VALUES (SHA2(?, 256), 'x') ON DUPLICATE KEY UPDATE data = 'y'
-- params: ["abc"]

-- expect: broadcast-write
-- proto: text
UPDATE sessions SET n = n + 1 WHERE id = SHA2('abc', 256)

-- expect: scatter-read
-- proto: prepared
SELECT n, data FROM sessions WHERE id = SHA2(CONCAT('a', ?), 256)
-- params: ["bc"]

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = HEX('AB')

-- expect: write key='900150983cd24fb0d6963f7d28e17f72'
-- proto: prepared
REPLACE INTO sessions (data, id) VALUES ('z', MD5(?))
-- params: ["abc"]

-- expect: move from='900150983cd24fb0d6963f7d28e17f72' to='a9993e364706816aba3e25717850c26c9cd0d89d'
-- proto: text
UPDATE sessions SET id = SHA1('abc') WHERE id = '900150983cd24fb0d6963f7d28e17f72'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE id = SHA('abc')

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = HEX(10)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = MD5(CONVERT('é' USING latin1))

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE id = MD5(data)

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE SHA1(id) = 'abc'

-- section: parameters in odd places

-- expect: read key='abc'
-- proto: prepared
SELECT ?, data FROM sessions WHERE n > ? AND id = ? LIMIT ?
-- params: [1, -1, "abc", 1]

-- expect: read key='abc'
-- proto: prepared
SELECT data FROM sessions WHERE id = ? AND data <> '?' AND n < ? /* ? */ LIMIT ?, ?
-- params: ["abc", 9, 0, 1]

-- expect: read key='abc'
-- proto: prepared
SELECT IF(? > 1, data, ?) FROM sessions WHERE ? = id ORDER BY ? LIMIT 1
-- params: [2, "x", "abc", 1]

-- expect: read keys=['abc','def']
-- proto: prepared
SELECT data FROM sessions WHERE id IN (?, 'def')
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
SELECT data FROM sessions WHERE id = CONCAT(?, 'bc')
-- params: ["a"]

-- expect: read key='abc'
-- proto: prepared
SELECT data FROM sessions WHERE id = BINARY ?
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
SELECT data FROM sessions WHERE id = CAST(? AS CHAR)
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
SELECT data FROM sessions WHERE (n, id) = (?, ?)
-- params: [0, "abc"]

-- expect: write key='abc'
-- proto: prepared
UPDATE sessions SET data = CONCAT(?, data, ?), n = n + ? WHERE id = ? AND n >= ? LIMIT 1
-- params: ["<", ">", 1, "abc", 0]

-- expect: write key='abc'
-- proto: prepared
INSERT INTO sessions (data, id, n) VALUES (CONCAT(?, ?), ?, ? + 1) ON DUPLICATE KEY UPDATE data = ?, n = VALUES(n) + ?
-- params: ["a", "b", "abc", 1, "c", 2]

-- expect: write key='abc'
-- proto: prepared
DELETE FROM sessions WHERE n >= ? AND id = ? AND ? IS NOT NULL LIMIT 1
-- params: [0, "abc", 1]

-- expect: scatter-read
-- proto: prepared
SELECT id FROM sessions WHERE n > ? ORDER BY id LIMIT ? OFFSET ?
-- params: [-1, 2, 1]

-- expect: scatter-read
-- proto: prepared
SELECT id FROM sessions WHERE id <> ? AND id <> ? ORDER BY id
-- params: ["abc", "def"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM sessions WHERE id <> ? AND data = ?
-- params: ["abc", "none"]

-- expect: move from='abc' to='abz'
-- proto: prepared
UPDATE sessions SET n = ?, id = ?, data = ? WHERE id = ?
-- params: [4, "abz", "x", "abc"]

-- section: sql_mode: ANSI, PIPES_AS_CONCAT, HIGH_NOT_PRECEDENCE, NO_BACKSLASH_ESCAPES, IGNORE_SPACE

-- mode: ANSI
-- expect: read key='abc'
-- proto: text
SELECT "s"."data" FROM "sessions" AS "s" WHERE "s"."id" = 'a' || 'bc'

-- expect: write key='abc'
-- proto: text
INSERT INTO "sessions" ("id", "data") VALUES ('abc', 'x"y')

-- expect: scatter-read
-- proto: text
SELECT COUNT (*) FROM "sessions" WHERE data = 'x' || "id"

-- mode: PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES
-- expect: read key='a\\'
-- proto: text
SELECT data FROM sessions WHERE id = 'a\' || ''

-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE data = 'a\' OR id = 'abc'

-- mode: HIGH_NOT_PRECEDENCE
-- expect: scatter-read
-- proto: text
SELECT data FROM sessions WHERE NOT id IN ('abc')

-- expect: read key='abc'
-- proto: text
SELECT data FROM sessions WHERE NOT n = 5 AND id = 'abc'

-- mode: IGNORE_SPACE
-- expect: read key='abc'
-- proto: text
SELECT MAX (n) FROM sessions WHERE id = CONCAT ('a', 'bc')

-- mode: 
-- config: table=sessions key=token surrogate=id secondary=items(session_id)
-- section: a surrogate that is called id

-- schema: CREATE TABLE sessions (id BIGINT AUTO_INCREMENT PRIMARY KEY, token VARCHAR(100) COLLATE utf8mb4_bin NOT NULL UNIQUE, user_id INT, data TEXT, expires INT DEFAULT 0)
-- schema: CREATE TABLE items (session_id BIGINT NOT NULL, name VARCHAR(50) NOT NULL, v TEXT, PRIMARY KEY (session_id, name))
-- expect: write key='tk1'
-- proto: text
INSERT INTO sessions (id, token, user_id, data) VALUES (11, 'tk1', 1, 'a')

-- expect: write key='tk2'
-- proto: text
INSERT INTO sessions (token, id, user_id, data) VALUES ('tk2', 12, 1, 'b')

-- expect: write-by-other-column id='11'
-- proto: text
UPDATE sessions SET data = 'x' WHERE id = 11

-- expect: write-by-other-column id='11' (secondary table)
-- proto: text
INSERT INTO items (session_id, name, v) VALUES (11, 'n', '1')

-- expect: write-by-other-column id='12' (secondary table)
-- proto: text
REPLACE INTO items (session_id, name, v) VALUES (12, 'n', '2')

-- expect: write key='tk1' (secondary table)
-- proto: text
INSERT INTO items (session_id, name, v) SELECT id, 'm', '3' FROM sessions WHERE token = 'tk1'

-- expect: read key='tk1'
-- proto: text
SELECT s.token, i.name, i.v FROM sessions s JOIN items i ON i.session_id = s.id WHERE s.token = 'tk1' ORDER BY i.name

-- expect: read key='tk1'
-- proto: text
SELECT name FROM items WHERE session_id = (SELECT id FROM sessions WHERE token = 'tk1') ORDER BY name

-- expect: scatter-read (by other column id='11')
-- proto: text
SELECT data FROM sessions WHERE id = 11

-- expect: scatter-read
-- proto: text
SELECT s.token, COUNT(i.name) FROM sessions s LEFT JOIN items i ON i.session_id = s.id GROUP BY s.token ORDER BY s.token

-- expect: write key='tk1' (secondary table)
-- proto: text
UPDATE items SET v = '9' WHERE session_id = (SELECT id FROM sessions WHERE token = 'tk1') AND name = 'n'

-- expect: write key='tk1' (secondary table)
-- proto: text
UPDATE items i JOIN sessions s ON s.id = i.session_id SET i.v = '10' WHERE s.token = 'tk1'

-- expect: broadcast-write (secondary table)
-- proto: text
DELETE FROM items WHERE session_id IN (SELECT id FROM sessions WHERE user_id = 2)

-- expect: broadcast-write (secondary table)
-- proto: text
DELETE i FROM items i JOIN sessions s ON s.id = i.session_id WHERE s.user_id = 2

-- expect: broadcast-write refuse: a subquery over a session table in a write (secondary table)
-- proto: text
-- note: a store that lacks a record must not have its rows deleted
DELETE FROM items WHERE session_id NOT IN (SELECT id FROM sessions)

-- expect: broadcast-write (secondary table)
-- proto: text
DELETE i FROM items i LEFT JOIN sessions s ON s.id = i.session_id WHERE s.id IS NULL

-- expect: write-by-other-column id='12'
-- proto: text
DELETE FROM sessions WHERE id = 12 AND user_id = 1

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE user_id = 1 AND id <> 11

-- expect: write key='tk1'
-- proto: text
DELETE s, i FROM sessions s LEFT JOIN items i ON i.session_id = s.id WHERE s.token = 'tk1'
