-- handler: ASP.NET providers, Entity Framework, Catalyst, Dancer, DBIx::Class, ActiveRecord
-- config: table=my_aspnet_sessions key=SessionId
-- section: MySql.Web SessionStateStoreProvider

-- expect: write key='s1'
-- proto: text
INSERT INTO my_aspnet_sessions
               (SessionId, ApplicationId, Created, Expires, LockDate,
               LockId, Timeout, Locked, SessionItems, Flags)
               Values ('s1', 1, NOW(), NOW() + INTERVAL 20 MINUTE, NOW(),
               0, 20, 0, _binary'\0\1', 0)
               on duplicate key update Created=values( Created ), Expires=values( Expires ),
               LockDate=values( LockDate ), LockId=values( LockId ), Timeout=values( Timeout),
               Locked=values( Locked ), SessionItems=values( SessionItems ), Flags=values( Flags )

-- expect: write key='s1'
-- proto: text
UPDATE my_aspnet_sessions SET
                         Locked = 1, LockDate = NOW()
                         WHERE SessionId = 's1' AND ApplicationId = 1 AND
                         Locked = 0 AND Expires > NOW()

-- expect: read key='s1'
-- proto: text
SELECT NOW(), Expires , SessionItems, LockId,  Flags, Timeout,
                    LockDate FROM my_aspnet_sessions
                    WHERE SessionId = 's1' AND ApplicationId = 1

-- expect: write key='s1'
-- proto: text
DELETE FROM my_aspnet_sessions WHERE SessionId = 's1' AND ApplicationId = 1 AND LockId = 3

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM my_aspnet_sessions WHERE Expires < NOW()

-- expect: other-table
-- proto: text
UPDATE my_aspnet_sessionCleanup SET LastRun=NOW() where LastRun + INTERVAL IntervalMinutes MINUTE < NOW()

-- config: table=Sessions key=Id
-- section: Entity Framework Core

-- expect: read key='abc'
-- proto: text
SELECT `s`.`Id`, `s`.`Value`
FROM `Sessions` AS `s`
WHERE `s`.`Id` = 'abc'
LIMIT 1

-- expect: multi [write key='abc'; any]
-- proto: text
UPDATE `Sessions` SET `Value` = 'x'
WHERE `Id` = 'abc';
SELECT ROW_COUNT();

-- expect: write key='abc'
-- proto: text
DELETE `s`
FROM `Sessions` AS `s`
WHERE `s`.`Id` = 'abc'

-- expect: write key='abc'
-- proto: text
UPDATE `Sessions` AS `s`
SET `s`.`Value` = 'x'
WHERE `s`.`Id` = 'abc'

-- expect: read key='abc'
-- proto: text
SELECT EXISTS (
    SELECT 1
    FROM `Sessions` AS `s`
    WHERE `s`.`Id` = 'abc')

-- expect: broadcast-write (GC)
-- proto: text
DELETE `s` FROM `Sessions` AS `s` WHERE `s`.`ExpiresAtTime` < UTC_TIMESTAMP(6)

-- config: table=sessions key=id
-- section: Catalyst and DBIx::Class

-- expect: read key='session:abc'
-- proto: prepared
SELECT me.id, me.session_data, me.expires FROM sessions me WHERE ( me.id = ? )
-- params: ["session:abc"]

-- expect: write key='session:abc'
-- proto: prepared
INSERT INTO sessions ( expires, id, session_data) VALUES ( ?, ?, ? )
-- params: [5, "session:abc", "x"]

-- expect: write key='session:abc'
-- proto: prepared
UPDATE sessions SET session_data = ? WHERE ( id = ? )
-- params: ["x", "session:abc"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM sessions WHERE ( ( expires < ? OR expires IS NULL ) )
-- params: [5]

-- expect: read key='abc'
-- proto: prepared
SELECT COUNT( * ) FROM sessions me WHERE ( ( me.id = ? AND me.expires > ? ) )
-- params: ["abc", 5]

-- section: Dancer::Session::DBI, Mojolicious, Plack

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, session_data) SELECT 'abc', 'x' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id='abc')

-- expect: write key='abc'
-- proto: text
INSERT INTO sessions (id, session_data) SELECT 'abc', 'x' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id='def')

-- expect: write key='abc'
-- proto: prepared
-- note: nothing says that the two parameters are equal
INSERT INTO sessions (id, session_data) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id=?)
-- params: ["abc", "x", "abc"]

-- expect: write key='abc'
-- proto: prepared
REPLACE INTO sessions ( id, session_data ) VALUES ( ?, ? )
-- params: ["abc", "x"]

-- section: ActiveRecord and Rack

-- expect: read key='abc'
-- proto: prepared
SELECT 1 AS one FROM `sessions` WHERE `sessions`.`id` = ? LIMIT ?
-- params: ["abc", 1]

-- expect: write key='abc'
-- proto: text
UPDATE `sessions` SET `sessions`.`data` = 'x' WHERE `sessions`.`id` = 'abc' /*application:Blog,controller:posts,action:index*/

-- expect: write key='abc'
-- proto: text
INSERT INTO `sessions` (`id`,`data`) VALUES ('abc', 'x') ON DUPLICATE KEY UPDATE updated_at=(CASE WHEN (`data`<=>VALUES(`data`)) THEN `sessions`.updated_at ELSE CURRENT_TIMESTAMP END),`data`=VALUES(`data`)

-- expect: read-for-update key='abc'
-- proto: text
SELECT `sessions`.* FROM `sessions` WHERE `sessions`.`id` = 'abc' LIMIT 1 FOR UPDATE

-- expect: lock name='rails-abc'
-- proto: text
SELECT GET_LOCK('rails-abc', 0)

-- expect: unlock name='rails-abc'
-- proto: text
SELECT RELEASE_LOCK('rails-abc')

-- section: Python: Tornado, Pyramid, Starlette, peewee

-- expect: read key='abc'
-- proto: text
SELECT `t1`.`id`, `t1`.`data` FROM `sessions` AS `t1` WHERE (`t1`.`id` = 'abc') LIMIT 1 OFFSET 0

-- expect: write key='abc'
-- proto: text
INSERT IGNORE INTO `sessions` (`id`, `data`) VALUES ('abc', X'8004')

-- expect: write key='abc'
-- proto: text
UPDATE sessions SET data=data, last=5 WHERE sessions.id = 'abc'
