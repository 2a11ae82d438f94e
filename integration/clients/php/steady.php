<?php
// Uses one connection of mysqli and one of PDO, with statements that were
// prepared once, until standard input ends: usage steady.php NAME. Prints how many
// statements it has carried out; an error ends it.
error_reporting(E_ALL);
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
[, $name] = $argv;
[$host, $port, $user, $password, $db] = array_map('getenv', ['DSM_HOST', 'DSM_PORT', 'DSM_USER', 'DSM_PASSWORD', 'DSM_DB']);
stream_set_blocking(STDIN, false);
$my = new mysqli($host, $user, $password, $db, (int) $port);
$pdo = new PDO("mysql:host=$host;port=$port;dbname=$db;charset=utf8mb4", $user, $password,
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false]);
$my->query("SET @who = '$name'");
$write = $my->prepare('REPLACE INTO sessions (id, data, expires) VALUES (?, ?, 1)');
$read = $pdo->prepare('SELECT data FROM sessions WHERE id = ?');
$done = 0;
for ($n = 1; !feof(STDIN); $n++) {
    fread(STDIN, 100);
    $data = "$name $n";
    $write->bind_param('ss', $name, $data);
    $write->execute();
    $read->execute([$name]);
    $got = $read->fetchColumn();
    $read->closeCursor();
    if ($got !== $data) {
        throw new Exception("read '$got', want '$data'");
    }
    if (($who = $my->query('SELECT @who')->fetch_row()[0]) !== $name) {
        throw new Exception("@who is '$who'");
    }
    $done += 3;
    usleep($n % 50 == 0 ? 2000000 : random_int(0, 20000));
}
echo $done, "\n";
