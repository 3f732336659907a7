// Firefox by Marionette, its own remote protocol: a length, a colon, a JSON array. WebDriver BiDi tells nothing of
// what the CORS code writes to the console; Marionette's chrome context reads it from the console service.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const firefoxBin = process.env.FIREFOX || '/usr/bin/firefox-esr';

const prefs = {
  'marionette.port': 0, 'app.update.enabled': false, 'browser.shell.checkDefaultBrowser': false, 'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false, 'browser.startup.page': 0, 'browser.startup.homepage': 'about:blank',
  'startup.homepage_welcome_url': '', 'toolkit.telemetry.enabled': false, 'extensions.update.enabled': false, 'network.cookie.cookieBehavior': 0,
  'services.settings.server': 'http://127.0.0.1:9/', 'browser.safebrowsing.malware.enabled': false, 'browser.safebrowsing.phishing.enabled': false,
  'network.lna.enabled': false, 'network.lna.blocking': false,
};

async function portOf(profile, child) {
  const file = path.join(profile, 'MarionetteActivePort');
  for (let i = 0; i < 1200 && child.exitCode === null; i++) {
    if (fs.existsSync(file) && fs.readFileSync(file, 'utf8')) return Number(fs.readFileSync(file, 'utf8'));
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error('Firefox did not come up');
}

// Starts Firefox for one test; returns {page(script, args), chrome(script, args), navigate(url), version}.
export async function firefox(t) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'corsd-firefox-'));
  fs.writeFileSync(path.join(profile, 'user.js'), Object.entries(prefs).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const child = spawn(firefoxBin, ['--headless', '--marionette', '--remote-allow-system-access', '--no-remote', '--profile', profile],
    { stdio: 'ignore', env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' } });
  t.after(async () => {
    const gone = new Promise((resume) => child.once('exit', resume));
    if (child.exitCode === null) { child.kill('SIGKILL'); await gone; }
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  const socket = net.connect(await portOf(profile, child), '127.0.0.1');
  const waiting = new Map();
  let bytes = Buffer.alloc(0), id = 0;
  socket.on('data', (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (;;) {
      const colon = bytes.indexOf(':'), size = Number(bytes.subarray(0, Math.max(colon, 0)));
      if (colon < 0 || bytes.length < colon + 1 + size) return;
      const message = JSON.parse(bytes.subarray(colon + 1, colon + 1 + size));
      bytes = bytes.subarray(colon + 1 + size);
      if (Array.isArray(message)) waiting.get(message[1])?.(message);
    }
  });
  const command = (name, parameters = {}) => new Promise((resume, fail) => {
    const mine = ++id, text = JSON.stringify([0, mine, name, parameters]);
    waiting.set(mine, ([, , error, result]) => (error ? fail(new Error(`${name}: ${error.message}`)) : resume(result)));
    socket.write(`${Buffer.byteLength(text)}:${text}`);
  });
  t.after(() => socket.destroy());
  const { capabilities } = await command('WebDriver:NewSession', { capabilities: { alwaysMatch: {} } });
  const run = (context) => async (script, ...args) => {
    await command('Marionette:SetContext', { value: context });
    const { value } = await command('WebDriver:ExecuteAsyncScript', { script: `const resume = arguments[arguments.length - 1]; (${script})(...arguments).then(resume, (error) => resume({ thrown: String(error) }))`, args, sandbox: context === 'chrome' ? 'system' : null, newSandbox: true });
    assert(!value?.thrown, value?.thrown);
    return value;
  };
  await command('WebDriver:SetTimeouts', { script: 120_000, pageLoad: 120_000 });
  return {
    version: capabilities.browserVersion, page: run('content'), chrome: run('chrome'),
    navigate: async (url) => { await command('Marionette:SetContext', { value: 'content' }); await command('WebDriver:Navigate', { url }); },
    frame: async (at) => { await command('Marionette:SetContext', { value: 'content' }); await command('WebDriver:SwitchToFrame', { id: at }); },
  };
}
