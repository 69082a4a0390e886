// What a destination type is made of: one function that opens it with the customer's config.

import type { HostError } from "freehold:destination/types@0.1.0";

import { Failure, toHost } from "./failure.ts";
import * as log from "./log.ts";
import { decode } from "./text.ts";

export { type ErrorKind, Failure, type FailureDetails } from "./failure.ts";
export type { Manifest, Schema } from "./manifest.ts";

/** One event, as the vendor published it. */
export interface Event {
  /** The vendor's id of the event. */
  id: string;
  /** What kind of thing happened, such as `invoice.paid`. */
  type: string;
  /** When it happened: milliseconds since 1970-01-01T00:00:00Z. */
  timeMs: number;
  /** The payload, as the vendor sent it: one JSON value in UTF-8. `json` reads it. */
  data: Uint8Array;
  /** The vendor's metadata: names and values. */
  attributes: [string, string][];
  /** The same on every attempt to bring this event to this destination, and different for any other. */
  idempotencyKey: string;
}

/** Events that travel together: the same members in the same order under the same id on every attempt. */
export interface Batch {
  /** `bat_` and 26 characters of `a-z 0-9`. */
  id: string;
  events: Event[];
}

/** What became of one event: nothing to say, or why it failed. */
export type Outcome = Failure | undefined;

/** A destination of one customer, opened. The host calls one function at a time, and may drop it at any time between. */
export interface Destination {
  /** Brings the batch to the destination. One outcome for each event, in their order. A `Failure` thrown stands for all. */
  deliver(batch: Batch): Outcome[];
  /** Checks that deliveries would work, by a harmless write that is marked as a test. A `Failure` thrown says why not. */
  verify(): void;
}

/** What the host calls. For plugins it is only a thing to export. */
export interface Sink {
  open(config: string): void;
  deliver(batch: HostBatch): HostOutcome[];
  verify(): void;
}

/** A batch as it comes from the host. */
export interface HostBatch {
  id: string;
  events: (Omit<Event, "timeMs"> & { timeMs: number | bigint })[];
}

/** An outcome as the host wants it. */
export type HostOutcome = { tag: "ok"; val: undefined } | { tag: "err"; val: HostError };

/**
 * Makes a destination type. `open` is called once, with the config that the host has checked against the manifest's schema;
 * nothing may be sent yet.
 *
 *     export const sink = destinationType<{ url: string }>((config) => ({
 *       deliver: (batch) => …,
 *       verify: () => …,
 *     }));
 */
export function destinationType<Config>(open: (config: Config) => Destination): Sink {
  let opened: Destination | undefined;
  const destination = () => opened ?? fail();
  return {
    open: (config) => crossing(() => void (opened = open(JSON.parse(config)))),
    deliver: (batch) => crossing(() => destination().deliver(fromHost(batch)).map(outcome)),
    verify: () => crossing(() => destination().verify()),
  };
}

/** The payload of an event, read. */
export function json<T = unknown>(event: Event): T {
  try {
    return JSON.parse(decode(event.data));
  } catch {
    throw Failure.rejected("data-not-json", `the data of event ${event.id} is not JSON`);
  }
}

function fail(): never {
  throw new Failure("other", "not-open", "the host called the plugin before it opened it");
}

function fromHost({ id, events }: HostBatch): Batch {
  return { id, events: events.map((event) => ({ ...event, timeMs: Number(event.timeMs) })) };
}

function outcome(outcome: Outcome): HostOutcome {
  return outcome === undefined ? { tag: "ok", val: undefined } : { tag: "err", val: toHost(outcome) };
}

/** A failure crosses to the host; anything else that is thrown is a fault of the plugin, and ends the instance. */
function crossing<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof Failure) throw toHost(thrown);
    // What ends an instance leaves no message behind but this.
    log.error(thrown instanceof Error ? `${thrown.name}: ${thrown.message}\n${thrown.stack ?? ""}` : String(thrown));
    throw thrown;
  }
}
