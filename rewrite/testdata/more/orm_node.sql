-- handler: Prisma, TypeORM, Sequelize, Knex, Drizzle, MikroORM, better-auth
-- config: table=Session key=id
-- section: Prisma

-- expect: read key='abc'
-- proto: prepared
SELECT `main`.`Session`.`id`, `main`.`Session`.`data` FROM `main`.`Session` WHERE (`main`.`Session`.`id` = ? AND 1=1) LIMIT ? OFFSET ?
-- params: ["abc", 1, 0]

-- expect: write key='abc'
-- proto: prepared
INSERT INTO `main`.`Session` (`id`,`data`) VALUES (?,?)
-- params: ["abc", "d"]

-- expect: write key='abc'
-- proto: prepared
UPDATE `main`.`Session` SET `data` = ? WHERE (`main`.`Session`.`id` IN (?) AND (`main`.`Session`.`id` = ? AND 1=1))
-- params: ["d", "abc", "abc"]

-- expect: write key='abc'
-- proto: prepared
DELETE FROM `main`.`Session` WHERE (`main`.`Session`.`id` = ? AND 1=1)
-- params: ["abc"]

-- expect: broadcast-write (GC)
-- proto: prepared
DELETE FROM `main`.`Session` WHERE `main`.`Session`.`expires` < ?
-- params: ["2026-01-01"]

-- expect: scatter-read
-- proto: prepared
SELECT COUNT(*) FROM (SELECT `main`.`Session`.`id` FROM `main`.`Session` WHERE 1=1 LIMIT ? OFFSET ?) AS `sub`
-- params: [10, 0]

-- expect: read key='abc'
-- proto: prepared
SELECT COUNT(*) AS `_count._all` FROM (SELECT `main`.`Session`.`id` FROM `main`.`Session` WHERE `main`.`Session`.`id` = ? LIMIT ? OFFSET ?) AS `sub`
-- params: ["abc", 10, 0]

-- expect: read key='abc'
-- proto: prepared
SELECT `t1`.`id`, `t1`.`data` FROM `Session` AS `t1` WHERE (`t1`.`id` = ? AND 1=1) LIMIT ?
-- params: ["abc", 1]

-- expect: read key='abc' (joins other table)
-- proto: prepared
SELECT `t1`.`id`, `Session_user`.`__prisma_data__` AS `user` FROM `Session` AS `t1` LEFT JOIN LATERAL (SELECT JSON_OBJECT('id', `t2`.`id`) AS `__prisma_data__` FROM `User` AS `t2` WHERE `t1`.`userId` = `t2`.`id` LIMIT 1) AS `Session_user` ON TRUE WHERE (`t1`.`id` = ? AND 1=1) LIMIT ?
-- params: ["abc", 1]

-- expect: txn-begin
-- proto: text
BEGIN

-- section: TypeORM

-- expect: read key='abc'
-- proto: prepared
SELECT `SessionEntity`.`id` AS `SessionEntity_id`, `SessionEntity`.`json` AS `SessionEntity_json` FROM `Session` `SessionEntity` WHERE ( `SessionEntity`.`expiredAt` > ? AND `SessionEntity`.`id` = ? ) AND ( `SessionEntity`.`destroyedAt` IS NULL ) LIMIT 1
-- params: [5, "abc"]

-- expect: read key='abc'
-- proto: prepared
SELECT DISTINCT `distinctAlias`.`SessionEntity_id` AS `ids_SessionEntity_id` FROM (SELECT `SessionEntity`.`id` AS `SessionEntity_id` FROM `Session` `SessionEntity` WHERE `SessionEntity`.`id` = ?) `distinctAlias` ORDER BY `SessionEntity_id` ASC LIMIT 1
-- params: ["abc"]

-- expect: write key='abc'
-- proto: prepared
INSERT INTO `Session`(`expiredAt`, `id`, `json`, `destroyedAt`) VALUES (?, ?, ?, DEFAULT)
-- params: [5, "abc", "{}"]

-- expect: write key='abc'
-- proto: prepared
UPDATE `Session` SET `destroyedAt` = CURRENT_TIMESTAMP WHERE `id` IN (?)
-- params: ["abc"]

-- expect: write key='abc'
-- proto: prepared
INSERT INTO `Session`(`id`, `json`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `id` = VALUES(`id`), `json` = VALUES(`json`)
-- params: ["abc", "{}"]

-- expect: broadcast-write
-- proto: prepared
DELETE FROM `Session` WHERE `id` IN (SELECT `id` FROM (SELECT `id` FROM `Session` WHERE `expiredAt` <= ? LIMIT 10) AS `x`)
-- params: [5]

-- section: Sequelize

-- expect: write key='abc'
-- proto: text
INSERT INTO `Session` (`id`,`data`,`createdAt`) VALUES ('abc','d','2026-01-01 00:00:00') ON DUPLICATE KEY UPDATE `id`=VALUES(`id`),`data`=VALUES(`data`);

-- expect: read key='abc'
-- proto: text
SELECT `id`, `data` FROM `Session` AS `Session` WHERE (`Session`.`id` = 'abc' AND `Session`.`expires` > '2026-01-01') LIMIT 1;

-- expect: write keys=['a','b']
-- proto: text
DELETE FROM `Session` WHERE (`id` = 'a' OR `id` = 'b')

-- expect: txn-begin
-- proto: text
START TRANSACTION;

-- expect: session-state
-- proto: text
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- section: better-auth (Kysely)

-- expect: read key='abc'
-- proto: prepared
select * from (select * from `Session` where `id` = ?) as `primary`
-- params: ["abc"]

-- expect: read key='abc' (joins other table)
-- proto: prepared
select `s`.*, `u`.`name` from (select * from `Session` where `id` = ? limit ?) as `s` left join `user` as `u` on `u`.`id` = `s`.`userId`
-- params: ["abc", 1]

-- section: Knex, Drizzle, MikroORM

-- expect: read key='abc'
-- proto: prepared
select `s0`.* from `Session` as `s0` where `s0`.`id` = ? limit 1
-- params: ["abc"]

-- expect: read key='abc'
-- proto: prepared
select `id`, `data` from `Session` where (`Session`.`id` = ? and `Session`.`expires` > ?)
-- params: ["abc", 5]

-- expect: write key='abc'
-- proto: prepared
insert into `Session` (`id`, `data`) values (?, ?) on duplicate key update `data` = ?
-- params: ["abc", "d", "d"]

-- expect: write key='abc'
-- proto: prepared
update `Session` set `data` = case when (`id` = ?) then ? else `data` end where `id` in (?)
-- params: ["abc", "d", "abc"]

-- expect: write key='abc'
-- proto: text
-- note: RETURNING of MariaDB
insert into `Session` (`id`, `data`) values ('abc', 'd') returning `id`, `data`
