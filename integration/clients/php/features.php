<?php
// What mysqli can do beside queries: usage features.php PREFIX. Prints "ok NAME"
// or "not ok NAME: why" for each, and at last the keys that must exist.
error_reporting(E_ALL);
mysqli_report(MYSQLI_REPORT_OFF);
ini_set('memory_limit', '1G');
$prefix = $argv[1];

function connect(int $flags = 0): mysqli
{
    $db = mysqli_init();
    if (getenv('DSM_COMPRESS') === '1') {
        $flags |= MYSQLI_CLIENT_COMPRESS;
    }
    if (!@$db->real_connect(getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB'), (int)getenv('DSM_PORT'), null, $flags)) {
        throw new RuntimeException("connect: $db->connect_errno $db->connect_error");
    }
    return $db;
}

function must(mixed $ok, string $what, ?mysqli $db = null): void
{
    if (!$ok) {
        throw new RuntimeException($what . ($db && $db->errno ? " ($db->errno $db->error)" : ''));
    }
}

function same(mixed $got, mixed $want, string $what): void
{
    if ($got !== $want) {
        throw new RuntimeException("$what: got " . substr(var_export($got, true), 0, 300) . ', want ' . substr(var_export($want, true), 0, 300));
    }
}

$keys = [];
$tests = [
    'long data' => function () use ($prefix, &$keys) {
        $db = connect();
        $s = $db->prepare('INSERT INTO sessions (id, data, owner) VALUES (?, ?, ?)');
        must($s, 'prepare', $db);
        $owner = 'me';
        $all = implode('', array_map('chr', range(0, 255)));
        for ($i = 0; $i < 6; $i++) {
            $id = "{$prefix}long$i";
            $keys[] = $id;
            $null = null;
            $s->bind_param('sbs', $id, $null, $owner);
            $want = '';
            for ($j = 0; $j < 50; $j++) {
                $piece = "$i/$j" . str_repeat($all, 10);
                must($s->send_long_data(1, $piece), 'send_long_data');
                $want .= $piece;
            }
            must($s->execute(), "execute: $s->errno $s->error");
            same($s->affected_rows, 1, 'affected rows');
            $got = $db->query("SELECT data, owner FROM sessions WHERE id = '$id'")->fetch_row();
            same(md5($got[0]), md5($want), 'data of ' . strlen($want) . ' bytes, got ' . strlen($got[0]));
            same($got[1], 'me', 'the parameter behind the long one');
        }
        // The data of an execution is not that of the next one.
        $id = "{$prefix}longempty";
        $keys[] = $id;
        $empty = '';
        $t = $db->prepare('INSERT INTO sessions (id, data, owner) VALUES (?, ?, ?)');
        $t->bind_param('sss', $id, $empty, $owner);
        must($t->execute(), "execute: $t->errno $t->error");
        same($db->query("SELECT LENGTH(data) FROM sessions WHERE id = '$id'")->fetch_row()[0], '0', 'length');
        // COM_STMT_RESET throws away what was sent.
        $id = "{$prefix}longreset";
        $keys[] = $id;
        $null = null;
        $s->bind_param('sbs', $id, $null, $owner);
        $s->send_long_data(1, 'thrown away');
        must($s->reset(), 'reset');
        $s->bind_param('sbs', $id, $null, $owner);
        $s->send_long_data(1, 'kept');
        must($s->execute(), "execute: $s->errno $s->error");
        same($db->query("SELECT data FROM sessions WHERE id = '$id'")->fetch_row()[0], 'kept', 'data after a reset');
    },
    'long data as key' => function () use ($prefix, &$keys) {
        $db = connect();
        $s = $db->prepare('REPLACE INTO sessions (id, data) VALUES (?, ?)');
        for ($i = 0; $i < 4; $i++) {
            $keys[] = $id = "{$prefix}longkey$i";
            $null = null;
            $data = "d$i";
            $s->bind_param('bs', $null, $data);
            $s->send_long_data(0, substr($id, 0, 5));
            $s->send_long_data(0, substr($id, 5));
            must($s->execute(), "execute: $s->errno $s->error");
            same($db->query("SELECT data FROM sessions WHERE id = '$id'")->fetch_row(), ["d$i"], 'data');
        }
    },
    'cursor' => function () use ($prefix, &$keys) {
        $db = connect();
        $keys[] = $id = "{$prefix}cursor";
        must($db->query("INSERT INTO sessions (id, data, expires) VALUES ('$id', 'cursor', 7)"), 'insert', $db);
        $s = $db->prepare('SELECT data, expires FROM sessions WHERE id = ?');
        $s->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
        for ($i = 0; $i < 3; $i++) {
            $s->bind_param('s', $id);
            must($s->execute(), "execute: $s->errno $s->error");
            $s->bind_result($data, $expires);
            same($s->fetch(), true, 'fetch');
            same([$data, $expires], ['cursor', 7], 'row');
            same($s->fetch(), null, 'fetch at the end');
            $s->free_result();
        }
        $s->close();
        same($db->query('SELECT 1')->fetch_row(), ['1'], 'the connection afterwards');
    },
    'cursor over several rows' => function () use ($prefix, &$keys) {
        $db = connect();
        $owner = "{$prefix}rows";
        for ($i = 0; $i < 5; $i++) {
            $keys[] = $id = "{$prefix}row$i";
            must($db->query("INSERT INTO sessions (id, data, owner) VALUES ('$id', 'r$i', '$owner')"), 'insert', $db);
        }
        $s = $db->prepare('SELECT id, data FROM sessions WHERE id IN (?, ?, ?, ?, ?) ORDER BY id');
        $s->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
        $ids = array_slice($keys, -5);
        $s->bind_param('sssss', ...$ids);
        must($s->execute(), "execute: $s->errno $s->error");
        $s->bind_result($id, $data);
        $got = [];
        while ($s->fetch()) {
            $got[] = [$id, $data];
        }
        same($got, array_map(fn ($i) => [$ids[$i], "r$i"], range(0, 4)), 'rows');
    },
    'several statements' => function () use ($prefix, &$keys) {
        $db = connect();
        $keys[] = $a = "{$prefix}multi-a";
        $keys[] = $b = "{$prefix}multi-b";
        must($db->multi_query("INSERT INTO sessions (id, data) VALUES ('$a', '1; not two'); SET @t = 5; REPLACE INTO sessions (id, data, expires) VALUES ('$b', '2', @t);SELECT data FROM sessions WHERE id = '$a'; SELECT expires, @t FROM sessions WHERE id = '$b'"), 'multi_query', $db);
        $affected = [];
        $rows = [];
        do {
            if ($r = $db->store_result()) {
                array_push($rows, ...$r->fetch_all());
            } else {
                must(!$db->errno, 'a result', $db);
                $affected[] = $db->affected_rows;
            }
        } while ($db->more_results() && $db->next_result());
        must(!$db->errno, 'next result', $db);
        same($affected, [1, 0, 1], 'affected rows');
        same($rows, [['1; not two'], ['5', '5']], 'rows');
        // An error ends the list.
        must($db->multi_query("UPDATE sessions SET expires = 3 WHERE id = '$a'; INSERT INTO sessions (id, data) VALUES ('$a', 'x'); DELETE FROM sessions WHERE id = '$a'"), 'multi_query', $db);
        same($db->affected_rows, 1, 'affected rows');
        same($db->next_result(), false, 'next result after an error');
        same($db->errno, 1062, 'error');
        same($db->query("SELECT expires FROM sessions WHERE id = '$a'")->fetch_row(), ['3'], 'row afterwards');
    },
    'several statements refused without the flag' => function () use ($prefix) {
        $db = connect();
        same($db->query("SELECT 1; SELECT 2"), false, 'query');
        same($db->errno, 1064, 'error');
        same($db->query('SELECT 1')->fetch_row(), ['1'], 'the connection afterwards');
    },
    'unbuffered' => function () use ($prefix, &$keys) {
        $db = connect();
        $keys[] = $id = "{$prefix}unbuffered";
        must($db->query("INSERT INTO sessions (id, data) VALUES ('$id', REPEAT('x', 3000000))"), 'insert', $db);
        $r = $db->query("SELECT data FROM sessions WHERE id = '$id'", MYSQLI_USE_RESULT);
        must($r, 'query', $db);
        same(strlen($r->fetch_row()[0]), 3000000, 'length');
        same($r->fetch_row(), null, 'end');
        $r->free();
        same($db->query('SELECT 1')->fetch_row(), ['1'], 'the connection afterwards');
    },
    'statistics' => function () {
        $db = connect();
        $stat = $db->stat();
        must(is_string($stat) && str_contains($stat, 'Uptime'), 'stat() = ' . var_export($stat, true));
        must($db->ping(), 'ping', $db);
        must($db->server_info !== '' && $db->server_version > 50000, "server_info = $db->server_info");
        same((int)$db->query('SELECT CONNECTION_ID()')->fetch_row()[0], $db->thread_id, 'CONNECTION_ID()');
    },
    'kill' => function () {
        $a = connect();
        $b = connect();
        must($b->thread_id !== $a->thread_id, 'two connections have one id');
        $a->query('SELECT 1');
        must($b->kill($a->thread_id), 'kill', $b);
        // The end of a connection takes effect at once, or with its next statement.
        $deadline = microtime(true) + 10;
        do {
            $alive = @$a->query('SELECT 1') !== false;
        } while ($alive && microtime(true) < $deadline);
        must(!$alive, 'the killed connection lives');
        same($b->query('SELECT 1')->fetch_row(), ['1'], 'the connection of the killer');
        same($b->kill(4000000000), false, 'kill of nobody');
        same($b->errno, 1094, 'error');
        $c = connect();
        must($b->query('KILL CONNECTION ' . $c->thread_id), 'KILL', $b);
    },
    'kill a running statement' => function () use ($prefix) {
        $a = connect();
        $b = connect();
        $a->query('SELECT SLEEP(60)', MYSQLI_ASYNC);
        usleep(200000);
        must($b->query('KILL QUERY ' . $a->thread_id), 'KILL QUERY', $b);
        $begin = microtime(true);
        $r = $a->reap_async_query();
        must(microtime(true) - $begin < 30, 'the statement ran on');
        // SLEEP that is interrupted returns 1, or the statement fails with 1317.
        must($r === false && $a->errno === 1317 || $r !== false && $r->fetch_row() === ['1'], "got errno $a->errno");
        same($a->query('SELECT 1')->fetch_row(), ['1'], 'the connection afterwards');
    },
    'change user' => function () use ($prefix, &$keys) {
        $db = connect();
        $keys[] = $id = "{$prefix}changed";
        $db->query("SET @mine = 5");
        $s = $db->prepare('SELECT data FROM sessions WHERE id = ?');
        must($db->change_user(getenv('DSM_USER'), getenv('DSM_PASSWORD'), 'second'), 'change_user', $db);
        same($db->query('SELECT DATABASE(), @mine')->fetch_row(), ['second', null], 'state');
        must($db->change_user(getenv('DSM_USER'), getenv('DSM_PASSWORD'), getenv('DSM_DB')), 'change_user', $db);
        must($db->query("INSERT INTO sessions (id, data) VALUES ('$id', 'x')"), 'insert', $db);
        $s->bind_param('s', $id);
        same(@$s->execute(), false, 'a statement of before');
        must(in_array($s->errno, [1243, 2030, 2013, 2006], true), "errno $s->errno $s->error");
        $db = connect();
        same($db->change_user(getenv('DSM_USER'), 'wrong', 'app'), false, 'change_user with a wrong password');
        same($db->errno, 1045, 'error');
    },
    'warnings' => function () use ($prefix, &$keys) {
        $db = connect();
        $keys[] = $id = "{$prefix}warned";
        $db->query("INSERT INTO sessions (id, data) VALUES ('$id', 'x')");
        $db->query("INSERT IGNORE INTO sessions (id, data) VALUES ('$id', 'y')");
        same($db->warning_count, 1, 'warning_count');
        same($db->get_warnings()->errno, 1062, 'get_warnings()');
    },
    'info' => function () use ($prefix, &$keys) {
        $db = connect();
        $keys[] = $a = "{$prefix}info-a";
        $db->query("INSERT INTO sessions (id, data) VALUES ('$a', 'x')");
        $db->query("UPDATE sessions SET data = 'y' WHERE id = '$a'");
        same($db->info, 'Rows matched: 1  Changed: 1  Warnings: 0', 'info');
    },
    'unknown statement' => function () {
        $db = connect();
        same($db->select_db('nonesuch'), false, 'select_db');
        same($db->errno, 1049, 'error');
        same($db->query('SELECT DATABASE()')->fetch_row(), ['app'], 'the database afterwards');
        same($db->query(';'), false, 'an empty statement');
        same($db->errno, 1065, 'error');
    },
    'wrong password' => function () {
        $db = mysqli_init();
        same(@$db->real_connect(getenv('DSM_HOST'), getenv('DSM_USER'), 'wrong', 'app', (int)getenv('DSM_PORT')), false, 'connect');
        same($db->connect_errno, 1045, 'error');
        same(@$db->real_connect(getenv('DSM_HOST'), 'nobody', 'secret', 'app', (int)getenv('DSM_PORT')), false, 'connect');
        same($db->connect_errno, 1045, 'error');
        same(@$db->real_connect(getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), 'nonesuch', (int)getenv('DSM_PORT')), false, 'connect');
        same($db->connect_errno, 1049, 'error');
    },
    'tls' => function () use ($prefix, &$keys) {
        $db = mysqli_init();
        $db->ssl_set(null, null, null, null, null);
        must(@$db->real_connect(getenv('DSM_HOST'), getenv('DSM_USER'), getenv('DSM_PASSWORD'), 'app', (int)getenv('DSM_PORT'), null, MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT), "connect: $db->connect_errno $db->connect_error");
        $keys[] = $id = "{$prefix}tls";
        must($db->query("INSERT INTO sessions (id, data) VALUES ('$id', REPEAT('t', 2000000))"), 'insert', $db);
        same(strlen($db->query("SELECT data FROM sessions WHERE id = '$id'")->fetch_row()[0]), 2000000, 'length');
    },
];

$skip = array_slice($argv, 2);
foreach ($tests as $name => $test) {
    if (in_array($name, $skip, true)) {
        continue;
    }
    try {
        $test();
        echo "ok $name\n";
    } catch (Throwable $e) {
        echo "not ok $name: ", str_replace("\n", ' ', $e->getMessage()), "\n";
    }
}
foreach ($keys as $key) {
    echo "key $key\n";
}
echo "done\n";
