// The browser model held against the real Chromium: every case of cases.mjs, from servers of its own
// making, right and broken.
import assert from 'node:assert/strict';
import cases from './cases.mjs';
import { differences, fetchAll, judge, stage } from './differential.mjs';
import { newContext, test } from './harness.mjs';

const BATCH = 40;

async function inChromium(t, items, page) {
  const frame = page.frames().find((frame) => frame !== page.mainFrame());
  const seen = [];
  for (let i = 0; i < items.length; i += BATCH) {
    const batch = items.slice(i, i + BATCH);
    const results = await Promise.all(['page', 'null'].map((from) => {
      const some = batch.filter((item) => item.from === from);
      return (from === 'null' ? frame : page).evaluate(fetchAll, some).then((list) => new Map(some.map((item, k) => [item.n, list[k]])));
    }));
    for (const item of batch) seen.push(results[0].get(item.n) ?? results[1].get(item.n));
  }
  return seen;
}

test(`Chromium and the model agree on ${cases.length} cases`, { timeout: 300_000 }, async (t) => {
  assert(cases.length >= 400);
  const { items, origins } = await stage(t, cases);
  const context = await newContext(t);
  const page = await context.newPage();
  const console_ = [];
  page.on('console', (message) => console_.push(message.text()));
  await page.goto(origins.page + '/');
  const seen = await inChromium(t, items, page);
  await new Promise((resume) => setTimeout(resume, 300));
  const said = ({ n }) => console_.find((text) => text.includes('CORS policy') && new RegExp(`/c/${n}[/'?]`).test(text));
  const found = differences(items, seen, said, judge('chromium', items));
  t.diagnostic(`Chromium ${context.browser().version()}`);
  assert.equal(found.length, 0, `${found.length} differences:\n${found.join('\n')}`);
});
