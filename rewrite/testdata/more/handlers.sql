-- handler: see each section; statements as the handlers' sources make them

-- config: table=cake_sess key=id columns=id,created,modified,data,expires
-- section: CakePHP 4/5 DatabaseSession (ORM find/save/delete)
-- schema: CREATE TABLE `cake_sess` (`id` char(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, `created` datetime DEFAULT CURRENT_TIMESTAMP, `modified` datetime DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, `data` blob DEFAULT NULL, `expires` int unsigned DEFAULT NULL, PRIMARY KEY (`id`))

-- expect: read key='c4k31'
-- proto: text
SELECT Sessions.data AS Sessions__data FROM cake_sess Sessions WHERE Sessions.id = 'c4k31' LIMIT 1

-- expect: read key='c4k31'
-- proto: prepared
SELECT 1 AS `existing` FROM cake_sess Sessions WHERE Sessions.id = ? AND expires < ? LIMIT 1
-- params: ["c4k31",1800000000]

-- expect: read key='c4k31'
-- proto: text
SELECT 1 AS `existing` FROM cake_sess Sessions WHERE Sessions.id = 'c4k31' LIMIT 1

-- expect: write key='c4k31'
-- proto: prepared
INSERT INTO cake_sess (id, data, expires, created, modified) VALUES (?, ?, ?, ?, ?)
-- params: ["c4k31","Config|a:1:{}",1800001440,"2026-11-23 08:00:00","2026-11-23 08:00:00"]

-- expect: write key='c4k31'
-- proto: prepared
UPDATE cake_sess SET data = ? , expires = ? WHERE id = ?
-- params: ["Config|a:2:{}",1800002440,"c4k31"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM cake_sess WHERE expires < ?
-- params: [1700000000]

-- expect: write key='c4k31'
-- proto: text
DELETE FROM cake_sess WHERE id = 'c4k31'

-- expect: any
-- proto: text
SHOW FULL COLUMNS FROM cake_sess

-- expect: any
-- proto: text
SHOW INDEXES FROM cake_sess

-- config: table=YiiSession key=id columns=id,expire,data
-- section: Yii 1.1 CDbHttpSession
-- schema: CREATE TABLE `YiiSession` (`id` CHAR(32) PRIMARY KEY, `expire` INTEGER, `data` LONGBLOB)

-- expect: broadcast-write
-- proto: text
DELETE FROM `YiiSession` WHERE expire<1600000000

-- expect: read key='y1i1'
-- proto: text
SELECT `data` FROM `YiiSession` WHERE expire>1700000000 AND id='y1i1'

-- expect: read key='y1i1'
-- proto: text
SELECT id FROM `YiiSession` WHERE id='y1i1'

-- expect: write key='y1i1'
-- proto: text
INSERT INTO `YiiSession` (`id`, `data`, `expire`) VALUES ('y1i1', 'a|i:1;', 1800000000)

-- expect: write key='y1i1'
-- proto: text
UPDATE `YiiSession` SET `expire`=1800000100, `data`='a|i:2;' WHERE id='y1i1'

-- expect: read key='y1i1'
-- proto: text
SELECT * FROM `YiiSession` WHERE id='y1i1'

-- expect: move from='y1i1' to='y1i2'
-- proto: text
UPDATE `YiiSession` SET `id`='y1i2' WHERE id='y1i1'

-- expect: write key='y1i2'
-- proto: text
DELETE FROM `YiiSession` WHERE id='y1i2'

-- config: table=zf_session key=id columns=id,modified,lifetime,data
-- section: Zend Framework 1 Zend_Session_SaveHandler_DbTable
-- schema: CREATE TABLE `zf_session` (`id` char(32), `modified` int, `lifetime` int, `data` text, PRIMARY KEY (`id`))

-- expect: read key='zf1a'
-- proto: text
SELECT `zf_session`.* FROM `zf_session` WHERE (((`zf_session`.`id` = 'zf1a')))

-- expect: write key='zf1a'
-- proto: prepared
INSERT INTO `zf_session` (`modified`, `lifetime`, `data`, `id`) VALUES (?, ?, ?, ?)
-- params: [1800000000,"1440","x","zf1a"]

-- expect: write key='zf1a'
-- proto: prepared
UPDATE `zf_session` SET `modified` = ?, `lifetime` = ?, `data` = ? WHERE (((`zf_session`.`id` = 'zf1a')))
-- params: [1800000001,"1440","y"]

-- expect: write key='zf1a'
-- proto: text
DELETE FROM `zf_session` WHERE (((`zf_session`.`id` = 'zf1a')))

-- expect: broadcast-write
-- proto: text
DELETE FROM `zf_session` WHERE (`modified` + `lifetime` < 1700000000)

-- config: table=fuel_sessions key=session_id columns=session_id,previous_id,user_agent,ip_hash,created,updated,payload
-- section: FuelPHP Session_Db
-- schema: CREATE TABLE `fuel_sessions` (`session_id` varchar(40) NOT NULL, `previous_id` varchar(40) NOT NULL, `user_agent` text NOT NULL, `ip_hash` char(32) NOT NULL DEFAULT '', `created` int unsigned NOT NULL DEFAULT 0, `updated` int unsigned NOT NULL DEFAULT 0, `payload` longtext NOT NULL, PRIMARY KEY (`session_id`))

-- expect: write key='fu31'
-- proto: text
INSERT INTO `fuel_sessions` (`session_id`, `previous_id`, `user_agent`, `ip_hash`, `created`, `updated`, `payload`) VALUES ('fu31', 'fu31', 'Mozilla', 'abc', 1800000000, 1800000000, 'a:0:{}')

-- expect: read key='fu31'
-- proto: text
SELECT * FROM `fuel_sessions` WHERE `session_id` = 'fu31'

-- expect: write key='fu31'
-- proto: text
UPDATE `fuel_sessions` SET `previous_id` = 'fu31', `updated` = 1800000100, `payload` = 'a:1:{}' WHERE `session_id` = 'fu31'

-- expect: move from='fu31' to='fu32'
-- proto: text
UPDATE `fuel_sessions` SET `session_id` = 'fu32', `previous_id` = 'fu31', `user_agent` = 'Mozilla', `updated` = 1800000200, `payload` = 'a:2:{}' WHERE `session_id` = 'fu31'

-- expect: scatter-read
-- proto: text
SELECT * FROM `fuel_sessions` WHERE `previous_id` = 'fu31'

-- expect: broadcast-write
-- proto: text
DELETE FROM `fuel_sessions` WHERE `updated` < 1700000000

-- expect: write key='fu32'
-- proto: text
DELETE FROM `fuel_sessions` WHERE `session_id` = 'fu32'

-- config: table=kohana_sess key=session_id columns=session_id,last_active,contents
-- section: Kohana 3 Session_Database
-- schema: CREATE TABLE `kohana_sess` (`session_id` VARCHAR(24) NOT NULL, `last_active` INT UNSIGNED NOT NULL, `contents` TEXT NOT NULL, PRIMARY KEY (`session_id`), INDEX (`last_active`))

-- expect: read key='k0h4n4'
-- proto: text
SELECT `session_id`, `contents` FROM `kohana_sess` WHERE `session_id` = 'k0h4n4' LIMIT 1

-- expect: read key='k0h4n4'
-- proto: text
SELECT `session_id` FROM `kohana_sess` WHERE `session_id` = 'k0h4n4' LIMIT 1

-- expect: write key='k0h4n4'
-- proto: text
INSERT INTO `kohana_sess` (`last_active`, `contents`, `session_id`) VALUES (1800000000, 'YToxOnt9', 'k0h4n4')

-- expect: write key='k0h4n4'
-- proto: text
UPDATE `kohana_sess` SET `last_active` = 1800000060, `contents` = 'YToyOnt9' WHERE `session_id` = 'k0h4n4'

-- expect: move from='k0h4n4' to='k0h4n5'
-- proto: text
UPDATE `kohana_sess` SET `last_active` = 1800000070, `contents` = 'YToyOnt9', `session_id` = 'k0h4n5' WHERE `session_id` = 'k0h4n4'

-- expect: write key='k0h4n5'
-- proto: text
DELETE FROM `kohana_sess` WHERE `session_id` = 'k0h4n5'

-- expect: broadcast-write
-- proto: text
DELETE FROM `kohana_sess` WHERE `last_active` < 1700000000

-- config: table=session_data key=session_id columns=session_id,data,created_at,modified_at
-- section: Phalcon Incubator Session Adapter Database
-- schema: CREATE TABLE `session_data` (`session_id` VARCHAR(35) NOT NULL, `data` text NOT NULL, `created_at` int(15) unsigned NOT NULL, `modified_at` int(15) unsigned DEFAULT NULL, PRIMARY KEY (`session_id`))

-- expect: read key='ph41'
-- proto: prepared
SELECT `data` FROM `session_data` WHERE `session_id` = ? AND COALESCE(`modified_at`, `created_at`) + ? >= UNIX_TIMESTAMP()
-- params: ["ph41",1440]

-- expect: read key='ph41'
-- proto: prepared
SELECT COUNT(*) FROM `session_data` WHERE `session_id` = ?
-- params: ["ph41"]

-- expect: write key='ph41'
-- proto: prepared
INSERT INTO `session_data` VALUES (?, ?, ?, NULL)
-- params: ["ph41","d1",1800000000]

-- expect: write key='ph41'
-- proto: prepared
UPDATE `session_data` SET `data` = ?, `modified_at` = ? WHERE `session_id` = ?
-- params: ["d2",1800000300,"ph41"]

-- expect: write key='ph41'
-- proto: prepared
DELETE FROM `session_data` WHERE `session_id` = ?
-- params: ["ph41"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM `session_data` WHERE COALESCE(`modified_at`, `created_at`) + ? < 1700000000
-- params: [1440]

-- config: table=session key=sess_id columns=sess_id,changed,ip,vars
-- section: Roundcube rcube_session_db
-- schema: CREATE TABLE `session` (`sess_id` varchar(128) NOT NULL, `changed` datetime NOT NULL DEFAULT '1000-01-01 00:00:00', `ip` varchar(40) NOT NULL, `vars` mediumtext NOT NULL, PRIMARY KEY (`sess_id`), INDEX `changed_index` (`changed`))

-- expect: read key='rc77'
-- proto: text
SELECT `vars`, `ip`, `changed`, now() AS ts FROM `session` WHERE `sess_id` = 'rc77'

-- expect: write key='rc77'
-- proto: text
INSERT INTO `session` (`sess_id`, `vars`, `ip`, `changed`) VALUES ('rc77', 'dGVtcHxiOjE7', '127.0.0.1', now())

-- expect: write key='rc77'
-- proto: text
UPDATE `session` SET `changed` = now(), `vars` = 'dGVtcHxiOjA7' WHERE `sess_id` = 'rc77'

-- expect: write key='rc77'
-- proto: text
UPDATE `session` SET `changed` = now() WHERE `sess_id` = 'rc77'

-- expect: write key='rc77'
-- proto: text
DELETE FROM `session` WHERE `sess_id` = 'rc77'

-- expect: broadcast-write
-- proto: text
DELETE FROM `session` WHERE `changed` < '2001-01-01 00:00:00'

-- expect: broadcast-write
-- proto: text
DELETE FROM `session` WHERE `changed` < now() - INTERVAL 604800 SECOND

-- config: table=oc_session key=session_id columns=session_id,data,expire
-- section: OpenCart 3/4 session db library
-- schema: CREATE TABLE `oc_session` (`session_id` varchar(32) NOT NULL, `data` text NOT NULL, `expire` datetime NOT NULL, PRIMARY KEY (`session_id`), KEY `expire` (`expire`))

-- expect: read key='oc11'
-- proto: text
SELECT `data` FROM `oc_session` WHERE `session_id` = 'oc11' AND `expire` > '2026-11-23 08:00:00'

-- expect: write key='oc11'
-- proto: text
REPLACE INTO `oc_session` SET `session_id` = 'oc11', `data` = '{\"language\":\"en-gb\"}', `expire` = '2036-11-23 08:00:00'

-- expect: write key='oc11'
-- proto: text
DELETE FROM `oc_session` WHERE `session_id` = 'oc11'

-- expect: broadcast-write
-- proto: text
DELETE FROM `oc_session` WHERE `expire` < '2020-11-23 08:00:00'

-- expect: broadcast-write
-- proto: text
DELETE FROM `oc_session` WHERE `expire` < DATE_ADD(NOW(), INTERVAL -1 YEAR) LIMIT 100

-- config: table=ps_sess key=token columns=token,id_customer,date_upd
-- section: PrestaShop 8 customer_session by token
-- schema: CREATE TABLE `ps_sess` (`token` varchar(40) NOT NULL, `id_customer` int unsigned DEFAULT 0, `date_upd` datetime NOT NULL, PRIMARY KEY (`token`))

-- expect: read key='ps01'
-- proto: text
SELECT a.`id_customer` FROM `ps_sess` a WHERE a.`token` = 'ps01' LIMIT 1

-- expect: write key='ps01'
-- proto: text
INSERT INTO `ps_sess` (`token`, `id_customer`, `date_upd`) VALUES ('ps01', '7', '2026-11-23 08:00:00')

-- expect: write key='ps01'
-- proto: text
UPDATE `ps_sess` SET `date_upd` = '2026-11-23 08:05:00' WHERE `token` = 'ps01' LIMIT 1

-- expect: scatter-read
-- proto: text
SELECT SQL_NO_CACHE COUNT(*) FROM `ps_sess` WHERE `id_customer` = 7

-- expect: broadcast-write
-- proto: text
DELETE FROM `ps_sess` WHERE `id_customer` = 7 AND `token` != 'ps01'

-- expect: broadcast-write
-- proto: text
DELETE FROM `ps_sess` WHERE DATE_ADD(`date_upd`, INTERVAL 480 HOUR) <= '2010-01-01 00:00:00'

-- config: table=web2py_session_app key=unique_key columns=unique_key,locked,client_ip,created_datetime,modified_datetime,session_data
-- section: web2py SQL session (gluon.globals, session table)
-- schema: CREATE TABLE `web2py_session_app` (`unique_key` varchar(64) NOT NULL PRIMARY KEY, `locked` CHAR(1) DEFAULT 'F', `client_ip` varchar(64), `created_datetime` datetime, `modified_datetime` datetime, `session_data` LONGBLOB)

-- expect: read key='w2p-1'
-- proto: text
SELECT `web2py_session_app`.`locked`, `web2py_session_app`.`client_ip`, `web2py_session_app`.`session_data` FROM `web2py_session_app` WHERE (`web2py_session_app`.`unique_key` = 'w2p-1') LIMIT 1 OFFSET 0

-- expect: write key='w2p-1'
-- proto: text
INSERT INTO `web2py_session_app`(`locked`,`client_ip`,`created_datetime`,`modified_datetime`,`unique_key`,`session_data`) VALUES ('F','10.0.0.1','2026-11-23 08:00:00','2026-11-23 08:00:00','w2p-1','gAJ9')

-- expect: write key='w2p-1'
-- proto: text
UPDATE `web2py_session_app` SET `locked`='F',`client_ip`='10.0.0.1',`modified_datetime`='2026-11-23 08:01:00',`session_data`='gAJ8' WHERE (`web2py_session_app`.`unique_key` = 'w2p-1')

-- expect: scatter-read
-- proto: text
SELECT `web2py_session_app`.`unique_key` FROM `web2py_session_app` WHERE (`web2py_session_app`.`modified_datetime` < '2001-01-01 00:00:00') ORDER BY `web2py_session_app`.`unique_key`

-- expect: write key='w2p-1'
-- proto: text
DELETE FROM `web2py_session_app` WHERE (`web2py_session_app`.`unique_key` = 'w2p-1')

-- config: table=flask_sess key=session_id columns=session_id,data,expiry
-- section: Flask-Session SQLAlchemy (ORM)
-- schema: CREATE TABLE flask_sess (session_id varchar(255) NOT NULL, data blob, expiry datetime, PRIMARY KEY (session_id))

-- expect: read key='session:fl1'
-- proto: text
SELECT flask_sess.session_id AS flask_sess_session_id, flask_sess.data AS flask_sess_data, flask_sess.expiry AS flask_sess_expiry FROM flask_sess WHERE flask_sess.session_id = 'session:fl1' LIMIT 1

-- expect: write key='session:fl1'
-- proto: text
INSERT INTO flask_sess (session_id, data, expiry) VALUES ('session:fl1', _binary 'gAN9', '2036-11-23 08:00:00')

-- expect: write key='session:fl1'
-- proto: text
UPDATE flask_sess SET data=_binary 'gAN8', expiry='2036-11-24 08:00:00' WHERE flask_sess.session_id = 'session:fl1'

-- expect: write key='session:fl1'
-- proto: text
DELETE FROM flask_sess WHERE flask_sess.session_id = 'session:fl1'

-- expect: broadcast-write
-- proto: text
DELETE FROM flask_sess WHERE flask_sess.expiry <= '2001-11-23 08:00:00'

-- expect: scatter-read
-- proto: text
SELECT count(*) AS count_1 FROM (SELECT flask_sess.session_id AS s FROM flask_sess WHERE flask_sess.expiry > '2026-01-01') AS anon_1

-- config: table=beaker_cache key=namespace columns=namespace,accessed,created,data
-- section: Pyramid pyramid_session_sql / Beaker ext sqla style
-- schema: CREATE TABLE beaker_cache (namespace VARCHAR(255) NOT NULL, accessed DATETIME NOT NULL, created DATETIME NOT NULL, data LONGBLOB NOT NULL, PRIMARY KEY (namespace))

-- expect: read key='bk1'
-- proto: text
SELECT beaker_cache.data FROM beaker_cache WHERE beaker_cache.namespace = 'bk1'

-- expect: write key='bk1'
-- proto: text
INSERT INTO beaker_cache (namespace, accessed, created, data) VALUES ('bk1', '2026-11-23 08:00:00', '2026-11-23 08:00:00', 'gAJ9')

-- expect: write key='bk1'
-- proto: text
UPDATE beaker_cache SET accessed='2026-11-23 08:02:00', data='gAJ7' WHERE beaker_cache.namespace = 'bk1'

-- expect: read key='bk1'
-- proto: text
SELECT EXISTS (SELECT 1 FROM beaker_cache WHERE beaker_cache.namespace = 'bk1') AS anon_1

-- expect: write key='bk1'
-- proto: text
DELETE FROM beaker_cache WHERE beaker_cache.namespace = 'bk1'

-- config: table=tomcat_sessions key=session_id columns=session_id,valid_session,max_inactive,last_access,app_name,session_data
-- section: Tomcat 10 DataSourceStore
-- schema: CREATE TABLE tomcat_sessions (session_id varchar(100) NOT NULL PRIMARY KEY, valid_session char(1) NOT NULL, max_inactive int NOT NULL, last_access bigint NOT NULL, app_name varchar(255), session_data mediumblob, KEY kapp_name(app_name))

-- expect: scatter-read
-- proto: prepared
SELECT session_id FROM tomcat_sessions WHERE app_name = ?
-- params: ["/ctx"]

-- expect: scatter-read
-- proto: prepared
SELECT COUNT(session_id) FROM tomcat_sessions WHERE app_name = ?
-- params: ["/ctx"]

-- expect: read key='tc1'
-- proto: prepared
SELECT session_id, session_data FROM tomcat_sessions WHERE session_id = ? AND app_name = ?
-- params: ["tc1","/ctx"]

-- expect: write key='tc1'
-- proto: prepared
DELETE FROM tomcat_sessions WHERE session_id = ? AND app_name = ?
-- params: ["tc1","/ctx"]

-- expect: write key='tc1'
-- proto: prepared
INSERT INTO tomcat_sessions (session_id, app_name, session_data, valid_session, max_inactive, last_access) VALUES (?, ?, ?, ?, ?, ?)
-- params: ["tc1","/ctx","\u00ac\u00ed","1",1800,1800000000000]

-- expect: scatter-read
-- proto: prepared
SELECT session_id FROM tomcat_sessions WHERE app_name = ? AND (last_access + (max_inactive * 1000) < ?)
-- params: ["/ctx",1800000000001]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM tomcat_sessions WHERE app_name = ?
-- params: ["/other"]

-- config: table=shiro_session key=id columns=id,session,last_access_time,timeout_ms
-- section: Shiro over MyBatis
-- schema: CREATE TABLE shiro_session (id varchar(64) NOT NULL PRIMARY KEY, session longtext, last_access_time timestamp(3) NULL, timeout_ms bigint)

-- expect: read key='sh1'
-- proto: prepared
select session from shiro_session where id=?
-- params: ["sh1"]

-- expect: write key='sh1'
-- proto: prepared
insert into shiro_session(id, session, last_access_time, timeout_ms) values(?,?,?,?)
-- params: ["sh1","rO0AB","2026-11-23 08:00:00.123",1800000]

-- expect: write key='sh1'
-- proto: prepared
update shiro_session set session=?, last_access_time=? where id=?
-- params: ["rO0AC","2026-11-23 08:01:00.123","sh1"]

-- expect: scatter-read
-- proto: text
select id, session from shiro_session where last_access_time > '2026-01-01' order by last_access_time desc limit 0, 20

-- expect: broadcast-write
-- proto: text
delete from shiro_session where timestampadd(microsecond, timeout_ms*1000, last_access_time) < '2010-01-01'

-- expect: write key='sh1'
-- proto: prepared
delete from shiro_session where id=?
-- params: ["sh1"]

-- config: table=http_session key=session_id columns=session_id,version,creation_time,payload
-- section: Hibernate 6 entity HttpSessionEntity
-- schema: CREATE TABLE http_session (session_id varchar(36) NOT NULL, version int NOT NULL, creation_time datetime(6), payload varbinary(8000), PRIMARY KEY (session_id))

-- expect: read key='hb1'
-- proto: prepared
select hse1_0.session_id,hse1_0.creation_time,hse1_0.payload,hse1_0.version from http_session hse1_0 where hse1_0.session_id=?
-- params: ["hb1"]

-- expect: write key='hb1'
-- proto: prepared
insert into http_session (creation_time,payload,version,session_id) values (?,?,?,?)
-- params: ["2026-11-23 08:00:00.000001","p",0,"hb1"]

-- expect: write key='hb1'
-- proto: prepared
update http_session set creation_time=?,payload=?,version=? where session_id=? and version=?
-- params: ["2026-11-23 08:00:00.000001","q",1,"hb1",0]

-- expect: read-for-update key='hb1'
-- proto: prepared
select hse1_0.session_id,hse1_0.creation_time,hse1_0.payload,hse1_0.version from http_session hse1_0 where hse1_0.session_id=? for update
-- params: ["hb1"]

-- expect: write key='hb1'
-- proto: prepared
delete from http_session where session_id=? and version=?
-- params: ["hb1",1]

-- expect: broadcast-write
-- proto: prepared
delete from http_session hse1_0 where hse1_0.creation_time<?
-- params: ["2001-01-01 00:00:00"]

-- config: table=Session key=sessionToken columns=sessionToken,userId,expires
-- section: NextAuth/Auth.js Prisma adapter (quaint SQL)
-- schema: CREATE TABLE `Session` (`sessionToken` varchar(191) NOT NULL, `userId` varchar(191) NOT NULL, `expires` datetime(3) NOT NULL, PRIMARY KEY (`sessionToken`), KEY (`userId`))

-- expect: read key='na1'
-- proto: prepared
SELECT `sess`.`Session`.`sessionToken`, `sess`.`Session`.`userId`, `sess`.`Session`.`expires` FROM `sess`.`Session` WHERE (`sess`.`Session`.`sessionToken` = ? AND 1=1) LIMIT ? OFFSET ?
-- params: ["na1",1,0]

-- expect: write key='na1'
-- proto: prepared
INSERT INTO `sess`.`Session` (`sessionToken`,`userId`,`expires`) VALUES (?,?,?)
-- params: ["na1","u1","2036-11-23 08:00:00.000"]

-- expect: write key='na1'
-- proto: prepared
UPDATE `sess`.`Session` SET `expires` = ? WHERE (`sess`.`Session`.`sessionToken` = ? AND 1=1)
-- params: ["2036-11-24 08:00:00.000","na1"]

-- expect: write key='na1'
-- proto: prepared
DELETE FROM `sess`.`Session` WHERE (`sess`.`Session`.`sessionToken` = ? AND 1=1)
-- params: ["na1"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM `sess`.`Session` WHERE `sess`.`Session`.`userId` = ?
-- params: ["u1"]

-- expect: read keys=['na1','na2']
-- proto: prepared
SELECT `sess`.`Session`.`sessionToken` FROM `sess`.`Session` WHERE `sess`.`Session`.`sessionToken` IN (?,?)
-- params: ["na1","na2"]

-- expect: scatter-read
-- proto: prepared
SELECT COUNT(*) FROM (SELECT `sess`.`Session`.`sessionToken` FROM `sess`.`Session` WHERE `sess`.`Session`.`userId` = ?) AS `sub`
-- params: ["u1"]

-- config: table=user_session key=id columns=id,user_id,expires_at
-- section: Lucia v3 / Drizzle
-- schema: CREATE TABLE `user_session` (`id` varchar(255) NOT NULL, `user_id` varchar(255) NOT NULL, `expires_at` datetime NOT NULL, PRIMARY KEY (`id`))

-- expect: read key='lu1'
-- proto: prepared
select `id`, `user_id`, `expires_at` from `user_session` where `user_session`.`id` = ?
-- params: ["lu1"]

-- expect: write key='lu1'
-- proto: prepared
update `user_session` set `expires_at` = ? where `user_session`.`id` = ?
-- params: ["2036-11-24 08:00:00","lu1"]

-- expect: scatter-read
-- proto: prepared
select `id` from `user_session` where `user_session`.`user_id` = ?
-- params: ["u9"]

-- expect: broadcast-write
-- proto: prepared
delete from `user_session` where `user_session`.`expires_at` <= ?
-- params: ["2001-11-23 08:00:00"]

-- expect: write key='lu1'
-- proto: prepared
delete from `user_session` where (`user_session`.`id` = ?)
-- params: ["lu1"]

-- config: table=typeorm_session key=id columns=expiredAt,id,json,destroyedAt
-- section: TypeORM connect-typeorm
-- schema: CREATE TABLE `typeorm_session` (`expiredAt` bigint NOT NULL, `id` varchar(255) NOT NULL, `json` text NOT NULL, `destroyedAt` datetime(6) NULL, INDEX (`expiredAt`), PRIMARY KEY (`id`))

-- expect: read key='to1'
-- proto: prepared
SELECT `session`.`expiredAt` AS `session_expiredAt`, `session`.`id` AS `session_id`, `session`.`json` AS `session_json`, `session`.`destroyedAt` AS `session_destroyedAt` FROM `typeorm_session` `session` WHERE ( `session`.`expiredAt` > ? AND `session`.`id` = ? ) AND ( `session`.`destroyedAt` IS NULL ) LIMIT 1
-- params: [1700000000000,"to1"]

-- expect: write key='to1'
-- proto: prepared
UPDATE `typeorm_session` SET `expiredAt` = ?, `json` = ? WHERE `id` IN (?)
-- params: [1800000000001,"{\"a\":1}","to1"]

-- expect: write key='to1'
-- proto: prepared
UPDATE `typeorm_session` SET `destroyedAt` = CURRENT_TIMESTAMP(6) WHERE `id` = ?
-- params: ["to1"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM `typeorm_session` WHERE `expiredAt` <= ?
-- params: [1600000000000]

-- expect: scatter-read
-- proto: text
SELECT `session`.`id` AS `session_id` FROM `typeorm_session` `session` WHERE ( `session`.`id` IN (SELECT s.id FROM typeorm_session s WHERE s.expiredAt > 1700000000000) ) AND ( `session`.`destroyedAt` IS NULL ) ORDER BY `session_id` ASC LIMIT 50

-- expect: scatter-read
-- proto: text
SELECT COUNT(DISTINCT(`session`.`id`)) AS `cnt` FROM `typeorm_session` `session`

-- config: table=Sessions key=sid columns=sid,expires,data,userId,createdAt,updatedAt
-- section: Sequelize 6 connect-session-sequelize with extra columns
-- schema: CREATE TABLE `Sessions` (`sid` VARCHAR(36), `expires` DATETIME, `data` TEXT, `userId` VARCHAR(20), `createdAt` DATETIME NOT NULL, `updatedAt` DATETIME NOT NULL, PRIMARY KEY (`sid`))

-- expect: read key='sq1'
-- proto: text
SELECT `sid`, `expires`, `data`, `userId`, `createdAt`, `updatedAt` FROM `Sessions` AS `Session` WHERE `Session`.`sid` = 'sq1'

-- expect: write key='sq1'
-- proto: prepared
UPDATE `Sessions` SET `expires`=?,`data`=?,`userId`=?,`updatedAt`=? WHERE `sid` = ?
-- params: ["2036-11-23 08:00:00","{\"u\":5}","5","2026-11-23 08:00:00","sq1"]

-- expect: broadcast-write
-- proto: text
DELETE FROM `Sessions` WHERE `expires` < '2001-11-23 08:00:00'

-- expect: scatter-read
-- proto: text
SELECT count(*) AS `count` FROM `Sessions` AS `Session` WHERE (`Session`.`userId` IS NOT NULL AND `Session`.`expires` > '2026-01-01')

-- expect: scatter-read
-- proto: text
SELECT `userId`, count(`sid`) AS `n` FROM `Sessions` AS `Session` GROUP BY `userId` ORDER BY `n` DESC LIMIT 10

-- expect: write key='sq1'
-- proto: text
DELETE FROM `Sessions` WHERE `sid` = 'sq1'

-- config: table=koa_sessions key=sid columns=sid,expired,data
-- section: Knex koa-session-knex-store
-- schema: CREATE TABLE koa_sessions (sid varchar(255) NOT NULL PRIMARY KEY, expired bigint NOT NULL, data longtext)

-- expect: read key='kk1'
-- proto: prepared
select * from `koa_sessions` where `sid` = ? limit ?
-- params: ["kk1",1]

-- expect: write key='kk1'
-- proto: prepared
insert into `koa_sessions` (`data`, `expired`, `sid`) values (?, ?, ?) on duplicate key update `data` = values(`data`), `expired` = values(`expired`)
-- params: ["{}",1800000000000,"kk1"]

-- expect: write key='kk1'
-- proto: prepared
delete from `koa_sessions` where `sid` = ?
-- params: ["kk1"]

-- expect: broadcast-write
-- proto: prepared
delete from `koa_sessions` where `expired` < ?
-- params: [1600000000000]

-- expect: scatter-read
-- proto: prepared
select `sid` from `koa_sessions` where `expired` < ? order by `expired` asc limit ?
-- params: [1600000000000,100]

-- expect: write keys=['a','b','c']
-- proto: prepared
delete from `koa_sessions` where `sid` in (?, ?, ?)
-- params: ["a","b","c"]

-- config: table=sessionstore key=id columns=id,session_data,created_on,modified_on,expires_on
-- section: Go gorilla mysqlstore
-- schema: CREATE TABLE sessionstore (id varchar(50) NOT NULL, session_data LONGBLOB, created_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, modified_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, expires_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id))

-- expect: write key='go1'
-- proto: prepared
INSERT INTO sessionstore (id, session_data, created_on, modified_on, expires_on) VALUES (?, ?, ?, ?, ?)
-- params: ["go1","MTQ","2026-11-23 08:00:00","2026-11-23 08:00:00","2036-11-23 08:00:00"]

-- expect: broadcast-write
-- proto: text
DELETE FROM sessionstore WHERE expires_on < '2001-01-01'

-- config: table=gsessions key=id columns=id,data,created_at,updated_at,expires_at
-- section: gin-contrib/sessions gormstore (GORM)
-- schema: CREATE TABLE `gsessions` (`id` varchar(128), `data` text, `created_at` datetime(3) NULL, `updated_at` datetime(3) NULL, `expires_at` datetime(3) NULL, PRIMARY KEY (`id`), INDEX `idx_sessions_expires_at` (`expires_at`))

-- expect: read key='gm1'
-- proto: prepared
SELECT * FROM `gsessions` WHERE id = ? AND expires_at > ? ORDER BY `gsessions`.`id` LIMIT ?
-- params: ["gm1","2026-11-23 08:00:00.000",1]

-- expect: write key='gm1'
-- proto: prepared
INSERT INTO `gsessions` (`id`,`data`,`created_at`,`updated_at`,`expires_at`) VALUES (?,?,?,?,?)
-- params: ["gm1","d","2026-11-23 08:00:00.000","2026-11-23 08:00:00.000","2036-11-23 08:00:00.000"]

-- expect: write key='gm1'
-- proto: prepared
UPDATE `gsessions` SET `data`=?,`created_at`=?,`updated_at`=?,`expires_at`=? WHERE `id` = ?
-- params: ["e","2026-11-23 08:00:00.000","2026-11-23 08:01:00.000","2036-11-23 08:00:00.000","gm1"]

-- expect: write key='gm1'
-- proto: prepared
INSERT INTO `gsessions` (`id`,`data`,`expires_at`) VALUES (?,?,?) ON DUPLICATE KEY UPDATE `data`=VALUES(`data`),`expires_at`=VALUES(`expires_at`)
-- params: ["gm1","d","2036-11-23 08:00:00.000"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM `gsessions` WHERE expires_at <= ?
-- params: ["2001-11-23 08:00:00.000"]

-- expect: write key='gm1'
-- proto: prepared
DELETE FROM `gsessions` WHERE `gsessions`.`id` = ?
-- params: ["gm1"]

-- config: table=tower_session key=id columns=id,data,expiry_date
-- section: Rust tower-sessions-sqlx-store MySqlStore
-- schema: CREATE TABLE tower_session (id CHAR(22) PRIMARY KEY NOT NULL, data BLOB NOT NULL, expiry_date TIMESTAMP(6) NOT NULL)

-- expect: read key='tw1'
-- proto: prepared
select exists(select 1 from `sess`.`tower_session` where id = ?)
-- params: ["tw1"]

-- expect: write key='tw1'
-- proto: prepared
insert into `sess`.`tower_session` (id, data, expiry_date) values (?, ?, ?) on duplicate key update data = values(data), expiry_date = values(expiry_date)
-- params: ["tw1","\u0081","2036-11-23 08:00:00"]

-- expect: read key='tw1'
-- proto: prepared
select data from `sess`.`tower_session` where id = ? and expiry_date > ?
-- params: ["tw1","2026-11-23 08:00:00"]

-- expect: write key='tw1'
-- proto: prepared
delete from `sess`.`tower_session` where id = ?
-- params: ["tw1"]

-- expect: broadcast-write
-- proto: text
delete from `sess`.`tower_session` where expiry_date < '2001-01-01'

-- config: table=async_sessions key=id columns=id,expires,session
-- section: Rust async-sqlx-session MySqlSessionStore
-- schema: CREATE TABLE async_sessions (`id` VARCHAR(128) NOT NULL, `expires` TIMESTAMP(6) NULL, `session` TEXT NOT NULL, PRIMARY KEY (`id`), KEY `expires` (`expires`))

-- expect: broadcast-write
-- proto: prepared
DELETE FROM async_sessions WHERE expires < ?
-- params: ["2001-01-01 00:00:00"]

-- expect: broadcast-write
-- proto: text
TRUNCATE TABLE async_sessions

-- config: table=plug_sessions key=sid columns=sid,data,inserted_at,updated_at
-- section: Elixir Ecto plug_session
-- schema: CREATE TABLE plug_sessions (sid varchar(64) NOT NULL PRIMARY KEY, data longblob, inserted_at datetime NOT NULL, updated_at datetime NOT NULL)

-- expect: read key='ex1'
-- proto: prepared
SELECT p0.`sid`, p0.`data`, p0.`inserted_at`, p0.`updated_at` FROM `plug_sessions` AS p0 WHERE (p0.`sid` = ?)
-- params: ["ex1"]

-- expect: write key='ex1'
-- proto: prepared
INSERT INTO `plug_sessions` (`data`,`sid`,`inserted_at`,`updated_at`) VALUES (?,?,?,?) ON DUPLICATE KEY UPDATE `data` = VALUES(`data`),`updated_at` = VALUES(`updated_at`)
-- params: ["d","ex1","2026-11-23 08:00:00","2026-11-23 08:00:00"]

-- expect: write key='ex1'
-- proto: prepared
UPDATE `plug_sessions` SET `data` = ?, `updated_at` = ? WHERE `sid` = ?
-- params: ["e","2026-11-23 08:00:00","ex1"]

-- expect: broadcast-write
-- proto: prepared
DELETE p0.* FROM `plug_sessions` AS p0 WHERE (p0.`updated_at` < ?)
-- params: ["2001-01-01 00:00:00"]

-- expect: write key='ex1'
-- proto: prepared
DELETE FROM `plug_sessions` WHERE `sid` = ?
-- params: ["ex1"]

-- config: table=dist_cache key=Id columns=Id,AbsoluteExpiration,ExpiresAtTime,SlidingExpirationInSeconds,Value
-- section: ASP.NET distributed cache, other MySQL ports
-- schema: CREATE TABLE dist_cache (Id varchar(449) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, AbsoluteExpiration datetime(6) NULL, ExpiresAtTime datetime(6) NOT NULL, SlidingExpirationInSeconds bigint NULL, Value longblob NOT NULL, PRIMARY KEY (Id))

-- expect: write key='dn1'
-- proto: prepared
UPDATE dist_cache SET ExpiresAtTime = IF(TIMESTAMPDIFF(SECOND, '2026-11-23 08:00:00', AbsoluteExpiration) <= SlidingExpirationInSeconds, AbsoluteExpiration, DATE_ADD('2026-11-23 08:00:00', INTERVAL SlidingExpirationInSeconds SECOND)) WHERE Id = ? AND ? <= ExpiresAtTime AND SlidingExpirationInSeconds IS NOT NULL AND (AbsoluteExpiration IS NULL OR AbsoluteExpiration <> ExpiresAtTime)
-- params: ["dn1","2026-11-23 08:00:00"]

-- expect: read key='dn1'
-- proto: prepared
SELECT Value FROM dist_cache WHERE Id = ? AND '2026-11-23 08:00:00' <= ExpiresAtTime
-- params: ["dn1"]

-- expect: write key='dn1'
-- proto: prepared
REPLACE INTO dist_cache (Id, Value, ExpiresAtTime, SlidingExpirationInSeconds, AbsoluteExpiration) VALUES (?, ?, ?, 1200, NULL)
-- params: ["dn1","v","2036-11-23 08:00:00"]

-- expect: broadcast-write
-- proto: text
DELETE FROM dist_cache WHERE '2001-11-23 08:00:00' > ExpiresAtTime

-- expect: write key='dn1'
-- proto: prepared
DELETE FROM dist_cache WHERE Id = ?
-- params: ["dn1"]

-- config: table=resty_sessions key=sid columns=sid,name,data,exp
-- section: Lua resty session storage mysql
-- schema: CREATE TABLE resty_sessions (sid CHAR(43) PRIMARY KEY, name VARCHAR(255), data MEDIUMTEXT, exp DATETIME, INDEX (exp)) CHARACTER SET ascii

-- expect: write key='lr1'
-- proto: text
INSERT INTO resty_sessions (sid, name, data, exp) VALUES ('lr1', 'session', 'eyJ', FROM_UNIXTIME(2000000000)) AS new ON DUPLICATE KEY UPDATE data = new.data

-- expect: write key='lr1'
-- proto: text
INSERT INTO resty_sessions (sid, name, data, exp) VALUES ('lr1', 'session', 'eyJ', FROM_UNIXTIME(2000000000)) ON DUPLICATE KEY UPDATE name = VALUES(name), data = VALUES(data), exp = VALUES(exp)

-- expect: read key='lr1'
-- proto: text
SELECT data FROM resty_sessions WHERE sid = 'lr1' AND exp >= FROM_UNIXTIME(1800000000)

-- expect: write key='lr1'
-- proto: text
UPDATE resty_sessions SET exp = FROM_UNIXTIME(2000000001) WHERE sid = 'lr1'

-- expect: write key='lr1'
-- proto: text
DELETE FROM resty_sessions WHERE sid = 'lr1'

-- expect: broadcast-write
-- proto: text
DELETE FROM resty_sessions WHERE exp < FROM_UNIXTIME(1000000000)

-- config: table=objectcache key=keyname columns=keyname,value,exptime,modtoken,flags
-- section: MediaWiki objectcache, SqlBagOStuff
-- schema: CREATE TABLE `objectcache` (`keyname` varbinary(255) NOT NULL DEFAULT '', `value` mediumblob, `exptime` binary(14) NOT NULL, `modtoken` varchar(17) NOT NULL DEFAULT '00000000000000000', `flags` int unsigned DEFAULT NULL, PRIMARY KEY (`keyname`), KEY `exptime` (`exptime`))

-- expect: read key='w:MWSession:1'
-- proto: text
SELECT keyname,value,exptime FROM `objectcache` WHERE keyname = 'w:MWSession:1' AND (exptime >= '20261123080000')

-- expect: write key='w:MWSession:1'
-- proto: text
REPLACE INTO `objectcache` (keyname,value,exptime) VALUES ('w:MWSession:1','a:1:{}','20361123080000')

-- expect: write key='w:MWSession:1'
-- proto: text
INSERT INTO `objectcache` (keyname,value,exptime) VALUES ('w:MWSession:1','a:2:{}','20361123080000') ON DUPLICATE KEY UPDATE value = VALUES(value), exptime = VALUES(exptime)

-- expect: read keys=['w:MWSession:1','w:MWSession:2','w:global:3']
-- proto: text
SELECT keyname,value,exptime FROM `objectcache` WHERE keyname IN ('w:MWSession:1','w:MWSession:2','w:global:3') AND (exptime >= '20261123080000')

-- expect: write key='w:MWSession:1'
-- proto: text
UPDATE `objectcache` SET exptime = '20361124080000' WHERE keyname = 'w:MWSession:1' AND (exptime >= '20261123080000')

-- expect: scatter-read
-- proto: text
SELECT MIN(exptime) AS minexp, MAX(exptime) AS maxexp FROM `objectcache` WHERE (exptime < '20201123080000')

-- expect: scatter-read
-- proto: text
SELECT keyname,exptime FROM `objectcache` WHERE (exptime < '20201123080000') ORDER BY exptime ASC LIMIT 100

-- expect: write keys=['w:global:3','w:global:4']
-- proto: text
DELETE FROM `objectcache` WHERE keyname IN ('w:global:3','w:global:4') AND exptime < '20201123080000'

-- expect: write key='w:MWSession:1'
-- proto: text
DELETE FROM `objectcache` WHERE keyname = 'w:MWSession:1'

-- config: table=wp_sessions key=session_key columns=session_key,session_value,session_expiry
-- section: WordPress session plugins (options-like rows by key)
-- schema: CREATE TABLE wp_sessions (session_key char(32) NOT NULL, session_value LONGTEXT NOT NULL, session_expiry BIGINT(20) UNSIGNED NOT NULL, PRIMARY KEY (session_key))

-- expect: read key='wp1'
-- proto: text
SELECT session_value FROM wp_sessions WHERE session_key = 'wp1' AND session_expiry > 1700000000

-- expect: write key='wp1'
-- proto: text
INSERT INTO wp_sessions (`session_key`, `session_value`, `session_expiry`) VALUES ('wp1', 'a:0:{}', 1800000000) ON DUPLICATE KEY UPDATE `session_value` = VALUES(`session_value`), `session_expiry` = VALUES(`session_expiry`)

-- expect: write key='wp1'
-- proto: text
UPDATE `wp_sessions` SET `session_expiry` = 1800000060 WHERE `session_key` = 'wp1'

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) FROM wp_sessions WHERE session_expiry < 1600000000

-- expect: scatter-read
-- proto: text
SELECT session_key FROM wp_sessions WHERE session_expiry <= 1600000000 ORDER BY session_expiry ASC LIMIT 0, 1000

-- expect: write keys=['wp8','wp9']
-- proto: text
DELETE FROM wp_sessions WHERE session_key IN ('wp8','wp9')

-- expect: write key='wp1'
-- proto: text
DELETE FROM `wp_sessions` WHERE `session_key` = 'wp1'

-- config: table=fe_sessions key=ses_id columns=ses_id,ses_iplock,ses_userid,ses_tstamp,ses_data,ses_permanent
-- section: TYPO3 DatabaseSessionBackend (fe_sessions)
-- schema: CREATE TABLE fe_sessions (ses_id varchar(190) DEFAULT '' NOT NULL, ses_iplock varchar(39) DEFAULT '' NOT NULL, ses_userid int unsigned DEFAULT 0 NOT NULL, ses_tstamp int unsigned DEFAULT 0 NOT NULL, ses_data mediumblob, ses_permanent tinyint unsigned DEFAULT 0 NOT NULL, PRIMARY KEY (ses_id), KEY ses_tstamp (ses_tstamp))

-- expect: read key='t3a'
-- proto: prepared
SELECT * FROM `fe_sessions` WHERE `ses_id` = ?
-- params: ["t3a"]

-- expect: write key='t3a'
-- proto: prepared
INSERT INTO `fe_sessions` (`ses_id`, `ses_iplock`, `ses_userid`, `ses_tstamp`, `ses_data`, `ses_permanent`) VALUES (?, ?, ?, ?, ?, ?)
-- params: ["t3a","[DISABLED]",0,1800000000,"",0]

-- expect: move from='t3a' to='t3b'
-- proto: prepared
UPDATE `fe_sessions` SET `ses_id` = ?, `ses_userid` = ? WHERE `ses_id` = ?
-- params: ["t3b",5,"t3a"]

-- expect: broadcast-write
-- proto: text
DELETE FROM `fe_sessions` WHERE (`ses_tstamp` < 1600000000) AND (`ses_userid` = 0)

-- expect: scatter-read
-- proto: text
SELECT * FROM `fe_sessions`

-- config: table=tok_sessions key=h columns=h,uid,exp
-- section: OAuth/device style token sessions keyed by binary hash
-- schema: CREATE TABLE tok_sessions (h binary(20) NOT NULL PRIMARY KEY, uid int, exp int unsigned)

-- expect: write key='0xe5353879bd69bfddcb465dad176ff52db8319d6f'
-- proto: text
INSERT INTO tok_sessions VALUES (UNHEX(SHA1('t1')), 5, 1800000000)

-- expect: scatter-read
-- proto: text
SELECT uid FROM tok_sessions WHERE h = UNHEX(SHA1('t1')) AND exp > 1700000000

-- expect: scatter-read
-- proto: prepared
SELECT uid FROM tok_sessions WHERE h = UNHEX(SHA1(?))
-- params: ["t1"]

-- expect: broadcast-write
-- proto: prepared
UPDATE tok_sessions SET exp = exp + 60 WHERE h = UNHEX(SHA1(?))
-- params: ["t1"]

-- expect: read-for-update
-- proto: text
SELECT HEX(h), uid FROM tok_sessions WHERE h IN (UNHEX(SHA1('t1')), UNHEX(SHA1('t2'))) FOR UPDATE

-- expect: broadcast-write
-- proto: text
DELETE FROM tok_sessions WHERE h = UNHEX(SHA1('t1'))
