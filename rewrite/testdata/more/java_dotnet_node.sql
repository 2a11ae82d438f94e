-- handler: Keycloak, Liferay, Shiro, WildFly, Jetty 8, ASP.NET Core caches, NHibernate, node stores, lucia, next-auth, adonis, sails, keyv, prisma
-- config: table=OFFLINE_USER_SESSION key=USER_SESSION_ID secondary=OFFLINE_CLIENT_SESSION(USER_SESSION_ID)
-- section: Keycloak

-- schema: CREATE TABLE OFFLINE_USER_SESSION (USER_SESSION_ID varchar(36) NOT NULL, USER_ID varchar(255), REALM_ID varchar(36) NOT NULL DEFAULT '', CREATED_ON int NOT NULL DEFAULT 0, OFFLINE_FLAG varchar(4) NOT NULL DEFAULT '1', DATA longtext, LAST_SESSION_REFRESH int NOT NULL DEFAULT 0, VERSION int DEFAULT 0, PRIMARY KEY (USER_SESSION_ID, OFFLINE_FLAG))
-- schema: CREATE TABLE OFFLINE_CLIENT_SESSION (USER_SESSION_ID varchar(36) NOT NULL, CLIENT_ID varchar(255) NOT NULL, OFFLINE_FLAG varchar(4) NOT NULL, TIMESTAMP int, DATA longtext, VERSION int DEFAULT 0, PRIMARY KEY (USER_SESSION_ID, CLIENT_ID, OFFLINE_FLAG))
-- expect: write key='kc1'
-- proto: prepared
insert into OFFLINE_USER_SESSION (CREATED_ON,DATA,LAST_SESSION_REFRESH,REALM_ID,USER_ID,VERSION,OFFLINE_FLAG,USER_SESSION_ID) values (?,?,?,?,?,?,?,?)
-- params: [5, "{}", 5, "master", "u1", 0, "1", "kc1"]

-- expect: write key='kc1' (secondary table)
-- proto: prepared
insert into OFFLINE_CLIENT_SESSION (DATA,TIMESTAMP,VERSION,CLIENT_ID,OFFLINE_FLAG,USER_SESSION_ID) values (?,?,?,?,?,?)
-- params: ["{}", 5, 0, "account", "1", "kc1"]

-- expect: read key='kc1'
-- proto: prepared
select puse1_0.OFFLINE_FLAG,puse1_0.USER_SESSION_ID,puse1_0.DATA,puse1_0.REALM_ID from OFFLINE_USER_SESSION puse1_0 where (puse1_0.OFFLINE_FLAG,puse1_0.USER_SESSION_ID) in ((?,?))
-- params: ["1", "kc1"]

-- expect: read key='kc1'
-- proto: prepared
select pcse1_0.CLIENT_ID,pcse1_0.DATA from OFFLINE_CLIENT_SESSION pcse1_0 where pcse1_0.USER_SESSION_ID=? and pcse1_0.OFFLINE_FLAG=?
-- params: ["kc1", "1"]

-- expect: write key='kc1'
-- proto: prepared
update OFFLINE_USER_SESSION set DATA=?,LAST_SESSION_REFRESH=?,VERSION=? where OFFLINE_FLAG=? and USER_SESSION_ID=? and VERSION=?
-- params: ["{1}", 6, 1, "1", "kc1", 0]

-- expect: write keys=['kc1','kc2']
-- proto: prepared
update OFFLINE_USER_SESSION puse1_0 set LAST_SESSION_REFRESH=? where puse1_0.REALM_ID=? and puse1_0.OFFLINE_FLAG=? and puse1_0.USER_SESSION_ID in (?,?)
-- params: [7, "master", "1", "kc1", "kc2"]

-- expect: scatter-read
-- proto: prepared
select puse1_0.USER_SESSION_ID,puse1_0.USER_ID from OFFLINE_USER_SESSION puse1_0 where puse1_0.REALM_ID=? and puse1_0.LAST_SESSION_REFRESH>=? order by puse1_0.CREATED_ON,puse1_0.USER_SESSION_ID limit ?,?
-- params: ["master", 1, 0, 10]

-- expect: scatter-read
-- proto: prepared
select pcse1_0.CLIENT_ID,count(*) from OFFLINE_CLIENT_SESSION pcse1_0,OFFLINE_USER_SESSION puse1_0 where puse1_0.USER_SESSION_ID=pcse1_0.USER_SESSION_ID and puse1_0.REALM_ID=? group by pcse1_0.CLIENT_ID
-- params: ["master"]

-- expect: broadcast-write (secondary table)
-- proto: prepared
-- note: rows of the second table lie where their record does, so that each store can join them
delete from OFFLINE_CLIENT_SESSION where USER_SESSION_ID in (select puse1_0.USER_SESSION_ID from OFFLINE_USER_SESSION puse1_0 where puse1_0.REALM_ID=? and puse1_0.OFFLINE_FLAG=? and puse1_0.LAST_SESSION_REFRESH<?)
-- params: ["master", "1", 7]

-- expect: broadcast-write (secondary table)
-- proto: text
delete pcse1_0 from OFFLINE_CLIENT_SESSION pcse1_0 where pcse1_0.OFFLINE_FLAG='1' and exists (select 1 from OFFLINE_USER_SESSION u where u.USER_SESSION_ID=pcse1_0.USER_SESSION_ID and u.LAST_SESSION_REFRESH<7)

-- expect: broadcast-write
-- proto: text
update OFFLINE_USER_SESSION set VERSION=VERSION+1 where USER_SESSION_ID in (select c.USER_SESSION_ID from OFFLINE_CLIENT_SESSION c where c.CLIENT_ID='account')

-- expect: broadcast-write (GC)
-- proto: prepared
delete from OFFLINE_USER_SESSION where REALM_ID=? and OFFLINE_FLAG=? and LAST_SESSION_REFRESH<?
-- params: ["master", "1", 7]

-- expect: write key='kc1' (secondary table)
-- proto: prepared
delete from OFFLINE_CLIENT_SESSION where OFFLINE_FLAG=? and USER_SESSION_ID=?
-- params: ["1", "kc1"]

-- expect: write key='kc1'
-- proto: prepared
delete from OFFLINE_USER_SESSION where OFFLINE_FLAG=? and USER_SESSION_ID=?
-- params: ["1", "kc1"]

-- config: table=JettySessions key=sessionId
-- section: Jetty 7 and 8 JDBCSessionManager: a row ID of its own

-- expect: read key='j81'
-- proto: prepared
select * from JettySessions where sessionId = ? and contextPath = ? and virtualHost = ?
-- params: ["j81", "_", "0.0.0.0"]

-- expect: write key='j81'
-- proto: prepared
insert into JettySessions  (rowId, sessionId, contextPath, virtualHost, lastNode, accessTime, lastAccessTime, createTime, cookieTime, lastSavedTime, expiryTime, maxInterval, map)  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- params: ["j81__0.0.0.0", "j81", "_", "0.0.0.0", "n1", 1, 1, 1, 0, 1, 9, 60000, "x"]

-- expect: scatter-read (by other column rowid='j81__0.0.0.0')
-- proto: prepared
select sessionId from JettySessions where rowId = ?
-- params: ["j81__0.0.0.0"]

-- expect: broadcast-write
-- proto: prepared
update JettySessions set lastNode = ?, accessTime = ? where rowId = ?
-- params: ["n2", 2, "j81__0.0.0.0"]

-- expect: broadcast-write
-- proto: prepared
delete from JettySessions where rowId = ?
-- params: ["j81__0.0.0.0"]

-- expect: broadcast-write (GC)
-- proto: prepared
delete from JettySessions where expiryTime > 0 and expiryTime <= ?
-- params: [9]

-- expect: scatter-read
-- proto: text
select sessionId from JettySessions where lastNode = 'n1' and expiryTime > 1

-- config: table=ServerSession key=Id
-- section: ASP.NET Core distributed caches on MySQL, NHibernate, Dapper, LinqToDB

-- expect: read key='a1'
-- proto: text
SELECT `Value`, `ExpiresAtTime`, `SlidingExpirationInSeconds`, `AbsoluteExpiration` FROM `ServerSession` WHERE `Id` = 'a1' AND UTC_TIMESTAMP() <= `ExpiresAtTime`

-- expect: write key='a1'
-- proto: text
INSERT INTO ServerSession (Id, Value, ExpiresAtTime) VALUES ('a1', 0xDEADBEEF, '2026-11-22 23:00:00.000000') ON DUPLICATE KEY UPDATE Value = VALUES(Value), ExpiresAtTime = VALUES(ExpiresAtTime);

-- expect: write key='a1'
-- proto: text
UPDATE ServerSession SET ExpiresAtTime = (CASE WHEN TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), AbsoluteExpiration) <= SlidingExpirationInSeconds THEN AbsoluteExpiration ELSE DATE_ADD(UTC_TIMESTAMP(), INTERVAL SlidingExpirationInSeconds SECOND) END) WHERE Id = 'a1' AND UTC_TIMESTAMP() <= ExpiresAtTime AND SlidingExpirationInSeconds IS NOT NULL AND (AbsoluteExpiration IS NULL OR AbsoluteExpiration <> ExpiresAtTime) ;

-- expect: read key='a1'
-- proto: text
SELECT session0_.Id as id1_0_0_, session0_.Value as value2_0_0_ FROM ServerSession session0_ WHERE session0_.Id='a1';

-- expect: write key='a1'
-- proto: text
DELETE FROM ServerSession WHERE Id = 'a1';

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM ServerSession WHERE UTC_TIMESTAMP() > ExpiresAtTime;

-- expect: read key='a1'
-- proto: text
SELECT
	`t1`.`Value`
FROM
	`ServerSession` `t1`
WHERE
	`t1`.`Id` = 'a1'
LIMIT 1

-- expect: write key='a1'
-- proto: text
UPDATE
	`ServerSession` `t1`
SET
	`t1`.`Value` = 'x'
WHERE
	`t1`.`Id` = 'a1'

-- expect: write key='a1'
-- proto: text
UPDATE `ServerSession` AS `s` SET `s`.`Value` = CONCAT(COALESCE(`s`.`Value`, ''), 'x') WHERE `s`.`Id` = 'a1'

-- config: table=ASPStateTempSessions key=SessionId
-- section: SqlSessionState ports

-- expect: write key='as1'
-- proto: text
UPDATE ASPStateTempSessions SET Expires = DATE_ADD(UTC_TIMESTAMP(), INTERVAL Timeout MINUTE), LockDate = CASE Locked WHEN 0 THEN UTC_TIMESTAMP() ELSE LockDate END, LockCookie = CASE Locked WHEN 0 THEN LockCookie + 1 ELSE LockCookie END, Locked = 1 WHERE SessionId = 'as1'

-- expect: read key='as1'
-- proto: text
SELECT CASE Locked WHEN 1 THEN NULL ELSE SessionItemShort END, Locked, TIMESTAMPDIFF(SECOND, LockDate, UTC_TIMESTAMP()) AS LockAge FROM ASPStateTempSessions WHERE SessionId = N'as1'

-- expect: write key='as1'
-- proto: text
INSERT ASPStateTempSessions (SessionId, SessionItemShort, Timeout, Expires, Locked, LockDate, LockCookie) VALUES (N'as1', _binary 'x', 20, DATE_ADD(UTC_TIMESTAMP(), INTERVAL 20 MINUTE), 0, UTC_TIMESTAMP(), 1)

-- expect: write key='as1'
-- proto: text
DELETE FROM ASPStateTempSessions WHERE SessionId = N'as1' AND LockCookie = 1

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM ASPStateTempSessions WHERE Expires < UTC_TIMESTAMP()

-- config: table=sessions key=sid
-- section: connect-mysql, yar, fastify, sails, hapi: node by hand

-- expect: write key='s%3Aabc'
-- proto: text
INSERT INTO `sessions` (`sid`,`session`,`expires`) VALUES('s%3Aabc','{\"cookie\":{\"path\":\"/\"}}',1795370954) ON DUPLICATE KEY UPDATE `session`=VALUES(`session`),`expires`=VALUES(`expires`)

-- expect: read key='s%3Aabc'
-- proto: text
SELECT CAST(`session` AS CHAR) AS `session` FROM `sessions` WHERE `sid` = 's%3Aabc' AND `expires` >= 1795370954

-- expect: write key='s%3Aabc'
-- proto: text
DELETE FROM `sessions` WHERE `sid`='s%3Aabc'

-- expect: read key='s%3Aabc'
-- proto: prepared
select case when exists(select * from `sessions` where `sid` = ?) then 1 else 0 end as `found`
-- params: ["s%3Aabc"]

-- expect: write key='s%3Aabc'
-- proto: text
replace into `sessions` set `sid` = 's%3Aabc', `session` = '{}', `expires` = NULL

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM sessions WHERE expires IS NOT NULL AND expires < ROUND(UNIX_TIMESTAMP(CURTIME(4)) * 1000)

-- expect: read key='s%3Aabc'
-- proto: text
SELECT HEX(session) FROM sessions WHERE sid = CONVERT('s%3Aabc' USING utf8mb4) COLLATE utf8mb4_bin LIMIT 1

-- expect: scatter-read
-- proto: text
SELECT sid FROM sessions WHERE JSON_EXTRACT(session, '$.user') = 5

-- expect: scatter-read
-- proto: text
SELECT COUNT(1) AS total FROM `sessions` WHERE `expires` >= 1795370954 OR `expires` IS NULL

-- config: table=VerificationSession key=sessionToken
-- section: next-auth (Drizzle, Prisma, Kysely adapters), better-auth, lucia 2

-- expect: read key='na1' (joins other table)
-- proto: prepared
select `session`.`sessionToken`, `session`.`userId`, `session`.`expires`, `user`.`id`, `user`.`email` from `VerificationSession` `session` inner join `user` on `user`.`id` = `session`.`userId` where `session`.`sessionToken` = ?
-- params: ["na1"]

-- expect: write key='na1'
-- proto: prepared
insert into `VerificationSession` (`sessionToken`, `userId`, `expires`) values (?, ?, ?)
-- params: ["na1", "u1", "2026-11-22 23:00:00"]

-- expect: write key='na1'
-- proto: prepared
update `VerificationSession` set `expires` = ? where `VerificationSession`.`sessionToken` = ?
-- params: ["2026-11-22 23:30:00", "na1"]

-- expect: read-for-update key='na1'
-- proto: prepared
select `sessionToken` from `VerificationSession` where `sessionToken` = ? limit ? for update
-- params: ["na1", 1]

-- expect: write key='na1'
-- proto: prepared
delete from `VerificationSession` where `VerificationSession`.`sessionToken` = ? limit 1
-- params: ["na1"]

-- expect: broadcast-write
-- proto: prepared
delete from `VerificationSession` where `VerificationSession`.`userId` = ? and `VerificationSession`.`sessionToken` <> ?
-- params: ["u1", "na1"]

-- expect: read key='na1'
-- proto: prepared
SELECT `sess`.`VerificationSession`.`sessionToken` FROM `sess`.`VerificationSession` WHERE (`sess`.`VerificationSession`.`sessionToken` = ? AND 1=1) LIMIT ? OFFSET ? /* traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
-- params: ["na1", 1, 0]

-- config: table=cache key=cache_key
-- section: Adonis, keyv, Laravel cache, connect-typeorm by prefix

-- expect: write key='p:1'
-- proto: text
INSERT INTO cache (cache_key, value) VALUES ('p:1', '{\"value\":1,\"expires\":null}')
			ON DUPLICATE KEY UPDATE value='{\"value\":1,\"expires\":null}';

-- expect: read keys=['p:1','p:2','p:3']
-- proto: text
SELECT * FROM cache WHERE cache_key IN ('p:1','p:2','p:3')

-- expect: write keys=['p:1','p:2']
-- proto: text
DELETE FROM cache WHERE cache_key IN ('p:1','p:2')

-- expect: scatter-read
-- proto: text
SELECT * FROM cache WHERE cache_key LIKE 'p:%' ORDER BY cache_key LIMIT 10 OFFSET 0

-- expect: broadcast-write
-- proto: text
DELETE FROM cache WHERE cache_key LIKE 'p:%'

-- expect: read key='p:1'
-- proto: text
SELECT EXISTS ( SELECT * FROM cache WHERE cache_key = 'p:1' ) as 'exists';

-- expect: write keys=['p:1','p:2']
-- proto: text
insert into `cache` (`cache_key`, `value`, `expiration`) values ('p:1', 'i:1;', 5), ('p:2', 'i:2;', 5) on duplicate key update `cache_key` = values(`cache_key`), `value` = values(`value`), `expiration` = values(`expiration`)

-- expect: write key='p:1'
-- proto: text
update `cache` set `value` = `value` + 1 where `cache_key` = 'p:1'

-- expect: broadcast-write (GC)
-- proto: text
delete from `cache` where `cache_key` in ('p:9') or `expiration` <= 4
