// WebSockets as people use them: the ws package as client and as server, and corsd between the two.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import nodeTest from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const corsdBin = process.env.CORSD_BIN || path.join(root, 'build/release/corsd');
const APP = 'https://app.example.com';
const MIB = 1 << 20;
const PATIENCE = 60_000;
const test = (name, story) => nodeTest(name, { timeout: 3 * PATIENCE }, story);

assert(fs.existsSync(corsdBin), `no corsd at ${corsdBin}: run ./dev build, or set CORSD_BIN`);

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const sleep = (ms) => new Promise((resume) => setTimeout(resume, ms));

async function until(holds, what) {
  for (const end = Date.now() + PATIENCE; !await holds(); await sleep(20)) assert(Date.now() < end, what);
}

function accepts(port) {
  return new Promise((resume) => {
    const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resume(true); });
    socket.on('error', () => resume(false));
  });
}

// corsd in front of a ws server that does `serves` with each socket (an echo, where it is not given).
async function scene(t, { serves = echo, deflate = false, tunnel = '1h', ...options } = {}) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 256 * MIB, perMessageDeflate: deflate, ...options });
  await once(server, 'listening');
  server.on('connection', (socket, request) => { socket.on('error', () => {}); serves(socket, request); });
  const port = await freePort(), folder = fs.mkdtempSync(path.join(os.tmpdir(), 'corsd-websocket-'));
  const file = path.join(folder, 'corsd.yaml');
  fs.writeFileSync(file, `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${server.address().port}\n`
    + `timeouts: {tunnel: ${tunnel}, drain: 30s}\nlimits: {connections: 3000}\n`
    + `cors: {allow_origins: ["${APP}"], allow_credentials: true}\n`);
  const child = spawn(corsdBin, ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const clients = new Set();
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said += text; });
  t.after(async () => {
    clients.forEach((client) => client.terminate());
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    server.clients.forEach((socket) => socket.terminate());
    server.close();
    fs.rmSync(folder, { recursive: true, force: true });
    assert.equal(child.exitCode, 0, `corsd ended with ${child.exitCode ?? child.signalCode}:\n${said}`);
  });
  await until(() => child.exitCode !== null || accepts(port), 'corsd does not listen');
  const dial = (more = {}) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/chat`,
      { origin: APP, maxPayload: 256 * MIB, perMessageDeflate: deflate, handshakeTimeout: PATIENCE, ...more });
    clients.add(client.on('error', () => {}).on('close', () => clients.delete(client)));
    return client;
  };
  const open = async (more) => {
    const client = dial(more);
    await once(client, 'open');
    return client;
  };
  return { server, child, port, dial, open, log: () => said };
}

function echo(socket) {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
}

const message = async (socket) => (await once(socket, 'message'))[0];
const digest = (data) => createHash('sha256').update(data).digest('hex');

for (const deflate of [false, true]) {
  test(`text, binary and empty messages come back as they were${deflate ? ', compressed' : ''}`, async (t) => {
    const { open } = await scene(t, { deflate });
    const client = await open();
    assert.equal(client.extensions, deflate ? 'permessage-deflate' : '');
    for (const data of ['hello', 'grüße', '', 'x'.repeat(70_000)]) {
      client.send(data);
      assert.equal((await message(client)).toString(), data);
    }
    for (const size of [0, 1, 125, 126, 65535, 65536, 65537, 1_000_000]) {
      const data = randomBytes(size);
      client.send(data);
      assert.equal(digest(await message(client)), digest(data));
    }
  });
}

test('fragments', async (t) => {
  const { open } = await scene(t);
  const client = await open();
  const pieces = Array.from({ length: 500 }, (_, n) => `${n},`);
  pieces.forEach((piece, n) => client.send(piece, { fin: n === pieces.length - 1 }));
  assert.equal((await message(client)).toString(), pieces.join(''));
});

test('pings between fragments, both ways', async (t) => {
  const pinged = [];
  const { dial } = await scene(t, {
    serves: (socket) => {
      echo(socket);
      socket.on('ping', (data) => pinged.push(data.toString()));
      socket.ping('from the server');
    },
  });
  const client = dial(); // the ping may come with the 101
  const [[asked]] = await Promise.all([once(client, 'ping'), once(client, 'open')]);
  assert.equal(asked.toString(), 'from the server');
  client.send('one ', { fin: false });
  client.ping('from the client');
  client.send('two', { fin: true });
  const [[answered], data] = await Promise.all([once(client, 'pong'), message(client)]);
  assert.equal(answered.toString(), 'from the client');
  assert.equal(data.toString(), 'one two');
  assert.deepEqual(pinged, ['from the client']);
});

test('messages of 64 MiB, both ways', async (t) => {
  const { open } = await scene(t);
  const client = await open();
  const data = Buffer.alloc(64 * MIB, randomBytes(1 * MIB));
  client.send(data);
  assert.equal(digest(await message(client)), digest(data));
});

test('subprotocols and close codes pass', async (t) => {
  const closed = [];
  const { open } = await scene(t, {
    serves: (socket) => {
      socket.on('message', (data) => socket.close(4002, `server: ${data}`));
      socket.on('close', (code, reason) => closed.push(`${code} ${reason}`));
    },
  });
  const client = await open();
  client.close(4001, 'client: bye');
  await once(client, 'close');
  await until(() => closed.length === 1, 'the server does not see the close');
  const other = await open();
  other.send('enough');
  const [code, reason] = await once(other, 'close');
  assert.equal(`${code} ${reason}`, '4002 server: enough');
  assert.equal(closed[0], '4001 client: bye');
});

test('abrupt closes are seen at the other end', async (t) => {
  const closed = [], sockets = [];
  const { open } = await scene(t, {
    serves: (socket) => { sockets.push(socket); socket.on('close', (code) => closed.push(code)); },
  });
  const client = await open();
  client.terminate();
  await until(() => closed.length === 1, 'the server does not see it');
  const reset = await open();
  reset._socket.resetAndDestroy();
  await until(() => closed.length === 2, 'the server does not see the reset');
  const left = await open();
  sockets[2].terminate();
  const [code] = await once(left, 'close');
  assert.equal(code, 1006);
  const lost = await open();
  sockets[3]._socket.resetAndDestroy();
  assert.equal((await once(lost, 'close'))[0], 1006);
  assert.deepEqual(closed.slice(0, 2), [1006, 1006]);
});

test('a refused handshake is a plain answer', async (t) => {
  const { dial } = await scene(t, { verifyClient: (_, answer) => answer(false, 401, 'who are you?') });
  const client = dial();
  const [, response] = await once(client, 'unexpected-response');
  assert.equal(response.statusCode, 401);
  response.resume();
});

test('a page of another origin gets no tunnel', async (t) => {
  const { dial, server } = await scene(t);
  const client = dial({ origin: 'https://evil.example' });
  const [, response] = await once(client, 'unexpected-response');
  assert.equal(response.statusCode, 403);
  response.resume();
  assert.equal(server.clients.size, 0);
});

test('a reader that sleeps is waited for, and costs corsd no memory', async (t) => {
  const { dial, child } = await scene(t, { serves: (socket) => { for (let n = 0; n < 64; n++) socket.send(Buffer.alloc(MIB, n)); } });
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) * 1024;
  const before = resident();
  const client = dial(), got = [];
  client.on('message', (data) => got.push(data));
  await once(client, 'open');
  client.pause();
  await sleep(1000);
  assert(resident() - before < 8 * MIB, 'what nobody reads is not collected');
  client.resume();
  await until(() => got.length === 64, 'messages are missing');
  got.forEach((data, n) => assert(data.length === MIB && data[0] === n && data[MIB - 1] === n, `message ${n}`));
});

test('a silent tunnel ends, one with pings lives on', async (t) => {
  const { open } = await scene(t, { tunnel: '2s' });
  const silent = await open(), lively = await open();
  const beat = setInterval(() => lively.ping(), 200);
  t.after(() => clearInterval(beat));
  const start = Date.now();
  assert.equal((await once(silent, 'close'))[0], 1006);
  assert(Date.now() - start > 1500);
  await sleep(1000);
  lively.send('still there?');
  assert.equal((await message(lively)).toString(), 'still there?');
});

test('a drain lets tunnels finish', async (t) => {
  const { open, child, port } = await scene(t);
  const client = await open();
  child.kill('SIGTERM');
  await until(async () => !await accepts(port), 'it still accepts');
  client.send('are you there?');
  assert.equal((await message(client)).toString(), 'are you there?');
  assert.equal(child.exitCode, null);
  client.close(1000);
  await once(client, 'close');
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0);
});

test('1,000 tunnels at once', async (t) => {
  const { open, server } = await scene(t);
  const clients = [];
  for (let n = 0; n < 1000; n += 50) clients.push(...await Promise.all(Array.from({ length: 50 }, () => open())));
  assert.equal(server.clients.size, 1000);
  for (let round = 0; round < 3; round++) {
    const answers = clients.map((client, n) => {
      const data = `${round} ${n} ${'x'.repeat(n * 7)}`;
      const answer = message(client);
      client.send(data);
      return answer.then((got) => assert.equal(got.toString(), data));
    });
    await Promise.all(answers);
  }
  clients.forEach((client, n) => (n % 2 ? client.terminate() : client.close()));
  await until(() => server.clients.size === 0, 'tunnels are left');
});
