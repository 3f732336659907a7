// corsd probe against Express, with the npm package cors and without: each known mistake is named, and
// what is right gets no false alarm.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import cors from 'cors';
import express from 'express';
import { corsdBin, test } from './harness.mjs';

const origin = 'https://app.example.com';
const right = { origin: [origin], methods: ['GET', 'PUT'], allowedHeaders: ['X-Tenant'], maxAge: 600 };
const done = (request, response) => response.send('done');
const login = (request, response, next) => (request.headers.authorization ? next() : response.sendStatus(401));

// name: [how the application is set up, what is to be found, further arguments]
const rows = {
  'right': [(app) => app.use(cors(right)), []],
  'right, with credentials': [(app) => app.use(cors({ ...right, credentials: true })), [], ['--credentials']],
  'every origin, without credentials': [(app) => app.use(cors({ ...right, origin: '*' })), []],
  'OPTIONS by the framework, CORS on the answers only': [(app) => app.use((request, response, next) => { if (request.method !== 'OPTIONS') response.set('Access-Control-Allow-Origin', origin); next(); }), ['allow-origin-missing']],
  'origin: true reflects, with credentials': [(app) => app.use(cors({ ...right, origin: true, credentials: true })), ['origin-reflected']],
  'origin: true reflects': [(app) => app.use(cors({ ...right, origin: true })), ['origin-reflected-plain']],
  '* and credentials: true': [(app) => app.use(cors({ ...right, origin: '*', credentials: true })), ['wildcard-with-credentials'], ['--credentials']],
  'a login before cors': [(app) => app.use(login, cors(right)), ['preflight-auth-wall']],
  'a regular expression without an end': [(app) => app.use(cors({ ...right, origin: /^https:\/\/app\.example\.com/ })), ['origin-look-alike-suffix']],
  'a regular expression without a start': [(app) => app.use(cors({ ...right, origin: /example\.com$/ })), ['origin-http', 'origin-look-alike-prefix']],
  'null among the origins': [(app) => app.use(cors({ ...right, origin: [origin, 'null'] })), ['origin-null']],
  'the method is not listed': [(app) => app.use(cors({ ...right, methods: ['GET'] })), ['method-missing']],
  'the header is not listed': [(app) => app.use(cors({ ...right, allowedHeaders: ['Content-Type'] })), ['header-missing']],
  'twice': [(app) => app.use(cors(right), (request, response, next) => { response.append('Access-Control-Allow-Origin', origin); next(); }), ['allow-origin-doubled']],
};

for (const [name, [setUp, found, more = []]] of Object.entries(rows)) {
  test(`Express: ${name}`, async (t) => {
    const app = express();
    setUp(app);
    app.get('/api', done);
    app.put('/api', done);
    const server = await new Promise((resume) => { const made = app.listen(0, '127.0.0.1', () => resume(made)); });
    t.after(() => { server.close(); server.closeAllConnections(); });
    const child = spawn(corsdBin, ['probe', '--json', '--origin', origin, '-X', 'PUT', '-H', 'X-Tenant: acme', ...more, `http://127.0.0.1:${server.address().port}/api`]);
    let text = '';
    child.stdout.on('data', (bytes) => { text += bytes; });
    const code = await new Promise((resume) => child.on('close', resume));
    const mistakes = JSON.parse(text).mistakes.filter(({ level }) => level !== 'note').map(({ id }) => id);
    assert.deepEqual([...new Set(mistakes)].sort(), found);
    assert.equal(code, found.length ? 1 : 0);
  });
}
