// The wrapper, with the real React, where it is installed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

const found = await Promise.all([import('react'), import('react-dom/server'), import('../react.js')]).catch(() => undefined);

test('React renders the element with its attributes', { skip: !found && 'React is not installed here' }, () => {
  const [{ createElement }, { renderToStaticMarkup }, { FreeholdPortal }] = found;

  const markup = renderToStaticMarkup(createElement(FreeholdPortal, {
    baseUrl: 'https://events.example.com',
    sessionUrl: '/portal-session',
    theme: { accent: '#7c3aed' },
    mode: 'dark',
    className: 'portal',
    onChanged: () => {},
  }));

  assert.match(markup, /^<freehold-portal [^>]*><\/freehold-portal>$/);
  for (const part of ['base-url="https://events.example.com"', 'session-url="/portal-session"', 'mode="dark"',
    'theme="{&quot;accent&quot;:&quot;#7c3aed&quot;}"']) {
    assert.ok(markup.includes(part), `${part} in ${markup}`);
  }
});
