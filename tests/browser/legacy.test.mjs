// A legacy application that thinks it lives at the root of its own host, published below a prefix for
// a page of another site: corsd puts prefix, public address and cookie attributes right.
import assert from 'node:assert/strict';
import { blocked, scene, test } from './harness.mjs';

// It redirects to absolute URLs of the address it was asked as, and its cookies are for that host.
const legacy = (request, response) => {
  const self = `http://${request.headers.host}`;
  if (request.url === '/login') {
    response.writeHead(302, {
      Location: `${self}/home`,
      'Set-Cookie': ['session=ada; Path=/; HttpOnly', `theme=dark; Path=/home; Domain=${request.headers.host.split(':')[0]}`],
    });
    return response.end();
  }
  if (request.headers.origin) { // its own idea of a CSRF check
    response.writeHead(403);
    return response.end('cross-site');
  }
  response.setHeader('Content-Type', 'text/plain');
  response.end(`${request.url}: ${request.headers.cookie ?? 'nobody'}`);
};

const quirks = (url) => `upstreams:
  old: {url: "${url}", host: upstream, origin: remove}
routes:
  - {path: /old, upstream: old, strip_prefix: true}
`;

const published = (t, more, routes = quirks) => scene(t, {
  cors: (origin) => `allow_origins: ["${origin}"]\nallow_credentials: true\n${more}`,
  backend: legacy, routes, profile: true, site: '127.0.0.1' });

test('a login with cookies and a redirect, cross-site, below a stripped prefix', async (t) => {
  const s = await published(t, 'cookies: {same_site: none, secure: true}');
  const login = await s.fetch('/old/login', { method: 'POST', credentials: 'include' });
  assert.equal(login.status, 200);
  assert.equal(login.body, '/home: theme=dark; session=ada');
  const home = await s.fetch('/old/elsewhere', { credentials: 'include' });
  assert.equal(home.body, '/elsewhere: session=ada', 'the cookie for /home is not for the rest');
  assert.deepEqual(s.seen, ['POST /login', 'GET /home', 'GET /elsewhere']);
  const cookies = await s.context.cookies(`${s.api}/old/home`);
  assert.deepEqual(cookies.map(({ name, path, domain }) => [name, path, domain]).sort(),
    [['session', '/old', 'localhost'], ['theme', '/old/home', 'localhost']]);
});

test('so it goes for a visitor who opens it as a page', async (t) => {
  const s = await published(t, '');
  await s.page.goto(`${s.api}/old/login`);
  assert.equal(s.page.url(), `${s.api}/old/home`);
  assert.equal(await s.page.textContent('body'), '/home: theme=dark; session=ada');
});

test('without the quirks it would not', async (t) => {
  const s = await published(t, 'cookies: {same_site: none, secure: true}',
    (url) => quirks(url).replace('strip_prefix: true', 'strip_prefix: true, location: keep'));
  assert.deepEqual(await s.fetch('/old/login', { method: 'POST', credentials: 'include' }), blocked);
});
