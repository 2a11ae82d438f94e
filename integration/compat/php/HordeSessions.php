<?php
// Horde's session handler over Horde_Db, of Debian's php-horde-sessionhandler
// and php-horde-db.

spl_autoload_register(function (string $class): void {
    $file = stream_resolve_include_path(strtr($class, '_\\', '//') . '.php');
    if ($file) {
        require_once $file;
    }
});

class HordeSessions implements SessionHandlerInterface
{
    private Horde_Db_Adapter $db;
    private Horde_SessionHandler_Storage_Sql $storage;

    public static function db(): Horde_Db_Adapter
    {
        return new Horde_Db_Adapter_Pdo_Mysql([
            'host' => getenv('DSM_HOST'), 'port' => getenv('DSM_PORT'), 'username' => getenv('DSM_USER'),
            'password' => getenv('DSM_PASSWORD'), 'dbname' => getenv('DSM_DB'), 'charset' => 'utf8',
        ]);
    }

    public static function setup(): void
    {
        $db = self::db();
        $t = $db->createTable('horde_sessionhandler', ['autoincrementKey' => false]);
        $t->column('session_id', 'string', ['limit' => 32, 'null' => false]);
        $t->column('session_lastmodified', 'integer', ['null' => false]);
        $t->column('session_data', 'binary');
        $t->primaryKey(['session_id']);
        $t->end();
        $db->addIndex('horde_sessionhandler', ['session_lastmodified']);
        $db->changeColumn('horde_sessionhandler', 'session_data', 'binary');
    }

    public static function expire(string $id): void
    {
        $db = self::db();
        $db->update('UPDATE horde_sessionhandler SET session_lastmodified = ? WHERE session_id = ?', [time() - 9999, $id]);
        $db->disconnect();
    }

    public function open(string $path, string $name): bool
    {
        $this->db = self::db();
        $this->storage = new Horde_SessionHandler_Storage_Sql(['db' => $this->db]);
        return $this->storage->open($path, $name);
    }

    public function close(): bool
    {
        $closed = $this->storage->close();
        $this->db->disconnect(); // as the end of a request does
        return $closed;
    }

    public function read(string $id): string|false
    {
        return (string)$this->storage->read($id);
    }

    public function write(string $id, string $data): bool
    {
        return $this->storage->write($id, $data);
    }

    public function destroy(string $id): bool
    {
        return $this->storage->destroy($id);
    }

    public function gc(int $lifetime): int|false
    {
        return $this->storage->gc($lifetime) ? 0 : false;
    }
}
