// What do others get out of the portal? Nothing, in a real browser that holds them to its rules.

import { api, assert, claim, context, opened, provoke, seen, session, until, wish } from './browser.mjs';

/** Puts a frame into a page; returns it once something is in it. */
async function framed(page, src) {
  await page.evaluate((src) => {
    const frame = document.createElement('iframe');
    frame.src = src;
    return new Promise((done) => {
      frame.onload = frame.onerror = done;
      document.body.append(frame);
    });
  }, src);
  return page.frames().at(-1);
}

/** Whether the browser refused to show a frame. It says so by an address of its own, a moment after it has given up. */
export async function isBlocked(frame) {
  const at = await until('the frame to be shown or not', () => /^(chrome-error|http):/.exec(frame.url()));
  return at[1] === 'chrome-error';
}

/** The nonce that a frame of the portal says when it is ready, heard by the page around it. */
const listen = (page) =>
  page.evaluate(() => {
    globalThis.heard = [];
    addEventListener('message', ({ data, origin }) => globalThis.heard.push({ data, origin }));
  });
const nonce = (page) =>
  until('the frame to be ready', () => page.evaluate(() => globalThis.heard.find(({ data }) => data?.type === 'ready')?.data.nonce));

/** Whether a frame still waits for its code. */
const waits = (frame, id) => frame.url() === `${wish.host}/portal/${id}`;
/** Time for something to happen that must not: an answer to a message takes a few milliseconds. */
const settle = (page) => page.evaluate(() => new Promise((done) => setTimeout(done, 400)));

export async function security({ acme, globex }) {
  await claim('a page of the named origin may frame it, one of any other may not', async () => {
    const where = await context();
    const { id } = await session(acme);
    const page = await where.newPage();
    await page.goto(`${wish.vendor}/blank`);
    assert(!(await isBlocked(await framed(page, `${wish.host}/portal/${id}`))), 'not shown to the named origin');
    await provoke(async () => {
      await page.goto(`${wish.stranger}/blank`);
      const blocked = await framed(page, `${wish.host}/portal/${id}`);
      assert(await isBlocked(blocked), 'shown to another origin');
    });
    await where.close();
  });

  await claim('nor may the named origin when it is framed itself by another', () => provoke(async () => {
    const where = await context();
    const { id } = await session(acme);
    const page = await where.newPage();
    await page.goto(`${wish.stranger}/blank`);
    const middle = await framed(page, `${wish.vendor}/blank`);
    await middle.evaluate((src) => new Promise((done) => {
      const frame = document.createElement('iframe');
      frame.src = src;
      frame.onload = done;
      document.body.append(frame);
    }), `${wish.host}/portal/${id}`);
    const inner = middle.childFrames()[0];
    assert(await isBlocked(inner), 'shown below another origin');
    await where.close();
  }));

  await claim('a session for a link can be framed by nobody', () => provoke(async () => {
    const where = await context();
    const { id } = await session(acme, {});
    const page = await where.newPage();
    await page.goto(`${wish.vendor}/blank`);
    const frame = await framed(page, `${wish.host}/portal/${id}`);
    assert(await isBlocked(frame), 'shown in a frame');
    await where.close();
  }));

  await claim('messages of a frame beside it are ignored, even with the right nonce and code', async () => {
    const where = await context();
    const { id, code } = await session(acme);
    const page = await where.newPage();
    await page.goto(`${wish.vendor}/blank`);
    await listen(page);
    const portal = await framed(page, `${wish.host}/portal/${id}`);
    const said = await nonce(page);
    const sibling = await framed(page, `${wish.stranger}/blank`);
    const open = { freehold: 1, type: 'open', nonce: said, code, theme: {}, lang: 'en' };
    await sibling.evaluate((open) => parent.frames[0].postMessage(open, '*'), open);
    await settle(page);
    assert(waits(portal, id), 'it was opened by the frame beside it');
    // The page around it can open it afterwards, so nothing but the sender was wrong.
    await page.evaluate(([open, host]) => frames[0].postMessage(open, host), [open, wish.host]);
    await until('the page around it to open it', () => !waits(portal, id));
    await where.close();
  });

  await claim('messages of a wrong origin, nonce or form are ignored', async () => {
    const where = await context();
    const { id, code } = await session(acme);
    const page = await where.newPage();
    // A window has no frame around it: who opened it is not its parent.
    await page.goto(`${wish.stranger}/blank`);
    const [popup] = await Promise.all([
      where.waitForEvent('page'),
      page.evaluate((url) => void (globalThis.popup = open(url)), `${wish.host}/portal/${id}`),
    ]);
    await popup.waitForLoadState();
    const message = { freehold: 1, type: 'open', nonce: 'n', code, theme: {}, lang: 'en' };
    await page.evaluate((message) => globalThis.popup.postMessage(message, '*'), message);
    await settle(page);
    assert(popup.url() === `${wish.host}/portal/${id}`, 'it was opened by another window');
    await page.goto(`${wish.vendor}/blank`);
    await listen(page);
    const portal = await framed(page, `${wish.host}/portal/${id}`);
    const said = await nonce(page);
    const wrong = [{ nonce: 'other' }, { freehold: 2 }, { type: 'opened' }, { code: 7 }, { code: 'fhc_short' }, { theme: 'red' }];
    for (const change of wrong) {
      await page.evaluate(([sent, host]) => frames[0].postMessage(sent, host), [{ ...message, nonce: said, ...change }, wish.host]);
    }
    await settle(page);
    assert(waits(portal, id), 'a malformed message opened it');
    await where.close();
    return `${wrong.length + 1} messages`;
  });

  await claim('the code serves once: a second use is refused and ends the session', async () => {
    const { page, id, root, context: where } = await opened(acme);
    const { id: other, code } = await session(acme, {});
    const second = await where.newPage();
    await second.goto(`${wish.host}/portal/${other}#${code}`);
    await second.waitForURL((url) => url.pathname !== `/portal/${other}`);
    const after = second.url();
    const replay = await (await context()).newPage();
    await replay.goto(`${wish.host}/portal/${other}#${code}`);
    await replay.locator('#failed').waitFor();
    assert(new URL(replay.url()).pathname === `/portal/${other}`, 'a used code opened the portal');
    const answer = await second.goto(after);
    assert([401, 403].includes(answer.status()), `the session goes on after its code was replayed: ${answer.status()}`);
    const unharmed = await page.goto(root + new URL(page.url()).pathname.slice(`/portal/${id}`.length));
    assert(unharmed.ok(), `another session suffered: ${unharmed.status()}`);
    await replay.context().close();
    await where.close();
  });

  await claim("another customer's code opens nothing", async () => {
    const where = await context();
    const [theirs, ours] = [await session(globex, {}), await session(acme, {})];
    const page = await where.newPage();
    await page.goto(`${wish.host}/portal/${ours.id}#${theirs.code}`);
    await page.locator('#failed').waitFor();
    assert(new URL(page.url()).pathname === `/portal/${ours.id}`, "opened with another customer's code");
    assert((await where.cookies()).length === 0, 'a cookie was given for a wrong code');
    await where.close();
  });

  await claim("one customer's session shows nothing of another's", async () => {
    const { page, root, context: where } = await opened(acme);
    const { data } = await api('GET', `/v1/customers/${globex}/destinations?limit=1`);
    for (const path of [`/destinations/${data[0].id}`, `/destinations/${data[0].id}/credential`]) {
      const theirs = await page.goto(root + path);
      assert(theirs.status() === 404, `${path} answered ${theirs.status()}`);
      const text = await page.textContent('body');
      const none = await page.goto(root + path.replace(data[0].id, 'dst_00000000000000000000000000'));
      assert(none.status() === 404 && (await page.textContent('body')) === text, `${path}: told apart from none`);
      assert(!text.includes(data[0].name), "it names what is another's");
    }
    await where.close();
  });

  await claim('the cookie is out of reach of scripts, and of every other session', async () => {
    const { page, id, context: where } = await opened(acme);
    const cookies = await where.cookies();
    assert(cookies.length > 0, 'there is no cookie');
    for (const cookie of cookies) {
      assert(cookie.httpOnly && cookie.secure && cookie.name.startsWith('__Host-') && cookie.name.endsWith(id), `${cookie.name}: ${JSON.stringify({ ...cookie, value: '' })}`);
    }
    assert((await page.evaluate(() => document.cookie)) === '', 'scripts can read a cookie');
    await where.close();
  });

  await claim('a form of another page that is sent with the cookie changes nothing', async () => {
    const { page, root, context: where } = await opened(acme);
    const { data } = await api('GET', `/v1/customers/${acme}/destinations?limit=1`);
    const action = `${root}/destinations/${data[0].id}/pause`;
    // The stranger is of the same site as the host, so even a strict cookie comes with it.
    await page.goto(`${wish.stranger}/blank`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === 'POST'),
      page.evaluate((action) => {
        const form = Object.assign(document.createElement('form'), { method: 'post', action });
        document.body.append(form);
        form.submit();
      }, action),
    ]);
    assert(answer.status() === 403, `it answered ${answer.status()}`);
    const now = await api('GET', `/v1/destinations/${data[0].id}`);
    assert(now.state === data[0].state, 'the destination was changed');
    await where.close();
  });

  await claim('a script that somebody gets into a page does not run', () => provoke(async () => {
    const { page, context: where } = await opened(acme);
    const policy = (await page.reload()).headers()['content-security-policy'] ?? '';
    assert(!/unsafe|\*/.test(policy) && policy.includes("default-src 'none'"), policy);
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      try {
        script.textContent = 'globalThis.ran = true';
        document.body.append(script);
      } catch {
        return false; // trusted types refuse the text already
      }
      return globalThis.ran === true;
    });
    assert(!ran, 'it ran');
    await where.close();
  }));
}

/** What the watch over everything has seen, at the very end. */
export async function watched() {
  const none = (what, set) => () => assert(set.size === 0, `${what}: ${[...set].slice(0, 3).join(' ; ')}`);
  await claim('no address held a code, a token or a secret', none('seen', seen.urls));
  await claim('no page told another where it was', none('referrers', seen.referrers));
  await claim('no page broke its own policy', none('violations', seen.violations));
  await claim('no script failed', none('errors', seen.errors));
}
