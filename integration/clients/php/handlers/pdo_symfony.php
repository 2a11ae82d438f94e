<?php
/** What Symfony's PdoSessionHandler sends with its default, transactional locks. */
final class PdoSymfonyHandler implements SessionHandlerInterface
{
    private ?PDO $db = null;
    private bool $gc = false;

    public function __construct(private bool $emulate)
    {
    }

    public function open(string $path, string $name): bool
    {
        $this->db ??= new PDO(
            sprintf('mysql:host=%s;port=%s;dbname=%s;charset=utf8mb4', getenv('DSM_HOST'), getenv('DSM_PORT'), getenv('DSM_DB')),
            getenv('DSM_USER'), getenv('DSM_PASSWORD'),
            [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $this->emulate]
        );
        return true;
    }

    public function read(string $id): string|false
    {
        $this->begin();
        $select = $this->db->prepare('SELECT sess_data, sess_lifetime FROM symfony_sessions WHERE sess_id = :id FOR UPDATE');
        $select->bindParam(':id', $id, PDO::PARAM_STR);
        while (true) {
            $select->execute();
            $rows = $select->fetchAll(PDO::FETCH_NUM);
            if ($rows) {
                return (int)$rows[0][1] < time() ? '' : $rows[0][0];
            }
            try {
                // A row to lock, so that a second request waits.
                $this->db->prepare('INSERT INTO symfony_sessions (sess_id, sess_data, sess_lifetime, sess_time) VALUES (?, ?, ?, ?)')->execute([$id, '', 0, time()]);
                return '';
            } catch (PDOException $e) {
                if (!str_starts_with((string)$e->getCode(), '23')) {
                    throw $e;
                }
                $this->db->rollBack();
                $this->begin();
            }
        }
    }

    private function begin(): void
    {
        if ($this->db->inTransaction()) {
            return;
        }
        $this->db->exec('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
        $this->db->beginTransaction();
    }

    public function write(string $id, string $data): bool
    {
        $s = $this->db->prepare('INSERT INTO symfony_sessions (sess_id, sess_data, sess_lifetime, sess_time) VALUES (:id, :data, :expiry, :time) ON DUPLICATE KEY UPDATE sess_data = VALUES(sess_data), sess_lifetime = VALUES(sess_lifetime), sess_time = VALUES(sess_time)');
        $s->bindValue(':id', $id);
        $s->bindValue(':data', $data, PDO::PARAM_LOB);
        $s->bindValue(':expiry', time() + 1440, PDO::PARAM_INT);
        $s->bindValue(':time', time(), PDO::PARAM_INT);
        return $s->execute();
    }

    public function destroy(string $id): bool
    {
        return $this->db->prepare('DELETE FROM symfony_sessions WHERE sess_id = ?')->execute([$id]);
    }

    public function gc(int $lifetime): int|false
    {
        $this->gc = true;
        return 0;
    }

    public function close(): bool
    {
        if ($this->db?->inTransaction()) {
            $this->db->commit();
        }
        if ($this->gc) {
            $this->gc = false;
            $s = $this->db->prepare('DELETE FROM symfony_sessions WHERE sess_lifetime < :time');
            $s->bindValue(':time', time(), PDO::PARAM_INT);
            $s->execute();
        }
        return true;
    }
}
