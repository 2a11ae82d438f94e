-- handler: web.py, web2py, CherryPy, Tornado, Trac, Pyramid, Rack, ActiveRecord, gorilla, iris, goframe, tower-sessions, async-sqlx-session, lua-resty-session, Bugzilla, RT, Catalyst, FreeRADIUS, Kamailio, Dovecot, ProFTPD
-- config: table=sessions key=session_id
-- section: web.py DBStore

-- expect: read key='0a1b'
-- proto: text
SELECT * FROM sessions WHERE session_id='0a1b'

-- expect: write key='0a1b'
-- proto: text
INSERT INTO sessions (session_id, data) VALUES ('0a1b', 'KGRwMAou\n')

-- expect: write key='0a1b'
-- proto: text
UPDATE sessions SET atime = '2026-11-22 22:22:22' WHERE session_id='0a1b'

-- expect: write key='0a1b'
-- proto: text
UPDATE sessions SET data = 'KGRwMAox\n' WHERE session_id='0a1b'

-- expect: write key='0a1b'
-- proto: text
DELETE FROM sessions WHERE session_id='0a1b'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE '2026-11-21 22:22:22' > atime

-- section: SQLAlchemy, pony, peewee, Tortoise, Django with sqlcommenter and qualified names

-- expect: read key='0a1c'
-- proto: text
SELECT sessions.id AS sessions_id, sessions.session_id AS sessions_session_id, sessions.data AS sessions_data, sessions.expiry AS sessions_expiry 
FROM sessions 
WHERE sessions.session_id = '0a1c' 
 LIMIT 1

-- expect: read key='0a1c'
-- proto: text
SELECT `sessions`.`session_id`, `sessions`.`data` FROM `sessions` WHERE (`sessions`.`expire_date` > '2026-11-22 22:22:22.000000' AND `sessions`.`session_id` = '0a1c') LIMIT 21 /*controller='index',db_driver='django.db.backends.mysql',framework='django%3A4.2',route='%5E%24',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/

-- expect: read key='0a1c'
-- proto: text
SELECT (1) AS `a` FROM `sessions` WHERE `sessions`.`session_id` = '0a1c' LIMIT 1

-- expect: write key='0a1c'
-- proto: text
INSERT INTO `sessions` (`session_id`, `data`) VALUES ('0a1c', 'e30:1') RETURNING `sessions`.`session_id`

-- expect: write key='0a1c'
-- proto: text
INSERT INTO sessions (session_id, data) VALUES ('0a1c', 'e30:2') AS new ON DUPLICATE KEY UPDATE data = new.data

-- expect: write key='0a1c'
-- proto: text
INSERT INTO `sessions` (`session_id`,`data`) VALUES ('0a1c','x') AS `new` ON DUPLICATE KEY UPDATE `data`=`new`.`data`,`expiry`=VALUES(`expiry`)

-- expect: write keys=['0a1c','0a1d']
-- proto: text
INSERT INTO sessions (session_id, data) VALUES ('0a1c', 'x'), ('0a1d', 'y') ON DUPLICATE KEY UPDATE data = VALUES(data)

-- expect: scatter-read
-- proto: text
SELECT count(*) AS count_1 
FROM (SELECT sessions.session_id AS sessions_session_id 
FROM sessions 
WHERE sessions.expiry > '2026-11-22 22:22:22') AS anon_1

-- expect: read key='0a1c'
-- proto: text
SELECT EXISTS (SELECT * 
FROM sessions 
WHERE sessions.session_id = '0a1c' AND sessions.expiry > now()) AS anon_1

-- expect: read-for-update key='0a1c'
-- proto: text
SELECT sessions.data FROM sessions WHERE sessions.session_id = '0a1c' FOR UPDATE SKIP LOCKED

-- expect: read-for-update key='0a1c'
-- proto: text
SELECT sessions.data FROM sessions WHERE sessions.session_id = '0a1c' LOCK IN SHARE MODE

-- config: table=session key=sid secondary=session_attribute(sid)
-- section: Trac

-- schema: CREATE TABLE session (sid varchar(111) COLLATE utf8mb4_bin NOT NULL, authenticated int NOT NULL DEFAULT 0, last_visit int, UNIQUE (sid, authenticated))
-- schema: CREATE TABLE session_attribute (sid varchar(111) COLLATE utf8mb4_bin NOT NULL, authenticated int NOT NULL, name varchar(111) COLLATE utf8mb4_bin NOT NULL, value text, UNIQUE (sid, authenticated, name))
-- expect: read key='tr1'
-- proto: text
SELECT last_visit FROM session
                                   WHERE sid='tr1' AND authenticated=0

-- expect: write key='tr1'
-- proto: text
INSERT INTO session (sid, last_visit, authenticated) VALUES ('tr1', 1795370954, 0)

-- expect: write key='tr1' (secondary table)
-- proto: text
INSERT INTO session_attribute (sid, authenticated, name, value) VALUES ('tr1', 0, 'name', 'Joe')

-- expect: write key='tr1' (secondary table)
-- proto: text
DELETE FROM session_attribute WHERE sid='tr1' AND authenticated=0

-- expect: read key='tr1'
-- proto: text
SELECT name, value FROM session_attribute WHERE sid='tr1' and authenticated=0

-- expect: write key='tr1'
-- proto: text
UPDATE session SET last_visit=1795370955 WHERE sid='tr1' AND authenticated=0

-- expect: move from='tr1' to='tr2'
-- proto: text
UPDATE session SET sid='tr2' WHERE sid='tr1' AND authenticated=0

-- expect: write refuse: UPDATE of the column sid
-- proto: text
UPDATE session_attribute SET sid='tr2' WHERE sid='tr1' and authenticated=0

-- expect: scatter-read
-- proto: text
SELECT DISTINCT s.sid, n.value, e.value FROM session AS s LEFT JOIN session_attribute AS n ON (n.sid=s.sid and n.authenticated=1 AND n.name = 'name') LEFT JOIN session_attribute AS e ON (e.sid=s.sid AND e.authenticated=1 AND e.name = 'email') WHERE s.authenticated=1 ORDER BY s.sid

-- expect: broadcast-write (secondary table)
-- proto: text
DELETE FROM session_attribute
                    WHERE authenticated=0 AND sid IN (
                        SELECT sid FROM session
                        WHERE authenticated=0 AND last_visit < 1787594954
                    )

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM session
                    WHERE authenticated=0 AND last_visit < 1787594954

-- config: table=web2py_session_app key=unique_key surrogate=id
-- section: web2py

-- schema: CREATE TABLE web2py_session_app (id INT AUTO_INCREMENT NOT NULL, locked CHAR(1), client_ip VARCHAR(64), created_datetime DATETIME, modified_datetime DATETIME, unique_key VARCHAR(64), session_data LONGBLOB, PRIMARY KEY(id)) ENGINE=InnoDB
-- expect: scatter-read (by other column id='7')
-- proto: text
SELECT web2py_session_app.locked, web2py_session_app.session_data, web2py_session_app.unique_key FROM web2py_session_app WHERE (web2py_session_app.id = 7)

-- expect: write key='w2'
-- proto: text
INSERT INTO web2py_session_app(locked,client_ip,created_datetime,modified_datetime,unique_key,session_data) VALUES ('F','127.0.0.1','2026-11-22 22:22:22','2026-11-22 22:22:22','w2','x')

-- expect: write-by-other-column id='7'
-- proto: text
UPDATE web2py_session_app SET locked='F',modified_datetime='2026-11-22 22:22:23',session_data='y' WHERE (web2py_session_app.id = 7)

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM web2py_session_app WHERE (web2py_session_app.modified_datetime < '2026-11-21 22:22:22')

-- config: table=rack_sessions key=sid
-- section: Rack, Sequel, old ActiveRecord stores (CGI::Session), DataMapper

-- expect: read key='r1'
-- proto: text
SELECT `data` FROM `rack_sessions` WHERE (`sid` = 'r1') LIMIT 1

-- expect: read key='r1'
-- proto: text
SELECT * FROM rack_sessions WHERE (rack_sessions.`sid` = 'r1')  LIMIT 1

-- expect: write key='r1'
-- proto: text
INSERT INTO rack_sessions (`updated_at`, `sid`, `data`) VALUES('2026-11-22 22:22:22', 'r1', 'BAh7AA==\n')

-- expect: write key='r1'
-- proto: text
UPDATE rack_sessions SET `updated_at` = '2026-11-22 22:22:23', `data` = 'BAh7BjoGYWkG\n' WHERE sid='r1'

-- expect: read key='r1'
-- proto: text
SELECT `sid`, `data` FROM `rack_sessions` WHERE `sid` = 'r1' ORDER BY `sid` LIMIT 1

-- expect: write key='r1'
-- proto: text
INSERT INTO `rack_sessions` (`sid`,`data`) VALUES ('r1','z') ON DUPLICATE KEY UPDATE `data`=VALUES(`data`) /*application:MyApp,job:Sweep*/

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `rack_sessions` WHERE `rack_sessions`.`updated_at` < '2026-11-21 22:22:22' LIMIT 1000

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM `rack_sessions` WHERE (updated_at <= DATE_SUB(UTC_TIMESTAMP(), INTERVAL '1 2' DAY_HOUR))

-- config: table=sessions key=session_key
-- section: gorilla stores, goframe, iris, echo, gf: Go by hand

-- expect: write key='go1'
-- proto: prepared
INSERT INTO sessions (session_key, session_data, expiry) VALUES (?, ?, ?)
-- params: ["go1", "x", 5]

-- expect: read key='go1'
-- proto: prepared
SELECT session_data FROM `sessions` WHERE session_key=? AND expiry >= ? LIMIT 1
-- params: ["go1", 4]

-- expect: write key='go1'
-- proto: prepared
UPDATE `sessions` SET session_data=?, expiry=? WHERE session_key=? LIMIT 1
-- params: ["y", 6, "go1"]

-- expect: write key='go1'
-- proto: prepared
INSERT IGNORE INTO `sessions`(`session_key`,`session_data`) VALUES(?,?) 
-- params: ["go1", "z"]

-- expect: read key='go1'
-- proto: prepared
SELECT count(1) FROM `sessions` WHERE `session_key` = ?
-- params: ["go1"]

-- expect: write key='go1'
-- proto: prepared
INSERT INTO `sessions` (`session_key`,`session_data`,`expiry`) VALUES (?,?,?) ON DUPLICATE KEY UPDATE `session_data`=VALUES(`session_data`),`expiry`=VALUES(`expiry`)
-- params: ["go1", "w", 7]

-- expect: read key='go1'
-- proto: prepared
SELECT * FROM `sessions` WHERE `sessions`.`session_key` = ? AND `sessions`.`deleted_at` IS NULL ORDER BY `sessions`.`session_key` LIMIT ?
-- params: ["go1", 1]

-- expect: write key='go1'
-- proto: prepared
UPDATE `sessions` SET `deleted_at`=? WHERE session_key = ? AND `sessions`.`deleted_at` IS NULL
-- params: ["2026-11-22 22:22:22", "go1"]

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE expiry < UNIX_TIMESTAMP(NOW()) AND expiry > 0

-- expect: read key='go1'
-- proto: prepared
select s.session_data from sessions as s where s.session_key = ? and (s.expiry = 0 or s.expiry > ?)
-- params: ["go1", 1]

-- config: table=session key=id schema=tower_sessions
-- section: tower-sessions

-- schema: CREATE DATABASE IF NOT EXISTS tower_sessions
-- schema: DROP TABLE IF EXISTS tower_sessions.session
-- schema: create table if not exists `tower_sessions`.`session` ( id char(22) primary key not null, data blob not null, expiry_date timestamp(6) not null )
-- expect: txn-begin
-- proto: text
BEGIN

-- expect: read key='tw1'
-- proto: prepared

            select exists(select 1 from `tower_sessions`.`session` where id = ?)
            
-- params: ["tw1"]

-- expect: write key='tw1'
-- proto: prepared

            insert into `tower_sessions`.`session`
              (id, data, expiry_date) values (?, ?, ?)
            on duplicate key update
              data = values(data),
              expiry_date = values(expiry_date)
            
-- params: ["tw1", "x", "2026-11-22 23:00:00.5"]

-- expect: txn-commit
-- proto: text
COMMIT

-- expect: read key='tw1'
-- proto: prepared

            select data from `tower_sessions`.`session`
            where id = ? and expiry_date > ?
            
-- params: ["tw1", "2026-11-22 22:22:22"]

-- expect: write key='tw1'
-- proto: prepared
delete from `tower_sessions`.`session` where id = ?
-- params: ["tw1"]

-- expect: broadcast-write (GC)
-- proto: prepared

            delete from `tower_sessions`.`session`
            where expiry_date < utc_timestamp()
            
-- params: []

-- config: table=async_sessions key=id
-- section: async-sqlx-session

-- expect: broadcast-write (DDL)
-- proto: text

            CREATE TABLE IF NOT EXISTS async_sessions (
                `id` VARCHAR(128) NOT NULL,
                `expires` TIMESTAMP(6) NULL,
                `session` TEXT NOT NULL,
                PRIMARY KEY (`id`),
                KEY `expires` (`expires`)
            )
            ENGINE=InnoDB
            DEFAULT CHARSET=utf8


-- expect: write key='as/1+='
-- proto: prepared

            INSERT INTO async_sessions
              (id, session, expires) VALUES(?, ?, ?)
            ON DUPLICATE KEY UPDATE
              expires = VALUES(expires),
              session = VALUES(session)
            
-- params: ["as/1+=", "{}", null]

-- expect: read key='as/1+='
-- proto: prepared
SELECT session FROM async_sessions WHERE id = ? AND (expires IS NULL OR expires > ?)
-- params: ["as/1+=", "2026-11-22 22:22:22"]

-- expect: scatter-read
-- proto: text
select id, expires, session, (select count(*) from async_sessions) from async_sessions

-- expect: scatter-read
-- proto: prepared
SELECT COUNT(*) FROM async_sessions
-- params: []

-- expect: write key='as/1+='
-- proto: prepared
DELETE FROM async_sessions WHERE id = ?
-- params: ["as/1+="]

-- expect: broadcast-write (DDL)
-- proto: prepared
TRUNCATE async_sessions
-- params: []

-- config: table=sessions key=sid
-- section: lua-resty-session 4

-- expect: write key='lu1'
-- proto: text
-- note: sent by the library as it is: both databases answer 1054
INSERT INTO sessions (sid, data, ttl) VALUES ('lu1', 'eyJ9', FROM_UNIXTIME(1795374554)) AS new ON DUPLICATE KEY UPDATE data = new.data

-- expect: read key='lu1'
-- proto: text
SELECT data FROM sessions WHERE sid = 'lu1' AND ttl >= FROM_UNIXTIME(1795370954)

-- expect: write key='lu1'
-- proto: text
UPDATE sessions SET ttl = FROM_UNIXTIME(1795374555) WHERE sid = 'lu1' AND ttl > FROM_UNIXTIME(1795374555)

-- expect: write key='lu1'
-- proto: text
DELETE FROM sessions WHERE sid = 'lu1'

-- config: table=logincookies key=cookie
-- section: Bugzilla

-- expect: read key='bz1'
-- proto: text
SELECT cookie FROM logincookies WHERE cookie = 'bz1'
                         AND userid = 5
                         AND (ipaddr = '127.0.0.1' OR ipaddr IS NULL)

-- expect: write key='bz1'
-- proto: text
INSERT INTO logincookies (cookie, userid, ipaddr, lastused) VALUES ('bz1', 5, NULL, NOW())

-- expect: write key='bz1'
-- proto: text
UPDATE logincookies SET lastused = NOW() WHERE cookie = 'bz1'

-- expect: broadcast-write
-- proto: text
DELETE FROM logincookies WHERE cookie != 'bz1' AND userid = 5

-- expect: write key='bz1'
-- proto: text
DELETE FROM logincookies WHERE cookie = 'bz1' AND userid = 5

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM logincookies WHERE lastused < LOCALTIMESTAMP(0) - INTERVAL 30 DAY

-- config: table=sessions key=id
-- section: Request Tracker, Catalyst, Mojolicious, Plack, Dancer

-- expect: read key='5d4'
-- proto: text
SELECT a_session FROM sessions WHERE id = '5d4'

-- expect: lock name='Apache-Session-5d4'
-- proto: text
SELECT GET_LOCK('Apache-Session-5d4', 3600)

-- expect: write key='5d4'
-- proto: text
INSERT INTO sessions (id, a_session) VALUES ('5d4', '\04\0123')

-- expect: write key='5d4'
-- proto: text
UPDATE sessions SET a_session = 'x' WHERE id = '5d4'

-- expect: unlock name='Apache-Session-5d4'
-- proto: text
SELECT RELEASE_LOCK('Apache-Session-5d4')

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE LastUpdated < '2026-11-20 22:22:22'

-- expect: scatter-read
-- proto: text
SELECT id FROM sessions WHERE LastUpdated < '2026-11-20 22:22:22'

-- expect: read key='5d4'
-- proto: text
SELECT `me`.`id`, `me`.`a_session` FROM `sessions` `me` WHERE ( ( `me`.`LastUpdated` > '2026-11-20 22:22:22' AND `me`.`id` = '5d4' ) )

-- expect: read key='5d4'
-- proto: text
SELECT 1 FROM sessions WHERE id = '5d4' LIMIT 1

-- config: table=radacct key=acctuniqueid surrogate=radacctid
-- section: FreeRADIUS

-- schema: CREATE TABLE radacct (radacctid bigint(21) NOT NULL auto_increment, acctsessionid varchar(64) NOT NULL default '', acctuniqueid varchar(32) NOT NULL default '', username varchar(64) NOT NULL default '', realm varchar(64) default '', nasipaddress varchar(15) NOT NULL default '', acctstarttime datetime NULL default NULL, acctupdatetime datetime NULL default NULL, acctstoptime datetime NULL default NULL, acctinterval int(12) default NULL, acctsessiontime int(12) unsigned default NULL, acctinputoctets bigint(20) default NULL, acctterminatecause varchar(32) NOT NULL default '', framedipaddress varchar(15) NOT NULL default '', PRIMARY KEY (radacctid), UNIQUE KEY acctuniqueid (acctuniqueid))
-- expect: write key='ra1'
-- proto: text
INSERT INTO radacct (acctsessionid, acctuniqueid, username, realm, nasipaddress, acctstarttime, acctupdatetime, acctstoptime, acctsessiontime, acctinputoctets, framedipaddress) VALUES ('8100', 'ra1', 'joe', '', '10.0.0.1', FROM_UNIXTIME(1795370954), FROM_UNIXTIME(1795370954), NULL, '0', '0', '10.1.0.9')

-- expect: write key='ra1'
-- proto: text
UPDATE radacct SET acctupdatetime  = (@acctupdatetime_old:=acctupdatetime), acctupdatetime  = FROM_UNIXTIME(1795371254), acctinterval    = 1795371254 - UNIX_TIMESTAMP(@acctupdatetime_old), framedipaddress = '10.1.0.9', acctsessiontime = 300, acctinputoctets = '0' << 32 | '4711' WHERE acctuniqueid = 'ra1'

-- expect: write key='ra1'
-- proto: text
UPDATE radacct SET acctstoptime = FROM_UNIXTIME(1795371255), acctsessiontime = 301, acctterminatecause = 'User-Request' WHERE acctuniqueid = 'ra1'

-- expect: broadcast-write
-- proto: text
UPDATE radacct SET acctstoptime = FROM_UNIXTIME(1795371300), acctsessiontime = '1795371300' - UNIX_TIMESTAMP(acctstarttime), acctterminatecause = 'NAS-Reboot' WHERE acctstoptime IS NULL AND nasipaddress   = '10.0.0.1' AND acctstarttime <= FROM_UNIXTIME(1795371300)

-- expect: scatter-read (by other column username='joe')
-- proto: text
SELECT COUNT(*) FROM radacct WHERE username = 'joe' AND acctstoptime IS NULL

-- expect: scatter-read (by other column username='joe')
-- proto: text
SELECT radacctid, acctsessionid, username, nasipaddress, framedipaddress FROM radacct WHERE username = 'joe' AND acctstoptime IS NULL

-- expect: scatter-read (by other column username='joe')
-- proto: text
SELECT SUM(acctsessiontime - GREATEST((1795305600 - UNIX_TIMESTAMP(acctstarttime)), 0)) FROM radacct WHERE username = 'joe' AND UNIX_TIMESTAMP(acctstarttime) + acctsessiontime > '1795305600'

-- config: table=location key=ruid
-- section: Kamailio usrloc

-- expect: write key='uloc-1'
-- proto: text
insert into location (username,contact,expires,q,callid,cseq,flags,cflags,user_agent,ruid,domain ) values ('joe','sip:joe@10.0.0.1:5060','2030-05-28 21:32:15',-1.000000,'c1@x',1,0,0,'UA','uloc-1','example.com')

-- expect: write key='uloc-1'
-- proto: text
update location set expires='2030-05-28 21:32:16',callid='c1@x',cseq=2 where ruid='uloc-1'

-- expect: write key='uloc-1'
-- proto: text
delete from location where ruid='uloc-1'

-- expect: broadcast-write (GC)
-- proto: text
delete from location where expires<'2026-05-28 21:32:15' AND expires!='0'

-- expect: scatter-read (by other column username='joe')
-- proto: text
select contact,expires,q,callid,cseq,flags,cflags,user_agent from location where username='joe' AND domain='example.com' order by q

-- expect: write key='uloc-1'
-- proto: text
insert into location (username,contact,expires,ruid ) values ('joe','sip:joe@10.0.0.1',now(),'uloc-1') on duplicate key update username='joe',contact='sip:joe@10.0.0.1',expires=now(),ruid='uloc-1'

-- expect: write key='uloc-1'
-- proto: text
replace  location (username,contact,ruid ) values ('joe','sip:x','uloc-1')

-- expect: write key='uloc-1'
-- proto: text
insert delayed into location (username,ruid ) values ('joe','uloc-1')

-- config: table=expires key=username
-- section: Dovecot and ProFTPD

-- expect: write key='joe'
-- proto: text
INSERT INTO expires (mailbox,expire_stamp,username) VALUES ('Trash','1795370954','joe') ON DUPLICATE KEY UPDATE expire_stamp='1795370954',username='joe',mailbox='Trash'

-- expect: read key='joe'
-- proto: text
SELECT expire_stamp FROM expires WHERE username = 'joe' AND mailbox = 'Trash'

-- expect: write key='joe'
-- proto: text
DELETE FROM expires WHERE username = 'joe' AND mailbox = 'Trash'

-- expect: write key='joe'
-- proto: text
UPDATE expires SET expire_stamp=expire_stamp+1,modified=now() WHERE username='joe'

-- expect: scatter-read
-- proto: text
SELECT username, bytes_in_avail, UCASE(username) FROM expires HAVING username = 'joe'
