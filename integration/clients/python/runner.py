"""Carries out steps with PyMySQL; see ../README.md."""
import base64
import hashlib
import json
import os
import sys

import pymysql
from pymysql.constants import CLIENT

env = os.environ


def connect():
    # autocommit is off unless asked for, as the library has it.
    flags = CLIENT.FOUND_ROWS if env["DSM_FOUND_ROWS"] == "1" else 0
    return pymysql.connect(
        host=env["DSM_HOST"], port=int(env["DSM_PORT"]), user=env["DSM_USER"],
        password=env["DSM_PASSWORD"], database=env["DSM_DB"], charset="utf8mb4",
        client_flag=flags, max_allowed_packet=64 << 20, autocommit=True,
    )


def value(p):
    if p is None:
        return None
    if "i" in p:
        return p["i"]
    if "s" in p:
        return p["s"]
    return base64.b64decode(p["b"]) * p.get("times", 1)


def encode(v):
    if v is None:
        return None
    v = v if isinstance(v, bytes) else str(v).encode()
    if len(v) > 4096:
        return {"sha256": hashlib.sha256(v).hexdigest(), "len": len(v)}
    return base64.b64encode(v).decode()


def op(conn, name):
    if name == "begin":
        conn.begin()
    elif name == "commit":
        conn.commit()
    elif name == "rollback":
        conn.rollback()
    elif name == "autocommit_off":
        conn.autocommit(False)
    elif name == "autocommit_on":
        conn.autocommit(True)
    elif name == "ping":
        conn.ping(reconnect=False)
    elif name == "close":
        conn.close()
        return {"errno": 0}
    elif name.startswith("use:"):
        conn.select_db(name[4:])
    else:
        return {"unsupported": True}
    return {"errno": 0, "status": conn.server_status}


def statement(conn, step):
    with conn.cursor() as cur:
        args = tuple(value(p) for p in step.get("params") or [])
        sql = step["sql"]
        if args:
            sql = sql.replace("%", "%%").replace("?", "%s")
        cur.execute(sql, args or None)
        rows = None
        if cur.description is not None:
            rows = [[encode(v) for v in row] for row in cur.fetchall()]
        r = conn._result
        return {
            "affected": cur.rowcount if rows is None else None, "rows": rows,
            "insert_id": conn.insert_id(), "warnings": r.warning_count if r else None,
            "status": conn.server_status, "errno": 0,
        }


conns = {}
for line in sys.stdin:
    step = json.loads(line)
    n = step.get("conn", 0)
    try:
        if n not in conns:
            conns[n] = connect()
        if "op" in step:
            out = op(conns[n], step["op"])
            if step["op"] == "close":
                del conns[n]
        else:
            out = statement(conns[n], step)
    except pymysql.MySQLError as e:
        out = {"errno": e.args[0] if e.args else -1, "error": str(e)}
    out["name"] = step["name"]
    print(json.dumps(out), flush=True)
