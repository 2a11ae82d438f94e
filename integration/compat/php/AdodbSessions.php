<?php
// ADOdb's sessions, of Debian's libphp-adodb, over mysqli.

require_once 'adodb/adodb.inc.php';
require_once 'adodb/session/adodb-session2.php';

class AdodbSessions implements SessionHandlerInterface
{
    private const OPTIONS = ['table' => 'sessions2'];

    public static function connect(): ADOConnection
    {
        ADODB_Session::config('mysqli', getenv('DSM_HOST') . ':' . getenv('DSM_PORT'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), self::OPTIONS);
        ADODB_Session::open('', '', 'C') || throw new RuntimeException('no connection');
        return $GLOBALS['ADODB_SESS_CONN'];
    }

    /** The table as the package's schema has it. */
    public static function setup(): void
    {
        $db = self::connect();
        $dict = NewDataDictionary($db);
        $sql = $dict->createTableSQL('sessions2', 'sesskey C(64) KEY NOTNULL, expiry T NOTNULL, created T NOTNULL, modified T NOTNULL, expireref C(250), sessdata XL NOTNULL');
        $dict->executeSQLArray($sql) === 2 || throw new RuntimeException($db->errorMsg());
    }

    public static function expire(string $id): void
    {
        self::connect()->execute('UPDATE sessions2 SET expiry = NOW() - INTERVAL 2 HOUR WHERE sesskey = ?', [$id]);
    }

    public function open(string $path, string $name): bool
    {
        self::connect();
        return true;
    }

    public function close(): bool
    {
        return ADODB_Session::close();
    }

    public function read(string $id): string|false
    {
        return ADODB_Session::read($id);
    }

    public function write(string $id, string $data): bool
    {
        return (bool)ADODB_Session::write($id, $data);
    }

    public function destroy(string $id): bool
    {
        return ADODB_Session::destroy($id);
    }

    public function gc(int $lifetime): int|false
    {
        return ADODB_Session::gc($lifetime) ? 0 : false;
    }
}
