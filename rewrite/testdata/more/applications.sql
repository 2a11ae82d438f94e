-- handler: PrestaShop, OpenCart, osCommerce, SMF, MyBB, vBulletin, XenForo, Roundcube, Zabbix, OTRS, Bugzilla, Gitea, Grafana, Mattermost, Ghost, Directus, TYPO3, Nextcloud, Moodle 4, MediaWiki 1.41, Flow, gorm, mysqlstore, MySql.Web, Flask-Session, connect-typeorm, Prisma, Spring Session 3
-- config: table=oc_session key=session_id
-- section: OpenCart 3 and 4 (system/library/session/db.php)

-- expect: read key='4b1f0a'
-- proto: text
SELECT `data` FROM `oc_session` WHERE session_id = '4b1f0a' AND expire > '2026-11-23 05:00:00'

-- expect: write key='4b1f0a'
-- proto: text
REPLACE INTO `oc_session` SET session_id = '4b1f0a', `data` = '{\"language\":\"en-gb\",\"currency\":\"USD\"}', expire = '2026-11-23 05:24:00'

-- expect: read key='4b1f0a'
-- proto: text
SELECT `data` FROM `oc_session` WHERE `session_id` = '4b1f0a' AND `expire` > UTC_TIMESTAMP()

-- expect: write key='4b1f0a'
-- proto: text
REPLACE INTO `oc_session` SET `session_id` = '4b1f0a', `data` = '{}', `expire` = '2026-11-23 06:00:00'

-- expect: write key='4b1f0a'
-- proto: text
DELETE FROM `oc_session` WHERE session_id = '4b1f0a'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `oc_session` WHERE expire < '2026-11-23 04:00:00'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `oc_session` WHERE `expire` < DATE_SUB(NOW(), INTERVAL 1440 SECOND)

-- config: table=sessions key=sesskey columns=sesskey,expiry,value
-- section: osCommerce 2.2 and Zen Cart (includes/functions/sessions.php)

-- expect: read key='0a1b2c3d'
-- proto: text
select value from sessions where sesskey = '0a1b2c3d' and expiry > '1795370954'

-- expect: read key='0a1b2c3d'
-- proto: text
select count(*) as total from sessions where sesskey = '0a1b2c3d'

-- expect: read key='0a1b2c3d'
-- proto: text
select 1 from sessions where sesskey = '0a1b2c3d' limit 1

-- expect: write key='0a1b2c3d'
-- proto: text
update sessions set expiry = '1795372394', value = 'cart|O:12:\"shoppingCart\":0:{}' where sesskey = '0a1b2c3d'

-- expect: write key='0a1b2c3d'
-- proto: text
insert into sessions values ('0a1b2c3d', '1795372394', 'cart|N;')

-- expect: write key='0a1b2c3d'
-- proto: text
insert into sessions (sesskey, expiry, value) values ('0a1b2c3d', '1795372394', 'cart|N;') on duplicate key update expiry = '1795372394', value = 'cart|N;'

-- expect: write key='0a1b2c3d'
-- proto: text
delete from sessions where sesskey = '0a1b2c3d'

-- expect: broadcast-write (GC)
-- proto: text
delete from sessions where expiry < '1795370954'

-- expect: move from='0a1b2c3d' to='ffee11'
-- proto: text
update sessions set sesskey = 'ffee11' where sesskey = '0a1b2c3d'

-- config: table=smf_sessions key=session_id
-- section: Simple Machines Forum 2 (Sources/Session.php, Load.php)

-- expect: read key='9c8b7a'
-- proto: text
SELECT data FROM smf_sessions WHERE session_id = '9c8b7a' LIMIT 1

-- expect: write key='9c8b7a'
-- proto: text
UPDATE smf_sessions SET data = 'session_value|s:3:"abc";', last_update = 1795370954 WHERE session_id = '9c8b7a'

-- expect: write key='9c8b7a'
-- proto: text
INSERT IGNORE INTO smf_sessions (`session_id`, `data`, `last_update`) VALUES ('9c8b7a', 'x', 1795370954)

-- expect: write key='9c8b7a'
-- proto: text
REPLACE INTO smf_sessions (`session_id`, `data`, `last_update`) VALUES ('9c8b7a', 'y', 1795370955)

-- expect: write key='9c8b7a'
-- proto: text
DELETE FROM smf_sessions WHERE session_id = '9c8b7a'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM smf_sessions WHERE last_update < 1795284554

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) FROM smf_sessions WHERE last_update >= 1795370054

-- config: table=mybb_sessions key=sid
-- section: MyBB 1.8 (inc/class_session.php, functions.php)

-- expect: read key='d41d8'
-- proto: text
SELECT * FROM mybb_sessions WHERE sid='d41d8' AND ip=X'7f000001'

-- expect: write key='d41d8'
-- proto: text
UPDATE `mybb_sessions` SET `uid`='1',`time`='1795370954',`location`='/index.php?',`useragent`='curl',`location1`='0',`location2`='0',`nopermission`='0' WHERE sid='d41d8'

-- expect: write key='d41d8'
-- proto: text
REPLACE INTO `mybb_sessions` (`uid`,`sid`,`time`,`ip`,`location`,`useragent`,`location1`,`location2`,`nopermission`) VALUES ('1','d41d8','1795370954',X'7f000001','/index.php?','curl','0','0','0')

-- expect: broadcast-write
-- proto: text
DELETE FROM mybb_sessions WHERE ip=X'7f000001'

-- expect: broadcast-write
-- proto: text
DELETE FROM mybb_sessions WHERE uid='1'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM mybb_sessions WHERE time < 1795284554

-- expect: scatter-read
-- proto: text
SELECT COUNT(DISTINCT uid) AS users, SUM(IF(uid = 0, 1, 0)) AS guests FROM mybb_sessions WHERE time > 1795370054

-- expect: scatter-read
-- proto: text
SELECT uid, MAX(time) AS seen FROM mybb_sessions WHERE uid != 0 GROUP BY uid HAVING seen > 1795370054 ORDER BY seen DESC LIMIT 10

-- config: table=session key=sessionhash
-- section: vBulletin 4 (includes/class_core.php)

-- expect: read key='5d41402abc4b2a76b9719d911017c592'
-- proto: text
SELECT * FROM session WHERE sessionhash = '5d41402abc4b2a76b9719d911017c592' AND lastactivity > 1795370054 AND idhash = '900150983cd24fb0' LIMIT 1

-- expect: write key='5d41402abc4b2a76b9719d911017c592'
-- proto: text
INSERT IGNORE INTO session (sessionhash, userid, host, idhash, lastactivity, location, styleid, languageid, loggedin, inforum, inthread, incalendar, badlocation, useragent, bypass, profileupdate) VALUES ('5d41402abc4b2a76b9719d911017c592', 1, '127.0.0.1', '900150983cd24fb0', 1795370954, '/index.php', 0, 0, 1, 0, 0, 0, 0, 'curl', 0, 0)

-- expect: write key='5d41402abc4b2a76b9719d911017c592'
-- proto: text
UPDATE session SET lastactivity = 1795370954, location = '/forum.php' WHERE sessionhash = '5d41402abc4b2a76b9719d911017c592'

-- expect: write key='5d41402abc4b2a76b9719d911017c592'
-- proto: text
DELETE FROM session WHERE sessionhash = '5d41402abc4b2a76b9719d911017c592'

-- expect: broadcast-write
-- proto: text
DELETE FROM session WHERE userid = 1 AND sessionhash <> '5d41402abc4b2a76b9719d911017c592'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM session WHERE lastactivity < 1795370054

-- config: table=xf_session key=session_id
-- section: XenForo 2 (XF\Session\DbStorage)

-- expect: read key='q1w2e3'
-- proto: prepared
SELECT session_data FROM xf_session WHERE session_id = ? AND expiry_date >= ?
-- params: ["q1w2e3", 1795370954]

-- expect: write key='q1w2e3'
-- proto: prepared
INSERT INTO xf_session (session_id, session_data, expiry_date) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE session_data = VALUES(session_data), expiry_date = VALUES(expiry_date)
-- params: ["q1w2e3", "a:1:{s:6:\"userId\";i:1;}", 1795385354]

-- expect: write key='q1w2e3'
-- proto: prepared
DELETE FROM `xf_session` WHERE session_id = ?
-- params: ["q1w2e3"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `xf_session` WHERE expiry_date < ?
-- params: [1795370954]

-- config: table=session key=sess_id
-- section: Roundcube (program/lib/Roundcube/session/db.php)

-- expect: read key='abc123'
-- proto: text
SELECT `vars`, `ip`, `changed`, now() AS ts FROM `session` WHERE `sess_id` = 'abc123'

-- expect: write key='abc123'
-- proto: text
INSERT INTO `session` (`sess_id`, `vars`, `ip`, `changed`) VALUES ('abc123', 'dGVtcA==', '127.0.0.1', now())

-- expect: write key='abc123'
-- proto: text
UPDATE `session` SET `changed` = now(), `vars` = 'dGVtcA==' WHERE `sess_id` = 'abc123'

-- expect: write key='abc123'
-- proto: text
UPDATE `session` SET `changed` = now() WHERE `sess_id` = 'abc123'

-- expect: write key='abc123'
-- proto: text
INSERT INTO `session` (`sess_id`, `vars`, `ip`, `changed`) VALUES ('abc123', 'x', '::1', now()) ON DUPLICATE KEY UPDATE `vars` = VALUES(`vars`), `ip` = VALUES(`ip`), `changed` = VALUES(`changed`)

-- expect: write key='abc123'
-- proto: text
DELETE FROM `session` WHERE `sess_id` = 'abc123'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `session` WHERE `changed` < now() - INTERVAL 600 SECOND

-- config: table=sessions key=sessionid
-- section: Zabbix 6 (CSession, CUser)

-- expect: read key='e3b0c44298fc1c149afbf4c8996fb924'
-- proto: text
SELECT s.userid,s.lastaccess FROM sessions s WHERE s.sessionid='e3b0c44298fc1c149afbf4c8996fb924' AND s.status=0

-- expect: write key='e3b0c44298fc1c149afbf4c8996fb924'
-- proto: text
INSERT INTO sessions (sessionid,userid,lastaccess,status,secret) VALUES ('e3b0c44298fc1c149afbf4c8996fb924','1','1795370954','0','s3cr3t')

-- expect: write key='e3b0c44298fc1c149afbf4c8996fb924'
-- proto: text
UPDATE sessions SET lastaccess='1795370960' WHERE sessionid='e3b0c44298fc1c149afbf4c8996fb924'

-- expect: write key='e3b0c44298fc1c149afbf4c8996fb924'
-- proto: text
UPDATE sessions SET status=1 WHERE sessionid='e3b0c44298fc1c149afbf4c8996fb924'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE userid='1' AND status=1 AND lastaccess<1795284554

-- expect: scatter-read (by other column userid='1')
-- proto: text
SELECT s.userid,MAX(s.lastaccess) AS lastaccess FROM sessions s WHERE s.userid='1' AND s.status=0 GROUP BY s.userid

-- expect: scatter-read
-- proto: text
SELECT s.userid,MAX(s.lastaccess) AS lastaccess FROM sessions s WHERE s.lastaccess>1795284554 GROUP BY s.userid ORDER BY s.userid

-- config: table=sessions key=session_id
-- section: OTRS and Znuny (Kernel/System/AuthSession/DB.pm: a row for each value)
-- schema: CREATE TABLE sessions (id bigint NOT NULL AUTO_INCREMENT, session_id varchar(100) NOT NULL, data_key varchar(100) NOT NULL, data_value text, serialized smallint NOT NULL, PRIMARY KEY (session_id, data_key), KEY (id))

-- expect: scatter-read
-- proto: text
SELECT DISTINCT(session_id) FROM sessions

-- expect: read key='10oKd2'
-- proto: text
SELECT data_key, data_value, serialized FROM sessions WHERE session_id = '10oKd2' ORDER BY data_key ASC

-- expect: read key='10oKd2'
-- proto: text
SELECT data_key, data_value, serialized FROM sessions WHERE session_id = '10oKd2' AND data_key IN ('UserID', 'UserLogin')

-- expect: write key='10oKd2'
-- proto: text
DELETE FROM sessions WHERE session_id = '10oKd2'

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) FROM sessions WHERE data_key = 'UserType' AND data_value = 'User'

-- config: table=logincookies key=cookie
-- section: Bugzilla (Bugzilla/Auth/Persist/Cookie.pm, Auth/Login/Cookie.pm)

-- expect: write key='3f2a'
-- proto: prepared
INSERT INTO logincookies (cookie, userid, ipaddr, lastused) VALUES (?, ?, ?, NOW())
-- params: ["3f2a", 1, null]

-- expect: read key='3f2a'
-- proto: prepared
SELECT userid FROM logincookies WHERE logincookies.cookie = ? AND logincookies.userid = ? AND (logincookies.ipaddr = ? OR logincookies.ipaddr IS NULL)
-- params: ["3f2a", 1, "127.0.0.1"]

-- expect: write key='3f2a'
-- proto: prepared
UPDATE logincookies SET lastused = NOW() WHERE cookie = ?
-- params: ["3f2a"]

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM logincookies WHERE lastused < LOCALTIMESTAMP(0) - INTERVAL 30 DAY

-- expect: broadcast-write
-- proto: prepared
DELETE FROM logincookies WHERE cookie != ? AND userid = ?
-- params: ["3f2a", 1]

-- expect: write key='3f2a'
-- proto: prepared
DELETE FROM logincookies WHERE cookie = ? AND userid = ?
-- params: ["3f2a", 1]

-- config: table=session key=key
-- section: Gitea and Gogs (chi-session and macaron session, mysql and db providers)

-- expect: read key='8f14e45f'
-- proto: prepared
SELECT `key`, `data`, `expiry` FROM `session` WHERE `key`=? LIMIT 1
-- params: ["8f14e45f"]

-- expect: write key='8f14e45f'
-- proto: prepared
INSERT INTO `session` (`key`,`data`,`expiry`) VALUES (?,?,?)
-- params: ["8f14e45f", "", 1795370954]

-- expect: write key='8f14e45f'
-- proto: prepared
UPDATE `session` SET `data` = ?, `expiry` = ? WHERE `key`=?
-- params: ["g", 1795370954, "8f14e45f"]

-- expect: read key='8f14e45f'
-- proto: prepared
SELECT data FROM session WHERE `key`=?
-- params: ["8f14e45f"]

-- expect: write key='8f14e45f'
-- proto: prepared
UPDATE session SET data=?, expiry=? WHERE `key`=?
-- params: ["g", 1795370954, "8f14e45f"]

-- expect: move from='8f14e45f' to='45c48cce'
-- proto: prepared
UPDATE session SET `key`=? WHERE `key`=?
-- params: ["45c48cce", "8f14e45f"]

-- expect: write key='45c48cce'
-- proto: prepared
DELETE FROM session WHERE `key`=?
-- params: ["45c48cce"]

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) AS NUM FROM session

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM session WHERE expiry + 86400 <= UNIX_TIMESTAMP(NOW())

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `session` WHERE (expiry <= ?)
-- params: [1795284554]

-- config: table=user_auth_token key=auth_token surrogate=id
-- section: Grafana (pkg/services/auth/authimpl)

-- expect: write key='h4sh'
-- proto: prepared
INSERT INTO `user_auth_token` (`user_id`,`auth_token`,`prev_auth_token`,`user_agent`,`client_ip`,`auth_token_seen`,`seen_at`,`rotated_at`,`created_at`,`updated_at`,`revoked_at`) VALUES (?,?,?,?,?,?,?,?,?,?,?)
-- params: [1, "h4sh", "h4sh", "curl", "127.0.0.1", 0, 0, 1795370954, 1795370954, 1795370954, 0]

-- expect: scatter-read
-- proto: prepared
SELECT * FROM `user_auth_token` WHERE (auth_token = ? OR prev_auth_token = ?) LIMIT 1
-- params: ["h4sh", "h4sh"]

-- expect: write-by-other-column id='7'
-- proto: prepared
UPDATE `user_auth_token` SET `auth_token_seen` = ?, `seen_at` = ? WHERE id = ? AND auth_token = prev_auth_token
-- params: [1, 1795370954, 7]

-- expect: write-by-other-column id='7' sets-key='n3w'
-- proto: prepared
UPDATE user_auth_token SET seen_at = 0, user_agent = ?, client_ip = ?, prev_auth_token = auth_token, auth_token = ?, auth_token_seen = 0, rotated_at = ? WHERE id = ?
-- params: ["curl", "::1", "n3w", 1795370954, 7]

-- expect: scatter-read (by other column user_id='1')
-- proto: prepared
SELECT * FROM `user_auth_token` WHERE (user_id = ? AND created_at > ? AND rotated_at > ? AND revoked_at = 0)
-- params: [1, 0, 0]

-- expect: write-by-other-column id='7'
-- proto: prepared
DELETE FROM `user_auth_token` WHERE id = ?
-- params: [7]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE from user_auth_token WHERE created_at <= ? OR rotated_at <= ?
-- params: [1790000000, 1790000000]

-- config: table=Sessions key=Id
-- section: Mattermost (server/channels/store/sqlstore/session_store.go)

-- expect: write key='xyz'
-- proto: prepared
INSERT INTO Sessions (Id, Token, CreateAt, ExpiresAt, LastActivityAt, UserId, DeviceId, Roles, IsOAuth, ExpiredNotify, Props) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- params: ["xyz", "tok", 1, 2, 3, "u1", "", "system_user", 0, 0, "{}"]

-- expect: scatter-read
-- proto: prepared
SELECT Id, Token, UserId FROM Sessions WHERE Token = ? OR Id = ? LIMIT 1
-- params: ["tok", "tok"]

-- expect: scatter-read (by other column userid='u1')
-- proto: prepared
SELECT * FROM Sessions WHERE UserId = ? ORDER BY LastActivityAt DESC
-- params: ["u1"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM Sessions WHERE Id = ? Or Token = ?
-- params: ["xyz", "xyz"]

-- expect: write key='xyz'
-- proto: prepared
UPDATE Sessions SET LastActivityAt = ? WHERE Id = ?
-- params: [5, "xyz"]

-- expect: scatter-read
-- proto: prepared
SELECT COUNT(*) FROM Sessions WHERE ExpiresAt > ?
-- params: [1]

-- config: table=sessions key=session_id
-- section: Ghost (core/server/services/auth/session/SessionStore.js)

-- expect: read key='Zk3'
-- proto: text
select `sessions`.* from `sessions` where `sessions`.`session_id` = 'Zk3' limit 1

-- expect: write key='Zk3'
-- proto: text
insert into `sessions` (`created_at`, `id`, `session_data`, `session_id`, `user_id`) values ('2026-11-23 05:00:00', '6561', '{}', 'Zk3', '1')

-- expect: write key='Zk3'
-- proto: text
update `sessions` set `session_data` = '{"a":1}', `updated_at` = '2026-11-23 05:00:01' where `session_id` = 'Zk3'

-- expect: write key='Zk3'
-- proto: text
delete from `sessions` where `session_id` = 'Zk3'

-- expect: broadcast-write
-- proto: text
delete from `sessions` where `user_id` = '1'

-- config: table=directus_sessions key=token
-- section: Directus (api/src/services/authentication.ts)

-- expect: read key='tk1' (joins other table)
-- proto: text
select `s`.`expires` as `session_expires`, `u`.`id` as `user_id` from `directus_sessions` as `s` left join `directus_users` as `u` on `s`.`user` = `u`.`id` where `s`.`token` = 'tk1' and `s`.`expires` >= '2026-11-23 05:00:00' limit 1

-- expect: write key='tk1'
-- proto: text
insert into `directus_sessions` (`expires`, `ip`, `origin`, `token`, `user`, `user_agent`) values ('2026-11-30 05:00:00', '127.0.0.1', NULL, 'tk1', 'u1', 'curl')

-- expect: move from='tk1' to='tk2'
-- proto: text
update `directus_sessions` set `token` = 'tk2', `expires` = '2026-11-30 05:00:00' where `token` = 'tk1'

-- expect: broadcast-write (GC)
-- proto: text
delete from `directus_sessions` where `expires` < '2026-11-23 05:00:00'

-- expect: write key='tk2'
-- proto: text
delete from `directus_sessions` where `token` = 'tk2'

-- config: table=fe_sessions key=ses_id
-- section: TYPO3 11 (DatabaseSessionBackend, Doctrine DBAL)

-- expect: read key='f1e2'
-- proto: prepared
SELECT * FROM `fe_sessions` WHERE `ses_id` = ? LIMIT 1
-- params: ["f1e2"]

-- expect: write key='f1e2'
-- proto: prepared
INSERT INTO `fe_sessions` (`ses_iplock`, `ses_userid`, `ses_data`, `ses_id`, `ses_tstamp`, `ses_permanent`) VALUES (?, ?, ?, ?, ?, ?)
-- params: ["[DISABLED]", 0, "", "f1e2", 1795370954, 0]

-- expect: write key='f1e2'
-- proto: prepared
UPDATE `fe_sessions` SET `ses_data` = ?, `ses_tstamp` = ? WHERE `ses_id` = ?
-- params: ["a:0:{}", 1795370954, "f1e2"]

-- expect: write key='f1e2'
-- proto: prepared
DELETE FROM `fe_sessions` WHERE (`ses_id` = ?) OR (`ses_id` = ?)
-- params: ["f1e2", "f1e2"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `fe_sessions` WHERE (`ses_tstamp` < ?) AND (`ses_userid` > 0)
-- params: [1795284554]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `fe_sessions` WHERE (`ses_userid` = 0) AND (`ses_tstamp` < ?)
-- params: [1795370054]

-- config: table=oc_authtoken key=token surrogate=id
-- section: Nextcloud (lib/private/Authentication/Token/PublicKeyTokenMapper.php)

-- expect: read key='sha512'
-- proto: prepared
SELECT * FROM `oc_authtoken` WHERE (`token` = ?) AND (`version` = ?)
-- params: ["sha512", 2]

-- expect: write key='sha512'
-- proto: prepared
INSERT INTO `oc_authtoken` (`uid`, `login_name`, `name`, `token`, `type`, `last_activity`, `version`) VALUES(?, ?, ?, ?, ?, ?, ?)
-- params: ["ann", "ann", "curl", "sha512", 0, 1795370954, 2]

-- expect: write-by-other-column id='3'
-- proto: prepared
UPDATE `oc_authtoken` SET `last_activity` = ? WHERE (`id` = ?) AND (`last_activity` < ?)
-- params: [1795370960, 3, 1795370945]

-- expect: write key='sha512'
-- proto: prepared
DELETE FROM `oc_authtoken` WHERE (`token` = ?) AND (`version` = ?)
-- params: ["sha512", 2]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `oc_authtoken` WHERE (`last_activity` < ?) AND (`type` = ?) AND (`remember` = ?) AND (`version` = ?)
-- params: [1795284554, 0, 0, 2]

-- expect: scatter-read (by other column uid='ann')
-- proto: prepared
SELECT * FROM `oc_authtoken` WHERE (`uid` = ?) AND (`version` = ?) LIMIT 1000
-- params: ["ann", 2]

-- config: table=objectcache key=keyname
-- section: MediaWiki 1.41 (SqlBagOStuff)

-- expect: read keys=['w:sess:1','w:sess:2']
-- proto: text
SELECT /* MediaWiki\SqlBagOStuff::fetchBlobs */ keyname,value,exptime FROM `objectcache` WHERE keyname IN ('w:sess:1','w:sess:2') AND (exptime >= '20261123050000')

-- expect: write key='w:sess:1'
-- proto: text
INSERT /* MediaWiki\SqlBagOStuff::modifyTableSpecificBlobsForSet */ INTO `objectcache` (keyname,value,exptime,modtoken) VALUES ('w:sess:1','x','20261123060000','65a1') ON DUPLICATE KEY UPDATE value=VALUES(value),exptime=VALUES(exptime),modtoken=VALUES(modtoken)

-- expect: write keys=['w:sess:1','w:sess:2']
-- proto: text
REPLACE /* MediaWiki\SqlBagOStuff::set */ INTO `objectcache` (keyname,value,exptime) VALUES ('w:sess:1','x','20261123060000'),('w:sess:2','y','20261123060000')

-- expect: write key='w:sess:1'
-- proto: text
UPDATE /* MediaWiki\SqlBagOStuff::changeTTL */ `objectcache` SET exptime = '20261123070000' WHERE keyname = 'w:sess:1' AND (exptime >= '20261123050000')

-- expect: scatter-read
-- proto: text
SELECT /* MediaWiki\SqlBagOStuff::garbageCollect */ keyname,exptime FROM `objectcache` WHERE (exptime < '20261123050000') ORDER BY exptime ASC LIMIT 100

-- expect: write keys=['w:sess:1','w:sess:2']
-- proto: text
DELETE /* MediaWiki\SqlBagOStuff::garbageCollect */ FROM `objectcache` WHERE (exptime < '20261123050000') AND keyname IN ('w:sess:1','w:sess:2')

-- config: table=gorm_sessions key=id
-- section: gorm: wader/gormstore, gin-contrib/sessions/gorm

-- expect: write key='GS1'
-- proto: prepared
INSERT INTO `gorm_sessions` (`id`,`data`,`created_at`,`updated_at`,`expires_at`) VALUES (?,?,?,?,?)
-- params: ["GS1", "MTY", "2026-11-23 05:00:00", "2026-11-23 05:00:00", "2026-12-23 05:00:00"]

-- expect: read key='GS1'
-- proto: prepared
SELECT * FROM `gorm_sessions` WHERE id = ? AND expires_at > ? ORDER BY `gorm_sessions`.`id` LIMIT ?
-- params: ["GS1", "2026-11-23 05:00:00", 1]

-- expect: write key='GS1'
-- proto: prepared
UPDATE `gorm_sessions` SET `data`=?,`created_at`=?,`updated_at`=?,`expires_at`=? WHERE `id` = ?
-- params: ["MTZ", "2026-11-23 05:00:00", "2026-11-23 05:00:00", "2026-12-23 05:00:00", "GS1"]

-- expect: write key='GS1'
-- proto: prepared
DELETE FROM `gorm_sessions` WHERE `gorm_sessions`.`id` = ?
-- params: ["GS1"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `gorm_sessions` WHERE expires_at <= ?
-- params: ["2026-11-23 05:00:00"]

-- config: table=sessionstore key=id
-- section: antonlindstrom/mysqlstore: a numeric AUTO_INCREMENT key
-- schema: CREATE TABLE sessionstore (id INT NOT NULL AUTO_INCREMENT, session_data LONGBLOB, created_on TIMESTAMP DEFAULT NOW(), modified_on TIMESTAMP NOT NULL DEFAULT NOW() ON UPDATE CURRENT_TIMESTAMP, expires_on TIMESTAMP DEFAULT NOW(), PRIMARY KEY (id))

-- expect: write key=AUTO
-- proto: prepared
INSERT INTO sessionstore(id, session_data, created_on, modified_on, expires_on) VALUES (NULL, ?, ?, ?, ?)
-- params: ["MTY", "2026-11-23 05:00:00", "2026-11-23 05:00:00", "2026-12-23 05:00:00"]

-- expect: read key='1'
-- proto: prepared
SELECT id, session_data, created_on, modified_on, expires_on from sessionstore WHERE id = ?
-- params: [1]

-- expect: write key='1'
-- proto: prepared
UPDATE sessionstore SET session_data = ?, created_on = ?, expires_on = ? WHERE id = ?
-- params: ["MTZ", "2026-11-23 05:00:00", "2026-12-23 05:00:00", 1]

-- expect: write key='1'
-- proto: prepared
DELETE FROM sessionstore WHERE id = ?
-- params: [1]

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessionstore WHERE expires_on < NOW()

-- config: table=my_aspnet_sessions key=SessionId
-- section: MySql.Web.SessionState.MySqlSessionStateStore

-- expect: write key='as1'
-- proto: text
INSERT INTO my_aspnet_sessions (SessionId, ApplicationId, Created, Expires, LockDate, LockId, Timeout, Locked, SessionItems, Flags) Values ('as1', 1, NOW(), NOW() + INTERVAL 20 MINUTE, NOW(), 0, 20, 0, 0x0001, 0) on duplicate key update Created = values( Created ), Expires = values( Expires ), LockDate = values( LockDate ), LockId = values( LockId ), Timeout = values( Timeout) , Locked = values( Locked ), SessionItems = values( SessionItems ), Flags = values( Flags )

-- expect: write key='as1'
-- proto: text
UPDATE my_aspnet_sessions SET Locked = 1, LockDate = NOW() WHERE SessionId = 'as1' AND ApplicationId = 1 AND Locked = 0 AND Expires > NOW()

-- expect: read key='as1'
-- proto: text
SELECT NOW(), Expires , SessionItems, LockId,  Flags, Timeout,   LockDate   FROM my_aspnet_sessions WHERE SessionId = 'as1' AND ApplicationId = 1

-- expect: write key='as1'
-- proto: text
UPDATE my_aspnet_sessions SET LockId = 1, Flags = 0 WHERE SessionId = 'as1' AND ApplicationId = 1

-- expect: write key='as1'
-- proto: text
UPDATE my_aspnet_sessions SET Locked = 0, Expires = NOW() + INTERVAL 20 MINUTE WHERE SessionId = 'as1' AND ApplicationId = 1 AND LockId = 1

-- expect: write key='as1'
-- proto: text
DELETE FROM my_aspnet_sessions WHERE SessionId = 'as1' AND ApplicationId = 1 AND LockId = 1

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM my_aspnet_sessions WHERE Expires < NOW() AND ApplicationId = 1

-- config: table=sessions key=session_id surrogate=id
-- section: Flask-Session 0.8 (SQLAlchemy)

-- expect: read key='session:u1'
-- proto: text
SELECT sessions.id AS sessions_id, sessions.session_id AS sessions_session_id, sessions.data AS sessions_data, sessions.expiry AS sessions_expiry FROM sessions WHERE sessions.session_id = 'session:u1' LIMIT 1

-- expect: write key='session:u1'
-- proto: text
INSERT INTO sessions (session_id, data, expiry) VALUES ('session:u1', _binary'\x80', '2026-12-23 05:00:00')

-- expect: write-by-other-column id='1'
-- proto: text
UPDATE sessions SET data=_binary'\x81', expiry='2026-12-23 05:00:01' WHERE sessions.id = 1

-- expect: write-by-other-column id='1'
-- proto: text
DELETE FROM sessions WHERE sessions.id = 1

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE sessions.expiry <= '2026-11-23 05:00:00'

-- config: table=session key=id
-- section: connect-typeorm

-- expect: read key='sid1'
-- proto: text
SELECT `session`.`expiredAt` AS `session_expiredAt`, `session`.`id` AS `session_id`, `session`.`json` AS `session_json`, `session`.`destroyedAt` AS `session_destroyedAt` FROM `session` `session` WHERE ( `session`.`id` = 'sid1' AND `session`.`expiredAt` > 1795370954000 ) AND ( `session`.`destroyedAt` IS NULL )

-- expect: write key='sid1'
-- proto: text
INSERT INTO `session`(`expiredAt`, `id`, `json`, `destroyedAt`) VALUES (1795457354000, 'sid1', '{}', DEFAULT)

-- expect: write key='sid1'
-- proto: text
UPDATE `session` SET `expiredAt` = 1795457354000, `json` = '{}' WHERE `id` IN ('sid1')

-- expect: write key='sid1'
-- proto: text
UPDATE `session` SET `destroyedAt` = CURRENT_TIMESTAMP WHERE `id` IN ('sid1')

-- expect: broadcast-write
-- proto: text
DELETE FROM `session` WHERE `session`.`id` IN (SELECT * FROM (SELECT `$0`.`id` FROM `session` `$0` WHERE `expiredAt` <= 1795370954000 LIMIT 10) as t)

-- config: table=Session key=id
-- section: @quixo3/prisma-session-store

-- expect: read key='ps1'
-- proto: prepared
SELECT `sess`.`Session`.`id`, `sess`.`Session`.`sid`, `sess`.`Session`.`data`, `sess`.`Session`.`expiresAt` FROM `sess`.`Session` WHERE (`sess`.`Session`.`id` = ? AND 1=1) LIMIT ? OFFSET ?
-- params: ["ps1", 1, 0]

-- expect: write key='ps1'
-- proto: prepared
INSERT INTO `sess`.`Session` (`id`,`sid`,`data`,`expiresAt`) VALUES (?,?,?,?)
-- params: ["ps1", "ps1", "{}", "2026-12-23 05:00:00"]

-- expect: write key='ps1'
-- proto: prepared
UPDATE `sess`.`Session` SET `data` = ?, `expiresAt` = ? WHERE (`sess`.`Session`.`id` IN (?) AND `sess`.`Session`.`id` = ?)
-- params: ["{}", "2026-12-23 05:00:00", "ps1", "ps1"]

-- expect: write key='ps1'
-- proto: prepared
DELETE FROM `sess`.`Session` WHERE (`sess`.`Session`.`id` IN (?) AND `sess`.`Session`.`id` = ?)
-- params: ["ps1", "ps1"]

-- expect: scatter-read
-- proto: prepared
SELECT COUNT(*) AS `_count$_all` FROM (SELECT `sess`.`Session`.`id` FROM `sess`.`Session` WHERE 1=1 LIMIT ? OFFSET ?) AS `sub`
-- params: [100, 0]

-- config: table=ps_guest key=id_guest
-- section: CakePHP 5 and PrestaShop 8 habits on one connection

-- expect: session-state
-- proto: text
SET NAMES 'utf8mb4'

-- expect: session-state
-- proto: text
SET SESSION sql_mode = ''

-- expect: any
-- proto: text
SELECT CONNECTION_ID()

-- expect: read key='12'
-- proto: text
SELECT SQL_NO_CACHE `id_guest` FROM `ps_guest` `g` WHERE `id_guest` = 12 LIMIT 1

-- expect: write key='12'
-- proto: text
INSERT INTO `ps_guest` (`id_guest`, `id_operating_system`, `id_web_browser`, `id_customer`) VALUES ('12', '5', '11', '0')

-- expect: write key='12'
-- proto: text
DELETE FROM `ps_guest` WHERE `id_guest` = 12 LIMIT 1
