-- handler: Drupal 6, Joomla 1.5 and 4, WordPress plug-ins, TYPO3, Elgg, e107, Dolibarr, Concrete, Contao, Flarum, forums, shops
-- config: table=sessions key=sid
-- section: Drupal 6

-- expect: read key='d6a' (joins other table)
-- proto: text
SELECT u.*, s.* FROM users u INNER JOIN sessions s ON u.uid = s.uid WHERE s.sid = 'd6a'

-- expect: read key='d6a'
-- proto: text
SELECT COUNT(*) FROM sessions WHERE sid = 'd6a'

-- expect: write key='d6a'
-- proto: text
INSERT INTO sessions (sid, uid, cache, hostname, session, timestamp) VALUES ('d6a', 0, 0, '127.0.0.1', 'dblog_overview_filter|a:0:{}', 1795370954)

-- expect: write key='d6a'
-- proto: text
UPDATE sessions SET uid = 0, cache = 0, hostname = '127.0.0.1', session = 'x', timestamp = 1795370955 WHERE sid = 'd6a'

-- expect: move from='d6a' to='d6b'
-- proto: text
UPDATE sessions SET sid = 'd6b' WHERE sid = 'd6a'

-- expect: write key='d6b'
-- proto: text
DELETE FROM sessions WHERE sid = 'd6b'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE uid = 5

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE timestamp < 1795170954

-- expect: scatter-read
-- proto: text
SELECT COUNT(sid) AS count FROM sessions WHERE timestamp >= 1795370054 AND uid = 0

-- expect: scatter-read
-- proto: text
SELECT COUNT(DISTINCT s.uid) FROM sessions s WHERE s.timestamp >= 1795370054 AND s.uid > 0

-- expect: scatter-read (joins other table)
-- proto: text
SELECT DISTINCT u.uid, u.name, s.timestamp FROM users u INNER JOIN sessions s ON u.uid = s.uid WHERE s.timestamp >= 1795370054 AND s.uid > 0 ORDER BY s.timestamp DESC LIMIT 0, 10

-- section: MyBB

-- expect: read key='my1'
-- proto: text
SELECT
			sid,ip
			FROM sessions
			WHERE sid='my1' AND ip=X'7f000001'
			 LIMIT 1

-- expect: write key='my1'
-- proto: text
REPLACE INTO sessions (`uid`,`time`,`ip`,`location`,`useragent`,`location1`,`location2`,`nopermission`,`sid`) VALUES ('0','1795370954',X'7f000001','/index.php?','Mozilla','0','0','0','my1')

-- expect: write key='my1'
-- proto: text

			UPDATE sessions
			SET `uid`='1',`time`='1795370955',`location`='/usercp.php?'
			 WHERE sid='my1'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions
			 WHERE ip=X'7f000001'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions WHERE uid='1'

-- expect: broadcast-write
-- proto: text
DELETE FROM sessions
			 WHERE uid='1' AND sid != 'my1'

-- expect: write key='bot-12'
-- proto: text
DELETE FROM sessions WHERE sid='bot-12'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions
			 WHERE time<'1795370054'

-- expect: scatter-read (joins other table)
-- proto: text
SELECT s.sid, s.ip, s.uid, s.time, s.location, u.username FROM sessions s LEFT JOIN users u ON (s.uid=u.uid) WHERE s.time>'1795370054' ORDER BY u.username ASC, s.time DESC

-- config: table=jos_session key=session_id
-- section: Joomla 1.5 and 4

-- expect: read key='j15'
-- proto: text
SELECT `data` FROM `jos_session` WHERE `session_id` = 'j15'

-- expect: read key='j15'
-- proto: text
SELECT * FROM jos_session WHERE session_id = 'j15'

-- expect: write key='j15'
-- proto: text
INSERT INTO `jos_session` ( `session_id`,`time`,`username`,`gid`,`guest`,`client_id` ) VALUES ( 'j15','1795370954','','0','1','0' )

-- expect: write key='j15'
-- proto: text
UPDATE `jos_session` SET `time`='1795370955',`userid`='0',`usertype`='',`username`='',`gid`='0',`guest`='1',`client_id`='0',`data`='__default|a:0:{}' WHERE session_id='j15'

-- expect: write key='j15'
-- proto: text
DELETE FROM jos_session WHERE session_id = 'j15'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM jos_session WHERE ( time < '1795370054' )

-- expect: scatter-read
-- proto: text
SELECT guest, usertype, client_id FROM jos_session WHERE client_id = 0

-- expect: broadcast-write
-- proto: text
DELETE FROM `jos_session` WHERE `userid` = 62 AND `client_id` = 0

-- expect: read key='j4'
-- proto: prepared
SELECT 1
FROM `jos_session`
WHERE `session_id` = ? LIMIT 1
-- params: ["j4"]

-- expect: write key='j4'
-- proto: prepared
INSERT INTO `jos_session`
(`session_id`,`guest`,`time`,`userid`,`username`,`client_id`) VALUES 
(?, ?, ?, ?, ?, ?)
-- params: ["j4", 1, 1795370954, 0, "", 0]

-- expect: write key='j4'
-- proto: prepared
UPDATE `jos_session`
SET `data` = ?
	, `time` = ?
WHERE `session_id` = ?
-- params: ["x", 1795370955, "j4"]

-- expect: scatter-read (by other column userid='5')
-- proto: text
SELECT `session_id`
FROM `jos_session`
WHERE `userid` = 5

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE 
FROM `jos_session`
WHERE `time` < ?
-- params: [1795370054]

-- config: table=wp_pantheon_sessions key=session_id surrogate=id
-- section: wp-native-php-sessions

-- schema: CREATE TABLE wp_pantheon_sessions (id bigint(20) unsigned NOT NULL AUTO_INCREMENT, user_id bigint(20) unsigned NOT NULL DEFAULT '0', session_id varchar(128) NOT NULL DEFAULT '', secure_session_id varchar(128) NOT NULL DEFAULT '', ip_address varchar(128) NOT NULL DEFAULT '', datetime datetime DEFAULT NULL, data mediumtext, KEY session_id (session_id), KEY secure_session_id (secure_session_id), PRIMARY KEY (id))
-- expect: read key='wn1'
-- proto: text
SELECT * FROM wp_pantheon_sessions WHERE session_id='wn1'

-- expect: write key='wn1'
-- proto: text
INSERT INTO `wp_pantheon_sessions` (`session_id`, `user_id`) VALUES ('wn1', 0)

-- expect: write key='wn1'
-- proto: text
UPDATE `wp_pantheon_sessions` SET `user_id` = 0, `datetime` = '2026-11-22 22:22:22', `ip_address` = '127.0.0.1', `data` = 'foo|s:3:\"bar\";' WHERE `session_id` = 'wn1'

-- expect: scatter-read
-- proto: text
SELECT count(*) FROM wp_pantheon_sessions

-- expect: scatter-read
-- proto: text
SELECT * FROM wp_pantheon_sessions ORDER BY `datetime` DESC LIMIT 0, 20

-- expect: write key='wn1'
-- proto: text
DELETE FROM `wp_pantheon_sessions` WHERE `session_id` = 'wn1'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM wp_pantheon_sessions WHERE `datetime` <= '2026-11-21 22:22:22'

-- expect: write-by-other-column id='7'
-- proto: text
DELETE FROM `wp_pantheon_sessions` WHERE `id` = '7'

-- config: table=fe_sessions key=ses_id
-- section: TYPO3 4 to 7

-- expect: read key='t3' (joins other table)
-- proto: text
SELECT * FROM fe_sessions,fe_users WHERE
			fe_sessions.ses_id = 't3'
			AND fe_sessions.ses_name = 'fe_typo_user'
			AND fe_sessions.ses_userid = fe_users.uid
			 AND fe_sessions.ses_iplock='[DISABLED]' AND (fe_sessions.ses_hashlock='1' OR fe_sessions.ses_permanent=1)

-- expect: write key='t3'
-- proto: text
INSERT INTO fe_sessions
				(
					ses_id,
					ses_name,
					ses_iplock,
					ses_userid,
					ses_tstamp
				) VALUES (
					't3',
					'fe_typo_user',
					'[DISABLED]',
					'1',
					'1795370954'
				)

-- expect: write key='t3'
-- proto: text
UPDATE fe_sessions
				SET
					ses_tstamp='1795370955'
				WHERE
					ses_id='t3'
						AND ses_name='fe_typo_user'

-- expect: write key='t3'
-- proto: text
DELETE FROM fe_sessions
				WHERE
					ses_id='t3'
						AND ses_name='fe_typo_user'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM fe_sessions
				WHERE
					ses_tstamp < 1795364954 AND ses_name = 'fe_typo_user'

-- config: table=fe_session_data key=hash
-- section: TYPO3 session data

-- expect: read key='t3'
-- proto: text
SELECT * FROM fe_session_data WHERE hash='t3'

-- expect: write key='t3'
-- proto: text
INSERT INTO fe_session_data
(
hash,
content,
tstamp
) VALUES (
't3',
'a:0:{}',
'1795370954'
)

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM fe_session_data WHERE tstamp < 1795284554

-- config: table=elgg_users_sessions key=session
-- section: Elgg

-- expect: read key='el1'
-- proto: text
SELECT * FROM elgg_users_sessions WHERE session = 'el1'

-- expect: write key='el1'
-- proto: text
INSERT INTO elgg_users_sessions
			(session, ts, data) VALUES
			('el1', '1795370954', 'x')
			ON DUPLICATE KEY UPDATE ts = VALUES(ts), data = VALUES(data)

-- expect: write key='el1'
-- proto: text
REPLACE INTO elgg_users_sessions (session, ts, data) VALUES ('el1', '1795370954', '_sf2_attributes|a:0:{}')

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM elgg_users_sessions WHERE ts < '1795284554'

-- config: table=e107_session key=session_id
-- section: e107

-- expect: read key='e1'
-- proto: text
SELECT session_data FROM `e107_session` WHERE session_id='e1' AND session_expires>1795370954

-- expect: write key='e1'
-- proto: text
UPDATE e107_session SET session_expires='1795370954', session_user='0', session_data='' WHERE session_id='e1'

-- expect: write key='e1'
-- proto: text
REPLACE INTO `e107_session` SET `session_id` = 'e1', `session_expires` = 1795370955, `session_user` = 0, `session_data` = 'YTowOnt9'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM e107_session WHERE session_expires < 1795370954

-- expect: broadcast-write
-- proto: text
DELETE FROM e107_session WHERE session_user=5 AND session_id!='e1'

-- config: table=llx_session key=session_id
-- section: Dolibarr

-- expect: read key='do1'
-- proto: text
SELECT session_id, session_variable FROM llx_session WHERE session_id = 'do1'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM llx_session WHERE last_accessed < '2026-11-22 21:22:22'

-- expect: write key='do1'
-- proto: text
INSERT INTO llx_session(session_id, session_variable, date_creation, last_accessed, fk_user, remote_ip, user_agent) VALUES ('do1', 'dol_login|s:5:\"admin\";', '2026-11-22 22:22:22', '2026-11-22 22:22:22', 0, '127.0.0.1', 'Mozilla')

-- expect: write key='do1'
-- proto: text
UPDATE llx_session SET session_variable = 'x', last_accessed = '2026-11-22 22:22:23', fk_user = 1, remote_ip = '127.0.0.1', user_agent = 'M' WHERE session_id = 'do1'

-- expect: scatter-read (joins other table)
-- proto: text
SELECT s.session_id, s.session_variable, s.fk_user, s.last_accessed, u.login FROM llx_session as s LEFT JOIN llx_user as u ON u.rowid=s.fk_user LIMIT 500

-- config: table=Sessions key=sessionID
-- section: Concrete5, Contao, Flarum and other users of Symfony and Laravel handlers

-- expect: read key='c5'
-- proto: text
SELECT sessionValue, sessionLifetime, sessionTime FROM Sessions WHERE sessionID = 'c5'

-- expect: write key='c5'
-- proto: text
INSERT INTO Sessions (sessionID, sessionValue, sessionTime, sessionLifeTime) VALUES ('c5', '_sf2_attributes|a:0:{}', 1795370954, 7200) ON DUPLICATE KEY UPDATE sessionValue = VALUES(sessionValue), sessionTime = VALUES(sessionTime), sessionLifeTime = VALUES(sessionLifeTime)

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM Sessions WHERE sessionLifeTime + sessionTime < 1795370954

-- expect: broadcast-write (delete all)
-- proto: text
delete from Sessions

-- config: table=GDN_Session key=SessionID
-- section: Vanilla

-- expect: read key='va1'
-- proto: text
select *
from `GDN_Session` `Session`
where `SessionID` = 'va1'

-- expect: write key='va1'
-- proto: text
insert `GDN_Session`
(`SessionID`, `UserID`, `DateInserted`, `Attributes`) values ('va1', '2', '2026-11-22 22:22:22', '{}')

-- expect: write key='va1'
-- proto: text
update `GDN_Session` `Session`
set 
 `DateUpdated` = '2026-11-22 22:22:23',
 `Attributes` = '{\"a\":1}'
where `SessionID` = 'va1'

-- expect: broadcast-write (GC)
-- proto: text
delete from `GDN_Session` where `DateExpire` < '2026-11-22 22:22:22' limit 10

-- config: table=smf_sessions key=session_id
-- section: SMF 1 to 3

-- expect: read key='sm1'
-- proto: text

		SELECT data
		FROM smf_sessions
		WHERE session_id = 'sm1'
		LIMIT 1

-- expect: write key='sm1'
-- proto: text

		UPDATE smf_sessions
		SET data = 'x', last_update = 1795370954
		WHERE session_id = 'sm1'

-- expect: write key='sm1'
-- proto: text

			INSERT IGNORE INTO smf_sessions
				(`session_id`, `data`, `last_update`)
			VALUES
				('sm1', 'x', 1795370954)

-- expect: write key='sm1'
-- proto: text
REPLACE INTO smf_sessions(`session_id`, `data`, `last_update`)
	VALUES
		('sm1', 'session_value|s:1:\"a\";', 1795370955)

-- expect: broadcast-write (GC)
-- proto: text

		DELETE FROM smf_sessions
		WHERE last_update < 1795367354

-- config: table=smf_log_online key=session
-- section: SMF who is online

-- expect: write key='ipq'
-- proto: text
REPLACE INTO smf_log_online
(`session`, `id_member`, `id_spider`, `log_time`, `ip`, `url`)
VALUES
('ipq', 0, 0, 1795370954, INET6_ATON('127.0.0.1'), '')

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM smf_log_online WHERE log_time < 1795370054 AND session != 'ipq'

-- expect: broadcast-write
-- proto: text
DELETE FROM smf_log_online WHERE id_member = 3 OR session = 'ipq'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM smf_log_online WHERE log_time < 1795370054 OR session = 'ipq' LIMIT 1

-- expect: scatter-read (joins other table)
-- proto: text
SELECT lo.id_member, lo.log_time, mem.real_name FROM smf_log_online AS lo LEFT JOIN smf_members AS mem ON (mem.id_member = lo.id_member)

-- config: table=xf_session key=session_id
-- section: XenForo

-- expect: read key='xf1'
-- proto: prepared

			SELECT session_data
			FROM xf_session
			WHERE session_id = ?
				AND expiry_date >= ?
-- params: ["xf1", 1795370954]

-- expect: write key='xf1'
-- proto: prepared

			INSERT INTO xf_session
				(session_id, session_data, expiry_date)
			VALUES
				(?, ?, ?)
			ON DUPLICATE KEY UPDATE
				session_data = VALUES(session_data),
				expiry_date = VALUES(expiry_date)
-- params: ["xf1", "a:0:{}", 1795374554]

-- expect: write key='xf1'
-- proto: prepared
UPDATE `xf_session` SET `expiry_date` = ? WHERE (session_id = 'xf1')
-- params: [1795374555]

-- expect: write key='xf1'
-- proto: text
DELETE FROM `xf_session` WHERE (session_id = 'xf1')

-- config: table=session key=sessionhash
-- section: vBulletin 3 and 4

-- expect: read key='vb1'
-- proto: text

				SELECT *
				FROM session AS session
				WHERE sessionhash = 'vb1'
					AND lastactivity > 1795370054
					AND idhash = 'd41d8'

-- expect: write key='vb1'
-- proto: text
INSERT INTO session
	(sessionhash, userid, host, idhash, lastactivity, location, styleid)
VALUES
	('vb1', 0, '127.0.0.1', 'd41d8', 1795370954, '/index.php', 0)

-- expect: write key='vb1'
-- proto: text
UPDATE session
SET lastactivity = 1795370955, location = '/a', inforum = 2, badlocation = 0
WHERE sessionhash = 'vb1'

-- expect: write key='vb1'
-- proto: text
### SHUTDOWN UPDATE QUERY ###
UPDATE LOW_PRIORITY session SET lastactivity = 1795370956 WHERE sessionhash = 'vb1'

-- expect: broadcast-write (GC)
-- proto: text
### Delete stale sessions ###
DELETE FROM session WHERE lastactivity < 1795370054

-- expect: broadcast-write
-- proto: text
DELETE FROM session WHERE userid = 1 AND sessionhash <> 'vb1'

-- config: table=phpbb_sessions key=session_id
-- section: phpBB 2

-- expect: read key='pb2' (joins other table)
-- proto: text
SELECT u.*, s.*
			FROM phpbb_sessions s, phpbb_users u
			WHERE s.session_id = 'pb2'
				AND u.user_id = s.session_user_id

-- expect: write key='pb2'
-- proto: text
UPDATE phpbb_sessions
		SET session_user_id = -1, session_start = 1795370954, session_time = 1795370954, session_page = 0, session_logged_in = 0, session_admin = 0
		WHERE session_id = 'pb2' 
			AND session_ip = '7f000001'

-- expect: write key='pb2'
-- proto: text
INSERT INTO phpbb_sessions
			(session_id, session_user_id, session_start, session_time, session_ip, session_page, session_logged_in, session_admin)
			VALUES ('pb2', -1, 1795370954, 1795370954, '7f000001', 0, 0, 0)

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM phpbb_sessions 
		WHERE session_time < 1795367354 
			AND session_id <> 'pb2'

-- expect: write key='pb2'
-- proto: text
DELETE FROM phpbb_sessions 
		WHERE session_id = 'pb2' 
			AND session_user_id = 2

-- config: table=sessions key=sesskey columns=sesskey,expiry,value
-- section: osCommerce, Zen Cart, xt:Commerce

-- schema: CREATE TABLE sessions (sesskey varchar(128) NOT NULL, expiry int(11) unsigned NOT NULL, value mediumtext NOT NULL, PRIMARY KEY (sesskey))
-- expect: read key='os1'
-- proto: text
select value from sessions where sesskey = 'os1' and expiry > '1795370954'

-- expect: read key='os1'
-- proto: text
select count(*) as total from sessions where sesskey = 'os1'

-- expect: write key='os1'
-- proto: text
insert into sessions values ('os1', '1795372394', 'cart|O:12:\"shoppingCart\":0:{}')

-- expect: write key='os1'
-- proto: text
update sessions set expiry = '1795372395', value = 'x' where sesskey = 'os1'

-- expect: write key='os1'
-- proto: text
insert into sessions values ('os1', '1795372396', 'y') ON DUPLICATE KEY UPDATE value = 'y', expiry = '1795372396'

-- expect: write key='os1'
-- proto: text
delete from sessions where sesskey = 'os1'

-- expect: broadcast-write (GC)
-- proto: text
delete from sessions where expiry < '1795370954'

-- config: table=whos_online key=session_id
-- section: whos online

-- expect: read key='wo1'
-- proto: text
select count(*) as count from whos_online where session_id = 'wo1' and ip_address = '127.0.0.1'

-- expect: write key='wo1'
-- proto: text
insert into whos_online (customer_id, full_name, session_id, ip_address, time_entry, time_last_click, last_page_url) values ('0', 'Guest', 'wo1', '127.0.0.1', '1795370954', '1795370954', '/')

-- expect: move from='wo1' to='wo2'
-- proto: text
update whos_online set session_id = 'wo2' where session_id = 'wo1'

-- expect: broadcast-write (GC)
-- proto: text
delete from whos_online where time_last_click < '1795370054'

-- expect: broadcast-write
-- proto: text
delete from whos_online where session_id != '' and full_name='Guest'

-- config: table=oc_authtoken key=token surrogate=id
-- section: Nextcloud auth tokens

-- expect: read key='nc1'
-- proto: prepared
SELECT * FROM `oc_authtoken` WHERE (`token` = ?) AND (`version` = ?)
-- params: ["nc1", 2]

-- expect: write key='nc1'
-- proto: prepared
INSERT INTO `oc_authtoken` (`uid`, `login_name`, `name`, `token`, `type`, `remember`, `last_activity`, `version`) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
-- params: ["admin", "admin", "M", "nc1", 0, 0, 1795370954, 2]

-- expect: write-by-other-column id='3'
-- proto: prepared
UPDATE `oc_authtoken` SET `last_activity` = ? WHERE (`id` = ?) AND (`last_activity` < ?)
-- params: [1795370955, 3, 1795370950]

-- expect: write key='nc1'
-- proto: prepared
DELETE FROM `oc_authtoken` WHERE (`token` = ?) AND (`version` = ?)
-- params: ["nc1", 2]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `oc_authtoken` WHERE (`last_activity` < ?) AND (`type` = ?) AND (`remember` = ?) AND (`version` = ?)
-- params: [1795284554, 0, 0, 2]

-- expect: scatter-read (by other column uid='admin')
-- proto: prepared
SELECT * FROM `oc_authtoken` WHERE (`uid` = ?) AND (`version` = ?) LIMIT 1000
-- params: ["admin", 2]

-- config: table=php_sessions key=session_id columns=session_id,session_updated,session_data
-- section: written by hand

-- expect: read key='hw1'
-- proto: prepared
SELECT session_data FROM php_sessions WHERE session_id = ?
-- params: ["hw1"]

-- expect: write key='hw1'
-- proto: prepared
REPLACE INTO php_sessions VALUES (?, NULL, ?)
-- params: ["hw1", "x"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM php_sessions WHERE TIMESTAMP(session_updated) < NOW() - ?
-- params: [1440]

-- expect: write key='hw1'
-- proto: prepared
REPLACE INTO php_sessions (session_id, session_data, session_updated) VALUES (?, ?, DATE_ADD(NOW(), INTERVAL 2 HOUR))
-- params: ["hw1", "x"]

-- expect: read key='hw1'
-- proto: prepared
SELECT LENGTH(session_data) AS dlen, (UNIX_TIMESTAMP(session_updated) - UNIX_TIMESTAMP()) AS ttl
                 FROM php_sessions WHERE session_id = ?
-- params: ["hw1"]

-- expect: broadcast-write
-- proto: text
DELETE FROM php_sessions WHERE 1
