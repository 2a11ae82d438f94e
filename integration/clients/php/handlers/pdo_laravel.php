<?php
/** What Laravel's DatabaseSessionHandler sends: native prepares, look first, then insert or update. */
final class PdoLaravelHandler implements SessionHandlerInterface
{
    private PDO $db;
    private bool $exists = false;

    public function open(string $path, string $name): bool
    {
        $this->exists = false;
        $this->db = new PDO(
            sprintf('mysql:host=%s;port=%s;dbname=%s', getenv('DSM_HOST'), getenv('DSM_PORT'), getenv('DSM_DB')),
            getenv('DSM_USER'), getenv('DSM_PASSWORD'),
            [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false]
        );
        $this->db->exec('use `' . getenv('DSM_DB') . '`;');
        $this->db->prepare("set names 'utf8mb4' collate 'utf8mb4_unicode_ci'")->execute();
        $this->db->prepare("set session sql_mode='ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'")->execute();
        return true;
    }

    public function close(): bool
    {
        return true;
    }

    public function read(string $id): string|false
    {
        $s = $this->db->prepare('select * from `laravel_sessions` where `id` = ? limit 1');
        $s->execute([$id]);
        $row = $s->fetch(PDO::FETCH_OBJ);
        if ($row && $row->last_activity >= time() - 1440) {
            $this->exists = true;
            return base64_decode($row->payload);
        }
        return '';
    }

    public function write(string $id, string $data): bool
    {
        if (!$this->exists) {
            $this->read($id);
        }
        $payload = base64_encode($data);
        if ($this->exists) {
            $this->update($id, $payload);
        } else {
            try {
                $this->db->prepare('insert into `laravel_sessions` (`payload`, `last_activity`, `user_id`, `ip_address`, `user_agent`, `id`) values (?, ?, ?, ?, ?, ?)')
                    ->execute([$payload, time(), null, '127.0.0.1', 'Tést', $id]);
            } catch (PDOException) {
                $this->update($id, $payload);
            }
        }
        return $this->exists = true;
    }

    private function update(string $id, string $payload): void
    {
        $this->db->prepare('update `laravel_sessions` set `payload` = ?, `last_activity` = ?, `id` = ? where `id` = ?')->execute([$payload, time(), $id, $id]);
    }

    public function destroy(string $id): bool
    {
        return $this->db->prepare('delete from `laravel_sessions` where `id` = ?')->execute([$id]);
    }

    public function gc(int $lifetime): int|false
    {
        $s = $this->db->prepare('delete from `laravel_sessions` where `last_activity` <= ?');
        $s->execute([time() - $lifetime]);
        return $s->rowCount();
    }
}
