// When does a browser first paint something of the portal? By a visitor who has none of its files yet, by one who has them,
// and, to tell what is the browser's own, of one line of text.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const wish = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { chromium } = createRequire(import.meta.url)(wish.playwright);
const browser = await chromium.launch({
  executablePath: wish.chromium, headless: true, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});

async function session() {
  const answer = await fetch(`${wish.host}/v1/customers/${wish.customer}/portal-sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${wish.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ lifetime_ms: 3_600_000 }),
  });
  if (!answer.ok) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** A context that holds an open session. */
async function opened() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const { id, code } = await session();
  await page.goto(`${wish.host}/portal/${id}#${code}`);
  await page.waitForURL((url) => url.pathname === `/portal/${id}/destinations`);
  await page.locator('ul.rows li').first().waitFor();
  return { context, page, address: `${wish.host}/portal/${id}/destinations` };
}

async function timed(kind, page, address) {
  await page.goto(address);
  const paint = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
  await page.waitForFunction(paint);
  console.log(JSON.stringify({ kind, first_paint_ms: await page.evaluate(paint) }));
}

const { context, page, address } = await opened();
const client = await context.newCDPSession(page);
// The browser itself is warm after this.
await page.goto(address);
for (let round = 0; round < wish.loads; round += 1) {
  await client.send('Network.clearBrowserCache');
  await timed('first', page, address);
  await timed('again', page, address);
  await timed('text', page, `${wish.host}/healthz`);
}
await browser.close();
