// What does the browser try, and in which order? The story comes first: what it makes is what the others look at.

import { browser, claim, wish } from './browser.mjs';
import { vendorConsole } from './console.mjs';
import { pages } from './pages.mjs';
import { security, watched } from './security.mjs';
import { story } from './story.mjs';

const [acme, globex] = wish.customers;
const parts = {
  'the story': () => story({ acme, globex }),
  'the pages': () => pages({ acme: acme.id }),
  'the console': () => vendorConsole({ acme: acme.id }),
  'what others get out of it': () => security({ acme: acme.id, globex: globex.id }),
};
try {
  for (const [name, part] of Object.entries(parts)) await claim(`${name}: told to its end`, part);
  await watched();
} finally {
  await browser.close();
}
