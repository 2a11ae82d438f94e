<?php
// Usage: handler.php NAME; see ../README.md for what it reads and prints.
// Symfony and Laravel are Debian's packages, used with PHP's own session functions.
error_reporting(E_ALL & ~E_DEPRECATED);
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
foreach (['use_cookies' => 0, 'use_only_cookies' => 0, 'use_strict_mode' => 0, 'cache_limiter' => '', 'gc_probability' => 0, 'gc_maxlifetime' => 3600] as $k => $v) {
    ini_set("session.$k", (string)$v);
}
set_error_handler(function (int $no, string $text, string $file, int $line): bool {
    if (!(error_reporting() & $no)) {
        return true;
    }
    throw new ErrorException($text, 0, $no, $file, $line);
});
ob_start(); // session_start() wants no output before it

function pdo(bool $emulate = true): PDO
{
    return new PDO(sprintf('mysql:host=%s;port=%s;dbname=%s;charset=utf8mb4', getenv('DSM_HOST'), getenv('DSM_PORT'), getenv('DSM_DB')),
        getenv('DSM_USER'), getenv('DSM_PASSWORD'), [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulate]);
}

function symfony(int $lock, bool $emulate): array
{
    require_once 'Symfony/Component/HttpFoundation/autoload.php';
    $make = fn () => new Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler(pdo($emulate), ['lock_mode' => $lock]);
    return [
        'make' => $make,
        'setup' => fn () => $make()->createTable(),
        'expire' => fn (string $id) => pdo()->prepare('UPDATE sessions SET sess_lifetime = ?, sess_time = ? WHERE sess_id = ?')->execute([time() - 9, time() - 9999, $id]),
    ];
}

function laravel(): array
{
    require_once 'Illuminate/Session/autoload.php';
    require_once 'Illuminate/Database/autoload.php';
    $with = function (callable $do): mixed {
        $capsule = new Illuminate\Database\Capsule\Manager();
        $capsule->addConnection([
            'driver' => 'mysql', 'host' => getenv('DSM_HOST'), 'port' => getenv('DSM_PORT'), 'database' => getenv('DSM_DB'),
            'username' => getenv('DSM_USER'), 'password' => getenv('DSM_PASSWORD'), 'charset' => 'utf8mb4', 'collation' => 'utf8mb4_bin', 'strict' => true,
        ]);
        $connection = $capsule->getConnection();
        try {
            return $do($connection, new Illuminate\Session\DatabaseSessionHandler($connection, 'sessions', 60));
        } finally {
            $connection->disconnect();
        }
    };
    return [
        // What the middleware StartSession does with Laravel's own session store.
        'request' => fn (string $id, callable $do) => $with(function ($connection, $handler) use ($id, $do) {
            $session = new LaravelSession(new Illuminate\Session\Store('laravel_session', $handler, $id));
            $answer = $do($session);
            $session->store->save();
            return $answer;
        }),
        'setup' => fn () => $with(fn ($connection) => $connection->getSchemaBuilder()->create('sessions', function ($table) {
            $table->string('id')->primary();
            $table->foreignId('user_id')->nullable()->index();
            $table->string('ip_address', 45)->nullable();
            $table->text('user_agent')->nullable();
            $table->text('payload');
            $table->integer('last_activity')->index();
        })),
        'expire' => fn (string $id) => $with(fn ($connection) => $connection->table('sessions')->where('id', $id)->update(['last_activity' => time() - 9999])),
        'gc' => fn () => $with(fn ($connection, $handler) => $handler->gc(3600)),
    ];
}

final class LaravelSession
{
    public function __construct(public readonly Illuminate\Session\Store $store)
    {
        $this->store->start();
    }

    public function id(): string
    {
        return $this->store->getId();
    }

    public function get(): mixed
    {
        return $this->store->get('data');
    }

    public function set(mixed $data): void
    {
        $this->store->put('data', $data);
    }

    public function regenerate(): void
    {
        $this->store->migrate(true);
    }

    public function destroy(): void
    {
        $this->store->invalidate();
    }
}

/** PHP's own session functions. */
final class PhpSession
{
    /** $regenerate is for a handler with a way of its own. */
    public function __construct(private $regenerate)
    {
    }

    public function id(): string
    {
        return session_id();
    }

    public function get(): mixed
    {
        return $_SESSION['data'] ?? null;
    }

    public function set(mixed $data): void
    {
        $_SESSION['data'] = $data;
    }

    public function regenerate(): void
    {
        if ($this->regenerate) {
            ($this->regenerate)(session_id());
        } elseif (!session_regenerate_id(true)) {
            throw new RuntimeException('session_regenerate_id() failed');
        }
    }

    public function destroy(): void
    {
        if (!session_destroy()) {
            throw new RuntimeException('session_destroy() failed');
        }
    }
}

/** One of the handlers beside this file. */
function stated(string $class): array
{
    require_once __DIR__ . "/$class.php";
    return ['make' => fn () => new $class(), 'setup' => [$class, 'setup'], 'expire' => [$class, 'expire']]
        + (method_exists($class, 'regenerate') ? ['regenerate' => [$class, 'regenerate']] : []);
}

$handler = match ($argv[1]) {
    'symfony' => symfony(2, true),
    'symfony-native' => symfony(2, false),
    'symfony-advisory' => symfony(1, true),
    'symfony-unlocked' => symfony(0, true),
    'laravel' => laravel(),
    'adodb' => stated('AdodbSessions'),
    'horde' => stated('HordeSessions'),
    'codeigniter3' => stated('CodeIgniter3'),
    'yii2' => stated('Yii2'),
};

/** One request: a handler of its own, as a web server's worker has. */
function php_request(string $id, callable $do): mixed
{
    global $handler;
    session_set_save_handler($handler['make'](), false);
    session_id($id);
    try {
        if (!session_start()) {
            throw new RuntimeException('session_start() failed');
        }
        $answer = $do(new PhpSession($handler['regenerate'] ?? null));
        if (session_status() === PHP_SESSION_ACTIVE && !session_write_close()) {
            throw new RuntimeException('session_write_close() failed');
        }
        return $answer;
    } finally {
        if (session_status() === PHP_SESSION_ACTIVE) {
            session_abort();
        }
        $_SESSION = [];
    }
}

/** A garbage collection as PHP starts it: within a request. */
function gc_request(): void
{
    php_request('gc' . bin2hex(random_bytes(14)), function ($s) {
        if (session_gc() === false) {
            throw new RuntimeException('session_gc() failed');
        }
        $s->destroy();
    });
}

$handler += ['request' => 'php_request', 'gc' => 'gc_request'];
while (($line = fgets(STDIN)) !== false) {
    $q = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    $id = $q['id'] ?? '';
    $answer = ['id' => $id];
    try {
        switch ($q['op']) {
            case 'create':
            case 'write':
                $answer['id'] = $handler['request']($id, function ($s) use ($q) {
                    $s->set($q['data']);
                    return $s->id();
                });
                break;
            case 'read':
                $answer['data'] = $handler['request']($id, fn ($s) => $s->get());
                break;
            case 'incr':
                $answer['data'] = $handler['request']($id, function ($s) {
                    $data = $s->get() ?? throw new RuntimeException('the session is gone');
                    $data['n']++;
                    $s->set($data);
                    return $data;
                });
                break;
            case 'regenerate':
                $answer['id'] = $handler['request']($id, function ($s) {
                    $s->regenerate();
                    return $s->id();
                });
                break;
            case 'destroy':
                $handler['request']($id, fn ($s) => $s->destroy());
                break;
            default:
                $handler[$q['op']]($id);
        }
    } catch (Throwable $e) {
        for ($text = get_class($e) . ': ' . $e->getMessage(); $e = $e->getPrevious();) {
            $text .= ' / ' . $e->getMessage();
        }
        $answer['error'] = $text;
    }
    fwrite(STDOUT, json_encode($answer, JSON_THROW_ON_ERROR) . "\n");
}
