-- handler: WordPress transients, Django, Laravel, Symfony and Rails caches that sessions are kept in, vBulletin 4, TYPO3 12, hand-written INSERT ... SELECT
-- config: table=wp_options key=option_name surrogate=option_id
-- section: WordPress: transients in the options (wp-includes/option.php), a session plug-in's among them
-- schema: CREATE TABLE wp_options (option_id bigint(20) unsigned NOT NULL AUTO_INCREMENT, option_name varchar(191) NOT NULL DEFAULT '', option_value longtext NOT NULL, autoload varchar(20) NOT NULL DEFAULT 'yes', PRIMARY KEY (option_id), UNIQUE KEY option_name (option_name), KEY autoload (autoload))

-- expect: read key='_wp_session_1f2e'
-- proto: text
SELECT option_value FROM wp_options WHERE option_name = '_wp_session_1f2e' LIMIT 1

-- expect: read key='_wp_session_1f2e'
-- proto: text
SELECT autoload FROM wp_options WHERE option_name = '_wp_session_1f2e'

-- expect: write key='_wp_session_1f2e'
-- proto: text
INSERT INTO `wp_options` (`option_name`, `option_value`, `autoload`) VALUES ('_wp_session_1f2e', 'a:1:{s:1:\"k\";i:1;}', 'no') ON DUPLICATE KEY UPDATE `option_name` = VALUES(`option_name`), `option_value` = VALUES(`option_value`), `autoload` = VALUES(`autoload`)

-- expect: write keys=['_transient_timeout_feed','_transient_feed']
-- proto: text
INSERT INTO `wp_options` (`option_name`, `option_value`, `autoload`) VALUES ('_transient_timeout_feed', '1795370000', 'off'), ('_transient_feed', 'x', 'off')

-- expect: write key='_wp_session_1f2e'
-- proto: text
UPDATE `wp_options` SET `option_value` = 'a:0:{}' WHERE `option_name` = '_wp_session_1f2e'

-- expect: write key='_wp_session_1f2e'
-- proto: text
UPDATE `wp_options` SET `option_value` = 'a:0:{}', `autoload` = 'off' WHERE `option_name` = '_wp_session_1f2e'

-- expect: scatter-read (by other column autoload=['yes','on','auto-on','auto'])
-- proto: text
SELECT option_name, option_value FROM wp_options WHERE autoload IN ( 'yes', 'on', 'auto-on', 'auto' )

-- expect: read keys=['_wp_session_1f2e','_transient_feed']
-- proto: text
SELECT option_name, option_value FROM wp_options WHERE option_name IN ('_wp_session_1f2e','_transient_feed')

-- expect: scatter-read
-- proto: text
SELECT option_name, option_value FROM wp_options WHERE option_name LIKE '\\_wp\\_session\\_expires\\_%' ORDER BY option_value ASC LIMIT 0, 1000

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) FROM wp_options WHERE option_name LIKE '_wp_session_expires_%'

-- expect: write key='_transient_feed'
-- proto: text
DELETE FROM `wp_options` WHERE `option_name` = '_transient_feed'

-- expect: write keys=['_wp_session_1f2e','_wp_session_expires_1f2e']
-- proto: text
DELETE FROM wp_options WHERE option_name IN ('_wp_session_1f2e', '_wp_session_expires_1f2e')

-- expect: broadcast-write
-- proto: text
DELETE FROM wp_options WHERE option_name LIKE '_wp_session_%'

-- expect: write key='auto_updater.lock'
-- proto: text
INSERT IGNORE INTO `wp_options` ( `option_name`, `option_value`, `autoload` ) VALUES ('auto_updater.lock', '1795370954', 'off') /* LOCK */

-- expect: read key='_wp_session_1f2e'
-- proto: text
SELECT option_id FROM wp_options WHERE option_name = '_wp_session_1f2e'

-- expect: broadcast-write (GC)
-- proto: text
DELETE a, b FROM wp_options a, wp_options b WHERE a.option_name LIKE '\\_transient\\_%' AND a.option_name NOT LIKE '\\_transient\\_timeout\\_%' AND b.option_name = CONCAT( '_transient_timeout_', SUBSTRING( a.option_name, 12 ) ) AND b.option_value < 1795370954

-- config: table=django_cache key=cache_key
-- section: Django: the cache in the database (core/cache/backends/db.py), for cached_db sessions
-- schema: CREATE TABLE django_cache (`cache_key` varchar(255) NOT NULL PRIMARY KEY, `value` longtext NOT NULL, `expires` datetime(6) NOT NULL, KEY django_cache_expires (expires))

-- expect: read key=':1:django.contrib.sessions.cached_dbab12'
-- proto: text
SELECT `cache_key`, `value`, `expires` FROM `django_cache` WHERE `cache_key` IN (':1:django.contrib.sessions.cached_dbab12')

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) FROM `django_cache`

-- expect: read key=':1:django.contrib.sessions.cached_dbab12'
-- proto: text
SELECT `cache_key`, `expires` FROM `django_cache` WHERE `cache_key` = ':1:django.contrib.sessions.cached_dbab12'

-- expect: txn-savepoint
-- proto: text
SAVEPOINT `s139_x1`

-- expect: write key=':1:django.contrib.sessions.cached_dbab12'
-- proto: text
INSERT INTO `django_cache` (`cache_key`, `value`, `expires`) VALUES (':1:django.contrib.sessions.cached_dbab12', 'gASV', '2026-11-23 17:00:00')

-- expect: write key=':1:django.contrib.sessions.cached_dbab12'
-- proto: text
UPDATE `django_cache` SET `value` = 'gASV', `expires` = '2026-11-23 17:00:01' WHERE `cache_key` = ':1:django.contrib.sessions.cached_dbab12'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `django_cache` WHERE `expires` < '2026-11-23 15:00:00'

-- expect: scatter-read
-- proto: text
SELECT `cache_key` FROM `django_cache` ORDER BY `cache_key` LIMIT 1 OFFSET 0

-- expect: broadcast-write
-- proto: text
DELETE FROM `django_cache` WHERE `cache_key` < ':1:django.contrib.sessions.cached_dbab12'

-- expect: read key=':1:k'
-- proto: text
SELECT `cache_key` FROM `django_cache` WHERE `cache_key` = ':1:k' and `expires` > '2026-11-23 15:00:00'

-- expect: write keys=[':1:k',':1:l']
-- proto: text
DELETE FROM `django_cache` WHERE `cache_key` IN (':1:k', ':1:l')

-- expect: broadcast-write (delete all)
-- proto: text
DELETE FROM `django_cache`

-- config: table=cache key=key
-- section: Laravel: the cache in the database (Illuminate/Cache/DatabaseStore.php), for SESSION_DRIVER=cache
-- schema: CREATE TABLE cache (`key` varchar(255) COLLATE utf8mb4_unicode_ci NOT NULL PRIMARY KEY, `value` mediumtext COLLATE utf8mb4_unicode_ci NOT NULL, `expiration` int NOT NULL)

-- expect: read key='laravel_cache_Xk12'
-- proto: prepared
select * from `cache` where `key` in (?)
-- params: ["laravel_cache_Xk12"]

-- expect: write key='laravel_cache_Xk12'
-- proto: prepared
insert into `cache` (`expiration`, `key`, `value`) values (?, ?, ?) on duplicate key update `expiration` = values(`expiration`), `key` = values(`key`), `value` = values(`value`)
-- params: [1795378154, "laravel_cache_Xk12", "s:3:\"abc\";"]

-- expect: write key='laravel_cache_add'
-- proto: prepared
insert ignore into `cache` (`key`, `value`, `expiration`) values (?, ?, ?)
-- params: ["laravel_cache_add", "i:1;", 1795378154]

-- expect: read-for-update key='laravel_cache_Xk12'
-- proto: prepared
select * from `cache` where `key` = ? limit 1 for update
-- params: ["laravel_cache_Xk12"]

-- expect: write key='laravel_cache_Xk12'
-- proto: prepared
update `cache` set `value` = ? where `key` = ?
-- params: ["i:2;", "laravel_cache_Xk12"]

-- expect: write keys=['laravel_cache_Xk12','illuminate:cache:flexible:created:laravel_cache_Xk12']
-- proto: prepared
delete from `cache` where `key` in (?, ?)
-- params: ["laravel_cache_Xk12", "illuminate:cache:flexible:created:laravel_cache_Xk12"]

-- expect: write key='laravel_cache_Xk12'
-- proto: prepared
delete from `cache` where `key` = ? and `expiration` <= ?
-- params: ["laravel_cache_Xk12", 1795378154]

-- expect: broadcast-write (delete all)
-- proto: text
delete from `cache`

-- config: table=cache_locks key=key
-- section: Laravel: locks in the database (Illuminate/Cache/DatabaseLock.php), for session blocking
-- schema: CREATE TABLE cache_locks (`key` varchar(255) NOT NULL PRIMARY KEY, `owner` varchar(255) NOT NULL, `expiration` int NOT NULL)

-- expect: write key='session:Xk12'
-- proto: prepared
insert into `cache_locks` (`key`, `owner`, `expiration`) values (?, ?, ?)
-- params: ["session:Xk12", "own1", 1795370964]

-- expect: write key='session:Xk12'
-- proto: prepared
update `cache_locks` set `owner` = ?, `expiration` = ? where `key` = ? and (`owner` = ? or `expiration` <= ?)
-- params: ["own2", 1795370974, "session:Xk12", "own2", 1795370965]

-- expect: read key='session:Xk12'
-- proto: prepared
select * from `cache_locks` where `key` = ? limit 1
-- params: ["session:Xk12"]

-- expect: write key='session:Xk12'
-- proto: prepared
delete from `cache_locks` where `key` = ? and `owner` = ?
-- params: ["session:Xk12", "own1"]

-- expect: broadcast-write (GC)
-- proto: prepared
delete from `cache_locks` where `expiration` <= ?
-- params: [1795370974]

-- config: table=cache_items key=item_id
-- section: Symfony: PdoAdapter and DoctrineDbalAdapter, for sessions in a PSR-6 pool
-- schema: CREATE TABLE cache_items (item_id VARBINARY(255) NOT NULL PRIMARY KEY, item_data MEDIUMBLOB NOT NULL, item_lifetime INTEGER UNSIGNED, item_time INTEGER UNSIGNED NOT NULL) COLLATE utf8mb4_bin

-- expect: read keys=['s1','s2']
-- proto: prepared
SELECT item_id, CASE WHEN item_lifetime IS NULL OR item_lifetime + item_time > ? THEN item_data ELSE NULL END FROM cache_items WHERE item_id IN (?,?)
-- params: [1795370954, "s1", "s2"]

-- expect: write key='s1'
-- proto: prepared
INSERT INTO cache_items (item_id, item_data, item_lifetime, item_time) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE item_data = VALUES(item_data), item_lifetime = VALUES(item_lifetime), item_time = VALUES(item_time)
-- params: ["s1", "x", 60, 1795370954]

-- expect: read key='s1'
-- proto: prepared
SELECT 1 FROM cache_items WHERE item_id = ? AND (item_lifetime IS NULL OR item_lifetime + item_time > ?)
-- params: ["s1", 1795370954]

-- expect: write key='s1'
-- proto: prepared
DELETE FROM cache_items WHERE item_lifetime + item_time <= ? AND item_id IN (?)
-- params: [1795370954, "s1"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM cache_items WHERE item_lifetime + item_time <= ? AND item_id LIKE ?
-- params: [1795370954, "ns%"]

-- expect: broadcast-write
-- proto: text
DELETE FROM cache_items WHERE item_id LIKE 'ns%'

-- expect: write keys=['s1','s2']
-- proto: prepared
DELETE FROM cache_items WHERE item_id IN (?,?)
-- params: ["s1", "s2"]

-- expect: broadcast-write (DDL)
-- proto: text
TRUNCATE TABLE cache_items

-- config: table=lock_keys key=key_id
-- section: Symfony: Lock's PdoStore
-- schema: CREATE TABLE lock_keys (key_id VARCHAR(64) NOT NULL PRIMARY KEY, key_token VARCHAR(44) NOT NULL, key_expiration INTEGER UNSIGNED NOT NULL)

-- expect: write key='h1'
-- proto: prepared
INSERT INTO lock_keys (key_id, key_token, key_expiration) VALUES (?, ?, UNIX_TIMESTAMP() + 300)
-- params: ["h1", "tok"]

-- expect: write key='h1'
-- proto: prepared
UPDATE lock_keys SET key_expiration = UNIX_TIMESTAMP() + 300, key_token = ? WHERE key_id = ? AND (key_token = ? OR key_expiration <= UNIX_TIMESTAMP())
-- params: ["tok", "h1", "tok"]

-- expect: read key='h1'
-- proto: prepared
SELECT 1 FROM lock_keys WHERE key_id = ? AND key_token = ? AND key_expiration > UNIX_TIMESTAMP()
-- params: ["h1", "tok"]

-- expect: write key='h1'
-- proto: prepared
DELETE FROM lock_keys WHERE key_id = ? AND key_token = ?
-- params: ["h1", "tok"]

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM lock_keys WHERE key_expiration <= UNIX_TIMESTAMP()

-- config: table=solid_cache_entries key=key_hash surrogate=id
-- section: Rails: Solid Cache, for sessions in the cache
-- schema: CREATE TABLE solid_cache_entries (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, `key` varbinary(1024) NOT NULL, value longblob NOT NULL, created_at datetime(6) NOT NULL, key_hash bigint NOT NULL, byte_size int NOT NULL, UNIQUE KEY (key_hash))

-- expect: read keys=['-3217','88']
-- proto: text
SELECT `solid_cache_entries`.`key`, `solid_cache_entries`.`value` FROM `solid_cache_entries` WHERE `solid_cache_entries`.`key_hash` IN (-3217, 88)

-- expect: write key='-3217'
-- proto: text
INSERT INTO `solid_cache_entries` (`key`,`value`,`key_hash`,`byte_size`,`created_at`) VALUES (x'6b31', x'0011ff', -3217, 150, CURRENT_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE `key`=VALUES(`key`),`value`=VALUES(`value`),`byte_size`=VALUES(`byte_size`)

-- expect: read-for-update key='-3217'
-- proto: text
SELECT `solid_cache_entries`.`key`, `solid_cache_entries`.`value` FROM `solid_cache_entries` WHERE `solid_cache_entries`.`key_hash` = -3217 LIMIT 1 FOR UPDATE

-- expect: scatter-read
-- proto: text
SELECT `solid_cache_entries`.`id`, `solid_cache_entries`.`created_at` FROM `solid_cache_entries` ORDER BY `solid_cache_entries`.`id` ASC LIMIT 3

-- expect: write key='-3217'
-- proto: text
DELETE FROM `solid_cache_entries` WHERE `solid_cache_entries`.`key_hash` = -3217

-- expect: scatter-read
-- proto: text
SELECT MAX(`solid_cache_entries`.`id`) FROM `solid_cache_entries`

-- expect: scatter-read
-- proto: text
SELECT MIN(`solid_cache_entries`.`id`) FROM `solid_cache_entries`

-- expect: write-by-other-column id=['1','2']
-- proto: text
DELETE FROM `solid_cache_entries` WHERE `solid_cache_entries`.`id` IN (1, 2)

-- config: table=session key=sessionhash
-- section: vBulletin 4 (class_core.php, functions_login.php)
-- schema: CREATE TABLE session (sessionhash char(32) NOT NULL DEFAULT '' PRIMARY KEY, userid int unsigned NOT NULL DEFAULT 0, host char(15) NOT NULL DEFAULT '', idhash char(32) NOT NULL DEFAULT '', lastactivity int unsigned NOT NULL DEFAULT 0, location char(255) NOT NULL DEFAULT '', useragent char(100) NOT NULL DEFAULT '', styleid smallint unsigned NOT NULL DEFAULT 0, loggedin smallint unsigned NOT NULL DEFAULT 0, inforum smallint unsigned NOT NULL DEFAULT 0, bypass tinyint NOT NULL DEFAULT 0, KEY last_activity USING BTREE (lastactivity), KEY user_activity USING BTREE (userid,lastactivity))

-- expect: read key='f00d'
-- proto: text
SELECT *
				FROM session
				WHERE sessionhash = 'f00d'
					AND lastactivity > 1795370000
					AND idhash = 'aa' LIMIT 1

-- expect: scatter-read (by other column userid='0')
-- proto: text
SELECT * FROM session
				WHERE userid = 0
					AND host = '10.0.0.1'
					AND idhash = 'aa'
				LIMIT 1

-- expect: write key='f00d'
-- proto: text
INSERT IGNORE INTO session
				(sessionhash, userid, host, idhash, lastactivity, location, styleid, loggedin, inforum, bypass, useragent)
			VALUES
				('f00d', 7, '10.0.0.1', 'aa', 1795370954, '/forum.php', 1, 2, 0, 0, 'Mozilla')

-- expect: write key='f00d'
-- proto: text
UPDATE session SET
				lastactivity = 1795370960, location = '/t/1' /* shutdown */
			WHERE sessionhash = 'f00d'

-- expect: write key='f00d'
-- proto: text
DELETE FROM session WHERE sessionhash = 'f00d'

-- expect: broadcast-write
-- proto: text
DELETE FROM session WHERE userid = 7

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM session WHERE lastactivity < 1795370000

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) AS users FROM session AS session WHERE session.lastactivity > 1795370000 AND session.userid > 0

-- expect: scatter-read
-- proto: text
SELECT session.userid, session.inforum, session.lastactivity, session.loggedin FROM session AS session WHERE session.lastactivity > 1795370000 ORDER BY session.userid, session.lastactivity DESC

-- config: table=be_sessions key=ses_id
-- section: TYPO3 12: sessions of the back end (DatabaseSessionBackend.php)
-- schema: CREATE TABLE be_sessions (ses_id varchar(190) NOT NULL DEFAULT '' PRIMARY KEY, ses_iplock varchar(39) NOT NULL DEFAULT '', ses_userid int unsigned NOT NULL DEFAULT 0, ses_tstamp int unsigned NOT NULL DEFAULT 0, ses_data longblob, KEY ses_tstamp (ses_tstamp))

-- expect: read key='h4sh'
-- proto: prepared
SELECT * FROM `be_sessions` WHERE `ses_id` = ?
-- params: ["h4sh"]

-- expect: write key='h4sh'
-- proto: prepared
INSERT INTO `be_sessions` (`ses_id`, `ses_iplock`, `ses_userid`, `ses_tstamp`, `ses_data`) VALUES (?, ?, ?, ?, ?)
-- params: ["h4sh", "[DISABLED]", 1, 1795370954, "a:0:{}"]

-- expect: write key='h4sh'
-- proto: prepared
UPDATE `be_sessions` SET `ses_tstamp` = ?, `ses_data` = ? WHERE `ses_id` = ?
-- params: [1795370960, "a:1:{}", "h4sh"]

-- expect: write keys=['h4sh','plain']
-- proto: prepared
DELETE FROM `be_sessions` WHERE (`ses_id` = ?) OR (`ses_id` = ?)
-- params: ["h4sh", "plain"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `be_sessions` WHERE `ses_tstamp` < ?
-- params: [1795360000]

-- expect: scatter-read
-- proto: text
SELECT * FROM `be_sessions` WHERE 1 = 1

-- config: table=sessions key=id columns=id,expire,user,data
-- section: hand-written: a login that replaces what was there
-- schema: CREATE TABLE sessions (id varchar(64) NOT NULL PRIMARY KEY, expire int NOT NULL, user varchar(30), data text)

-- expect: write key='n1'
-- proto: text
INSERT INTO sessions SELECT 'n1', 1795378154, 'ann', ''

-- expect: write key='n1'
-- proto: text
INSERT INTO sessions (id, expire, user, data) SELECT 'n1', 1795378154, 'ann', '' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = 'n1')

-- expect: write key='n2'
-- proto: text
INSERT INTO sessions (id, expire, user, data) SELECT * FROM (SELECT 'n2' AS id, 5 AS expire, 'bob' AS user, '' AS data) AS t WHERE NOT EXISTS (SELECT id FROM sessions WHERE id = 'n2') LIMIT 1

-- expect: write key='n3'
-- proto: text
INSERT INTO sessions (id, expire, user, data) SELECT 'n3', expire, user, data FROM sessions WHERE id = 'n1'

-- expect: write key='n3'
-- proto: text
INSERT INTO sessions (id, expire, user, data) SELECT id, expire, user, data FROM sessions WHERE id = 'n3' ON DUPLICATE KEY UPDATE expire = VALUES(expire) + 10

-- expect: write
-- proto: text
REPLACE INTO sessions (id, expire, user, data) SELECT id, expire + 1, user, data FROM sessions WHERE user = 'ann'

-- expect: write
-- proto: text
INSERT IGNORE INTO sessions (id, expire, user) SELECT CONCAT('copy-', id), expire, user FROM sessions WHERE expire < 100

-- expect: write
-- proto: text
INSERT INTO sessions (id, expire) SELECT 'u1', 1 UNION ALL SELECT 'u2', 2

-- expect: write key='n4'
-- proto: prepared
INSERT INTO sessions (id, expire, user, data) SELECT ?, ?, user, data FROM sessions WHERE id = ?
-- params: ["n4", 9, "n1"]

-- expect: write
-- proto: prepared
INSERT INTO sessions (id, expire, user, data) SELECT CONCAT(id, ?), expire, user, data FROM sessions WHERE expire > ?
-- params: ["-x", 5]

-- expect: scatter-read
-- proto: text
SELECT id, expire, user FROM sessions ORDER BY id

-- config: table=throttle key=ip
-- section: a throttle of logins by address, in binary form
-- schema: CREATE TABLE throttle (ip varbinary(16) NOT NULL PRIMARY KEY, tries int NOT NULL DEFAULT 1, last timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)

-- expect: write refuse: INSERT of a computed key
-- proto: text
-- note: a store computes it
INSERT INTO throttle (ip) VALUES (INET6_ATON('192.0.2.7')) ON DUPLICATE KEY UPDATE tries = tries + 1

-- expect: write refuse: INSERT of a computed key
-- proto: prepared
INSERT INTO throttle (ip, tries) VALUES (INET6_ATON(?), ?) ON DUPLICATE KEY UPDATE tries = tries + ?
-- params: ["192.0.2.7", 1, 5]

-- expect: scatter-read
-- proto: prepared
SELECT tries FROM throttle WHERE ip = INET6_ATON(?) AND last > NOW() - INTERVAL 15 MINUTE
-- params: ["192.0.2.7"]

-- expect: broadcast-write
-- proto: prepared
UPDATE throttle SET tries = IF(last < NOW() - INTERVAL 1 HOUR, 1, tries + 1) WHERE ip = INET6_ATON(?)
-- params: ["192.0.2.7"]

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM throttle WHERE last < NOW() - INTERVAL 1 DAY
