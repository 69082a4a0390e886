// Why did something not work, and what shall Freehold do about it? Its kind alone decides.

import type { ErrorKind, HostError } from "freehold:destination/types@0.1.0";

export type { ErrorKind };

/** What a failure may say beside its kind, code and message. */
export interface FailureDetails {
  /** When the destination wishes to be asked again, in milliseconds from now. */
  retryAfterMs?: number | undefined;
  /** Whether the request may have arrived all the same. When in doubt, true. */
  requestSent?: boolean | undefined;
}

/**
 * Why an event, a batch or a check did not work. Thrown, it stands for the whole call; in the list that `deliver` answers
 * with, for one event.
 *
 * | kind | what Freehold does |
 * |---|---|
 * | `transient` | tries again later |
 * | `throttled` | tries again, not before `retryAfterMs` |
 * | `auth` | pauses the destination until there is a new credential |
 * | `config` | pauses the destination until its config is changed |
 * | `rejected` | sets the event aside: it will never be accepted |
 * | `egress-denied` | only the host makes this one; pass it on as it came |
 * | `other` | as `transient` |
 */
export class Failure extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  readonly requestSent: boolean;

  /** `code` is a short stable word for machines (`a-z 0-9 -`), `message` a sentence for the customer. */
  constructor(kind: ErrorKind, code: string, message: string, details: FailureDetails = {}) {
    super(message);
    this.name = "Failure";
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.requestSent = details.requestSent ?? false;
  }

  /** May pass by itself: tried again later. */
  static transient(code: string, message: string, details?: FailureDetails): Failure {
    return new Failure("transient", code, message, details);
  }

  /** The destination asks for less. `retryAfterMs` is its own wish for when, if it has one. */
  static throttled(code: string, message: string, retryAfterMs?: number): Failure {
    return new Failure("throttled", code, message, { retryAfterMs, requestSent: true });
  }

  /** The credential is refused: the destination pauses until the customer gives a new one. */
  static auth(code: string, message: string): Failure {
    return new Failure("auth", code, message);
  }

  /** The config cannot work: the destination pauses until the customer changes it. */
  static config(code: string, message: string): Failure {
    return new Failure("config", code, message);
  }

  /** This event will never be accepted: it becomes a dead letter. */
  static rejected(code: string, message: string): Failure {
    return new Failure("rejected", code, message);
  }

  /** The same failure with another kind, for a plugin that knows better what an answer means. */
  withKind(kind: ErrorKind): Failure {
    return new Failure(kind, this.code, this.message, this);
  }
}

/** A failure of the host's, as this package's own. */
export function fromHost(error: HostError): Failure {
  const { kind, code, message, retryAfterMs, requestSent } = error;
  const wait = retryAfterMs === null || retryAfterMs === undefined ? undefined : Number(retryAfterMs);
  return new Failure(kind, code, message, { retryAfterMs: wait, requestSent });
}

/** The failure as the host wants it. */
export function toHost(failure: Failure): HostError {
  const { kind, code, message, retryAfterMs, requestSent } = failure;
  const wait = retryAfterMs === undefined ? null : Math.max(0, Math.round(retryAfterMs));
  return { kind, code, message, retryAfterMs: wait, requestSent };
}

/** Calls the host, and throws its refusal as a `Failure`. */
export function calling<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw isHostError(thrown) ? fromHost(thrown) : thrown;
  }
}

function isHostError(thrown: unknown): thrown is HostError {
  if (thrown instanceof Error || typeof thrown !== "object" || thrown === null) return false;
  return "kind" in thrown && "code" in thrown && "requestSent" in thrown;
}
