<?php
/** What Yii 2's DbSession sends through PDO: upserts, and a new id by an UPDATE of the key. */
final class Yii2 implements SessionHandlerInterface
{
    private PDO $db;
    private bool $described = false;

    private static function connect(): PDO
    {
        $db = pdo();
        $db->exec("SET NAMES 'utf8'");
        return $db;
    }

    public static function setup(): void
    {
        self::connect()->exec("CREATE TABLE `session` (\n\t`id` varchar(255) NOT NULL PRIMARY KEY,\n\t`expire` int(11),\n\t`data` blob\n) CHARACTER SET utf8 COLLATE utf8_unicode_ci ENGINE=InnoDB");
    }

    public static function expire(string $id): void
    {
        $db = self::connect();
        $db->exec("UPDATE `session` SET `expire`=1 WHERE `id`={$db->quote($id)}");
    }

    /** DbSession::regenerateID(true), within a request. */
    public static function regenerate(string $old): string
    {
        session_regenerate_id(false);
        $db = self::connect();
        $exists = $db->query("SELECT * FROM `session` WHERE `id`={$db->quote($old)}")->fetch();
        if ($exists === false) {
            throw new RuntimeException('the old session is gone');
        }
        $n = $db->exec("UPDATE `session` SET `id`={$db->quote(session_id())} WHERE `id`={$db->quote($old)}");
        // PHP has written the old session by then, which Yii's own does not.
        if ($n !== 1) {
            throw new RuntimeException("the UPDATE of the id changed $n rows");
        }
        return session_id();
    }

    public function open(string $path, string $name): bool
    {
        $this->db = self::connect();
        return true;
    }

    public function close(): bool
    {
        unset($this->db);
        return true;
    }

    public function read(string $id): string|false
    {
        $data = $this->db->query('SELECT `data` FROM `session` WHERE `expire`>' . time() . " AND `id`={$this->db->quote($id)}")->fetchColumn();
        return $data === false ? '' : $data;
    }

    public function write(string $id, string $data): bool
    {
        $this->describe();
        $s = $this->db->prepare("INSERT INTO `session` (`data`, `id`, `expire`) VALUES (:d, {$this->db->quote($id)}, " . (time() + 3600) . ') ON DUPLICATE KEY UPDATE `data`=VALUES(`data`), `expire`=VALUES(`expire`)');
        $s->bindValue(':d', $data, PDO::PARAM_LOB);
        return $s->execute();
    }

    /** Asks for the table's schema, as the first upsert of a process does. */
    private function describe(): void
    {
        if ($this->described) {
            return;
        }
        $this->described = true;
        $this->db->query('SHOW FULL COLUMNS FROM `session`')->fetchAll();
        $this->db->query('SHOW CREATE TABLE `session`')->fetchAll();
        $s = $this->db->prepare('SELECT `kcu`.`CONSTRAINT_NAME` AS `name`, `kcu`.`COLUMN_NAME` AS `column_name`, `tc`.`CONSTRAINT_TYPE` AS `type`
FROM `information_schema`.`KEY_COLUMN_USAGE` AS `kcu`, `information_schema`.`TABLE_CONSTRAINTS` AS `tc`
WHERE `kcu`.`TABLE_SCHEMA` = COALESCE(:schemaName, DATABASE()) AND `kcu`.`TABLE_NAME` = :tableName
  AND `tc`.`TABLE_SCHEMA` = `kcu`.`TABLE_SCHEMA` AND `tc`.`TABLE_NAME` = :tableName AND `tc`.`CONSTRAINT_NAME` = `kcu`.`CONSTRAINT_NAME`
ORDER BY `kcu`.`ORDINAL_POSITION` ASC');
        $s->execute([':schemaName' => null, ':tableName' => 'session']);
        if (array_column($s->fetchAll(PDO::FETCH_ASSOC), 'type') !== ['PRIMARY KEY']) {
            throw new RuntimeException('the table has not its primary key alone');
        }
    }

    public function destroy(string $id): bool
    {
        $this->db->exec("DELETE FROM `session` WHERE `id`={$this->db->quote($id)}");
        return true;
    }

    public function gc(int $lifetime): int|false
    {
        return $this->db->exec('DELETE FROM `session` WHERE `expire`<' . time());
    }
}
