// Does the vendor see what is the vendor's, and nobody else anything?

import { api, assert, claim, context, picture, provoke, violations, wish } from './browser.mjs';
import { isBlocked } from './security.mjs';

const PAGES = ['/console/customers', '/console/types', '/console/types/webhook', '/console/health', '/console/audit'];

async function signIn(page, key) {
  await page.goto(`${wish.host}/console`);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

export async function vendorConsole({ acme }) {
  await claim("the console opens with an admin's key, and with no other", async () => {
    const where = await context();
    const page = await where.newPage();
    for (const path of PAGES) {
      await page.goto(wish.host + path);
      assert(new URL(page.url()).pathname === '/console/sign-in', `${path} is shown to anybody`);
    }
    const reader = await api('POST', '/v1/api-keys', { name: 'reader', scopes: ['read'] });
    await signIn(page, reader.key ?? reader.text);
    await page.getByRole('alert').filter({ hasText: 'needs one with the scope' }).waitFor();
    await signIn(page, wish.key.slice(0, -1) + (wish.key.endsWith('0') ? '1' : '0'));
    await page.getByRole('alert').waitFor();
    assert((await where.cookies()).length === 0, 'a cookie was given all the same');
    await where.close();
  });

  await claim('it shows the customers, their destinations and why one stands still', async () => {
    const where = await context();
    const page = await where.newPage();
    await signIn(page, wish.key);
    await page.getByRole('heading', { name: 'Customers', exact: true }).waitFor();
    await page.getByRole('searchbox').fill('ACM');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name: /acme/ }).click();
    await page.getByText('Orders to our backend').waitFor();
    await picture(page, 'console-customer');
    await page.getByRole('link', { name: 'What happened' }).click();
    await page.getByText('portal-session.open').first().waitFor();
    await picture(page, 'console-audit');
    await page.goto(`${wish.host}/console/types`);
    await page.getByText('Send requests to').first().waitFor();
    await picture(page, 'console-types');
    await page.goto(`${wish.host}/console/types/webhook`);
    await page.getByRole('heading', { name: 'Versions of webhook' }).waitFor();
    await page.getByRole('button', { name: 'Upgrade' }).click();
    await page.getByText('ran it already').waitFor();
    await page.getByRole('button', { name: 'Roll back' }).click();
    await page.getByText('there is nothing to take back').waitFor();
    await page.goto(`${wish.host}/console/health`);
    await page.getByText('Deliveries that wait').waitFor();
    await page.goto(`${wish.host}/console/customers?q=${wish.other.customer}`);
    await page.getByText('No customer is called like that.').waitFor();
    const answer = await page.goto(`${wish.host}/console/customers/${wish.other.id}`);
    assert(answer.status() === 404, `another vendor's customer answers ${answer.status()}`);
    await where.close();
  });

  await claim('its cookie is out of reach of scripts and other sites, and ends with the key', async () => {
    const where = await context();
    const page = await where.newPage();
    const { id, key } = await api('POST', '/v1/api-keys', { name: 'somebody', scopes: ['admin'] });
    await signIn(page, key);
    await page.getByRole('heading', { name: 'Customers', exact: true }).waitFor();
    const [cookie] = await where.cookies();
    assert(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Strict', JSON.stringify({ ...cookie, value: '' }));
    assert(!cookie.value.includes(key.slice(8)), 'the cookie holds the key');
    await provoke(async () => {
      await page.goto(`${wish.vendor}/blank`);
      await page.evaluate((src) => new Promise((done) => {
        const frame = Object.assign(document.createElement('iframe'), { src, onload: done });
        document.body.append(frame);
      }), `${wish.host}/console/customers`);
      assert(await isBlocked(page.frames()[1]), 'it can be framed');
    });
    await page.goto(`${wish.host}/console/customers`);
    await page.getByRole('heading', { name: 'Customers', exact: true }).waitFor();
    await api('DELETE', `/v1/api-keys/${id}`);
    await page.goto(`${wish.host}/console/customers`);
    assert(new URL(page.url()).pathname === '/console/sign-in', 'it goes on after its key was revoked');
    await where.close();
  });

  await claim('no page of it breaks a rule of WCAG 2.2 AA that axe knows, light or dark', async () => {
    const found = [];
    for (const colorScheme of ['light', 'dark']) {
      const where = await context({ colorScheme });
      const page = await where.newPage();
      await page.goto(`${wish.host}/console/sign-in`);
      found.push(...(await violations(page)).map((violation) => `${colorScheme} sign-in: ${violation}`));
      await signIn(page, wish.key);
      await page.getByRole('heading', { name: 'Customers', exact: true }).waitFor();
      for (const path of [...PAGES, `/console/customers/${acme}`]) {
        await page.goto(wish.host + path);
        found.push(...(await violations(page)).map((violation) => `${colorScheme} ${path}: ${violation}`));
      }
      if (colorScheme === 'dark') await picture(page, 'console-customer-dark');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(/sign-in$/);
      assert((await where.cookies()).length === 0, 'signing out leaves the cookie');
      await where.close();
    }
    assert(found.length === 0, `${found.length}: ${found.slice(0, 4).join(' ; ')}`);
  });
}
