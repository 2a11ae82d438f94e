<?php
// Carries out steps with mysqli or PDO; see ../README.md.
error_reporting(E_ALL);
ini_set('memory_limit', '1G');
mysqli_report(MYSQLI_REPORT_OFF);
$env = getenv();
$prepared = $env['DSM_MODE'] === 'prepared';
$found = $env['DSM_FOUND_ROWS'] === '1';

abstract class Client
{
    /** @return array affected, rows, insert_id, warnings, errno, error */
    abstract public function text(string $sql): array;
    abstract public function prepared(string $sql, array $params): array;
    abstract public function quote(string $bytes): string;
    abstract public function op(string $op): array;

    /** Puts quoted values where the question marks are. */
    public function interpolate(string $sql, array $params): string
    {
        foreach ($params as $p) {
            $at = strpos($sql, '?');
            $sql = substr($sql, 0, $at) . "\1" . substr($sql, $at + 1);
        }
        $parts = explode("\1", $sql);
        $out = array_shift($parts);
        foreach ($params as $i => $p) {
            $out .= ($p === null ? 'NULL' : (is_int($p) ? (string)$p : $this->quote($p))) . $parts[$i];
        }
        return $out;
    }
}

final class MysqliClient extends Client
{
    public mysqli $db;
    private array $stmts = [];

    public function __construct(array $env, bool $found)
    {
        $this->db = mysqli_init();
        $this->db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);
        if (!@$this->db->real_connect($env['DSM_HOST'], $env['DSM_USER'], $env['DSM_PASSWORD'], $env['DSM_DB'], (int)$env['DSM_PORT'], null, ($found ? MYSQLI_CLIENT_FOUND_ROWS : 0) | (($env['DSM_COMPRESS'] ?? '') === '1' ? MYSQLI_CLIENT_COMPRESS : 0))) {
            throw new RuntimeException("connect: {$this->db->connect_errno} {$this->db->connect_error}", $this->db->connect_errno);
        }
        $this->db->set_charset('utf8mb4');
    }

    public function text(string $sql): array
    {
        $r = $this->db->query($sql);
        $out = $this->says($this->db, $r instanceof mysqli_result ? $r : null);
        return $out;
    }

    public function prepared(string $sql, array $params): array
    {
        $s = $this->stmts[$sql] ?? null;
        if ($s === null) {
            $s = $this->db->prepare($sql);
            if ($s === false) {
                return ['errno' => $this->db->errno, 'error' => $this->db->error];
            }
            $this->stmts[$sql] = $s;
        }
        if ($params) {
            $types = '';
            foreach ($params as $p) {
                $types .= is_int($p) ? 'i' : 's';
            }
            $s->bind_param($types, ...$params);
        }
        if (!$s->execute()) {
            return ['errno' => $s->errno, 'error' => $s->error];
        }
        $r = $s->get_result();
        return $this->says($s, $r ?: null);
    }

    private function says(mysqli|mysqli_stmt $of, ?mysqli_result $r): array
    {
        $rows = null;
        if ($r !== null) {
            $rows = $r->fetch_all(MYSQLI_NUM);
            $r->free();
        }
        return [
            'affected' => $rows === null ? $of->affected_rows : null, 'rows' => $rows, 'insert_id' => $of->insert_id,
            'warnings' => $this->db->warning_count, 'errno' => $of->errno, 'error' => $of->error,
        ];
    }

    public function quote(string $bytes): string
    {
        return "'" . $this->db->real_escape_string($bytes) . "'";
    }

    public function op(string $op): array
    {
        $ok = match (true) {
            $op === 'begin' => $this->db->begin_transaction(),
            $op === 'commit' => $this->db->commit(),
            $op === 'rollback' => $this->db->rollback(),
            $op === 'autocommit_off' => $this->db->autocommit(false),
            $op === 'autocommit_on' => $this->db->autocommit(true),
            $op === 'ping' => $this->db->ping(),
            $op === 'change_user' => $this->change(),
            $op === 'close' => $this->db->close(),
            str_starts_with($op, 'use:') => $this->db->select_db(substr($op, 4)),
            default => null,
        };
        if ($op === 'close') {
            return ['errno' => 0];
        }
        if ($ok === null) {
            return ['unsupported' => true];
        }
        return ['errno' => $this->db->errno, 'error' => $ok ? '' : $this->db->error];
    }

    /** COM_CHANGE_USER to the same user, as persistent connections do. */
    private function change(): bool
    {
        $this->stmts = [];
        $env = getenv();
        return $this->db->change_user($env['DSM_USER'], $env['DSM_PASSWORD'], $env['DSM_DB']) && $this->db->set_charset('utf8mb4');
    }
}

final class PdoClient extends Client
{
    public ?PDO $db;
    private array $stmts = [];
    private bool $emulate;

    public function __construct(array $env, bool $found, bool $prepared)
    {
        $this->emulate = !$prepared;
        $this->db = new PDO("mysql:host={$env['DSM_HOST']};port={$env['DSM_PORT']};dbname={$env['DSM_DB']};charset=utf8mb4", $env['DSM_USER'], $env['DSM_PASSWORD'], [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_SILENT,
            PDO::ATTR_EMULATE_PREPARES => $this->emulate,
            PDO::MYSQL_ATTR_FOUND_ROWS => $found,
            PDO::MYSQL_ATTR_COMPRESS => ($env['DSM_COMPRESS'] ?? '') === '1',
            PDO::ATTR_STRINGIFY_FETCHES => true,
        ]);
    }

    public function text(string $sql): array
    {
        $s = $this->db->query($sql);
        if ($s === false) {
            return ['errno' => $this->db->errorInfo()[1], 'error' => $this->db->errorInfo()[2]];
        }
        return $this->says($s);
    }

    /** PDO quotes the values itself when it emulates. */
    public function prepared(string $sql, array $params): array
    {
        $s = $this->stmts[$sql] ?? null;
        if ($s === null) {
            $s = $this->db->prepare($sql);
            if ($s === false) {
                return ['errno' => $this->db->errorInfo()[1], 'error' => $this->db->errorInfo()[2]];
            }
            $this->stmts[$sql] = $s;
        }
        foreach ($params as $i => $p) {
            $s->bindValue($i + 1, $p, is_int($p) ? PDO::PARAM_INT : ($p === null ? PDO::PARAM_NULL : PDO::PARAM_STR));
        }
        if (!$s->execute()) {
            return ['errno' => $s->errorInfo()[1], 'error' => $s->errorInfo()[2]];
        }
        return $this->says($s);
    }

    private function says(PDOStatement $s): array
    {
        $rows = $s->columnCount() > 0 ? $s->fetchAll(PDO::FETCH_NUM) : null;
        $out = ['affected' => $rows === null ? $s->rowCount() : null, 'rows' => $rows, 'insert_id' => (int)$this->db->lastInsertId(), 'errno' => 0, 'error' => ''];
        $s->closeCursor();
        return $out;
    }

    public function quote(string $bytes): string
    {
        return $this->db->quote($bytes);
    }

    public function op(string $op): array
    {
        if ($op === 'close') {
            $this->stmts = [];
            $this->db = null;
            return ['errno' => 0];
        }
        $ok = match (true) {
            $op === 'begin' => $this->db->beginTransaction(),
            $op === 'commit' => $this->db->inTransaction() ? $this->db->commit() : $this->db->exec('COMMIT') !== false,
            $op === 'rollback' => $this->db->inTransaction() ? $this->db->rollBack() : $this->db->exec('ROLLBACK') !== false,
            $op === 'autocommit_off' => $this->db->exec('SET autocommit=0') !== false,
            $op === 'autocommit_on' => $this->db->exec('SET autocommit=1') !== false,
            $op === 'ping' => $this->db->query('SELECT 1') !== false,
            str_starts_with($op, 'use:') => $this->db->exec('USE `' . substr($op, 4) . '`') !== false,
            default => null,
        };
        if ($ok === null) {
            return ['unsupported' => true];
        }
        $out = ['errno' => (int)$this->db->errorInfo()[1], 'error' => (string)$this->db->errorInfo()[2]];
        // PDO asks the status flags of the last answer.
        $out['in_transaction'] = $this->db->inTransaction();
        return $out;
    }
}

function value(?array $p): string|int|null
{
    if ($p === null) {
        return null;
    }
    if (isset($p['i'])) {
        return (int)$p['i'];
    }
    return $p['s'] ?? str_repeat(base64_decode($p['b']), $p['times'] ?? 1);
}

function encode(mixed $v): mixed
{
    if ($v === null) {
        return null;
    }
    $v = (string)$v;
    return strlen($v) > 4096 ? ['sha256' => hash('sha256', $v), 'len' => strlen($v)] : base64_encode($v);
}

$conns = [];
while (($line = fgets(STDIN)) !== false) {
    $step = json_decode($line, true, 64, JSON_THROW_ON_ERROR);
    $n = $step['conn'] ?? 0;
    try {
        $conns[$n] ??= $env['DSM_DRIVER'] === 'pdo' ? new PdoClient($env, $found, $prepared) : new MysqliClient($env, $found);
        $c = $conns[$n];
        $params = array_map('value', $step['params'] ?? []);
        if (isset($step['op'])) {
            $out = $c->op($step['op']);
            if ($step['op'] === 'close') {
                unset($conns[$n]);
            }
        } elseif ($params && ($prepared || $env['DSM_DRIVER'] === 'pdo') || $prepared && empty($step['raw'])) {
            $out = $c->prepared($step['sql'], $params);
        } else {
            $out = $c->text($c->interpolate($step['sql'], $params));
        }
    } catch (Throwable $e) {
        $out = ['errno' => $e->getCode() ?: -1, 'error' => get_class($e) . ': ' . $e->getMessage()];
    }
    if (isset($out['rows'])) {
        $out['rows'] = array_map(fn ($row) => array_map('encode', $row), $out['rows']);
    }
    $out['name'] = $step['name'];
    echo json_encode($out, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
