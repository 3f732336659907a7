// The main job, seen by a real browser: what CORS blocks works through corsd, and what the policy
// does not list is refused in the browser's own words.
import assert from 'node:assert/strict';
import { blocked, preflights, said, scene, serve, test } from './harness.mjs';

// A backend as they were before CORS: 405 to OPTIONS, no CORS headers.
function legacy(request, response) {
  if (request.method === 'OPTIONS') {
    response.writeHead(405, { Allow: 'GET, PUT, PATCH' });
    return response.end('no OPTIONS here');
  }
  response.setHeader('Content-Type', 'text/plain');
  response.end(`${request.method} done`);
}

test('(a) PUT on the list works', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `
      allow_origins: ["${origin}"]
      allow_methods: [GET, PUT]
      allow_headers: [Content-Type]`,
    backend: legacy,
  });
  const got = await s.fetch('/api/orders/42', { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: '{}' });
  assert.equal(got.status, 200);
  assert.equal(got.body, 'PUT done');
  assert.deepEqual(s.seen, ['PUT /api/orders/42']);
  const [preflight] = await preflights(s.heard, 1);
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-methods'], 'GET, PUT');
  assert.deepEqual(s.heard.console, []);
});

test('(b) PATCH off the list: the console names it', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `
      allow_origins: ["${origin}"]
      allow_methods: [GET, PUT]`,
    backend: legacy,
  });
  assert.deepEqual(await s.fetch('/api/orders/42', { method: 'PATCH' }), blocked);
  await said(s.heard, 'Method PATCH is not allowed by Access-Control-Allow-Methods in preflight response');
  assert.deepEqual(s.seen, []);
});

test('a header off the list: the console names it', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `
      allow_origins: ["${origin}"]
      allow_headers: [Content-Type]`,
    backend: legacy,
  });
  assert.deepEqual(await s.fetch('/api', { headers: { 'X-Tenant': 'acme' } }), blocked);
  await said(s.heard, 'Request header field x-tenant is not allowed by Access-Control-Allow-Headers in preflight response');
  assert.deepEqual(s.seen, []);
});

test('(c) a credentialed request under allow_methods ["*"] works', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `
      allow_origins: ["${origin}"]
      allow_methods: ["*"]
      allow_headers: ["*"]
      allow_credentials: true`,
    backend: legacy,
  });
  const got = await s.fetch('/api', { method: 'PATCH', credentials: 'include', headers: { 'X-Tenant': 'acme' } });
  assert.equal(got.status, 200);
  assert.equal(got.body, 'PATCH done');
  const [preflight] = await preflights(s.heard, 1);
  assert.equal(preflight.headers['access-control-allow-methods'], 'PATCH');
  assert.equal(preflight.headers['access-control-allow-headers'].toLowerCase(), 'x-tenant');
  assert.equal(preflight.headers['access-control-allow-credentials'], 'true');
});

test('… where the browser takes a literal * for the method named *', async (t) => {
  const star = await serve(t, (request, response) => {
    response.writeHead(204, {
      'Access-Control-Allow-Origin': request.headers.origin, 'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Allow-Methods': '*', 'Access-Control-Allow-Headers': '*',
    });
    response.end();
  });
  const s = await scene(t, { cors: (origin) => `allow_origins: ["${origin}"]`, backend: legacy });
  assert.deepEqual(await s.fetch(`http://localhost:${star.port}/`, { method: 'PATCH', credentials: 'include' }), blocked);
  await said(s.heard, 'Method PATCH is not allowed by Access-Control-Allow-Methods in preflight response');
});

test('(d) a backend that answers OPTIONS with 405 never sees the preflight', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `
      allow_origins: ["${origin}"]
      allow_methods: [GET, PUT]`,
    backend: legacy,
  });
  assert.deepEqual(await s.fetch(`${s.direct}/api`, { method: 'PUT' }), blocked);
  assert.deepEqual(s.seen, ['OPTIONS /api'], 'called directly, it does');
  assert.equal((await s.fetch('/api', { method: 'PUT' })).status, 200);
  assert.deepEqual(s.seen, ['OPTIONS /api', 'PUT /api']);
  await preflights(s.heard, 2);
});

test('(e) a backend with wrong CORS headers of its own: the page reads the answer', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `
      allow_origins: ["${origin}"]
      expose_headers: [X-Total]
      allow_credentials: true`,
    backend: (request, response) => {
      response.writeHead(200, [
        'Access-Control-Allow-Origin', 'https://old.example', 'access-control-allow-origin', '*',
        'Access-Control-Allow-Credentials', 'no', 'Access-Control-Expose-Headers', 'X-Other',
        'X-Total', '3', 'X-Other', 'secret', 'Content-Type', 'text/plain']);
      response.end('fine');
    },
  });
  assert.deepEqual(await s.fetch(`${s.direct}/api`), blocked, 'called directly, it does not');
  await said(s.heard, "The 'Access-Control-Allow-Origin' header contains multiple values");
  const got = await s.fetch('/api', { credentials: 'include' });
  assert.equal(got.body, 'fine');
  assert.equal(got.headers['x-total'], '3');
  assert.equal(got.headers['x-other'], undefined);
});

test('(f) a 502 of corsd is readable by the page', async (t) => {
  const s = await scene(t, { cors: (origin) => `allow_origins: ["${origin}"]`, backend: null });
  const got = await s.fetch('/api');
  assert.equal(got.status, 502);
  assert.match(got.body, /backend/);
});

test('a 401 of the backend is readable by the page', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `allow_origins: ["${origin}"]`,
    backend: (request, response) => { response.writeHead(401); response.end('who are you?'); },
  });
  assert.deepEqual(await s.fetch('/api').then(({ status, body }) => [status, body]), [401, 'who are you?']);
});

test('an origin off the list reads nothing', async (t) => {
  const s = await scene(t, { cors: () => 'allow_origins: ["https://elsewhere.example"]', backend: legacy });
  assert.deepEqual(await s.fetch('/api'), blocked);
  await said(s.heard, "No 'Access-Control-Allow-Origin' header is present on the requested resource");
  assert.deepEqual(s.seen, ['GET /api'], 'denied: forward');
  assert.deepEqual(await s.fetch('/api', { method: 'PUT' }), blocked);
  assert.equal((await preflights(s.heard, 1))[0].status, 403);
  assert.deepEqual(s.seen, ['GET /api']);
});

test('any origin, without credentials: the browser gets *', async (t) => {
  const s = await scene(t, { cors: () => 'allow_origins: ["*"]\nallow_methods: ["*"]\nallow_headers: ["*"]', backend: legacy });
  const got = await s.fetch('/api', { method: 'PUT', headers: { 'X-Tenant': 'acme' } });
  assert.equal(got.body, 'PUT done');
  assert.equal((await preflights(s.heard, 1))[0].headers['access-control-allow-origin'], '*');
});

test('a preflight is kept for max_age', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `
      allow_origins: ["${origin}"]
      allow_methods: [PUT]
      max_age: 10m`,
    backend: legacy,
  });
  for (let i = 0; i < 3; i++) assert.equal((await s.fetch('/api', { method: 'PUT' })).status, 200);
  await preflights(s.heard, 1);
  assert.deepEqual(s.seen, ['PUT /api', 'PUT /api', 'PUT /api']);
});

test('events arrive one by one', async (t) => {
  const s = await scene(t, {
    cors: (origin) => `allow_origins: ["${origin}"]\nallow_credentials: true`,
    backend: (request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write('data: first\n\n');
      s.next = () => response.end('data: second\n\n');
    },
  });
  await s.page.evaluate((url) => {
    window.got = [];
    const events = new EventSource(url, { withCredentials: true });
    events.onmessage = ({ data }) => { if (window.got.push(data) === 2) events.close(); };
  }, `${s.api}/events`);
  await s.page.waitForFunction(() => window.got.length === 1, null, { timeout: 5000 });
  s.next();
  await s.page.waitForFunction(() => window.got.length === 2, null, { timeout: 5000 });
  assert.deepEqual(await s.page.evaluate(() => window.got), ['first', 'second']);
});

test('a large upload and download arrive whole', async (t) => {
  const size = 8 << 20;
  const s = await scene(t, {
    cors: (origin) => `allow_origins: ["${origin}"]\nallow_methods: [PUT]`,
    backend: (request, response) => request.pipe(response),
    keepBody: true,
  });
  const same = await s.page.evaluate(async ([url, size]) => {
    const sent = new Uint8Array(size);
    for (let i = 0; i < size; i += 65536) crypto.getRandomValues(sent.subarray(i, i + 65536));
    const got = new Uint8Array(await (await fetch(url, { method: 'PUT', body: sent })).arrayBuffer());
    return got.length === sent.length && got.every((byte, i) => byte === sent[i]);
  }, [`${s.api}/echo`, size]);
  assert.equal(same, true);
});
