<?php
/** What CodeIgniter 3's session driver for databases sends through mysqli: GET_LOCK around the request. */
final class CodeIgniter3 implements SessionHandlerInterface
{
    private mysqli $db;
    private bool $exists = false;
    private string $lock = '';
    private string $id = '';
    private string $fingerprint = '';

    private static function connect(): mysqli
    {
        $db = new mysqli(getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), (int)getenv('DSM_PORT'));
        $db->query('SET SESSION sql_mode = REPLACE(REPLACE(REPLACE(@@sql_mode, "STRICT_ALL_TABLES,", ""), ",STRICT_ALL_TABLES", ""), "STRICT_ALL_TABLES", "")');
        $db->set_charset('utf8');
        return $db;
    }

    public static function setup(): void
    {
        self::connect()->query("CREATE TABLE IF NOT EXISTS `ci_sessions` (
            `id` varchar(128) NOT NULL,
            `ip_address` varchar(45) NOT NULL,
            `timestamp` int(10) unsigned DEFAULT 0 NOT NULL,
            `data` blob NOT NULL,
            PRIMARY KEY (id),
            KEY `ci_sessions_timestamp` (`timestamp`)
        )");
    }

    public static function expire(string $id): void
    {
        $db = self::connect();
        $db->query("UPDATE `ci_sessions` SET `timestamp` = 1\nWHERE `id` = '{$db->real_escape_string($id)}'");
    }

    public function open(string $path, string $name): bool
    {
        $this->db = self::connect();
        return true;
    }

    private function getLock(string $id): bool
    {
        $this->lock = md5($id);
        $row = $this->db->query("SELECT GET_LOCK('{$this->lock}', 300) AS ci_session_lock")->fetch_assoc();
        return $row['ci_session_lock'] === '1';
    }

    private function releaseLock(): bool
    {
        if ($this->lock === '') {
            return true;
        }
        $row = $this->db->query("SELECT RELEASE_LOCK('{$this->lock}') AS ci_session_lock")->fetch_assoc();
        $this->lock = '';
        return $row['ci_session_lock'] === '1';
    }

    public function read(string $id): string|false
    {
        if (!$this->getLock($id)) {
            return false;
        }
        $this->id = $id;
        $result = $this->db->query("SELECT `data`\nFROM `ci_sessions`\nWHERE `id` = '{$this->db->real_escape_string($id)}'")->fetch_row();
        $this->exists = $result !== null;
        $data = $result[0] ?? '';
        $this->fingerprint = md5($data);
        return $data;
    }

    public function write(string $id, string $data): bool
    {
        if ($id !== $this->id) {
            // The id was regenerated.
            if (!$this->releaseLock() || !$this->getLock($id)) {
                return false;
            }
            $this->exists = false;
            $this->id = $id;
        } elseif ($this->lock === '') {
            return false;
        }
        $key = $this->db->real_escape_string($id);
        $now = time();
        if (!$this->exists) {
            $this->db->query("INSERT INTO `ci_sessions` (`id`, `ip_address`, `timestamp`, `data`) VALUES ('$key', '127.0.0.1', $now, '{$this->db->real_escape_string($data)}')");
            $this->exists = true;
        } elseif ($this->fingerprint !== md5($data)) {
            $this->db->query("UPDATE `ci_sessions` SET `timestamp` = $now, `data` = '{$this->db->real_escape_string($data)}'\nWHERE `id` = '$key'");
        } else {
            $this->db->query("UPDATE `ci_sessions` SET `timestamp` = $now\nWHERE `id` = '$key'");
        }
        $this->fingerprint = md5($data);
        return true;
    }

    public function close(): bool
    {
        $ok = $this->releaseLock();
        $this->db->close();
        return $ok;
    }

    public function destroy(string $id): bool
    {
        return $this->db->query("DELETE FROM `ci_sessions`\nWHERE `id` = '{$this->db->real_escape_string($id)}'");
    }

    public function gc(int $lifetime): int|false
    {
        $this->db->query('DELETE FROM `ci_sessions` WHERE `timestamp` < ' . (time() - $lifetime));
        return $this->db->affected_rows;
    }
}
