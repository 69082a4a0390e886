// Does a customer get by without a manual? From an empty page to events that arrive, a credential that breaks, its
// replacement, and what was missed sent again, all inside the vendor's page.

import { api, assert, claim, context, embedded, picture, stage, until, wish } from './browser.mjs';

const WEBHOOK = 'Orders to our backend';
const BUCKET = 'Archive in S3';

/** Publishes one event of each of these types, for a customer. */
const publish = (customer, ...types) =>
  api('POST', '/v1/events', { events: types.map((type, place) => ({ type, customer: customer.id, data: { parcel: `PX-${1000 + place}`, weight_g: 420 } })) });

/** What has arrived at a customer's receiver and was accepted, tests left out. */
const arrived = async (customer, type) =>
  (await stage('GET', `/mailbox/${customer.name}`)).filter((got) => got.type === type && !got.test && got.answered < 300);

export async function story({ acme, globex }) {
  const where = await context();
  const page = await where.newPage();
  const portal = await embedded(page, acme.name);
  const heading = (name) => portal.getByRole('heading', { name, exact: true }).waitFor();
  const press = (name) => portal.getByRole('button', { name, exact: true }).click();
  const follow = (name) => portal.getByRole('link', { name, exact: true }).first().click();
  const shows = (text) => portal.getByText(text).first().waitFor();
  const tell = (text) => portal.getByRole('status').filter({ hasText: text }).first().waitFor();
  const toList = async () => {
    await portal.getByRole('navigation').first().getByRole('link', { name: 'Destinations', exact: true }).click();
    await heading('Destinations');
  };
  const shot = async (name) => {
    await page.evaluate(() => scrollTo(0, 0));
    await picture(page, name);
  };

  await claim('a customer without destinations is told what they are for', async () => {
    await heading('Your events, in your own systems');
    await shot('portal-empty');
  });

  await claim('adding a webhook: chosen, filled in, tested against the real receiver, saved', async () => {
    await follow('Add destination');
    await heading('Add a destination');
    await shot('portal-choose');
    await portal.getByRole('link', { name: /^Webhook/ }).click();
    await portal.getByLabel('Name', { exact: true }).fill(WEBHOOK);
    await portal.getByLabel('URL').fill(acme.mailbox);
    await press('Test');
    await shows(/^It works\./);
    await shot('portal-webhook-tested');
    await press('Save');
    await shows('Copy this secret now');
    const secret = await portal.locator('[data-field="secret"]').textContent();
    assert(/^whsec_/.test(secret), 'no signing secret was shown');
    await stage('POST', `/mailbox/${acme.name}`, { secret });
    await shot('portal-webhook-secret');
    await follow('Go on to the destination');
    await heading(WEBHOOK);
    assert(!(await portal.locator('body').textContent()).includes(secret), 'the secret is shown a second time');
  });

  await claim('what is wrong is said at the field, and what was typed stays', async () => {
    await toList();
    await follow('Add destination');
    await portal.getByRole('link', { name: /^Amazon S3/ }).click();
    await portal.getByLabel('Name', { exact: true }).fill(BUCKET);
    await portal.getByLabel('Bucket', { exact: true }).fill('Not A Bucket');
    await portal.getByLabel('Region').fill('eu-central-1');
    await portal.getByLabel('Access key id').fill(acme.keys[0][0]);
    await portal.getByLabel('Secret access key').fill(acme.keys[0][1]);
    await press('Save');
    await shows('Please look at these once more');
    assert((await portal.getByLabel('Bucket', { exact: true }).getAttribute('aria-invalid')) === 'true', 'the field is not marked');
    assert((await portal.getByLabel('Name', { exact: true }).inputValue()) === BUCKET, 'what was typed is gone');
    assert((await portal.getByLabel('Secret access key').inputValue()) === '', 'a secret came back from the server');
    await shot('portal-s3-wrong');
  });

  await claim('adding a bucket: tested with a real, marked write, saved', async () => {
    await portal.getByLabel('Bucket', { exact: true }).fill(acme.bucket);
    const more = portal.locator('details').filter({ has: portal.locator('[name="config.endpoint"]') });
    if (!(await more.evaluate((details) => details.open))) await more.locator('summary').click();
    await portal.getByLabel('Endpoint').fill(wish.s3);
    await portal.getByLabel('Secret access key').fill(acme.keys[0][1]);
    await press('Test');
    await shows(/^It works\./);
    await shot('portal-s3-tested');
    await press('Save');
    await heading(BUCKET);
  });

  await claim('events that are published arrive in both, and the list says so', async () => {
    await publish(acme, 'parcel.shipped', 'parcel.delivered', 'parcel.returned');
    await until('the webhook to get them', async () => (await arrived(acme, 'parcel.returned')).length === 1);
    await until('the bucket to hold them', async () =>
      (await stage('GET', `/bucket/${acme.bucket}`)).filter((line) => line.type?.startsWith('parcel.')).length >= 3);
    await toList();
    await until('both to be delivering', async () => {
      await toList();
      return (await portal.getByText('Delivering', { exact: true }).count()) === 2;
    });
    await shot('portal-list');
  });

  await claim('a credential that breaks pauses the destination, with the reason', async () => {
    await stage('POST', `/mailbox/${acme.name}`, { secret: `whsec_${btoa('a secret that nobody was told of')}` });
    await publish(acme, 'parcel.lost', 'parcel.found');
    await until('the pause', async () => {
      await toList();
      return (await portal.getByText('Paused: credential refused').count()) > 0;
    });
    await portal.getByRole('link', { name: new RegExp(WEBHOOK) }).click();
    await heading(WEBHOOK);
    await shows('Events are kept. A new credential resumes deliveries by itself.');
    assert(/401/.test(await portal.locator('.notice').first().textContent()), 'the reason does not say what was answered');
    await shot('portal-paused');
  });

  await claim('a replacement that does not work is refused, and changes nothing', async () => {
    await follow('Replace credential');
    await portal.getByLabel(/^Signing secret/).fill(`whsec_${btoa('wrong as well, and just as long.')}`);
    await press('Try it and take over');
    await shows('The new credential does not work');
    await shot('portal-rotate-refused');
  });

  await claim('one that works takes over, and what waited is delivered', async () => {
    const secret = `whsec_${btoa('the one that the receiver knows!')}`;
    await stage('POST', `/mailbox/${acme.name}`, { secret });
    await portal.getByLabel(/^Signing secret/).fill(secret);
    await press('Try it and take over');
    await tell('The new credential is in use.');
    await shot('portal-rotated');
    await until('what waited to arrive', async () =>
      (await arrived(acme, 'parcel.lost')).length === 1 && (await arrived(acme, 'parcel.found')).length === 1);
    await until('the list to say so', async () => {
      await toList();
      return (await portal.getByText('Delivering', { exact: true }).count()) === 2;
    });
  });

  await claim('the same with the key of a bucket', async () => {
    await stage('POST', `/keys/${acme.keys[0][0]}/disable`);
    await publish(acme, 'label.printed');
    await until('the pause', async () => {
      await toList();
      return (await portal.getByText('Paused: credential refused').count()) > 0;
    });
    await portal.getByRole('link', { name: new RegExp(BUCKET) }).click();
    await follow('Replace credential');
    await portal.getByLabel('Access key id').fill(acme.keys[1][0]);
    await portal.getByLabel('Secret access key').fill(acme.keys[1][1]);
    await press('Try it and take over');
    await tell('The new credential is in use.');
    await until('what waited to arrive', async () =>
      (await stage('GET', `/bucket/${acme.bucket}`)).some((line) => line.type === 'label.printed'));
  });

  await claim('what arrived can be looked at and sent again: counted first, then with its progress', async () => {
    const before = (await arrived(acme, 'parcel.shipped')).length;
    await portal.getByRole('navigation').first().getByRole('link', { name: 'Deliveries', exact: true }).click();
    await heading('Deliveries');
    await shot('portal-deliveries');
    await portal.getByRole('link', { name: /parcel\.lost/ }).filter({ hasText: WEBHOOK }).click();
    await shows(/PX-1000/);
    for (const summary of await portal.locator('summary').all()) await summary.click();
    await portal.getByText(/401/).filter({ visible: true }).first().waitFor();
    await shot('portal-delivery');
    await toList();
    await portal.getByRole('link', { name: new RegExp(WEBHOOK) }).click();
    await follow('Replay');
    const minute = (away) => new Date(Date.now() + away * 60_000).toISOString().slice(0, 16);
    await portal.getByLabel('From (UTC)').fill(minute(-60));
    await portal.getByLabel('Until (UTC)').fill(minute(2));
    await portal.getByRole('button', { name: 'Count first' }).last().click();
    await shows(/^\d+ events would be sent again$/);
    await shot('portal-replay-counted');
    await press('Send them again');
    await shows(/^Sending \d+ events again$/);
    await until('an event to arrive again', async () => (await arrived(acme, 'parcel.shipped')).length > before);
    await shot('portal-replayed');
  });

  await claim('all of it is in the activity, by whom and when', async () => {
    await portal.getByRole('navigation').first().getByRole('link', { name: 'Activity', exact: true }).click();
    await heading('Activity');
    for (const done of ['Destination added', 'Credential taken into use', 'Events sent again']) await shows(done);
    await shot('portal-activity');
  });

  await claim('two customers side by side see each their own', async () => {
    const both = await where.newPage();
    await both.goto(`${wish.vendor}/settings/${acme.name},${globex.name}`);
    const [first, second] = [0, 1].map((place) => both.frameLocator('freehold-portal iframe').nth(place));
    await first.getByText(WEBHOOK).waitFor();
    await second.getByText('Globex data lake').waitFor();
    assert((await second.getByText(WEBHOOK).count()) === 0, "acme's destination is shown to globex");
    await picture(both, 'portal-side-by-side');
    await first.getByRole('link', { name: new RegExp(WEBHOOK) }).click();
    await first.getByRole('heading', { name: WEBHOOK, exact: true }).waitFor();
    await second.getByRole('link', { name: /Globex data lake/ }).click();
    await second.getByRole('heading', { name: 'Globex data lake', exact: true }).waitFor();
    await both.close();
  });

  await claim('the frame is as high as its page, and a new session opens at the same place', async () => {
    await toList();
    await portal.getByRole('link', { name: new RegExp(WEBHOOK) }).click();
    await heading(WEBHOOK);
    const frame = page.frames().find((known) => known.url().includes('/portal/'));
    const before = frame.url();
    await until('the frame to fit', () => frame.evaluate(() => {
      const root = document.documentElement;
      return root.scrollHeight <= root.clientHeight && root.clientHeight - root.getBoundingClientRect().height < 2;
    }));
    await page.evaluate(() => document.querySelector('freehold-portal').open());
    await until('another session', () => frame.url() !== before && frame.url().includes('/destinations/'));
    assert(frame.url().split('/').slice(5).join() === before.split('/').slice(5).join(), `it went to ${frame.url()}`);
    await heading(WEBHOOK);
  });

  await claim('before a session ends the next one opens, but not while something is typed', async () => {
    const hurried = await context();
    await hurried.clock.install();
    const page = await hurried.newPage();
    const portal = await embedded(page, acme.name);
    await portal.getByRole('link', { name: new RegExp(WEBHOOK) }).click();
    await portal.getByRole('link', { name: 'Credential', exact: true }).click();
    await portal.getByLabel(/^Signing secret/).fill('half of a secr');
    const frame = page.frames().find((known) => known.url().includes('/portal/'));
    const before = frame.url();
    await page.clock.fastForward('59:30');
    await page.clock.runFor(5_000);
    assert(frame.url() === before, 'what was typed is gone');
    await portal.getByRole('link', { name: 'Overview', exact: true }).click();
    await portal.getByRole('heading', { name: 'Right now' }).waitFor();
    const there = frame.url();
    await page.clock.fastForward('59:30');
    await until('the next session', () => frame.url().includes('/destinations/') && frame.url() !== there);
    assert(frame.url().split('/').slice(5).join() === there.split('/').slice(5).join(), `it went to ${frame.url()}`);
    await hurried.close();
  });

  await claim('it takes over the language, the mode and the colours of the page around it', async () => {
    const german = await embedded(await where.newPage(), acme.name, '?mode=dark&lang=de');
    await german.getByRole('heading', { name: 'Ziele', exact: true }).waitFor();
    const looks = await german.locator('html').evaluate((root) => ({
      mode: root.dataset.mode,
      lang: root.lang,
      accent: getComputedStyle(root).getPropertyValue('--accent').trim(),
    }));
    assert(looks.mode === 'dark' && looks.lang === 'de' && looks.accent === '#6d28d9', JSON.stringify(looks));
  });
  await where.close();
}
