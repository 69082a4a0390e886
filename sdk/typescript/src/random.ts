// Randomness from a cryptographically secure source. `Math.random` has none in a component: its seed was fixed at build time.

import * as wit from "freehold:destination/random@0.1.0";

/** The most that the host gives at once. */
const AT_ONCE = 4096;

/** That many random bytes. */
export function bytes(length: number): Uint8Array {
  const all = new Uint8Array(length);
  for (let at = 0; at < length; at += AT_ONCE) all.set(wit.bytes(Math.min(AT_ONCE, length - at)), at);
  return all;
}
