// corsd explain held against the real Chromium through the running corsd: policies × requests, drawn by a
// fixed seed. Verdict, status, readable headers and the console's message must be what explain says.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fetchAll, sameWords } from './differential.mjs';
import { corsdBin, end, freePort, newContext, reachable, test } from './harness.mjs';

const POLICIES = 25, EACH = 16;

// A small generator of its own, so that every run is the same.
function dice(seed) {
  const next = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return seed / 2 ** 32; };
  const pick = (list) => list[Math.floor(next() * list.length)];
  const some = (list, least = 0) => list.filter(() => next() < 0.45).concat(least ? [pick(list)] : []).filter((one, i, all) => all.indexOf(one) === i);
  return { next, pick, some };
}

function policy({ next, pick, some }, origin) {
  const credentials = next() < 0.4, star = !credentials && next() < 0.3;
  const made = { allow_origins: star ? ['*'] : some([origin, 'https://other.example', ...(credentials ? [] : ['null'])], 1), allow_credentials: credentials, preflight_status: pick([200, 202, 204]) };
  if (credentials && made.allow_origins.includes(origin)) made.allow_origins = made.allow_origins.filter((one) => one !== 'null');
  if (next() < 0.8) made.allow_methods = next() < 0.3 ? ['*'] : some(['GET', 'PUT', 'PATCH', 'DELETE', 'CUSTOM'], 1);
  if (next() < 0.8) made.allow_headers = pick([['*'], ['*', 'Authorization'], some(['X-A', 'X-B', 'Authorization', 'Content-Type'], 1)]);
  if (next() < 0.6) made.expose_headers = pick([['*'], ['X-Own'], ['X-Own', 'ETag']]);
  if (next() < 0.15) made.upstream_headers = 'keep';
  if (next() < 0.15) made.denied = 'reject';
  if (next() < 0.15) made.enforce_methods = true;
  if (next() < 0.1) made.mode = 'report';
  return made;
}

function request({ next, pick, some }) {
  const values = { 'X-A': '1', 'X-B': '2', Authorization: 'Bearer t', 'Content-Type': pick(['text/plain', 'application/json']), Accept: 'text/html' };
  return { from: next() < 0.8 ? 'page' : 'null', method: pick(['GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'patch', 'DELETE', 'CUSTOM']), credentials: next() < 0.4 ? 'include' : 'same-origin',
    headers: some(Object.keys(values)).map((name) => [name, values[name]]) };
}

// A server that answers each request by the same bytes.
async function answers(t, bytes) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    let text = '';
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => {}));
    socket.on('data', (more) => {
      text += more.toString('latin1');
      for (let at; (at = text.indexOf('\r\n\r\n')) >= 0; text = text.slice(at + 4)) socket.write(bytes);
    });
  });
  await new Promise((resume) => server.listen(0, '127.0.0.1', resume));
  t.after(() => { server.close(); sockets.forEach((socket) => socket.destroy()); });
  return server.address().port;
}

test(`explain and Chromium agree on ${POLICIES * EACH} pairs through corsd`, { timeout: 300_000 }, async (t) => {
  const html = '<!DOCTYPE html><title>page</title><link rel="icon" href="data:,"><iframe sandbox="allow-scripts" srcdoc="<!DOCTYPE html><title>frame</title>"></iframe>';
  const origin = `http://localhost:${await answers(t, `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${html.length}\r\n\r\n${html}`)}`;
  const backend = await answers(t, 'HTTP/1.1 200 OK\r\nX-Own: 1\r\nETag: "x"\r\nContent-Length: 0\r\n\r\n');
  const port = await freePort(), d = dice(12);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'corsd-explain-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'corsd.yaml');
  const policies = Array.from({ length: POLICIES }, () => policy(d, origin));
  fs.writeFileSync(file, `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${backend}\npolicies:\n${policies.map((one, n) => `  p${n}: ${JSON.stringify(one)}\n`).join('')}routes:\n${policies.map((_, n) => `  - {path: /p${n}, cors: p${n}}\n`).join('')}cors: off\n`);
  const child = spawn(corsdBin, ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { log += text; });
  t.after(() => end(child, () => log));
  assert(await reachable(port, child), `corsd did not start:\n${log}`);

  const items = Array.from({ length: POLICIES * EACH }, (_, n) => ({ n, url: `http://localhost:${port}/p${Math.floor(n / EACH)}/n${n}-`, ...request(d) }));
  const context = await newContext(t);
  const page = await context.newPage(), heard = [];
  page.on('console', (message) => heard.push(message.text()));
  await page.goto(origin + '/');
  const frame = page.frames().find((one) => one !== page.mainFrame());
  const seen = [];
  for (const [from, where] of [['page', page], ['null', frame]]) {
    const mine = items.filter((item) => item.from === from);
    for (let i = 0; i < mine.length; i += 40) {
      const batch = mine.slice(i, i + 40);
      (await where.evaluate(fetchAll, batch)).forEach((result, k) => { seen[batch[k].n] = result; });
    }
  }
  await new Promise((resume) => setTimeout(resume, 300));

  const found = [];
  for (const item of items) {
    const { stdout, stderr } = spawnSync(corsdBin, ['explain', '--json', '-c', file, '--origin', item.from === 'null' ? 'null' : origin, '-X', item.method, ...item.headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      ...(item.credentials === 'include' ? ['--credentials'] : []), '--backend-header', 'X-Own: 1', '--backend-header', 'ETag: "x"', item.url], { encoding: 'utf8' });
    assert(stdout, stderr);
    const told = JSON.parse(stdout), real = seen[item.n];
    const same = (what, a, b) => { if (a !== b) found.push(`${JSON.stringify(item)} ${JSON.stringify(policies[Math.floor(item.n / EACH)])}: ${what}: browser ${JSON.stringify(a)}, explain ${JSON.stringify(b)}`); };
    same('allowed', real.allowed, told.chromium.allowed);
    if (real.allowed && told.allowed) {
      same('status', real.status, told.status);
      same('readable', real.readable, told.readable);
    }
    const said = heard.find((text) => text.includes('CORS policy') && text.includes(`/n${item.n}-`)) ?? '';
    if (!real.allowed && !sameWords(item, said, told.chromium.console)) same('console', said, told.chromium.console);
  }
  t.diagnostic(`Chromium ${context.browser().version()}; allowed ${seen.filter(({ allowed }) => allowed).length}`);
  assert.equal(found.length, 0, `${found.length} differences:\n${found.join('\n')}`);
});
