// What may a plugin want to know about the call that it is in?

import * as wit from "freehold:destination/context@0.1.0";

/** Which try of this batch this is, from 1. 0 during `open` and `verify`. */
export function attempt(): number {
  return wit.attempt();
}

/** How many milliseconds are left for this call. When it is over, the instance ends. */
export function timeLeftMs(): number {
  return Number(wit.timeLeftMs());
}

/** The time, in milliseconds since 1970-01-01T00:00:00Z. `Date.now()` does not work in a component: there is no other clock. */
export function nowMs(): number {
  return Number(wit.nowMs());
}

/** Waits, but not for longer than is left for this call. It costs no CPU time. */
export function wait(ms: number): void {
  wit.wait(Math.max(0, Math.min(Math.round(ms), 0xffff_ffff)));
}

/** The customer's id, `cus_…`. */
export function customer(): string {
  return wit.customer();
}

/** The destination's id, `dst_…`. */
export function destination(): string {
  return wit.destination();
}
