-- handler: CakePHP 1 to 4, CodeIgniter 2, Yii 1, Kohana, FuelPHP, Phalcon, PEAR HTTP_Session2, Zend Framework 1, Horde
-- config: table=cake_sessions key=id
-- section: CakePHP 1.3 and 2 (CakeSession, DatabaseSession)

-- expect: read key='4f2a'
-- proto: text
SELECT `Session`.`id`, `Session`.`data`, `Session`.`expires` FROM `cake_sessions` AS `Session`   WHERE `Session`.`id` = '4f2a'    LIMIT 1

-- expect: read key='4f2a'
-- proto: text
SELECT COUNT(*) AS `count` FROM `cake_sessions` AS `Session`   WHERE `Session`.`id` = '4f2a'

-- expect: write key='4f2a'
-- proto: text
INSERT INTO `cake_sessions` (`id`, `data`, `expires`) VALUES ('4f2a', 'Config|a:3:{s:9:\"userAgent\";s:0:\"\";}', 1795370954)

-- expect: write key='4f2a'
-- proto: text
UPDATE `cake_sessions` SET `id` = '4f2a', `data` = 'Config|a:0:{}', `expires` = 1795370954  WHERE `cake_sessions`.`id` = '4f2a'

-- expect: write key='4f2a'
-- proto: text
DELETE `Session` FROM `cake_sessions` AS `Session`   WHERE `Session`.`id` = '4f2a'

-- expect: scatter-read
-- proto: text
SELECT `Session`.`id` FROM `cake_sessions` AS `Session`   WHERE `Session`.`expires` < 1795370954

-- expect: write keys=['4f2a','4f2b']
-- proto: text
DELETE `Session` FROM `cake_sessions` AS `Session`   WHERE `Session`.`id` IN ('4f2a', '4f2b')

-- expect: broadcast-write (GC)
-- proto: text
DELETE `Session` FROM `cake_sessions` AS `Session`   WHERE `Session`.`expires` < 1795370954

-- expect: any (schema metadata)
-- proto: text
SHOW FULL COLUMNS FROM `cake_sessions`

-- expect: any (schema metadata)
-- proto: text
SELECT CHARACTER_SET_NAME FROM INFORMATION_SCHEMA.COLLATIONS WHERE COLLATION_NAME= 'utf8_general_ci';

-- config: table=sessions key=id
-- section: CakePHP 4 and 5

-- expect: read key='4f2a'
-- proto: prepared
SELECT 1 AS `existing` FROM `sessions` `Sessions` WHERE `Sessions`.`id` = ? LIMIT 1
-- params: ["4f2a"]

-- expect: write key='4f2a'
-- proto: prepared
INSERT INTO `sessions` (`id`, `data`, `expires`, `created`, `modified`) VALUES (?, ?, ?, ?, ?)
-- params: ["4f2a", "x", 5, "2026-01-01 00:00:00", "2026-01-01 00:00:00"]

-- expect: write key='4f2a'
-- proto: prepared
UPDATE `sessions` SET `data` = ? , `expires` = ? , `modified` = ? WHERE `id` = ?
-- params: ["x", 6, "2026-01-01 00:00:00", "4f2a"]

-- expect: read key='4f2a'
-- proto: prepared
SELECT `Sessions`.`data` AS `Sessions__data` FROM `sessions` `Sessions` WHERE (`Sessions`.`id` = ? AND `Sessions`.`expires` > ?) LIMIT 1
-- params: ["4f2a", 5]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `sessions` WHERE `expires` < ?
-- params: [5]

-- config: table=ci_sessions key=session_id
-- section: CodeIgniter 2

-- expect: write key='f81d'
-- proto: text
INSERT INTO `ci_sessions` (`session_id`, `ip_address`, `user_agent`, `last_activity`, `user_data`) VALUES ('f81d', '127.0.0.1', 'Mozilla/5.0 (X11; it\'s \"me\")', 1795370954, '')

-- expect: read key='f81d'
-- proto: text
SELECT *
FROM (`ci_sessions`)
WHERE `session_id` =  'f81d'
AND `ip_address` =  '127.0.0.1'
AND `user_agent` =  'Mozilla/5.0 (X11; it\'s \"me\")'

-- expect: write key='f81d'
-- proto: text
UPDATE `ci_sessions` SET `last_activity` = 1795370955, `user_data` = 'a:1:{s:1:\"k\";s:8:\"{{slash}}\";}' WHERE `session_id` =  'f81d'

-- expect: move from='f81d' to='f82d'
-- proto: text
UPDATE `ci_sessions` SET `last_activity` = 1795370956, `session_id` = 'f82d' WHERE session_id = 'f81d'

-- expect: write key='f82d'
-- proto: text
DELETE FROM `ci_sessions`
WHERE `session_id` =  'f82d'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `ci_sessions`
WHERE `last_activity` < 1795363756

-- config: table=YiiSession key=id
-- section: Yii 1 CDbHttpSession

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `YiiSession` WHERE expire<1795370950

-- expect: read key='yii1'
-- proto: text
SELECT `data`
FROM `YiiSession`
WHERE expire>1795370954 AND id='yii1'

-- expect: read key='yii1'
-- proto: text
SELECT `id`
FROM `YiiSession`
WHERE id='yii1'

-- expect: write key='yii1'
-- proto: text
INSERT INTO `YiiSession` (`id`, `data`, `expire`) VALUES ('yii1', '__returnUrl|s:1:"/";', 1795372394)

-- expect: write key='yii1'
-- proto: text
UPDATE `YiiSession` SET `data`='', `expire`=1795372395 WHERE id='yii1'

-- expect: read key='yii1'
-- proto: text
SELECT *
FROM `YiiSession`
WHERE id='yii1'

-- expect: move from='yii1' to='yii2'
-- proto: text
UPDATE `YiiSession` SET `id`='yii2' WHERE id='yii1'

-- expect: write key='yii2'
-- proto: text
DELETE FROM `YiiSession` WHERE id='yii2'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `YiiSession` WHERE expire<1795370954

-- config: table=sessions key=session_id
-- section: Kohana 3 Session_Database

-- expect: read key='5a-1'
-- proto: text
SELECT `contents` FROM `sessions` WHERE `session_id` = '5a-1' LIMIT 1

-- expect: read key='5a-1'
-- proto: text
SELECT `session_id` FROM `sessions` WHERE `session_id` = '5a-1' LIMIT 1

-- expect: write key='5a-1'
-- proto: text
INSERT INTO `sessions` (`session_id`, `last_active`, `contents`) VALUES ('5a-1', 1795370954, 'a:1:{s:1:\"k\";i:1;}')

-- expect: move from='5a-1' to='5a-2'
-- proto: text
UPDATE `sessions` SET `last_active` = 1795370955, `contents` = 'x', `session_id` = '5a-2' WHERE `session_id` = '5a-1'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `sessions` WHERE `last_active` < 1795370954

-- expect: write key='5a-2'
-- proto: text
DELETE FROM `sessions` WHERE `session_id` = '5a-2'

-- section: FuelPHP Session_Db

-- expect: write key='fu1'
-- proto: text
INSERT INTO `sessions` (`session_id`, `previous_id`, `ip_hash`, `user_agent`, `created`, `updated`, `payload`) VALUES ('fu1', 'fu1', 'd41d8cd9', 'Mozilla', 1795370954, 1795370954, '')

-- expect: read key='fu1'
-- proto: text
SELECT * FROM `sessions` WHERE `session_id` = 'fu1'

-- expect: scatter-read (by other column previous_id='fu1')
-- proto: text
SELECT * FROM `sessions` WHERE `previous_id` = 'fu1'

-- expect: write key='fu1'
-- proto: text
UPDATE `sessions` SET `session_id` = 'fu1', `previous_id` = 'fu1', `ip_hash` = 'd4', `user_agent` = 'M', `created` = 1795370954, `updated` = 1795370955, `payload` = 'a:2:{i:0;a:0:{}i:1;a:0:{}}' WHERE `session_id` = 'fu1'

-- expect: move from='fu1' to='fu2'
-- proto: text
-- note: rotation: the old ID stays in another column
UPDATE `sessions` SET `session_id` = 'fu2', `previous_id` = 'fu1', `ip_hash` = 'd4', `updated` = 1795370956, `payload` = 'x' WHERE `session_id` = 'fu1'

-- expect: scatter-read (by other column previous_id='fu1')
-- proto: text
SELECT * FROM `sessions` WHERE `previous_id` = 'fu1'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `sessions` WHERE `updated` < 1795363754

-- expect: write key='fu2'
-- proto: text
DELETE FROM `sessions` WHERE `session_id` = 'fu2'

-- section: Phalcon Session\Adapter\Database

-- expect: read key='ph1'
-- proto: prepared
SELECT `data` FROM `sessions` WHERE `session_id` = ? AND COALESCE(`modified_at`, `created_at`) + ? >= ?
-- params: ["ph1", 1440, 1795370954]

-- expect: read key='ph1'
-- proto: prepared
SELECT COUNT(*) FROM `sessions` WHERE `session_id` = ?
-- params: ["ph1"]

-- expect: write key='ph1'
-- proto: prepared
INSERT INTO `sessions` (`session_id`, `data`, `created_at`, `modified_at`) VALUES (?, ?, ?, NULL)
-- params: ["ph1", "x", 1795370954]

-- expect: write key='ph1'
-- proto: prepared
UPDATE `sessions` SET `data` = ?, `modified_at` = ? WHERE `session_id` = ?
-- params: ["y", 1795370955, "ph1"]

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `sessions` WHERE COALESCE(`modified_at`, `created_at`) + 1440 < 1795370954

-- expect: write key='ph1'
-- proto: prepared
DELETE FROM `sessions` WHERE `session_id` = ?
-- params: ["ph1"]

-- section: Horde_SessionHandler_Storage_Sql

-- expect: txn-begin
-- proto: text
START TRANSACTION

-- expect: read key='ho1'
-- proto: text
SELECT session_data FROM sessions WHERE session_id = 'ho1'

-- expect: read key='ho1'
-- proto: text
SELECT 1 FROM sessions WHERE session_id = 'ho1'

-- expect: write key='ho1'
-- proto: text
INSERT INTO sessions (session_id, session_data, session_lastmodified) VALUES ('ho1', x'7c613a303a7b7d', 1795370954)

-- expect: write key='ho1'
-- proto: text
REPLACE INTO sessions (session_id, session_data, session_lastmodified) VALUES ('ho1', 'x', 1795370955)

-- expect: txn-commit
-- proto: text
COMMIT

-- expect: scatter-read
-- proto: text
SELECT session_id FROM sessions WHERE session_lastmodified >= 1795363754

-- expect: write key='ho1'
-- proto: text
UPDATE sessions SET session_lastmodified = 1795370956 WHERE session_id = 'ho1'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE session_lastmodified < 1795363754

-- config: table=sessiondata key=id
-- section: PEAR HTTP_Session2 (DB, MDB2 containers)

-- expect: read key='9f'
-- proto: text
SELECT data FROM sessiondata WHERE id = '9f' AND expiry >= 1795370954

-- expect: read key='9f'
-- proto: text
SELECT COUNT(id) FROM sessiondata WHERE id = '9f'

-- expect: write key='9f'
-- proto: text
INSERT INTO sessiondata (id, expiry, data) VALUES ('9f', 1795372394, 'a|i:1;')

-- expect: write key='9f'
-- proto: text
UPDATE sessiondata SET expiry = 1795372395, data = 'a|i:2;' WHERE id = '9f'

-- expect: write key='9f'
-- proto: text
-- note: only the expiry where the data has not changed
UPDATE sessiondata SET expiry = 1795372396 WHERE id = '9f' AND expiry < 1795372396

-- expect: write refuse: INSERT from another table
-- proto: text
INSERT INTO sessiondata SELECT * FROM sessiondata_copy WHERE id = '9f'

-- expect: write key='9f'
-- proto: text
INSERT INTO sessiondata (id, expiry, data) SELECT id, expiry, data FROM sessiondata WHERE id = '9f'

-- expect: broadcast-write (delete all)
-- proto: text
DELETE FROM sessiondata

-- config: table=session key=id
-- section: Zend Framework 1, Magento 1

-- expect: read key='z1'
-- proto: text
SELECT `session`.* FROM `session` WHERE (((`session`.`id` = 'z1')))

-- expect: scatter-read
-- proto: text
SELECT `session`.* FROM `session` WHERE (((`session`.`lifetime` + `session`.`modified` < 1795370954)))

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `session` WHERE (`modified` + `lifetime` < 1795370954)

-- expect: write key='z1'
-- proto: text
DELETE FROM `session` WHERE (`id` = 'z1') AND (`save_path` = '') AND (`name` = 'PHPSESSID')

-- expect: write key='z1'
-- proto: prepared
INSERT INTO `session` (`id`, `save_path`, `name`, `modified`, `lifetime`, `data`) VALUES (?, ?, ?, ?, ?, ?)
-- params: ["z1", "", "PHPSESSID", 1795370954, 1440, ""]

-- expect: write key='z1'
-- proto: prepared
INSERT INTO `session` (`id`,`modified`,`lifetime`,`data`) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE `modified` = VALUES(`modified`), `data` = VALUES(`data`)
-- params: ["z1", 5, 6, "x"]
