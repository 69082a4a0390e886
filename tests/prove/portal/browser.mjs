// How is the browser driven, and what is told of it? Each claim is one line of JSON; a watch over every page sees what no
// single claim looks for.

import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const wish = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { chromium } = createRequire(import.meta.url)(wish.playwright);
const axeSource = await readFile(wish.axe, 'utf8');

/** How long anything may take that takes well under a second on an idle machine. */
export const LONG = 60_000;
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

export const browser = await chromium.launch({ executablePath: wish.chromium, headless: true, args: ARGUMENTS });

/** What went over the wire and what the consoles said, in every context that was made here. */
export const seen = { urls: new Set(), referrers: new Set(), violations: new Set(), errors: new Set() };

/** Texts that must never be part of an address. */
const SECRET = /fh[cp]_[0-9A-Za-z]{20}|fh_(live|test)_|whsec_/;
/** Set while a claim provokes the policy on purpose. */
let provoking = false;

export async function context(options = {}) {
  const made = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  made.setDefaultTimeout(LONG);
  made.on('request', (request) => {
    // What stands behind # is not sent; the plain link has its code there.
    const url = request.url().split('#')[0];
    if (SECRET.test(url)) seen.urls.add(url);
    const referrer = request.headers().referer;
    if (referrer && (referrer.startsWith(wish.host) || SECRET.test(referrer))) seen.referrers.add(`${url} from ${referrer}`);
  });
  made.on('console', (message) => {
    const text = message.text();
    if (!provoking && /content security policy/i.test(text)) seen.violations.add(text.slice(0, 300));
  });
  made.on('weberror', (error) => seen.errors.add(String(error.error()).slice(0, 300)));
  return made;
}

/** Does what a page's policy must stop, without that being held against the pages. */
export async function provoke(work) {
  provoking = true;
  try {
    return await work();
  } finally {
    provoking = false;
  }
}

export const tell = (line) => console.log(JSON.stringify(line));
export const figure = (name, value) => tell({ figure: name, value });

/** Tries one claim. What goes wrong in one does not keep the others from being tried. */
export async function claim(name, work) {
  const began = Date.now();
  try {
    const detail = await work();
    tell({ claim: name, holds: true, detail: detail ?? `${Date.now() - began} ms` });
  } catch (error) {
    tell({ claim: name, holds: false, detail: String(error.message ?? error).split('\n').slice(0, 6).join(' | ').slice(0, 900) });
  }
}

export function assert(holds, why) {
  if (!holds) throw new Error(why);
}

/** Asks again and again until it is so. */
export async function until(what, ask) {
  const end = Date.now() + LONG;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** Freehold's API, with the vendor's key. */
export async function api(method, path, body) {
  const answer = await fetch(wish.host + path, {
    method,
    headers: { authorization: `Bearer ${wish.key}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert(answer.ok, `${method} ${path} answered ${answer.status}: ${text.slice(0, 300)}`);
  return text ? JSON.parse(text) : {};
}

/** What stands around the host: receivers, buckets and their keys. */
export async function stage(method, path, body) {
  const answer = await fetch(wish.stage + path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  assert(answer.ok, `${method} ${path} answered ${answer.status}`);
  return method === 'GET' ? answer.json() : undefined;
}

/** A session of a customer's; for a page of the vendor's, unless told otherwise. */
export const session = (customer, more = { origin: wish.vendor }) =>
  api('POST', `/v1/customers/${customer}/portal-sessions`, { lifetime_ms: 3_600_000, ...more });

/** The portal of a customer, opened by its plain link. */
export async function opened(customer, options = {}) {
  const where = await context(options);
  const page = await where.newPage();
  const { id, code } = await session(customer, {});
  await page.goto(`${wish.host}/portal/${id}#${code}`);
  await page.waitForURL((url) => url.pathname !== `/portal/${id}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  return { page, id, root: `${wish.host}/portal/${id}`, context: where };
}

/** The portal inside the vendor's page. */
export async function embedded(page, customer, looks = '') {
  await page.goto(`${wish.vendor}/settings/${customer}${looks}`);
  return page.frameLocator('freehold-portal iframe').first();
}

/** What axe finds on a page, by the rules of WCAG 2.2 AA. */
export async function violations(frame) {
  // Put in by the browser itself, as an extension would: the page's policy does not hear of it.
  await frame.evaluate(axeSource);
  const found = await frame.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    const { violations } = await globalThis.axe.run(document, { runOnly: { type: 'tag', values: tags } });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 2).map(({ html, failureSummary }) => `${html.slice(0, 160)} (${(failureSummary ?? '').split('\n')[1]?.trim()})`).join(', ')}`);
  });
  return found;
}

/** Keeps a picture, if pictures are wanted. */
export async function picture(page, name) {
  if (!wish.screenshots) return;
  await mkdir(wish.screenshots, { recursive: true });
  const client = await page.context().newCDPSession(page);
  // As WebP, which is a third of what PNG would be.
  const { data } = await client.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
  await client.detach();
  await writeFile(join(wish.screenshots, `${name}.webp`), Buffer.from(data, 'base64'));
}
