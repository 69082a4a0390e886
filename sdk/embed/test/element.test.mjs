// What the element takes from others and what it sends on. What browsers do with it is tried in a real one, by
// `cargo xtask prove portal`.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { FreeholdPortal, message, session, sessionFrom, theme } from '../freehold-portal.js';

const SESSION = { session: `pss_${'0'.repeat(26)}`, code: `fhc_${'A'.repeat(38)}` };

test('it can be imported where there is no browser', () => {
  assert.equal(typeof FreeholdPortal, 'function');
});

test('only messages of the frame, from its origin, are heard', () => {
  const [frame, other] = [{}, {}];
  const ready = { freehold: 1, type: 'ready', nonce: 'n' };
  const event = { source: frame, origin: 'https://portal.example', data: ready };

  assert.deepEqual(message(event, frame, 'https://portal.example'), ready);
  for (const wrong of [
    { source: other },
    { source: null },
    { origin: 'https://portal.example.evil.example' },
    { origin: 'null' },
    { data: { ...ready, freehold: 2 } },
    { data: { freehold: 1 } },
    { data: { freehold: 1, type: {} } },
    { data: 'ready' },
    { data: null },
  ]) {
    assert.ok(!message({ ...event, ...wrong }, frame, 'https://portal.example'), JSON.stringify(wrong));
  }
  assert.ok(!message({ ...event, source: undefined }, undefined, 'https://portal.example'), 'without a frame');
});

test('a theme is colours, a radius and a font, and nothing that could be more', () => {
  const good = { mode: 'dark', accent: '#7c3aed', background: '#fff', surface: '#F0F0F0', text: '#111111', radius: 8, font: 'inter' };

  assert.deepEqual(theme(good), good);
  assert.deepEqual(
    theme({
      mode: 'loud',
      accent: 'red; background: url(https://evil.example)',
      background: 'url(https://evil.example)',
      text: '#12345',
      radius: '8px; color: red',
      font: 'x; } body { display: none',
      constructor: '#fff',
      anything: '#fff',
    }),
    {},
  );
  assert.deepEqual(theme(null), {});
});

test('a session is told by its id and its code', () => {
  assert.deepEqual(session(SESSION), SESSION);
  assert.deepEqual(session({ id: SESSION.session, code: SESSION.code, customer: 'cus_x' }), SESSION);
  for (const wrong of [{}, null, { session: SESSION.session }, { ...SESSION, session: '../v1/events' }, { ...SESSION, code: 'fh_live_x' }]) {
    assert.throws(() => session(wrong), /a portal session needs/);
  }
});

test("the vendor's endpoint is asked by POST, and a refusal is told", async (t) => {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.method);
    response.statusCode = request.url === '/session' ? 200 : 403;
    response.end(JSON.stringify(SESSION));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const base = `http://127.0.0.1:${server.address().port}`;

  assert.deepEqual(await sessionFrom(`${base}/session`), SESSION);
  await assert.rejects(sessionFrom(`${base}/elsewhere`), /answered 403/);
  assert.deepEqual(asked, ['POST', 'POST']);
});

test('it is a few kilobytes, and the package has what it names', async () => {
  const here = new URL('..', import.meta.url);
  const about = JSON.parse(await readFile(new URL('package.json', here), 'utf8'));

  assert.ok((await readFile(new URL('freehold-portal.js', here))).length < 10_000);
  for (const file of about.files) assert.ok((await readFile(new URL(file, here))).length > 0, file);
});
