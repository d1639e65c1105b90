// SPDX-License-Identifier: Apache-2.0
// What npm's etcd3 sees of a server, as one JSON document for ../functional/test_npm.py.
//
//     node client.js PORT OFFSET REVISION EVENTS
//
// Revisions are printed less OFFSET; the watch begins at REVISION and ends after EVENTS events.
'use strict';

const { Etcd3 } = require('etcd3');

const [port, offset, revision, wanted] = process.argv.slice(2);
const client = new Etcd3({ hosts: `http://127.0.0.1:${port}`, dialTimeout: 10000 });

const less = (number) => (BigInt(number) - BigInt(offset)).toString();

function seen(kv) {
	return [kv.key.toString(), kv.value.toString(), kv.version, less(kv.create_revision), less(kv.mod_revision)];
}

async function ranges() {
	const all = await client.getAll().prefix('/apisix/').exec();
	const past = await client.getAll().prefix('/apisix/').revision(revision).exec();
	const sorted = await client.getAll().prefix('/apisix/upstreams/').sort('Mod', 'Descend').limit(1).exec();
	return {
		all: all.kvs.map(seen),
		revision: less(all.header.revision),
		past: past.kvs.map(seen),
		sorted: [sorted.kvs.length, sorted.more, sorted.count],
		strings: await client.getAll().prefix('/apisix/routes/').strings(),
		keys: await client.getAll().prefix('/apisix/').keys(),
		count: await client.getAll().prefix('/apisix/').count(),
		one: await client.get('/apisix/routes/').string(),
		none: await client.get('/nothing').string(),
		exists: await client.get('/apisix/upstreams/').exists(),
	};
}

async function failures() {
	const errors = [];
	for (const past of [1, 9]) {
		const far = BigInt(offset) + BigInt(past) + 1000000n;
		await client.getAll().prefix('/').revision(far.toString()).exec().catch((e) => errors.push(e.constructor.name));
	}
	await client.getAll().prefix('/').revision((BigInt(offset) + 2n).toString()).exec()
		.catch((e) => errors.push(e.constructor.name));
	await client.get('').string().catch((e) => errors.push(e.constructor.name));
	return errors;
}

async function watch() {
	const events = [];
	const watcher = await client.watch().prefix('/apisix/').startRevision(revision).withPreviousKV().create();
	await new Promise((resolve, reject) => {
		watcher.on('error', reject);
		watcher.on('data', (message) => {
			for (const event of message.events)
				events.push([event.type, event.kv.key.toString(), event.kv.value.toString(), less(event.kv.mod_revision),
					event.prev_kv ? event.prev_kv.value.toString() : null]);
			if (events.length >= Number(wanted))
				resolve();
		});
	});
	await watcher.cancel();
	return events;
}

async function write() {
	try {
		await client.put('/apisix/routes/1').value('x');
		return 'written';
	} catch (error) {
		return error.message;
	}
}

async function main() {
	const result = { ranges: await ranges(), failures: await failures(), events: await watch() };
	if (offset !== '0')
		result.write = await write();
	client.close();
	process.stdout.write(JSON.stringify(result));
}

main().catch((error) => {
	process.stderr.write(`${error.stack}\n`);
	process.exit(1);
});
