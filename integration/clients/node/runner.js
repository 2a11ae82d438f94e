// Carries out steps with mysql2; see ../README.md.
'use strict';
const crypto = require('crypto');
const readline = require('readline');
const mysql = require('mysql2/promise');

const env = process.env;
const prepared = env.DSM_MODE === 'prepared';
const pool = mysql.createPool({
  host: env.DSM_HOST,
  port: Number(env.DSM_PORT),
  user: env.DSM_USER,
  password: env.DSM_PASSWORD,
  database: env.DSM_DB,
  flags: [env.DSM_FOUND_ROWS === '1' ? '+FOUND_ROWS' : '-FOUND_ROWS'],
  supportBigNumbers: true,
  rowsAsArray: true,
  connectionLimit: 100,
  compress: env.DSM_COMPRESS === '1',
});

function value(p) {
  if (p === null) return null;
  if (p.i !== undefined) return p.i;
  if (p.s !== undefined) return p.s;
  const b = Buffer.from(p.b, 'base64');
  return Buffer.concat(Array(p.times || 1).fill(b));
}

function encode(v) {
  if (v === null) return null;
  const b = Buffer.isBuffer(v) ? v : Buffer.from(String(v));
  if (b.length > 4096) {
    return { sha256: crypto.createHash('sha256').update(b).digest('hex'), len: b.length };
  }
  return b.toString('base64');
}

async function op(conn, name) {
  let r;
  switch (name) {
    case 'begin': await conn.beginTransaction(); break;
    case 'commit': await conn.commit(); break;
    case 'rollback': await conn.rollback(); break;
    case 'autocommit_off': [r] = await conn.query('SET autocommit=0'); break;
    case 'autocommit_on': [r] = await conn.query('SET autocommit=1'); break;
    case 'ping': await conn.ping(); break;
    case 'reset': await conn.reset(); break;
    case 'change_user':
      await conn.changeUser({ user: env.DSM_USER, password: env.DSM_PASSWORD, database: env.DSM_DB });
      break;
    default:
      if (!name.startsWith('use:')) return { unsupported: true };
      await conn.changeUser({ database: name.slice(4) });
  }
  return { errno: 0, status: r ? r.serverStatus : null };
}

async function statement(conn, step) {
  const params = (step.params || []).map(value);
  const how = prepared && !step.raw ? 'execute' : 'query';
  const [r] = await conn[how](step.sql, params);
  if (Array.isArray(r)) {
    return { affected: null, rows: r.map((row) => row.map(encode)), errno: 0 };
  }
  return {
    affected: r.affectedRows, rows: null, insert_id: r.insertId,
    warnings: r.warningStatus, status: r.serverStatus, errno: 0,
  };
}

async function main() {
  const conns = new Map();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const step = JSON.parse(line);
    const n = step.conn || 0;
    let out;
    try {
      if (!conns.has(n)) conns.set(n, await pool.getConnection());
      const conn = conns.get(n);
      if (step.op === 'close') {
        conn.destroy();
        conns.delete(n);
        out = { errno: 0 };
      } else {
        out = step.op ? await op(conn, step.op) : await statement(conn, step);
      }
    } catch (e) {
      out = { errno: e.errno || -1, error: String(e.message) };
    }
    process.stdout.write(JSON.stringify({ ...out, name: step.name }) + '\n');
  }
  for (const conn of conns.values()) conn.release();
  await pool.end();
}

main();
