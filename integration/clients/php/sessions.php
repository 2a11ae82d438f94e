<?php
// Uses PHP's own session functions with one of the handlers, as many requests
// of many users would: usage sessions.php HANDLER USERS REQUESTS. Prints what
// it expected and did not find, then the ids that exist and those that don't.
error_reporting(E_ALL);
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
ini_set('session.use_cookies', '0');
ini_set('session.use_only_cookies', '0');
ini_set('session.use_strict_mode', '0');
ini_set('session.cache_limiter', '');
ini_set('session.gc_probability', '0');
set_error_handler(function (int $no, string $text, string $file, int $line): bool {
    throw new ErrorException($text, 0, $no, $file, $line);
});
ob_start(); // session_start() wants no output before it
foreach (glob(__DIR__ . '/handlers/*.php') as $file) {
    require $file;
}

[, $name, $users, $requests] = $argv;
$make = [
    'mysqli-replace' => fn () => new MysqliReplaceHandler(),
    'mysqli-prepared' => fn () => new MysqliPreparedHandler(),
    'pdo-symfony' => fn () => new PdoSymfonyHandler(true),
    'pdo-symfony-native' => fn () => new PdoSymfonyHandler(false),
    'pdo-laravel' => fn () => new PdoLaravelHandler(),
    'mysqli-codeigniter' => fn () => new MysqliCodeIgniterHandler(),
][$name];

$failures = [];
$ids = [];
$gone = [];
for ($u = 0; $u < $users; $u++) {
    $ids[$u] = substr(hash('sha256', "$name $u"), 0, 32);
}
$blob = implode('', array_map('chr', range(0, 255)));
for ($r = 0; $r < $requests; $r++) {
    foreach ($ids as $u => $id) {
        // One request: a handler of its own, as a web server's worker has.
        session_set_save_handler($make(), false);
        session_id($id);
        session_start();
        $want = $r === 0 ? [] : ['user' => $u, 'count' => $r, 'blob' => "it's \\ \"$blob\""];
        if ($_SESSION !== $want) {
            $failures[] = "request $r of user $u: " . json_encode($_SESSION, JSON_INVALID_UTF8_SUBSTITUTE);
        }
        $_SESSION = ['user' => $u, 'count' => $r + 1, 'blob' => "it's \\ \"$blob\""];
        if ($r === 1 && $u % 5 === 0) {
            $gone[] = $id;
            session_regenerate_id(true);
            $ids[$u] = session_id();
        }
        session_write_close();
    }
}
// A logout, and a garbage collection that finds nothing of age.
session_set_save_handler($make(), false);
session_id($ids[1]);
session_start();
session_destroy();
$gone[] = $ids[1];
unset($ids[1]);
session_set_save_handler($make(), false);
session_id($ids[2]);
session_start();
if (session_gc() === false) {
    $failures[] = 'gc failed';
}
session_write_close();
ob_end_clean();
echo json_encode(['failures' => $failures, 'ids' => array_values($ids), 'gone' => $gone]), "\n";
