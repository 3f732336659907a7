// `corsd demo`, opened and pressed as a person would: each button does what its caption says. What
// it did is read from the page, from the console, and from the demo's own terminal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { corsdBin, end, listen, newContext, root, said, test } from './harness.mjs';

// What each caption promises: how each way ends, what the page gets to read through corsd, and the
// requests that reach the backend ("d" directly, "c" through corsd).
const promises = {
  list: { caption: /hides it\. Through corsd: 200 and three orders/, corsd: '200', reads: /lamp[^]*desk[^]*chair/, backend: ['d GET 200', 'c GET 200'] },
  put: { caption: /405 to the preflight and PUT is never sent\. Through corsd: 200/, corsd: '200', reads: /"shipped"/, backend: ['d OPTIONS 405', 'c PUT 200'] },
  form: { caption: /the order is placed, yet the page sees only an error\. Through corsd: 201 and its number/, corsd: '201', reads: /"id": 44/, backend: ['d POST 201', 'c POST 201'] },
  header: { caption: /X-Tenant needs a preflight, which fails, so nothing is sent\. Through corsd: 200/, corsd: '200', reads: /"acme"/, backend: ['d OPTIONS 405', 'c GET 200'] },
  cookie: { caption: /the cookie goes out and the answer stays hidden\. Through corsd: 200, and you are Ada/, corsd: '200', reads: /"ada"/, backend: ['d GET 200', 'c GET 200'] },
  expose: { caption: /no header can be read\. Through corsd: X-Total-Count, which is listed, but not X-Internal-Host/, corsd: '200', reads: /x-total-count\s*3/, not: /x-internal-host/, backend: ['d GET 200', 'c GET 200'] },
  token: { caption: /the page learns nothing\. Through corsd: 401/, corsd: '401', reads: /login has expired/, backend: ['d OPTIONS 405', 'c GET 401'] },
  error: { caption: /look the same to the page\. Through corsd: 500 with its message/, corsd: '500', reads: /out of paper/, backend: ['d GET 500', 'c GET 500'] },
  crash: { caption: /hangs up without a word\. Directly: an error without a reason\. Through corsd: 502 that says so/, corsd: '502', reads: /backend closed/, backend: ['d GET hangs up', 'c GET hangs up'] },
  slow: { caption: /Five parts in two seconds\. Directly: blocked at the first byte\. Through corsd: 200, part by part/, corsd: '200', reads: /part 5 of 5/, backend: ['d GET 200', 'c GET 200'] },
  wrong: { caption: /sends Access-Control-Allow-Origin twice\. Directly: blocked\. Through corsd: 200/, corsd: '200', reads: /2009/, backend: ['d GET 200', 'c GET 200'] },
  delete: { caption: /Blocked both ways, on purpose: the policy lists GET, POST and PUT\. DELETE never reaches the backend/, corsd: 'blocked', reads: /No status/, backend: ['d OPTIONS 405'] },
};
const pictures = path.join(root, 'build/results/browser');

let demo, url, terminal = '', errors = '';

before(async () => {
  fs.mkdirSync(pictures, { recursive: true });
  const port = process.env.UPDATE_PICTURES ? [] : ['--port', '0']; // the picture shows the usual ones
  demo = spawn(corsdBin, ['demo', ...port], { stdio: ['ignore', 'pipe', 'pipe'] });
  demo.stdout.on('data', (text) => { terminal += text; });
  demo.stderr.on('data', (text) => { errors += text; });
  for (let i = 0; i < 200 && !url; i++) {
    await new Promise((resume) => setTimeout(resume, 25));
    url = terminal.match(/open\s+(http:\/\/localhost:\d+)/)?.[1];
  }
  assert(url, `the demo did not start:\n${terminal}${errors}`);
});

after(async () => {
  await end(demo, () => terminal + errors);
  assert.doesNotMatch(errors, /Sanitizer|error:/);
});

async function open(t, options) {
  const context = await newContext(t, { reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const heard = await listen(page);
  await page.goto(url);
  await page.waitForSelector('#tries li');
  return { page, heard };
}

// Presses a button and waits until both ways have ended.
async function press(page, id) {
  await page.click(`[data-id=${id}] button`);
  await page.waitForFunction((id) => document.querySelector(`[data-id=${id}]`).dataset.promise, id, { timeout: 15_000 });
}

function received(from) { // by the backend, from the terminal's text
  return [...terminal.slice(from).matchAll(/backend {2}(directly|through corsd) +(\S+) +\S+ +(.+)/g)]
    .map(([, way, method, status]) => `${way[0] === 'd' ? 'd' : 'c'} ${method} ${status}`);
}

const unmarked = (text) => text.replace(/[?&]try=\w+/, '');

test('the page offers exactly the buttons that are tested here', async (t) => {
  const { page, heard } = await open(t);
  const ids = await page.$$eval('#tries li', (all) => all.map((li) => li.dataset.id));
  assert.deepEqual(ids, Object.keys(promises));
  assert.deepEqual(heard.console, []);
});

for (const [id, promise] of Object.entries(promises)) {
  test(`button "${id}" does what its caption says`, async (t) => {
    const { page, heard } = await open(t);
    assert.match(await page.textContent(`#caption-${id}`), promise.caption);
    const from = terminal.length, start = Date.now();
    await press(page, id);
    const li = await page.$eval(`[data-id=${id}]`, (one) => ({ ...one.dataset }));
    assert.deepEqual(li, { id, direct: 'blocked', corsd: promise.corsd, promise: 'kept' });
    assert.deepEqual(received(from).sort(), [...promise.backend].sort());

    const direct = await page.innerText('section[data-lane=direct]');
    assert.match(direct, /Failed to fetch/);
    assert.match(direct, /No status, no headers, no body/);
    const corsd = await page.innerText('section[data-lane=corsd]');
    assert.match(corsd, promise.reads);
    if (promise.not) assert.doesNotMatch(corsd.split('The rule')[0], promise.not);
    if (id === 'slow') assert(Date.now() - start >= 1900, 'slow');

    // What the page says about the console is what the console says.
    for (const details of await page.$$('details.console')) {
      await details.$eval('summary', (one) => one.click());
      const told = await details.$eval('code', (one) => one.textContent);
      const heardIt = () => heard.console.some((line) => unmarked(line) === unmarked(told));
      for (let i = 0; i < 100 && !heardIt(); i++) await new Promise((resume) => setTimeout(resume, 20));
      assert(heardIt(), `the console says otherwise than "${told}":\n${heard.console.join('\n')}`);
    }
    const explained = await page.$$eval('details.console', (all) => all.length);
    assert.equal(explained, id === 'crash' ? 0 : id === 'delete' ? 2 : 1);
    if (id === 'delete') await said(heard, 'Method DELETE is not allowed by Access-Control-Allow-Methods in preflight response');
  });
}

test('Run all presses every button, and says so', async (t) => {
  const { page } = await open(t, { viewport: { width: 1280, height: 1000 }, colorScheme: 'light' });
  const from = terminal.length;
  await page.click('#run-all');
  await page.waitForSelector('.summary.kept, .summary.broken', { timeout: 40_000 });
  assert.match(await page.textContent('#summary'), /^As promised, all 12\. Directly 12 blocked; through corsd 11 read, 1 refused on purpose/);
  assert.equal(received(from).length, Object.values(promises).flatMap(({ backend }) => backend).length);

  const summary = await page.textContent('#summary');
  await press(page, 'put');
  await page.evaluate((text) => { // the picture shows both
    document.querySelector('#summary').textContent = text;
    document.querySelector('#summary').classList.add('kept');
    document.activeElement.blur();
  }, summary);
  const picture = path.join(pictures, 'demo.png');
  await page.mouse.move(0, 0);
  await page.screenshot({ path: picture, fullPage: true });
  if (process.env.UPDATE_PICTURES) { // the README's own
    fs.mkdirSync(path.join(root, 'docs/images'), { recursive: true });
    fs.copyFileSync(picture, path.join(root, 'docs/images/demo.png'));
  }
});

test('dark, and on a phone, nothing runs over the edge', async (t) => {
  for (const [name, options] of Object.entries({
    'demo-dark': { viewport: { width: 1280, height: 1000 }, colorScheme: 'dark' },
    'demo-tablet': { viewport: { width: 900, height: 1100 }, colorScheme: 'light' },
    'demo-phone': { viewport: { width: 360, height: 780 }, colorScheme: 'light', isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
    'demo-phone-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark', isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  })) {
    const { page } = await open(t, options);
    await press(page, 'crash');
    await press(page, 'expose');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), options.viewport.width, name);
    await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  }
});

test('the keyboard reaches everything, and what it does is said aloud', async (t) => {
  const { page } = await open(t);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'run-all');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('[data-id=put]').dataset.promise);
  assert.equal(await page.getAttribute('#summary', 'role'), 'status');
  assert.equal(await page.textContent('#summary'), 'Change an order. Directly: blocked. Through corsd: 200 OK.');
  assert.equal(await page.evaluate(() => document.activeElement.closest('li').dataset.id), 'put');
  assert.equal(await page.getAttribute('[data-id=put] button', 'aria-current'), 'true');
  const names = await page.$$eval('button', (all) => all.map((one) => one.textContent.trim()));
  assert(names.every(Boolean) && new Set(names).size === names.length);
});

test('the page loads nothing from elsewhere', async (t) => {
  const { page } = await open(t);
  const urls = [];
  page.on('request', (request) => urls.push(request.url()));
  await page.reload();
  await page.waitForSelector('#tries li');
  assert.deepEqual(urls.filter((one) => !one.startsWith('data:')), [url + '/', url + '/config.json']);
});

test('who comes by 127.0.0.1 is sent to localhost, which the policy names', async (t) => {
  const { page } = await open(t);
  await page.goto(url.replace('localhost', '127.0.0.1'));
  assert.equal(page.url(), url + '/');
});
