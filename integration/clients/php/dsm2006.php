<?php
// The PHP Distributed Session Manager of 2006 in its essence, without a proxy:
// the application connects to the stores by itself.
//
//   dsm2006.php write|read|destroy PREFIX FROM TO VALUE < stores
//
// Standard input lists the stores, host:port, one a line, in their order. For
// each id PREFIX . i it prints a line with what was read, or how many copies
// were written.
const NUM_COPIES = 2;
error_reporting(E_ALL);
mysqli_report(MYSQLI_REPORT_OFF);

$all = array_filter(array_map('trim', file('php://stdin')));
$open = [];

/** The order of all stores for an id. */
function stores_of(string $id, array $all): array
{
    $stores = array_values($all);
    srand(crc32($id));
    shuffle($stores);
    return $stores;
}

/** A live connection to a store, or null. */
function connect(string $store): ?mysqli
{
    global $open;
    if (!array_key_exists($store, $open)) {
        [$host, $port] = explode(':', $store);
        $db = mysqli_init();
        $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 2);
        $open[$store] = @$db->real_connect($host, getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), (int)$port) ? $db : null;
    }
    return $open[$store];
}

function write_session(string $id, string $data, array $all): int
{
    $copies = 0;
    foreach (stores_of($id, $all) as $store) {
        if (($db = connect($store)) === null) {
            continue;
        }
        $db->query(sprintf("REPLACE INTO sessions (id, data, expires) VALUES ('%s', '%s', 1)", $db->real_escape_string($id), $db->real_escape_string($data)));
        if (++$copies === NUM_COPIES) {
            break;
        }
    }
    return $copies;
}

function read_session(string $id, array $all): ?string
{
    foreach (stores_of($id, $all) as $store) {
        if (($db = connect($store)) !== null) {
            $row = $db->query(sprintf("SELECT data FROM sessions WHERE id = '%s'", $db->real_escape_string($id)))->fetch_row();
            return $row[0] ?? null;
        }
    }
    return null;
}

function destroy_session(string $id, array $all): int
{
    $copies = 0;
    foreach (stores_of($id, $all) as $store) {
        if (($db = connect($store)) !== null) {
            $db->query(sprintf("DELETE FROM sessions WHERE id = '%s'", $db->real_escape_string($id)));
            if (++$copies === NUM_COPIES) {
                break;
            }
        }
    }
    return $copies;
}

[, $what, $prefix, $from, $to] = $argv;
for ($i = (int)$from; $i < (int)$to; $i++) {
    $id = $prefix . $i;
    $out = match ($what) {
        'write' => (string)write_session($id, $argv[5] . ' ' . $i, $all),
        'read' => read_session($id, $all) ?? '(none)',
        'destroy' => (string)destroy_session($id, $all),
    };
    echo $out, "\n";
}
