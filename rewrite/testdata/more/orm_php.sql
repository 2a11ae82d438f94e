-- handler: Doctrine, Eloquent, Propel, CakePHP, Laminas
-- config: table=sessions key=id
-- section: Doctrine ORM and DBAL

-- expect: read key='abc'
-- proto: prepared
SELECT t0.id AS id_1, t0.data AS data_2, t0.expires_at AS expires_at_3 FROM sessions t0 WHERE t0.id = ? LIMIT 1
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
SELECT s0_.id AS id_0, s0_.data AS data_1 FROM sessions s0_ WHERE s0_.id = ? AND s0_.expires_at > ?
-- params: ["abc", "2026-01-01"]

-- expect: read-for-update key='abc'
-- proto: prepared
SELECT t0.id AS id_1, t0.data AS data_2 FROM sessions t0 WHERE t0.id = ? LIMIT 1 FOR UPDATE
-- params: ["abc"]

-- expect: read keys=['a','b']
-- proto: prepared
SELECT t0.id AS id_1 FROM `sessions` t0 WHERE `t0`.`id` IN (?, ?)
-- params: ["a", "b"]

-- expect: write key='abc'
-- proto: prepared
INSERT INTO sessions (data, expires_at, id) VALUES (?, ?, ?)
-- params: ["d", "2026-01-01", "abc"]

-- expect: write key='abc'
-- proto: prepared
UPDATE sessions SET data = ?, expires_at = ? WHERE id = ?
-- params: ["d", "2026-01-01", "abc"]

-- expect: write key='abc'
-- proto: prepared
DELETE FROM sessions WHERE id = ?
-- params: ["abc"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM sessions WHERE expires_at <= ?
-- params: ["2026-01-01"]

-- expect: txn-savepoint
-- proto: text
SAVEPOINT DOCTRINE_2

-- expect: txn-rollback-to-savepoint
-- proto: text
ROLLBACK TO SAVEPOINT DOCTRINE_2

-- expect: txn-release-savepoint
-- proto: text
RELEASE SAVEPOINT DOCTRINE_2

-- expect: txn-begin
-- proto: text
START TRANSACTION

-- expect: any (schema metadata)
-- proto: text
SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'

-- expect: any (schema metadata)
-- proto: text
SELECT COLUMN_NAME AS Field, COLUMN_TYPE AS Type FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'sessions' ORDER BY ORDINAL_POSITION ASC

-- section: Eloquent

-- expect: read key='abc'
-- proto: prepared
select * from `sessions` where `sessions`.`id` = ? limit 1
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
select exists(select * from `sessions` where `id` = ?) as `exists`
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
select count(*) as aggregate from `sessions` where `id` = ?
-- params: ["abc"]

-- expect: write key='abc'
-- proto: prepared
insert into `sessions` (`id`, `payload`) values (?, ?) on duplicate key update `payload` = values(`payload`)
-- params: ["abc", "p"]

-- expect: write keys=['a','b']
-- proto: prepared
insert ignore into `sessions` (`id`, `payload`) values (?, ?), (?, ?)
-- params: ["a", "p", "b", "q"]

-- expect: write key='abc'
-- proto: prepared
insert into `sessions` (`id`, `payload`) values (?, ?) as laravel_upsert_alias on duplicate key update `payload` = `laravel_upsert_alias`.`payload`
-- params: ["abc", "p"]

-- expect: broadcast-write
-- proto: prepared
delete from `sessions` where `user_id` = ?
-- params: [7]

-- expect: broadcast-write (GC)
-- proto: prepared
delete from `sessions` where `last_activity` < ? limit 100
-- params: [7]

-- expect: scatter-read
-- proto: prepared
select * from `sessions` where `last_activity` > ? order by `last_activity` desc limit 15 offset 30
-- params: [7]

-- section: CakePHP

-- expect: read key='abc'
-- proto: prepared
SELECT Sessions.id AS `Sessions__id`, Sessions.data AS `Sessions__data` FROM sessions Sessions WHERE (Sessions.id = ? AND Sessions.expires > ?) LIMIT 1
-- params: ["abc", 5]

-- expect: read key='abc'
-- proto: prepared
SELECT 1 AS `existing` FROM sessions Sessions WHERE Sessions.id = ? LIMIT 1
-- params: ["abc"]

-- section: ZF1 Zend_Session_SaveHandler_DbTable

-- expect: read key='abc'
-- proto: text
SELECT `sessions`.* FROM `sessions` WHERE (((`sessions`.`id` = 'abc') AND (`sessions`.`save_path` = '/tmp') AND (`sessions`.`name` = 'PHPSESSID')))

-- expect: write key='abc'
-- proto: text
UPDATE `sessions` SET `modified` = '1795369158', `data` = 'x' WHERE (((`sessions`.`id` = 'abc') AND (`sessions`.`name` = 'PHPSESSID')))

-- section: home-made handlers

-- expect: write key='abc'
-- proto: text
REPLACE INTO sessions SET id = 'abc', data = 'x', access = '1795369158'

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions SET id='abc', data='x', access=UNIX_TIMESTAMP() ON DUPLICATE KEY UPDATE data='x', access=UNIX_TIMESTAMP()

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions SET data='x', id='abc' ON DUPLICATE KEY UPDATE id='abc', data='x'

-- expect: write refuse: ON DUPLICATE KEY UPDATE of the key column
-- proto: text
INSERT INTO sessions SET data='x', id='abc' ON DUPLICATE KEY UPDATE id='abd', data='x'

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id) VALUES ('abc') ON DUPLICATE KEY UPDATE id=id

-- expect: write key='abc'
-- proto: text
UPDATE `sessions` SET `data` = 'x', `time` = NOW() WHERE `id` = 'abc' AND DATE_ADD(`time`, INTERVAL 30 MINUTE) > NOW() LIMIT 1

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE DATE_SUB(NOW(), INTERVAL 1440 SECOND) > last_access

-- expect: broadcast-write (GC)
-- proto: text
DELETE QUICK FROM sessions WHERE UNIX_TIMESTAMP(access) + 1440 < UNIX_TIMESTAMP()

-- expect: broadcast-write (GC)
-- proto: text
delete low_priority from sessions where ((unix_timestamp(now()) - access) > 1440)

-- expect: read key=''
-- proto: text
SELECT data FROM sessions WHERE id = ''

-- config: table=sessions key=id columns=id,data
-- section: without a column list

-- expect: write key='abc'
-- proto: text
INSERT DELAYED INTO sessions VALUE ('abc', 'x')

-- expect: write keys=['abc','def']
-- proto: text
REPLACE sessions VALUES ('abc', 'x'), ('def', 'y')

-- expect: write refuse: INSERT whose lists differ in length
-- proto: text
REPLACE sessions VALUES ('abc', 'x', 'z')

-- config: table=sessions key=id
-- section: without a column list, of an unknown table

-- expect: write refuse: INSERT without a column list
-- proto: text
REPLACE INTO sessions VALUES ('abc', 'x')
