// Usage: handler.js NAME.
// See ../README.md for what it reads and prints.
const readline = require('readline');
const session = require('express-session');

const at = { host: process.env.DSM_HOST, port: Number(process.env.DSM_PORT), user: process.env.DSM_USER, password: process.env.DSM_PASSWORD, database: process.env.DSM_DB };
const DAY = 86400e3;
const cookie = (age = DAY) => ({ originalMaxAge: DAY, expires: new Date(Date.now() + age), httpOnly: true, path: '/' });
const call = (store, method, ...args) => new Promise((resolve, reject) => store[method](...args, (err, value) => (err ? reject(err) : resolve(value))));

// A store of express-session's interface, as its middleware uses it.
function express(store, more) {
	const ops = {
		read: async (id) => {
			const found = await call(store, 'get', id);
			if (!found) return undefined;
			if (store.touch) await call(store, 'touch', id, { ...found, cookie: cookie() });
			return found.data;
		},
		write: (id, data) => call(store, 'set', id, { cookie: cookie(), data }),
		destroy: (id) => call(store, 'destroy', id),
		expire: async (id) => call(store, 'set', id, { ...(await call(store, 'get', id)), cookie: cookie(-DAY) }),
		count: () => call(store, 'length'),
		// Session.regenerate(): destroy, then a new session under a new id.
		regenerate: async (id, to) => {
			const found = await call(store, 'get', id);
			await call(store, 'destroy', id);
			await call(store, 'set', to, found);
		},
		...more,
	};
	return ops;
}

const handlers = {
	'express-mysql-session': async () => {
		const MySQLStore = require('express-mysql-session')(session);
		const store = new MySQLStore({ ...at, clearExpired: false });
		await store.onReady();
		return express(store, { setup: () => {}, gc: () => store.clearExpiredSessions() });
	},
	// As its manual has it: at its start it asks for the server's events, to collect
	// its garbage by, which an account may have no right to.
	'connect-mysql': async () => {
		const MySQLStore = require('connect-mysql')(session);
		const config = { ...at, charset: 'utf8mb4' };
		return express(new MySQLStore({ config }), {
			// It makes its table without being waited for, and for letters of three bytes.
			setup: async () => {
				const db = require('mysql').createConnection(config);
				const run = (sql) => new Promise((resolve, reject) => db.query(sql, (err, rows) => (err ? reject(err) : resolve(rows))));
				while (!(await run("SHOW TABLES LIKE 'sessions'")).length) await new Promise((resolve) => setTimeout(resolve, 20));
				await run('ALTER TABLE sessions CONVERT TO CHARACTER SET utf8mb4');
				db.end();
			},
		});
	},
	'connect-session-sequelize': async () => {
		const { Sequelize } = require('sequelize');
		const Store = require('connect-session-sequelize')(session.Store);
		const db = new Sequelize(at.database, at.user, at.password, { host: at.host, port: at.port, dialect: 'mysql', logging: false });
		const store = new Store({ db, checkExpirationInterval: 0 });
		return express(store, {
			setup: () => store.sync(),
			// The store keeps a failure of this to itself.
			gc: () => store.clearExpiredSessions(),
		});
	},
	'connect-session-knex': async () => {
		const knex = require('knex')({ client: 'mysql2', connection: at });
		const { ConnectSessionKnexStore } = require('connect-session-knex');
		const store = new ConnectSessionKnexStore({ knex, cleanupInterval: 0, onDbCleanupError: (err) => { throw err; } });
		await store.ready;
		return express(store, {
			setup: () => {},
			// It counts by maxAge, which express-session's cookies have.
			write: (id, data) => call(store, 'set', id, { cookie: { ...cookie(), maxAge: DAY }, data }),
			expire: async (id) => call(store, 'set', id, { ...(await call(store, 'get', id)), cookie: { ...cookie(-DAY), maxAge: -DAY } }),
			gc: () => store.dbCleanup(),
		});
	},
	'connect-typeorm': async () => {
		const { DataSource, EntitySchema } = require('typeorm');
		const { TypeormStore } = require('connect-typeorm');
		const entity = new EntitySchema({
			name: 'Session',
			tableName: 'session',
			columns: {
				expiredAt: { type: 'bigint' },
				id: { type: 'varchar', length: 255, primary: true },
				json: { type: 'text' },
				destroyedAt: { type: 'datetime', deleteDate: true, nullable: true },
			},
			indices: [{ columns: ['expiredAt'] }],
		});
		const { user: username, ...rest } = at;
		const db = await new DataSource({ type: 'mysql', connectorPackage: 'mysql2', username, ...rest, entities: [entity] }).initialize();
		// As its manual has it for MariaDB.
		const store = new TypeormStore({ cleanupLimit: 2, limitSubquery: false, onError: () => {} }).connect(db.getRepository(entity));
		const set = (id, data, age) => call(store, 'set', id, { cookie: { ...cookie(age), maxAge: age }, data });
		const ops = express(store, {
			setup: () => db.synchronize(),
			write: (id, data) => set(id, data, DAY),
			expire: async (id) => set(id, await ops.read(id), -DAY),
			// It drops two of what has expired with each write.
			gc: () => set('gc', {}, -1),
			// It does not wait for the end.
			destroy: async (id) => {
				await call(store, 'destroy', id);
				while (await call(store, 'get', id)) await new Promise((resolve) => setTimeout(resolve, 5));
			},
			regenerate: async (id, to) => {
				const found = await ops.read(id);
				await ops.destroy(id);
				await ops.write(to, found);
			},
		});
		delete ops.count;
		return ops;
	},
	keyv: async () => {
		const { default: Keyv } = await import('keyv');
		const { default: KeyvMysql } = await import('@keyv/mysql');
		const adapter = new KeyvMysql({ uri: `mysql://${at.user}:${at.password}@${at.host}:${at.port}/${at.database}` });
		const keyv = new Keyv({ store: adapter, namespace: 'sess', throwOnErrors: true });
		const lost = [];
		keyv.on('error', (err) => lost.push(err));
		const told = async (answer) => {
			const value = await answer;
			if (lost.length) throw lost.splice(0)[0];
			return value;
		};
		return {
			setup: () => {},
			read: (id) => told(keyv.get(id)),
			write: (id, data) => told(keyv.set(id, data, DAY)),
			destroy: (id) => told(keyv.delete(id)),
			expire: async (id) => told(keyv.set(id, await keyv.get(id), 1)),
			regenerate: async (id, to) => {
				await told(keyv.set(to, await told(keyv.get(id)), DAY));
				if ((await told(keyv.getMany([id, to]))).filter((found) => found).length !== 2) throw new Error('getMany found less than two');
				if (!(await told(keyv.has(to)))) throw new Error('has() is false');
				await told(keyv.deleteMany([id]));
			},
			// keyv drops what has expired when it comes upon it.
			gc: async () => {
				for await (const [key, value] of keyv.iterator('sess')) if (value === undefined) await told(keyv.delete(key));
			},
			count: async () => {
				let n = 0;
				for await (const [, value] of keyv.iterator('sess')) if (value !== undefined) n++;
				return n;
			},
		};
	},
};

async function main() {
	let ops;
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const { op, id, to, data } = JSON.parse(line);
		const answer = { id };
		try {
			ops ??= await handlers[process.argv[2]]();
			switch (op) {
				case 'create':
					await ops.write(id, data);
					break;
				case 'read':
					answer.data = (await ops.read(id)) ?? null;
					break;
				case 'incr':
					answer.data = await ops.read(id);
					if (!answer.data) throw new Error('the session is gone');
					answer.data.n++;
					await ops.write(id, answer.data);
					break;
				case 'regenerate':
					await ops.regenerate(id, to);
					answer.id = to;
					break;
				case 'count':
					answer.n = await ops.count();
					break;
				default:
					await ops[op](id, data);
			}
		} catch (err) {
			answer.error = String(err.parent?.message ?? err.message) + (err.code ? ` (${err.code})` : '');
		}
		console.log(JSON.stringify(answer));
	}
	process.exit(0);
}
main();
