// The browser model held against the real Firefox ESR: verdict, what script may read, and the words of its
// console. Skipped where there is no Firefox.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import cases from './cases.mjs';
import { differences, fetchAll, judge, stage } from './differential.mjs';
import { firefox, firefoxBin } from './firefox.mjs';
import { test } from './harness.mjs';

const BATCH = 40;
// Every third of the Chromium's cases, and all redirects; with CORSD_BROWSER_ALL=1 every one.
const some = process.env.CORSD_BROWSER_ALL ? cases : cases.filter(({ name }, n) => n % 3 === 0 || /redirect/.test(name));

test(`Firefox and the model agree on ${some.length} cases`, { timeout: 600_000, skip: !fs.existsSync(firefoxBin) && `no Firefox at ${firefoxBin}` }, async (t) => {
  const { items, origins } = await stage(t, some);
  const browser = await firefox(t);
  await browser.navigate(origins.page + '/');
  const seen = [], messages = [];
  const collect = async () => messages.push(...await browser.chrome('async () => { const all = Services.console.getMessageArray().map((entry) => (entry instanceof Ci.nsIScriptError ? entry.errorMessage : entry.message)); Services.console.reset(); return all; }'));
  for (let i = 0; i < items.length; i += BATCH) {
    const batch = items.slice(i, i + BATCH);
    const results = new Map();
    for (const from of ['page', 'null']) {
      const mine = batch.filter((item) => item.from === from);
      if (!mine.length) continue;
      await browser.frame(from === 'null' ? 0 : null);
      (await browser.page(String(fetchAll), mine)).forEach((result, k) => results.set(mine[k].n, result));
    }
    await collect();
    for (const item of batch) seen.push(results.get(item.n));
  }
  await new Promise((resume) => setTimeout(resume, 300));
  await collect();
  const said = ({ n }) => messages.find((text) => /^Cross-Origin Request Blocked/.test(text) && new RegExp(`/c/${n}(/\\d)?[^/\\d]`).test(text));
  const found = differences(items, seen, said, judge('firefox', items));
  t.diagnostic(`Firefox ${browser.version}`);
  assert.equal(found.length, 0, `${found.length} differences:\n${found.join('\n')}`);
});
