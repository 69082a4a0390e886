// Bytes that look random, and are the same in each run.

import { Host } from "../host.ts";

export function bytes(length: number): Uint8Array {
  return Host.current.random(length);
}
