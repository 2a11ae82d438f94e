<?php
/** The classic handler: text statements, REPLACE. */
final class MysqliReplaceHandler implements SessionHandlerInterface
{
    private mysqli $db;

    public function open(string $path, string $name): bool
    {
        $this->db = new mysqli(getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), (int)getenv('DSM_PORT'));
        return true;
    }

    public function close(): bool
    {
        return $this->db->close();
    }

    public function read(string $id): string|false
    {
        $r = $this->db->query(sprintf("SELECT data FROM sessions WHERE id = '%s' AND expires > %d", $this->db->real_escape_string($id), time()));
        $row = $r->fetch_row();
        return $row ? $row[0] : '';
    }

    public function write(string $id, string $data): bool
    {
        return $this->db->query(sprintf(
            "REPLACE INTO sessions (id, data, expires) VALUES ('%s', '%s', %d)",
            $this->db->real_escape_string($id), $this->db->real_escape_string($data), time() + 1440
        ));
    }

    public function destroy(string $id): bool
    {
        return $this->db->query(sprintf("DELETE FROM sessions WHERE id = '%s'", $this->db->real_escape_string($id)));
    }

    public function gc(int $lifetime): int|false
    {
        $this->db->query('DELETE FROM sessions WHERE expires < ' . time());
        return $this->db->affected_rows;
    }
}
