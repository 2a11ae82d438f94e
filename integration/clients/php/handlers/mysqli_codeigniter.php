<?php
/** What CodeIgniter 3's session driver sends: GET_LOCK around the request, double-quoted SET. */
final class MysqliCodeIgniterHandler implements SessionHandlerInterface
{
    private mysqli $db;
    private bool $exists = false;
    private string $lock = '';
    private string $fingerprint = '';

    public function open(string $path, string $name): bool
    {
        $this->db = new mysqli(getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), (int)getenv('DSM_PORT'));
        $this->db->query('SET SESSION sql_mode = REPLACE(REPLACE(REPLACE(@@sql_mode, "STRICT_ALL_TABLES,", ""), ",STRICT_ALL_TABLES", ""), "STRICT_ALL_TABLES", "")');
        return $this->db->set_charset('utf8mb4');
    }

    public function read(string $id): string|false
    {
        $this->lock = md5($id);
        $row = $this->db->query("SELECT GET_LOCK('{$this->lock}', 300) AS ci_session_lock")->fetch_assoc();
        if ($row['ci_session_lock'] !== '1') {
            return false;
        }
        $row = $this->db->query("SELECT `data`\nFROM `ci_sessions`\nWHERE `id` = '{$this->db->real_escape_string($id)}'")->fetch_row();
        $this->exists = $row !== null;
        $data = $row[0] ?? '';
        $this->fingerprint = md5($data);
        return $data;
    }

    public function write(string $id, string $data): bool
    {
        if ($this->lock !== md5($id)) {
            // The id was regenerated.
            if ($this->lock !== '' && !$this->release()) {
                return false;
            }
            $this->lock = md5($id);
            $this->db->query("SELECT GET_LOCK('{$this->lock}', 300) AS ci_session_lock");
            $this->exists = false;
        }
        $key = $this->db->real_escape_string($id);
        $now = time();
        if (!$this->exists) {
            $ok = $this->db->query("INSERT INTO `ci_sessions` (`id`, `ip_address`, `timestamp`, `data`) VALUES ('$key', '127.0.0.1', $now, '{$this->db->real_escape_string($data)}')");
            $this->exists = true;
        } elseif ($this->fingerprint !== md5($data)) {
            $ok = $this->db->query("UPDATE `ci_sessions` SET `timestamp` = $now, `data` = '{$this->db->real_escape_string($data)}'\nWHERE `id` = '$key'");
        } else {
            $ok = $this->db->query("UPDATE `ci_sessions` SET `timestamp` = $now\nWHERE `id` = '$key'");
        }
        $this->fingerprint = md5($data);
        return $ok;
    }

    private function release(): bool
    {
        $row = $this->db->query("SELECT RELEASE_LOCK('{$this->lock}') AS ci_session_lock")->fetch_assoc();
        $this->lock = '';
        return $row['ci_session_lock'] === '1';
    }

    public function close(): bool
    {
        $ok = $this->lock === '' || $this->release();
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
