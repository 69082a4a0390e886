// What does a status other than 2xx mean for a delivery? The same as in the Rust SDK.

import { type ErrorKind, Failure } from "./failure.ts";

/** A mistaken date must not stop a destination for a year. */
const RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000;

/** The failure that `status` stands for. */
export function classify(status: number, retryAfterMs: number | undefined): Failure {
  const [kind, advice] = meaning(status, retryAfterMs !== undefined);
  const message = `the destination answered ${status}: ${advice}`;
  return new Failure(kind, `http-${status}`, message, { retryAfterMs, requestSent: true });
}

/** Reads a `retry-after` header: seconds, or a date from which `nowMs` is subtracted. */
export function retryAfter(value: string, nowMs: () => number): number | undefined {
  const trimmed = value.trim();
  if (/^[0-9]+$/.test(trimmed)) return Math.min(Number(trimmed) * 1000, RETRY_AFTER_MS_MAX);
  if (!/^[A-Z][a-z]{2}, /.test(trimmed)) return undefined;
  const date = Date.parse(trimmed);
  if (Number.isNaN(date)) return undefined;
  return Math.min(Math.max(0, date - nowMs()), RETRY_AFTER_MS_MAX);
}

function meaning(status: number, asksToWait: boolean): [ErrorKind, string] {
  if (status >= 300 && status < 400) return ["transient", "redirects are not followed; set the address that it leads to"];
  switch (status) {
    case 401:
      return ["auth", "it does not accept the credential"];
    case 403:
    case 407:
      return ["auth", "the credential is not allowed to do this"];
    case 404:
      return ["transient", "there is nothing at this address; it is tried again in case it comes back"];
    case 410:
      return ["config", "what was at this address is gone for good; set another address"];
    case 413:
    case 414:
    case 431:
      return ["rejected", "the request is larger than it accepts"];
    case 400:
    case 415:
    case 422:
      return ["rejected", "it does not accept what was sent"];
    case 429:
      return ["throttled", "it asks for fewer requests; it is tried again later by itself"];
    case 502:
    case 504:
      return ["throttled", "a gateway could not reach it; it is tried again later by itself"];
    case 503:
      return asksToWait
        ? ["throttled", "it is not available and says when to try again"]
        : ["transient", "it is not available; it is tried again by itself"];
    default:
      return ["transient", "this is not a success; it is tried again by itself"];
  }
}
