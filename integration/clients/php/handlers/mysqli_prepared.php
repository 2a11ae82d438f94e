<?php
/** A persistent mysqli connection and prepared statements, as Joomla and Zebra use them. */
final class MysqliPreparedHandler implements SessionHandlerInterface
{
    private mysqli $db;

    public function open(string $path, string $name): bool
    {
        // "p:" asks for a persistent connection, which is given back to the
        // next request by COM_CHANGE_USER.
        $this->db = new mysqli('p:' . getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), (int)getenv('DSM_PORT'));
        return $this->db->set_charset('utf8mb4');
    }

    public function close(): bool
    {
        return $this->db->close();
    }

    public function read(string $id): string|false
    {
        $s = $this->db->prepare('SELECT data FROM sessions WHERE id = ? LIMIT 1');
        $s->bind_param('s', $id);
        $s->execute();
        $s->store_result();
        $s->bind_result($data);
        $found = $s->fetch();
        $s->close();
        return $found ? $data : '';
    }

    public function write(string $id, string $data): bool
    {
        $expires = time() + 1440;
        $s = $this->db->prepare('INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)');
        $s->bind_param('ssi', $id, $data, $expires);
        $ok = $s->execute();
        $s->close();
        return $ok;
    }

    public function destroy(string $id): bool
    {
        $s = $this->db->prepare('DELETE FROM sessions WHERE id = ?');
        $s->bind_param('s', $id);
        return $s->execute();
    }

    public function gc(int $lifetime): int|false
    {
        $s = $this->db->prepare('DELETE FROM sessions WHERE expires < ?');
        $now = time();
        $s->bind_param('i', $now);
        $s->execute();
        return $s->affected_rows;
    }
}
