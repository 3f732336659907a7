// Starting and, above all, ending Chromium. Playwright waits for a browser's pipes when it closes one,
// and a helper process that outlives the browser holds them: such a wait can last for ever. So Chromium
// is a process group of our own here, driven over CDP, and ended by KILL.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium as playwright } from 'playwright-core';

const program = process.env.CHROMIUM || '/usr/bin/chromium';
const options = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--hide-scrollbars',
  '--mute-audio', '--no-first-run', '--no-default-browser-check', '--password-store=basic', '--use-mock-keychain', '--enable-automation',
  '--force-color-profile=srgb', '--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4',
  '--disable-background-networking', '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding', '--disable-breakpad', '--disable-client-side-phishing-detection', '--disable-component-update',
  '--disable-default-apps', '--disable-extensions', '--disable-field-trial-config', '--disable-hang-monitor', '--disable-popup-blocking',
  '--disable-prompt-on-repost', '--disable-search-engine-choice-screen', '--disable-sync', '--metrics-recording-only',
  '--disable-features=HttpsUpgrades,MediaRouter,OptimizationHints,Translate,LensOverlay,PaintHolding'];

const running = new Set(); // pids of the groups: whatever ends this file ends them
const kill = (pid) => { try { process.kill(-pid, 'SIGKILL'); } catch { /* it is gone */ } };
process.on('exit', () => running.forEach(kill));
process.once('SIGTERM', () => process.exit(143));

const sleep = (ms) => new Promise((resume) => setTimeout(resume, ms));

async function addressOf(profile, child, said) {
  const file = path.join(profile, 'DevToolsActivePort'); // its second line ends the writing of it
  for (const end = Date.now() + 30_000; Date.now() < end && child.exitCode === null; await sleep(25)) {
    const [port, target] = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [];
    if (target) return `ws://127.0.0.1:${port}${target}`;
  }
  throw new Error(`Chromium did not come up:\n${said()}`);
}

// Starts Chromium with a new profile that has `preferences`; returns {browser, end()}.
export async function startChromium(preferences) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'corsd-chromium-')), log = `${profile}.log`;
  fs.mkdirSync(path.join(profile, 'Default'));
  fs.writeFileSync(path.join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const errors = fs.openSync(log, 'w');
  const child = spawn(program, [...options, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    { detached: true, stdio: ['ignore', 'ignore', errors] });
  fs.closeSync(errors);
  running.add(child.pid);
  const gone = new Promise((resume) => child.once('exit', resume));
  const end = async () => {
    kill(child.pid);
    await gone;
    running.delete(child.pid);
    for (const made of [profile, log]) {
      try { fs.rmSync(made, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }); } catch { /* the temporary folder's to clean */ }
    }
  };
  try {
    const address = await addressOf(profile, child, () => fs.readFileSync(log, 'utf8'));
    return { browser: await playwright.connectOverCDP(address, { timeout: 30_000 }), end };
  } catch (error) {
    await end();
    throw error;
  }
}

let shared; // one for a test file

// A context for one test, of the file's browser.
export async function newContext(t, settings = {}) {
  shared ??= startChromium({});
  const context = await (await shared).browser.newContext(settings);
  t.after(() => Promise.race([context.close(), sleep(5000)]));
  return context;
}

// Contexts are incognito, and Debian's Chromium blocks the cookies of other sites in every profile;
// this one lets them in, as most people's browsers do.
export async function newProfile(t) {
  const { browser, end } = await startChromium({ profile: { cookie_controls_mode: 0, block_third_party_cookies: false } });
  t.after(end);
  assert.equal(browser.contexts().length, 1);
  return browser.contexts()[0];
}

export async function endChromium() {
  if (shared) await shared.then(({ end }) => end(), () => {});
}
