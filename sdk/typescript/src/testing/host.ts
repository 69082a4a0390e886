// A host that says what a test told it to, and remembers what it was asked.

import { createHash } from "node:crypto";

import type { HostError } from "freehold:destination/types@0.1.0";

import { Failure, fromHost, toHost } from "../failure.ts";
import type { Event, Outcome, Sink } from "../index.ts";
import type { Manifest, Schema } from "../manifest.ts";

/** What an endpoint answers. */
export interface Answer {
  status: number;
  /** Names in lower case. */
  headers?: Record<string, string>;
  trailers?: Record<string, string>;
  body?: string | Uint8Array;
  /** In the place of `body`: a value to be written as JSON. */
  json?: unknown;
}

/** An answer, or a failure in its place: no connection, a timeout. */
export type Reply = Answer | Failure;

/** One line that a plugin wrote. */
export interface LogLine {
  level: "debug" | "info" | "warn" | "error";
  message: string;
}

/** A request as the endpoint would see it: secrets and all. */
export class SentRequest {
  readonly method: string;
  url: string;
  headers: [string, string][] = [];
  body: Uint8Array = new Uint8Array();
  http2 = false;
  timeoutMs: number | undefined;

  constructor(method: string, url: string) {
    this.method = method;
    this.url = url;
  }

  /** The value of the first header of this name. */
  header(name: string): string | undefined {
    return this.headers.find(([found]) => found.toLowerCase() === name.toLowerCase())?.[1];
  }

  /** The body as text. */
  text(): string {
    return Buffer.from(this.body).toString();
  }

  /** The body as JSON. */
  json(): any {
    return JSON.parse(this.text());
  }
}

/** A byte stream as the other side would see it. */
export interface SentStream {
  readonly endpoint: string;
  /** Everything that was written, secrets among it. */
  written: Uint8Array;
  /** Whether it has TLS by now. */
  isTls: boolean;
  roots?: string;
  clientCertificate?: string;
}

/**
 * The other side of a stream: what it says to what was written, at first to nothing; `undefined` closes the stream. A stream
 * ends and fails as one of the real host does, by the same codes.
 */
export type Peer = (written: Uint8Array) => string | Uint8Array | undefined;

/** How a scripted host begins. */
export interface Settings {
  /** The plugin's manifest: with it, asking for what it does not declare is an error, as in the real host. */
  manifest?: unknown;
  /** The credential's fields. For a field with `x-overlap`, a list: the newest value first. */
  credential?: Record<string, string | string[]>;
  /** The time, in milliseconds since 1970. */
  nowMs?: number;
}

/** The scripted host. The newest one is what plugins talk to. */
export class Host {
  static #current: Host | undefined;

  /** Every request, in the order of sending. */
  readonly requests: SentRequest[] = [];
  /** Every byte stream, in the order of opening. */
  readonly streams: SentStream[] = [];
  /** Every line of the plugin's log. */
  readonly logged: LogLine[] = [];
  nowMs: number;
  attempt = 1;
  timeLeftMs = 60_000;

  readonly #manifest: Manifest | undefined;
  readonly #credential: Record<string, string | string[]>;
  readonly #script: Reply[] = [];
  readonly #peers = new Map<string, Peer>();
  #otherwise: ((request: SentRequest) => Reply) | undefined;
  #drawn = 0;

  constructor({ manifest, credential = {}, nowMs = Date.UTC(2026, 0, 1) }: Settings = {}) {
    this.#manifest = manifest as Manifest | undefined;
    this.#credential = credential;
    this.nowMs = nowMs;
    Host.#current = this;
  }

  /** What plugins talk to. */
  static get current(): Host {
    if (Host.#current === undefined) throw new Error("there is no host: make one with `new Host()` before the plugin runs");
    return Host.#current;
  }

  /** Answers the next requests with these, one each. */
  answer(...replies: Reply[]): this {
    this.#script.push(...replies);
    return this;
  }

  /** Answers every request for which no `answer` is left. */
  answerBy(reply: (request: SentRequest) => Reply): this {
    this.#otherwise = reply;
    return this;
  }

  /** Is the other side of every byte stream to this endpoint, such as `tls://redis.example.com:6380`. */
  listen(endpoint: string, peer: Peer): this {
    this.#peers.set(endpoint, peer);
    return this;
  }

  /** Opens the plugin. A refusal is thrown as the `Failure` that it is. */
  open(sink: Sink, config: unknown): void {
    this.#outsideBatches(() => sink.open(JSON.stringify(config)));
  }

  /** Has the plugin deliver these events as one batch: one outcome for each, `undefined` where it was delivered. */
  deliver(sink: Sink, events: Event[], id = `bat_${"0".repeat(26)}`): Outcome[] {
    const outcomes = asFailure(() => sink.deliver({ id, events }));
    if (outcomes.length !== events.length) {
      throw new Error(`the plugin gave ${outcomes.length} outcomes for ${events.length} events`);
    }
    return outcomes.map((outcome) => (outcome.tag === "ok" ? undefined : fromHost(outcome.val)));
  }

  /** Has the plugin check itself. What it finds wrong is thrown as the `Failure` that it is. */
  verify(sink: Sink): void {
    this.#outsideBatches(() => sink.verify());
  }

  /** For the interfaces of this host alone, as all that follows. */
  exchange(request: SentRequest): Answer | { failure: HostError } {
    this.requests.push(request);
    const reply = this.#script.shift() ?? this.#otherwise?.(request);
    if (reply === undefined) throw new Error(`nothing was scripted as the answer to ${request.method} ${request.url}`);
    return reply instanceof Failure ? { failure: toHost(reply) } : reply;
  }

  listensAt(endpoint: string): boolean {
    return this.#peers.has(endpoint);
  }

  saidAt(endpoint: string, written: Uint8Array): string | Uint8Array | undefined {
    return this.#peers.get(endpoint)?.(written);
  }

  secretValues(name: string): string[] {
    const schema = this.#declared(name);
    const value = this.#credential[name];
    // A secret that was given again signs once.
    const values = value === undefined ? [] : [...new Set([value].flat())];
    return schema !== undefined && schema["x-overlap"] !== true ? values.slice(0, 1) : values;
  }

  textValue(name: string): string | undefined {
    if (this.#declared(name)?.writeOnly === true) return undefined;
    return [this.#credential[name]].flat()[0];
  }

  checkListed(field: string | undefined, keyword: "x-prefixes" | "x-public-members", wanted: string): void {
    if (this.#manifest === undefined) return;
    const listed = field === undefined ? undefined : this.#declared(field)?.[keyword];
    if (!Array.isArray(listed) || !listed.includes(wanted)) {
      throw new Error(`the manifest does not list \`${wanted}\` in \`${keyword}\` of the field: the host would end the instance`);
    }
  }

  random(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = createHash("sha256").update(`${this.#drawn++}`).digest()[0] as number;
    return bytes;
  }

  /** A call that is no attempt at a batch, and does not change which one the next delivery is. */
  #outsideBatches(call: () => void): void {
    const { attempt } = this;
    this.attempt = 0;
    try {
      asFailure(call);
    } finally {
      this.attempt = attempt;
    }
  }

  #declared(name: string): Schema | undefined {
    const properties = this.#manifest?.credential.properties;
    if (this.#manifest !== undefined && properties?.[name] === undefined) {
      throw new Error(`the manifest declares no credential field \`${name}\`: the host would end the instance`);
    }
    return properties?.[name];
  }
}

/** An event of the type `test.made`, with this payload, and whatever else is said of it. */
export function event(data: unknown, more: Partial<Event> = {}): Event {
  const id = more.id ?? "evt-1";
  return {
    id,
    type: "test.made",
    timeMs: Date.UTC(2026, 0, 1),
    data: new Uint8Array(Buffer.from(JSON.stringify(data))),
    attributes: [],
    idempotencyKey: `msg_${createHash("sha256").update(id).digest("hex").slice(0, 32)}`,
    ...more,
  };
}

/** What crosses to the host as a plain record is a `Failure` again. */
function asFailure<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw thrown instanceof Error ? thrown : fromHost(thrown as HostError);
  }
}
