// What the browser model is held against real browsers with: requests × what a server answers.
// A case: {name, from: 'page'|'null', method, credentials, headers: [[name, value]],
//   answers: [{at?, preflight, actual}] a hop}. Texts may hold {page}, {api}, {other}, {self}: origins, and the case's path.
const row = (status, ...headers) => ({ status, headers });
const acao = (value) => ['Access-Control-Allow-Origin', value];
const acac = (value) => ['Access-Control-Allow-Credentials', value];
const acam = (value) => ['Access-Control-Allow-Methods', value];
const acah = (value) => ['Access-Control-Allow-Headers', value];
const expose = (value) => ['Access-Control-Expose-Headers', value];

const cases = [];
function add(name, { from = 'page', method = 'GET', credentials = 'same-origin', headers = [], preflight = row(204, acao('{page}')), actual = row(200, acao('{page}')), hops = [] }) {
  cases.push({ name, from, method, credentials, headers, answers: [{ preflight, actual }, ...hops] });
}
const modes = ['omit', 'same-origin', 'include'];

// ---- the CORS check of a plain GET ----
const origins = {
  none: [], star: [acao('*')], own: [acao('{page}')], other: [acao('https://other.example')], nulled: [acao('null')],
  slash: [acao('{page}/')], capital: [acao('HTTP://LOCALHOST:1')], 'two in a line': [acao('{page}, {page}')],
  'two lines': [acao('{page}'), acao('{page}')], 'star and own': [acao('*'), acao('{page}')], empty: [acao('')],
  'with blanks': [acao('{page} https://b.example')], word: [acao('yes')], 'no port': [acao('http://localhost')],
  pattern: [acao('https://*.example.com')], quoted: [acao('"{page}"')], 'star twice': [acao('*, *')],
  'other scheme': [acao('app://x')], 'scheme alone': [acao('https://')], host: [acao('localhost')],
};
for (const [what, sent] of Object.entries(origins)) {
  for (const credentials of ['omit', 'include'])
    add(`origin ${what}, ${credentials}`, { credentials, actual: row(200, ...sent, acac('true')) });
  add(`preflight: origin ${what}`, { method: 'PUT', preflight: row(200, ...sent, acam('PUT')) });
  add(`preflight: origin ${what}, include`, { method: 'PUT', credentials: 'include', preflight: row(200, ...sent, acac('true'), acam('PUT')), actual: row(200, acao('{page}'), acac('true')) });
}
for (const [what, sent] of Object.entries({ none: [], nulled: [acao('null')], star: [acao('*')], page: [acao('{page}')], capital: [acao('NULL')], twice: [acao('null, null')] }))
  for (const credentials of modes) add(`origin null: ${what}, ${credentials}`, { from: 'null', credentials, actual: row(200, ...sent, acac('true')) });

// ---- credentials ----
const words = { none: [], true: [acac('true')], True: [acac('True')], TRUE: [acac('TRUE')], false: [acac('false')], 1: [acac('1')], 'true twice': [acac('true'), acac('true')], empty: [acac('')], 'true, true': [acac('true, true')] };
for (const [what, sent] of Object.entries(words)) {
  for (const credentials of modes) add(`credentials ${what}, ${credentials}`, { credentials, actual: row(200, acao('{page}'), ...sent) });
  add(`preflight: credentials ${what}`, { method: 'DELETE', credentials: 'include', preflight: row(204, acao('{page}'), ...sent, acam('DELETE')), actual: row(200, acao('{page}'), acac('true')) });
}

// ---- statuses ----
for (const status of [200, 201, 202, 204, 206, 299, 300, 304, 400, 401, 403, 404, 405, 429, 500, 501, 502, 503])
  for (const sent of [[], [acao('{page}')]])
    add(`preflight ${status}, ${sent.length ? 'with' : 'without'} CORS`, { method: 'PUT', preflight: row(status, ...sent, acam('PUT')) });
for (const status of [200, 201, 202, 204, 206, 300, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503, 504])
  for (const sent of [[], [acao('*')]])
    add(`answer ${status}, ${sent.length ? 'with' : 'without'} CORS`, { actual: row(status, ...sent) });
for (const status of [301, 302, 303, 307, 308])
  add(`preflight redirected by ${status}`, { method: 'PUT', preflight: row(status, acao('{page}'), acam('PUT'), ['Location', '{self}/1']) });

// ---- methods ----
const lists = { none: [], star: [acam('*')], PUT: [acam('PUT')], put: [acam('put')], 'GET, PUT, PATCH': [acam('GET, PUT, PATCH')], 'patch,custom': [acam('patch,custom')], lines: [acam('GET'), acam('PUT')], blanks: [acam('GET PUT')], holes: [acam(', PUT ,, ')], quoted: [acam('"PUT"')], empty: [acam('')], 'star among': [acam('GET, *')] };
for (const [what, sent] of Object.entries(lists))
  for (const method of ['PUT', 'PATCH', 'patch', 'put', 'CUSTOM', 'custom', 'HEAD'])
    for (const credentials of what.includes('star') ? ['omit', 'include'] : ['omit'])
      add(`method ${method}, list ${what}, ${credentials}`, { method, credentials, headers: method === 'HEAD' ? [['X-A', '1']] : [], preflight: row(204, acao('{page}'), acac('true'), acah('x-a'), ...sent), actual: row(200, acao('{page}'), acac('true')) });

// ---- headers ----
const named = { none: [], star: [acah('*')], 'x-a': [acah('x-a')], 'X-A, X-B': [acah('X-A, X-B')], lines: [acah('X-A'), acah('X-B')], blanks: [acah('X-A X-B')], 'star, authorization': [acah('*, Authorization')], authorization: [acah('authorization')], colon: [acah('X-A: 1')], empty: [acah('')], holes: [acah(',,X-A,')] };
const asked = { one: [['X-A', '1']], two: [['X-B', '1'], ['X-A', '2']], authorization: [['Authorization', 'Bearer t']], both: [['Authorization', 'Bearer t'], ['X-A', '1']], type: [['Content-Type', 'application/json']] };
for (const [list, sent] of Object.entries(named))
  for (const [what, headers] of Object.entries(asked))
    for (const credentials of list.includes('star') ? ['omit', 'include'] : ['same-origin'])
      add(`headers ${what}, list ${list}, ${credentials}`, { headers, credentials, preflight: row(204, acao('{page}'), acac('true'), ...sent), actual: row(200, acao('{page}'), acac('true')) });

// ---- which headers are sent without asking: where a preflight comes, it is refused ----
const long = (n) => 'a'.repeat(n);
const values = [
  ['Accept', 'application/json'], ['Accept', 'a"b'], ['Accept', 'text/html, */*;q=0.8'], ['Accept', long(128)], ['Accept', long(129)], ['Accept', '{}'], ['Accept', 'a/b;c=(d)'],
  ['Accept-Language', 'de-CH, *;q=0.5'], ['Accept-Language', 'a_b'], ['Accept-Language', 'a@b'], ['Content-Language', 'en'], ['Content-Language', 'en/US'],
  ['Content-Type', 'text/plain'], ['Content-Type', 'TEXT/Plain;charset=UTF-8'], ['Content-Type', 'text/plain; charset="utf-8"'], ['Content-Type', 'multipart/form-data; boundary=x'], ['Content-Type', 'application/x-www-form-urlencoded'], ['Content-Type', 'application/json'], ['Content-Type', 'text/xml'], ['Content-Type', ''], ['Content-Type', 'text'], ['Content-Type', ' text/plain '], ['Content-Type', 'text/plain, application/json'],
  ['Range', 'bytes=0-'], ['Range', 'bytes=0-99'], ['Range', 'bytes=-5'], ['Range', 'bytes=5-2'], ['Range', 'bytes=0-1,3-4'], ['Range', 'Bytes=0-1'], ['Range', 'items=0-1'],
  ['DPR', '1'], ['Save-Data', 'on'], ['Downlink', '1'], ['Width', '100'], ['Viewport-Width', '100'], ['Device-Memory', '1'], ['RTT', '1'], ['ECT', '4g'], ['DPR', 'x'], ['DPR', '1.5'], ['RTT', '1.5'], ['Save-Data', 'ON'], ['ECT', '4G'], ['Downlink', '.5'], ['Downlink', '5.'], ['Save-Data', 'off'], ['RTT', 'x'], ['ECT', '9g'], ['Width', '-1'], ['Device-Memory', 'x'],
  ['User-Agent', 'a"b'], ['Authorization', 'Bearer t'], ['X-Requested-With', 'XMLHttpRequest'], ['Cache-Control', 'no-cache'], ['Pragma', 'no-cache'], ['If-None-Match', '"a"'], ['If-Modified-Since', 'Mon, 30 Nov 2026 00:00:00 GMT'], ['User-Agent', 'me'], ['Priority', 'u=1'], ['Upgrade-Insecure-Requests', '1'], ['Purpose', 'prefetch'], ['Last-Event-ID', '7'], ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['Cookie', 'a=b'], ['Host', 'x'], ['Origin', 'https://x.example'], ['Referer', 'https://x.example'], ['Sec-Fetch-Site', 'none'], ['Sec-Custom', '1'], ['Proxy-X', '1'], ['DNT', '1'], ['Accept-Encoding', 'br'], ['Date', 'x'], ['Via', 'x'], ['X-HTTP-Method-Override', 'TRACE'], ['X-HTTP-Method-Override', 'PUT'], ['X-Method-Override', 'GET, track'],
];
for (const [name, value] of values)
  add(`sent at once? ${name}: ${value.slice(0, 40)}`, { method: 'POST', headers: [[name, value]], preflight: row(204), actual: row(200, acao('*')) });
for (const n of [1, 7, 8, 9])
  add(`sent at once? ${n} safe headers together`, { headers: [['Accept', long(120)], ['Accept-Language', long(120)], ['Content-Language', long(120)], ...Array.from({ length: n }, () => ['Accept', ''])].slice(0, 4), preflight: row(204), actual: row(200, acao('*')) });
for (const method of ['GET', 'HEAD', 'POST', 'get', 'post', 'PUT', 'delete', 'OPTIONS', 'options', 'QUERY'])
  add(`sent at once? ${method}`, { method, preflight: row(204), actual: row(200, acao('*')) });

// ---- what script may read ----
const answer = [['X-One', '1'], ['X-Two', '2'], ['Set-Cookie', 'a=b'], ['Content-Language', 'en'], ['Last-Modified', 'Mon, 30 Nov 2026 00:00:00 GMT'], ['ETag', '"x"'], ['Server', 'me']];
const exposed = { none: [], star: [expose('*')], one: [expose('X-One')], 'lower case': [expose('x-one, x-two')], lines: [expose('X-One'), expose('X-Two')], blanks: [expose('X-One X-Two')], holes: [expose(',X-One,,')], cookie: [expose('Set-Cookie, X-One')], 'star among': [expose('X-One, *')], semicolon: [expose('X-One; X-Two')], quoted: [expose('"X-One"')], empty: [expose('')] };
for (const [what, sent] of Object.entries(exposed))
  for (const credentials of ['omit', 'include'])
    add(`exposed ${what}, ${credentials}`, { credentials, actual: row(200, acao('{page}'), acac('true'), ...answer, ...sent) });

// ---- redirects ----
const away = (status, to, ...sent) => row(status, ...sent, ['Location', to]);
for (const status of [301, 302, 303, 307, 308])
  for (const method of ['GET', 'POST', 'PUT'])
    add(`redirect ${status} of ${method} within the server`, { method, headers: [['Content-Type', 'text/plain']], preflight: row(204, acao('*'), acam('PUT')), actual: away(status, '{self}/1', acao('{page}')), hops: [{ preflight: row(204, acao('*'), acam('PUT')), actual: row(200, acao('{page}')) }] });
for (const [what, sent] of Object.entries({ page: acao('{page}'), star: acao('*'), nulled: acao('null') })) {
  add(`redirect to another server that allows ${what}`, { actual: away(302, '{other}{path}/1', acao('*')), hops: [{ at: 'other', actual: row(200, sent) }] });
  add(`redirect to the page's own server that allows ${what}`, { actual: away(302, '{page}{path}/1', acao('*')), hops: [{ at: 'page', actual: row(200, sent) }] });
  add(`redirect without CORS on it, then ${what}`, { actual: away(302, '{self}/1'), hops: [{ actual: row(200, sent) }] });
  add(`PUT redirected to another server that allows ${what}`, { method: 'PUT', headers: [['X-A', '1']], preflight: row(204, acao('*'), acam('PUT'), acah('X-A')), actual: away(307, '{other}{path}/1', acao('*')), hops: [{ at: 'other', preflight: row(204, sent, acam('PUT'), acah('X-A')), actual: row(200, sent) }] });
  add(`PUT redirected: the second preflight lacks the method, ${what}`, { method: 'PUT', preflight: row(204, acao('*'), acam('PUT')), actual: away(307, '{self}/1', acao('*')), hops: [{ preflight: row(204, acao('*')), actual: row(200, sent) }] });
  add(`Authorization and a redirect to another server that allows ${what}`, { headers: [['Authorization', 'Bearer t']], preflight: row(204, acao('*'), acah('Authorization')), actual: away(302, '{other}{path}/1', acao('*')), hops: [{ at: 'other', preflight: row(204), actual: row(200, sent) }] });
}
add('redirect with a user in it', { actual: away(302, 'http://me:secret@localhost:9/x', acao('*')) });
add('redirect to ftp', { actual: away(302, 'ftp://localhost/x', acao('*')) });
add('redirect to data', { actual: away(302, 'data:text/plain,hello', acao('*')) });
add('redirect without Location', { actual: row(302, acao('*')) });
add('redirect with an empty Location', { actual: away(302, '{self}/1?x#y', acao('*')), hops: [{ actual: row(200, acao('*')) }] });
add('relative redirect', { actual: away(302, '{name}/1', acao('*')), hops: [{ actual: row(200, acao('*')) }] });
add('two redirects, the second to another server', { actual: away(302, '{self}/1', acao('*')), hops: [{ actual: away(307, '{other}{path}/2', acao('*')) }, { at: 'other', actual: row(200, acao('null')) }] });
add('credentials and a redirect to another server', { credentials: 'include', actual: away(302, '{other}{path}/1', acao('{page}'), acac('true')), hops: [{ at: 'other', actual: row(200, acao('null'), acac('true')) }] });
for (const from of ['page', 'null'])
  add(`redirect to another server, origin ${from}`, { from, actual: away(308, '{other}{path}/1', acao('*')), hops: [{ at: 'other', actual: row(200, acao('*'), expose('X-One'), ['X-One', '1']) }] });

export default cases;
