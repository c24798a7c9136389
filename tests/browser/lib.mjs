// What the browser tests share: a Chromium, pages that are watched all the time, and one look at a page that says
// whether it is fit for people. A script uses it against a running Reprieve: REPRIEVE_URL, REPRIEVE_KEY.
//
// Every step prints a line. At the first that goes wrong the run ends with code 1, and standard error has what there is
// to know. REPRIEVE_SHOTS names a folder for pictures of every page that was looked at; REPRIEVE_CHROMIUM another browser.

import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const { REPRIEVE_URL, REPRIEVE_KEY, REPRIEVE_SHOTS, REPRIEVE_CHROMIUM } = process.env;
const base = new URL(REPRIEVE_URL).origin;
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const WIDTHS = [1280, 320];
// Where the layout is another one: only whether it fits.
const BETWEEN = [1140, 960, 640];
const SCHEMES = ['light', 'dark'];
// Milliseconds for one act and for one step: long enough for a machine with other work, and only what fails waits so long.
const PATIENCE = 30_000;
const STEP = 180_000;

const browser = await chromium.launch({
  executablePath: REPRIEVE_CHROMIUM || onPath('chromium', 'google-chrome', 'google-chrome-stable'),
  headless: true,
  // It may run as root, in a container, and has nothing to reach but this machine.
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-proxy-server',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  ],
});

function onPath(...names) {
  for (const name of names) {
    for (const folder of (process.env.PATH || '').split(delimiter)) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // The next one.
      }
    }
  }
  throw new Error(`none of ${names.join(', ')} is installed: scripts/test installs chromium`);
}

// --- Pages that are watched ----------------------------------------------------------------------

// What no page may do, as it was seen since the last step.
let complaints = [];
// The last document of each page, for what came with it.
const documents = new WeakMap();
// The open pages, and whether they run scripts.
const pages = new Map();

/** A page in a browser window of its own: nothing is shared with another, no cookie and no history. */
export async function visit({ script = true } = {}) {
  const context = await browser.newContext({
    baseURL: base,
    javaScriptEnabled: script,
    viewport: { width: WIDTHS[0], height: 900 },
    reducedMotion: 'reduce',
    locale: 'en-US',
  });
  context.setDefaultTimeout(PATIENCE);
  const refused = new Set();
  context.on('request', (request) => {
    if (new URL(request.url()).origin !== base) complaints.push(`a request to another place: ${request.url()}`);
  });
  context.on('requestfailed', (request) => {
    // A page that one leaves need not have loaded.
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${request.url()}: ${reason}`);
  });
  context.on('response', (response) => {
    const request = response.request();
    const type = response.headers()['content-type'] || '';
    if (!request.isNavigationRequest()) {
      if (response.status() >= 400) complaints.push(`${response.url()} answers ${response.status()}`);
      return;
    }
    if (response.status() >= 500) complaints.push(`${response.url()} answers ${response.status()}`);
    if (response.status() >= 400) refused.add(response.url());
    if (response.status() >= 300 || type.startsWith('text/html')) {
      for (const wrong of wrongHeaders(response.headers())) {
        complaints.push(`${request.method()} ${response.url()} (${response.status()}): ${wrong}`);
      }
    }
    documents.set(request.frame().page(), response);
  });
  context.on('console', (message) => {
    if (message.type() !== 'error') return;
    // Chromium says this of every document that is answered 4xx, be it ever so much on purpose.
    const { url } = message.location();
    if (message.text().startsWith('Failed to load resource') && refused.has(url)) return;
    complaints.push(`console: ${message.text()} (${url})`);
  });
  context.on('weberror', (error) => complaints.push(`script: ${error.error().stack}`));
  context.on('dialog', (dialog) => {
    complaints.push(`a ${dialog.type()} of the browser: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  context.on('page', (page) => {
    pages.set(page, script);
    page.on('close', () => pages.delete(page));
  });
  return context.newPage();
}

function wrongHeaders(headers) {
  const wrong = [];
  const policy = new Map(
    (headers['content-security-policy'] || '')
      .split(';')
      .map((directive) => directive.trim().split(/\s+/))
      .map(([name, ...sources]) => [name.toLowerCase(), sources]),
  );
  const scripts = policy.get('script-src') || policy.get('default-src');
  if (!scripts) wrong.push('Content-Security-Policy has neither script-src nor default-src');
  for (const [name, sources] of policy) {
    for (const loose of ["'unsafe-inline'", "'unsafe-eval'", '*', 'http:', 'https:', 'data:']) {
      if (sources.includes(loose)) wrong.push(`Content-Security-Policy: ${name} has ${loose}`);
    }
  }
  for (const name of ['base-uri', 'form-action', 'frame-ancestors']) {
    if (!policy.has(name)) wrong.push(`Content-Security-Policy lacks ${name}`);
  }
  if (headers['x-content-type-options'] !== 'nosniff') wrong.push('X-Content-Type-Options is not nosniff');
  if (!(headers['cache-control'] || '').includes('no-store')) wrong.push('Cache-Control has no no-store');
  if (!headers['referrer-policy']) wrong.push('Referrer-Policy is missing');
  return wrong;
}

// --- A look at a page ----------------------------------------------------------------------------

/**
 * Looks at a page in its present state: what came with it, its markup, and, wide and narrow, light and dark, that axe
 * finds nothing and nothing has to be scrolled sideways. `name` is that of its pictures.
 */
export async function looks(page, name, { status = 200 } = {}) {
  const where = pages.get(page) ? name : `${name}-noscript`;
  assert.equal(documents.get(page)?.status(), status, `${where}: the status of the page`);
  assert.deepEqual(await page.evaluate(wrongMarkup), [], `${where}: its markup`);
  const axe = await axeIn(page);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const how = `${where}-${colorScheme}-${width}`;
      if (REPRIEVE_SHOTS) {
        mkdirSync(REPRIEVE_SHOTS, { recursive: true });
        await page.screenshot({ path: join(REPRIEVE_SHOTS, `${how}.png`), fullPage: true });
      }
      assert.deepEqual(await page.evaluate(whatSticksOut), [], `${how}: sideways scrolling`);
      assert.deepEqual(await page.evaluate(faintFields), [], `${how}: fields whose edge is hard to see`);
      const { violations, looked } = await axe();
      assert.deepEqual(violations, [], `${how}: axe`);
      // A page that axe could not read has no faults either.
      assert.ok(looked.includes('color-contrast'), `${how}: axe found no text`);
    }
  }
  for (const width of BETWEEN) {
    await page.setViewportSize({ width, height: 900 });
    assert.deepEqual(await page.evaluate(whatSticksOut), [], `${where}-${width}: sideways scrolling`);
  }
  await page.setViewportSize({ width: WIDTHS[0], height: 900 });
  await page.emulateMedia({ colorScheme: SCHEMES[0] });
}

// A way to run axe in a page. It waits for timers, which need scripts: where a page has none, they are allowed while axe
// runs. What the page itself would have run is past by then.
async function axeIn(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
  if (pages.get(page)) return () => page.evaluate(runAxe);
  const tools = await page.context().newCDPSession(page);
  const scriptsOff = (value) => tools.send('Emulation.setScriptExecutionDisabled', { value });
  return async () => {
    // This session has not switched them off yet, and what it has not done it can't undo.
    await scriptsOff(true);
    await scriptsOff(false);
    const found = await page.evaluate(runAxe);
    await scriptsOff(true);
    return found;
  };
}

// These run in the page.

function wrongMarkup() {
  const wrong = [];
  const say = (what, element) => wrong.push(`${what}: ${element.outerHTML.slice(0, 200)}`);
  for (const element of document.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name)) say('a handler in the markup', element);
      // An empty one is what axe leaves behind.
      if (name === 'style' && value) say('a style in the markup', element);
      if (/^\s*(javascript|data):/i.test(value) && /^(href|src|action|formaction)$/i.test(name)) say('a script in an address', element);
    }
    if (element.localName === 'script' && !element.src) say('a script in the markup', element);
  }
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) wrong.push(`the id ${id} twice`);
  const headings = document.querySelectorAll('h1').length;
  if (headings !== 1) wrong.push(`${headings} elements h1`);
  if (!document.title.trim()) wrong.push('no title');
  if (!document.documentElement.lang) wrong.push('no lang');
  if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
  return wrong;
}

function whatSticksOut() {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const wide = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > clientWidth + 1);
  return [`${scrollWidth} of ${clientWidth} pixels`, ...wide.slice(-5).map((element) => element.outerHTML.slice(0, 200))];
}

// Fields whose border has less than 3:1 against what they lie on (WCAG 1.4.11), which axe does not look at.
function faintFields() {
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((numbers(color)[3] ?? 1) === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const wrong = [];
  for (const field of document.querySelectorAll('input:not([type=hidden], [type=checkbox], [type=radio]), textarea, select')) {
    if (!field.checkVisibility()) continue;
    const { borderBottomWidth, borderBottomColor } = getComputedStyle(field);
    const [one, other] = [light(borderBottomColor), light(ground(field.parentElement))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (parseFloat(borderBottomWidth) < 1 || contrast < 3) wrong.push(`${contrast.toFixed(2)}: ${field.outerHTML.slice(0, 200)}`);
  }
  return wrong;
}

async function runAxe() {
  const { violations, passes } = await globalThis.axe.run(document, {
    runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
    rules: { 'target-size': { enabled: true } },
    resultTypes: ['violations'],
  });
  return {
    looked: passes.map((rule) => rule.id),
    violations: violations.map((rule) => ({
      rule: rule.id,
      help: rule.help,
      at: rule.nodes.slice(0, 5).map((node) => [node.html.slice(0, 300), node.failureSummary]),
    })),
  };
}

/** Presses Tab for each of these in turn: it must get the focus, be in sight, and show that it has it. */
export async function tabs(page, ...targets) {
  for (const target of targets) {
    await page.keyboard.press('Tab');
    await focused(page, target);
  }
}

/** Whether this has the focus, in a way that one can see. */
export async function focused(page, target) {
  const seen = await target.evaluate((element) => {
    const { activeElement } = document;
    if (activeElement !== element) return `the focus is on ${activeElement?.outerHTML.slice(0, 200)}`;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    const outlined = outlineStyle === 'auto' || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2);
    if (!outlined || outlineColor === 'rgba(0, 0, 0, 0)') return 'nothing shows the focus';
    const { top, bottom, left, right } = element.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, Math.min((top + bottom) / 2, top + 20)];
    const above = document.elementFromPoint(x, y);
    if (!above || !(element.contains(above) || above.contains(element))) return `it is out of sight, behind ${above?.outerHTML.slice(0, 200)}`;
    return 'yes';
  });
  assert.equal(seen, 'yes', `focus on ${target}`);
}

// --- Steps ---------------------------------------------------------------------------------------

/** Does something and prints that it went well. A page that complained meanwhile did not go well. */
export async function step(name, work) {
  try {
    const late = setTimeout(() => fail(name, new Error(`it is not done after ${STEP / 1_000} seconds`)), STEP);
    const result = await work();
    clearTimeout(late);
    nothingToComplainOf();
    console.log(`ok ${name}`);
    return result;
  } catch (error) {
    await fail(name, error);
  }
}

let failed = false;

async function fail(name, error) {
  if (failed) return;
  failed = true;
  console.error(`FAILED ${name}\n${error.stack}`);
  for (const complaint of complaints) console.error(`and ${complaint}`);
  const wait = () => new Promise((after) => setTimeout(after, 5_000));
  for (const page of pages.keys()) {
    await Promise.race([describe(page), wait()]).catch((trouble) => console.error(`page: ${trouble.message}`));
  }
  await Promise.race([browser.close(), wait()]);
  process.exit(1);
}

function nothingToComplainOf() {
  const seen = complaints;
  complaints = [];
  assert.deepEqual(seen, [], 'what a page may not do');
}

async function describe(page) {
  console.error(`\n${page.url()} (${pages.get(page) ? 'with' : 'without'} scripts)\ntitle: ${await page.title()}`);
  console.error(await page.locator('main').innerText({ timeout: 1_000 }));
  if (REPRIEVE_SHOTS) {
    mkdirSync(REPRIEVE_SHOTS, { recursive: true });
    await page.screenshot({ path: join(REPRIEVE_SHOTS, `failed-${pages.size}.png`), fullPage: true });
  }
}

/** The end of a script. */
export async function done() {
  await browser.close();
  await step('nothing was amiss to the end', async () => {});
}

// --- Beside the browser --------------------------------------------------------------------------

/** A way to call the native API with a key and `more` headers; `expected` is the status. */
export function api(key, more) {
  return async (method, path, body, expected = 200) => {
    const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', ...more };
    const response = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    assert.equal(response.status, expected, `${method} ${path}: ${text}`);
    return text ? JSON.parse(text) : null;
  };
}

export const call = api(REPRIEVE_KEY);

/** Names that a page shows as they are, whatever they look like. */
export const HOSTILE = [
  ['markup', '"><script>alert(1)</script><img src=x onerror=alert(2)>'],
  ['long', 'warehouse_of_'.repeat(15)],
  ['right-to-left', 'قاعدة بيانات المبيعات (الإنتاج)'],
  ['emoji', '👩🏽‍💻🏳️‍🌈 Käufer & Söhne 数据仓库'],
];

/** What assistive technology says of a field beside its name. */
export function description(field) {
  return field.evaluate((element) =>
    (element.getAttribute('aria-describedby') || '')
      .split(' ')
      .map((id) => document.getElementById(id)?.textContent)
      .join(' '),
  );
}
