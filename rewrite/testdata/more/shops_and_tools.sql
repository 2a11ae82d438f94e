-- handler: WooCommerce, Shopware, Craft CMS, phpMyAdmin, mysqldump, command line
-- config: table=wp_woocommerce_sessions key=session_key surrogate=session_id
-- section: WooCommerce

-- expect: read key='abc'
-- proto: text
SELECT session_value FROM wp_woocommerce_sessions WHERE session_key = 'abc'

-- expect: write key='abc'
-- proto: text
INSERT INTO wp_woocommerce_sessions (`session_key`, `session_value`, `session_expiry`) VALUES ('abc', 'a:0:{}', 1795370954)
 					ON DUPLICATE KEY UPDATE `session_value` = VALUES(`session_value`), `session_expiry` = VALUES(`session_expiry`)

-- expect: write key='abc'
-- proto: text
UPDATE `wp_woocommerce_sessions` SET `session_expiry` = 1795370954 WHERE `session_key` = 'abc'

-- expect: broadcast-write (GC)
-- proto: text
DELETE FROM wp_woocommerce_sessions WHERE session_expiry < 1795370954

-- expect: broadcast-write (DDL)
-- proto: text
TRUNCATE wp_woocommerce_sessions

-- expect: other-table
-- proto: text
SELECT option_value FROM wp_options WHERE option_name = 'siteurl' LIMIT 1

-- expect: any
-- proto: text
SELECT @@SESSION.sql_mode

-- config: table=s_core_sessions key=id table=sessions key=sess_id
-- section: Shopware 5 and 6: two session tables

-- expect: read key='abc'
-- proto: text
SELECT data, expiry FROM s_core_sessions WHERE id = 'abc'

-- expect: read-for-update key='abc'
-- proto: text
SELECT sess_data, sess_lifetime, sess_time FROM sessions WHERE sess_id = 'abc' FOR UPDATE

-- expect: write key='abc'
-- proto: text
INSERT INTO `sessions` (sess_id, sess_data, sess_lifetime, sess_time) VALUES ('abc', 'x', 1, 2) ON DUPLICATE KEY UPDATE sess_data = VALUES(sess_data), sess_lifetime = VALUES(sess_lifetime), sess_time = VALUES(sess_time)

-- expect: broadcast-write (DDL)
-- proto: text
TRUNCATE TABLE s_core_sessions

-- expect: scatter-read
-- proto: text
SELECT COUNT(*) FROM s_core_sessions a JOIN sessions b ON a.user = b.user

-- config: table=craft_phpsessions key=id
-- section: Craft CMS

-- expect: read key='abc'
-- proto: text
SELECT `data` FROM `craft_phpsessions` WHERE (`expire` > 1795369011) AND (`id`='abc')

-- expect: write key='abc'
-- proto: text
INSERT INTO `craft_phpsessions` (`data`, `expire`, `id`) VALUES ('x', 5, 'abc') ON DUPLICATE KEY UPDATE `data`=VALUES(`data`), `expire`=VALUES(`expire`)

-- expect: other-table
-- proto: text
SELECT `token` FROM `craft_sessions` WHERE (`token`='abc') AND (`userId`=1)

-- config: table=sessions key=id
-- section: phpMyAdmin, Adminer, DBeaver

-- expect: scatter-read
-- proto: text
SELECT * FROM `sessions` LIMIT 0, 25

-- expect: scatter-read
-- proto: text
SELECT * FROM `sessions` WHERE 1

-- expect: scatter-read
-- proto: text
SELECT SQL_CALC_FOUND_ROWS * FROM `sessions` ORDER BY `sessions`.`id` ASC LIMIT 50

-- expect: write key='abc'
-- proto: text
UPDATE `sessions` SET `data` = 'x' WHERE `sessions`.`id` = 'abc';

-- expect: write keys=['abc','def']
-- proto: text
DELETE FROM `sessions` WHERE ((`id` = 'abc') OR (`id` = 'def'));

-- expect: write key='abc'
-- proto: text
DELETE FROM sessions WHERE `sessions`.`id` = "abc" LIMIT 1

-- expect: any (schema metadata)
-- proto: text
SHOW INDEXES FROM `sess`.`sessions`;

-- expect: any (schema metadata)
-- proto: text
DESC sessions

-- expect: any key='abc' (schema metadata)
-- proto: text
EXPLAIN SELECT * FROM sessions WHERE id = 'abc'

-- expect: any (schema metadata)
-- proto: text
EXPLAIN EXTENDED SELECT * FROM sessions

-- expect: any (schema metadata)
-- proto: text
SHOW FULL PROCESSLIST

-- expect: any
-- proto: text
SELECT CURRENT_USER();

-- expect: broadcast-write (DDL)
-- proto: text
ALTER TABLE `sessions` ADD COLUMN IF NOT EXISTS `ip` INET6 NULL AFTER `id`, ALGORITHM=INPLACE

-- expect: broadcast-write (DDL)
-- proto: text
CREATE OR REPLACE TABLE sessions (id VARCHAR(64) PRIMARY KEY, ip INET6, u UUID DEFAULT uuid()) WITH SYSTEM VERSIONING

-- expect: broadcast-write (DDL)
-- proto: text
CHECK TABLE `sessions`

-- expect: broadcast-write (DDL)
-- proto: text
ANALYZE LOCAL TABLE sess.sessions

-- expect: broadcast-write (DDL)
-- proto: text
DROP TABLE IF EXISTS `sessions` CASCADE

-- expect: broadcast-write (DDL)
-- proto: text
DROP INDEX `x` ON `sessions`

-- expect: broadcast-write (DDL)
-- proto: text
CREATE DATABASE IF NOT EXISTS `sess` DEFAULT CHARACTER SET utf8mb4

-- expect: other-table (DDL)
-- proto: text
DROP TABLE users

-- section: mysqldump and what it writes

-- expect: session-state
-- proto: text
/*!40101 SET NAMES utf8mb4 */;

-- expect: session-state
-- proto: text
/*!40103 SET TIME_ZONE='+00:00' */;

-- expect: session-state
-- proto: text
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;

-- expect: scatter-read
-- proto: text
SELECT /*!40001 SQL_NO_CACHE */ * FROM `sessions`

-- expect: broadcast-write (DDL)
-- proto: text
CREATE TABLE `sessions` (`id` varchar(64) NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB /*!50100 PARTITION BY KEY (id) PARTITIONS 4 */

-- expect: lock tables
-- proto: text
LOCK TABLES `sessions` WRITE;

-- expect: unlock tables
-- proto: text
UNLOCK TABLES;

-- section: command lines and monitors

-- expect: any
-- proto: text
select USER()

-- expect: any (schema metadata)
-- proto: text
show databases

-- expect: session-state
-- proto: text
USE `my db`

-- expect: kill
-- proto: text
KILL HARD CONNECTION 5

-- expect: kill
-- proto: prepared
KILL ?
-- params: [5]

-- expect: any
-- proto: text
DO 1

-- expect: any
-- proto: text
SELECT SLEEP(1)

-- expect: any
-- proto: text
VALUES ROW(1,2)
