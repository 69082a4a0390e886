// The call that the plugin is in, as the test set it.

import { Host } from "../host.ts";

export const attempt = (): number => Host.current.attempt;
export const timeLeftMs = (): number => Host.current.timeLeftMs;
export const nowMs = (): number => Host.current.nowMs;
export const customer = (): string => "cus_test";
export const destination = (): string => "dst_test";

export function wait(ms: number): void {
  Host.current.nowMs += ms;
  Host.current.timeLeftMs = Math.max(0, Host.current.timeLeftMs - ms);
}
