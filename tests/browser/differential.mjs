// Runs cases.mjs in a browser: a server that says what a case wants, byte for byte, and the model's
// view of the same.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { corsdBin } from './harness.mjs';

const judgeBin = path.join(path.dirname(corsdBin), 'tests/browser/judge');
assert(fs.existsSync(judgeBin), `no judge at ${judgeBin}: run ./dev build`);

// One server for all: `host` tells page, API and another server apart, by port.
async function listen(t, answer) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    let text = '';
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => {}));
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      for (let end; (end = text.indexOf('\r\n\r\n')) >= 0; text = text.slice(end + 4)) {
        const head = text.slice(0, end), [, target] = head.split(' ', 2);
        socket.write(answer(/^access-control-request-method:/im.test(head), target), 'latin1');
      }
    });
  });
  await new Promise((resume) => server.listen(0, '127.0.0.1', resume));
  t.after(() => { server.close(); sockets.forEach((socket) => socket.destroy()); });
  return server.address().port;
}

const whole = (status, headers, body = '') => `HTTP/1.1 ${status} x\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;

// Starts the three servers and gives every case its URL and its texts. `at`: path prefix of the run.
export async function stage(t, cases) {
  const items = [];
  const answer = (preflight, target) => {
    const [, n, hop = '0'] = /^\/c\/(\d+)(?:\/(\d))?/.exec(target) ?? [];
    if (n === undefined)
      return whole(200, [['Content-Type', 'text/html'], ['Content-Length', page.length]], page);
    const { answers } = items[n];
    const reply = answers[hop]?.[preflight ? 'preflight' : 'actual'];
    if (!reply) return whole(200, [['Content-Length', '0']]);
    return whole(reply.status, reply.headers);
  };
  const page = '<!DOCTYPE html><title>page</title><link rel="icon" href="data:,"><iframe sandbox="allow-scripts" srcdoc="<!DOCTYPE html><title>frame</title>"></iframe>';
  const origins = {};
  for (const where of ['page', 'api', 'other']) origins[where] = `http://localhost:${await listen(t, answer)}`;
  for (const [n, one] of cases.entries()) {
    const base = `/c/${n}`;
    const fill = (text) => text.replaceAll('{self}', base).replaceAll('{path}', base).replaceAll('{name}', String(n))
      .replace(/\{(page|api|other)\}/g, (_, where) => (where === 'page' && one.from === 'null' ? origins.page : origins[where]));
    const reply = (answer) => answer && { status: answer.status, headers: [...answer.headers.map(([name, value]) => [name, fill(value)]), ...(answer.status === 204 || answer.status === 304 ? [] : [['Content-Length', '0']])] };
    items.push({ ...one, n, url: origins.api + base, origin: one.from === 'null' ? 'null' : origins.page,
      answers: one.answers.map((hop) => ({ preflight: reply(hop.preflight ?? { status: 204, headers: [] }), actual: reply(hop.actual) })) });
  }
  return { items, origins };
}

// Runs in the page: what script learns of each case.
export async function fetchAll(items) {
  const one = async ({ url, method, credentials, headers }) => {
    try {
      const list = new Headers();
      for (const [name, value] of headers) list.append(name, value);
      const answer = await fetch(url, { method, credentials, headers: list, signal: AbortSignal.timeout(20_000) });
      return { allowed: true, status: answer.status, readable: [...answer.headers.keys()].sort().join(', ') };
    } catch (error) {
      return { allowed: error.name === 'TimeoutError' ? 'never answered' : false };
    }
  };
  // Two at a time: a request that was redirected keeps its connection while its new preflight wants another, and with
  // Chromium's six to a host all taken so, none would ever go on.
  const results = [], todo = items.entries();
  await Promise.all([1, 2].map(async () => { for (const [i, item] of todo) results[i] = await one(item); }));
  return results;
}

export function judge(browser, items) {
  const lines = items.map(({ url, origin, method, credentials, headers, answers }) => JSON.stringify({ browser, url, origin, method, credentials, headers, answers }) + '\n');
  const { stdout, stderr, status } = spawnSync(judgeBin, { input: lines.join(''), encoding: 'utf8', maxBuffer: 1 << 26 });
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n').map((line) => JSON.parse(line));
}

// Of several headers that are missing, Chromium names the first in the order of a hash table of its own, the model the
// first by the alphabet (seen in 156.0.8078.114): any that the page sends is right.
export function sameWords(item, real, model) {
  const field = /Request header field (\S+) is not allowed/;
  const name = field.exec(real)?.[1];
  if (!item.headers.some(([sent]) => sent.toLowerCase() === name)) return real === model;
  return real.replace(field, '') === model.replace(field, '');
}

// Names where the browser and the model part; texts compared only where the browser gave one.
export function differences(items, seen, said, verdicts) {
  const found = [];
  for (const [i, item] of items.entries()) {
    const model = verdicts[i], real = seen[i];
    const wants = (what, a, b) => { if (a !== b) found.push(`${item.name}: ${what}: browser ${JSON.stringify(a)}, model ${JSON.stringify(b)} (${model.block})${what === 'allowed' ? ` ${said(item)}` : ''}`); };
    wants('allowed', real.allowed, model.allowed);
    if (real.allowed && model.allowed) {
      wants('status', real.status, model.status);
      wants('readable', real.readable, model.readable);
    }
    if (!real.allowed && !model.allowed && !sameWords(item, said(item) ?? '', model.console)) wants('console', said(item) ?? '', model.console);
  }
  return found;
}
