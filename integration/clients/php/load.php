<?php
// A worker that owns some records, writes rising versions of them and reads
// them back, until standard input ends: load.php PREFIX KEYS [may-lose]. Prints
// what it has seen as JSON. Odd statements are prepared ones. With may-lose, a
// write may end without an answer; what has become of it is looked up.
error_reporting(E_ALL);
mysqli_report(MYSQLI_REPORT_OFF);
[, $prefix, $keys] = $argv;
stream_set_blocking(STDIN, false);
$mayLose = ($argv[3] ?? '') === 'may-lose';
function connect() {
    global $db, $write, $read;
    $db = mysqli_init();
    if (!@$db->real_connect(getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), (int)getenv('DSM_PORT'))) {
        return false;
    }
    $write = $db->prepare('INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)');
    $read = $db->prepare('SELECT data, expires FROM sessions WHERE id = ?');
    return $write && $read;
}
if (!connect()) {
    die(json_encode(['statements' => 0, 'lost' => 0, 'errors' => ["connect: $db->connect_error $db->error"], 'longest' => 0, 'versions' => []]));
}
$versions = [];
$errors = [];
$longest = 0.0;
$n = 0;
$lost = 0;
do {
    $id = $prefix . mt_rand(0, $keys - 1);
    $begin = microtime(true);
    if (mt_rand(0, 2) === 0) {
        $v = ($versions[$id] ?? 0) + 1;
        $data = str_repeat("version $v ", 50);
        if ($n % 2) {
            $write->bind_param('ssi', $id, $data, $v);
            $ok = $write->execute();
            $error = "$write->errno $write->error";
        } else {
            $ok = $db->query("REPLACE INTO sessions (id, data, expires) VALUES ('$id', '$data', $v)");
            $error = "$db->errno $db->error";
        }
        if ($ok) {
            $versions[$id] = $v;
        } elseif ($mayLose && in_array((int)$error, [2006, 2013])) {
            $lost++;
            if (!connect() || !($r = $db->query("SELECT expires FROM sessions WHERE id = '$id'"))) {
                $errors[] = "after the lost write of $id: $db->connect_error $db->error";
            } elseif ($row = $r->fetch_row()) {
                $versions[$id] = (int)$row[0];
            }
        } else {
            $errors[] = "write $id: $error";
        }
    } else {
        $row = null;
        if ($n % 2) {
            $read->bind_param('s', $id);
            $ok = $read->execute() && ($r = $read->get_result());
            $error = "$read->errno $read->error";
        } else {
            $ok = ($r = $db->query("SELECT data, expires FROM sessions WHERE id = '$id'"));
            $error = "$db->errno $db->error";
        }
        if (!$ok) {
            $errors[] = "read $id: $error";
        } else {
            $row = $r->fetch_row();
            $want = $versions[$id] ?? null;
            $got = $row === null ? null : (int)$row[1];
            if ($got !== $want || $row !== null && $row[0] !== str_repeat("version $want ", 50)) {
                $errors[] = "read $id: version " . json_encode($got) . ', want ' . json_encode($want);
            }
        }
    }
    $longest = max($longest, microtime(true) - $begin);
    $n++;
    fread(STDIN, 1);
} while (!feof(STDIN) && count($errors) < 20);
echo json_encode(['statements' => $n, 'lost' => $lost, 'errors' => $errors, 'longest' => $longest, 'versions' => (object)$versions]);
