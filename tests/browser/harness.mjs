// What every browser test needs: the real corsd, a backend, and a page on another origin, in Chromium.
// scene() starts all four for one test and ends them with it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test as nodeTest } from 'node:test';
import { fileURLToPath } from 'node:url';
import { endChromium, newContext, newProfile } from './chromium.mjs';

export { newContext };

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const corsdBin = process.env.CORSD_BIN || path.join(root, 'build/release/corsd');
assert(fs.existsSync(corsdBin), `no corsd at ${corsdBin}: run ./dev build, or set CORSD_BIN`);

after(endChromium);

// A browser can hang: a test that takes this long has failed, and the next one goes on.
const PATIENCE = 90_000;
export const test = (name, options, story) => (story ? nodeTest(name, { timeout: PATIENCE, ...options }, story)
  : nodeTest(name, { timeout: PATIENCE }, options));

// What a page's console said, and the preflights that its browser sent.
export async function listen(page) {
  const heard = { console: [], preflights: [] };
  page.on('console', (message) => heard.console.push(message.text()));
  page.on('pageerror', (error) => heard.console.push(`uncaught: ${error}`));
  const cdp = await page.context().newCDPSession(page);
  const open = new Map();
  cdp.on('Network.requestWillBeSent', ({ requestId, request, type }) => {
    if (request.method !== 'OPTIONS' || (type !== 'Other' && type !== 'Preflight')) return;
    open.set(requestId, { url: request.url, asked: lowerCase(request.headers) });
    heard.preflights.push(open.get(requestId));
  });
  cdp.on('Network.responseReceivedExtraInfo', ({ requestId, headers, statusCode }) => {
    if (open.has(requestId)) Object.assign(open.get(requestId), { headers: lowerCase(headers), status: statusCode });
  });
  await cdp.send('Network.enable');
  return heard;
}

// The first n preflights with their answers, and no more than these (they may be told of a moment
// after fetch() is through).
export async function preflights(heard, n) {
  const whole = () => heard.preflights.filter(({ status }) => status).length;
  await until(() => whole() >= n);
  assert.equal(whole(), n, 'preflights answered');
  return heard.preflights;
}

async function until(holds) {
  for (let i = 0; i < 150 && !holds(); i++) await new Promise((resume) => setTimeout(resume, 20));
}

function lowerCase(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

// ---- servers ----

export async function freePort() {
  const server = net.createServer();
  await new Promise((resume) => server.listen(0, '127.0.0.1', resume));
  const { port } = server.address();
  await new Promise((resume) => server.close(resume));
  return port;
}

// An HTTP server that notes each request as "METHOD /path" in .seen, and whole in .requests.
export async function serve(t, answer, keepBody = false) {
  const seen = [], requests = [];
  const server = http.createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    requests.push(request);
    if (keepBody) return answer(request, response);
    request.resume();
    request.on('end', () => answer(request, response));
  });
  await new Promise((resume) => server.listen(0, '127.0.0.1', resume));
  const sockets = new Set(); // those that were upgraded too
  server.on('connection', (socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  t.after(() => { server.close(); sockets.forEach((socket) => socket.destroy()); });
  return { server, seen, requests, port: server.address().port };
}

export async function reachable(port, child) {
  for (let i = 0; i < 400; i++) {
    if (child.exitCode !== null) return false;
    const ok = await new Promise((resume) => {
      const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resume(true); });
      socket.on('error', () => resume(false));
    });
    if (ok) return true;
    await new Promise((resume) => setTimeout(resume, 25));
  }
  return false;
}

// Ends a child by TERM, by KILL where it does not; a crash, or a word of a sanitizer, fails the test.
export async function end(child, said) {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resume) => child.once('exit', resume));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(timer);
  }
  assert.equal(child.exitCode, 0, `corsd ended with ${child.exitCode ?? child.signalCode}:\n${said()}`);
}

function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'corsd-browser-'));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

// corsd with the policy given (lines of YAML under `cors:`), in front of `backend`, and a page at
// another origin. backend: a request listener, or null for one that is down; upgrade: is given the
// backend's server, for WebSockets; keepBody: the listener reads the request's body itself; profile:
// one that lets in the cookies of other sites; routes: more YAML, of the backend's URL.
export async function scene(t, { cors, backend, upgrade, keepBody = false, profile = false, routes, site = 'localhost', apiHost = 'localhost', html = '' }) {
  const behind = backend && await serve(t, backend, keepBody);
  upgrade?.(behind.server);
  const front = await serve(t, (request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(`<!DOCTYPE html><title>page</title><link rel="icon" href="data:,">${html}`);
  });
  const origin = `http://${site}:${front.port}`;
  const port = await freePort(), down = await freePort();
  const file = path.join(folder(t), 'corsd.yaml');
  const lines = cors(origin).trim().split('\n').map((line) => `  ${line.trim()}\n`).join('');
  fs.writeFileSync(file, `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${behind ? behind.port : down}\ncors:\n${lines}${routes?.(`http://127.0.0.1:${behind.port}`) ?? ''}`);
  const child = spawn(corsdBin, ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said += text; });
  t.after(() => end(child, () => said));
  assert(await reachable(port, child), `corsd did not start:\n${said}`);

  const context = await (profile ? newProfile(t) : newContext(t));
  const page = await context.newPage();
  const heard = await listen(page);
  await page.goto(origin + '/');
  const api = `http://${apiHost}:${port}`;
  const direct = behind && `http://${apiHost}:${behind.port}`;
  return {
    page, context, heard, origin, api, direct, seen: behind?.seen, requests: behind?.requests, log: () => said,
    // fetch() as the page would call it: what its script can learn, or the error it gets.
    fetch: (url, options = {}, frame = page) => frame.evaluate(async ([url, options]) => {
      try {
        const answer = await fetch(url, options);
        return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
      } catch (error) {
        return { error: String(error) };
      }
    }, [url.startsWith('/') ? api + url : url, options]),
  };
}

// The console has said so, now or in a moment.
export async function said(heard, words) {
  const has = () => heard.console.some((line) => line.includes(words));
  await until(has);
  assert(has(), `the console did not say "${words}", but:\n${heard.console.join('\n')}`);
}

export const blocked = { error: 'TypeError: Failed to fetch' };
