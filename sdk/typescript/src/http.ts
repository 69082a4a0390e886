// HTTP requests to this destination's endpoints, and to no others. The host does TLS, pooling, timeouts and size limits; it
// follows no redirects and keeps no cookies. Secrets are attached without being read.

import * as wit from "freehold:destination/http@0.1.0";
import type { Result } from "freehold:destination/types@0.1.0";

import { nowMs } from "./context.ts";
import type { Secret } from "./credential.ts";
import { calling, Failure, fromHost } from "./failure.ts";
import { classify, retryAfter } from "./status.ts";
import { bytesOf, decode } from "./text.ts";

/** How a secret is written into a request's body. */
export type BodyEncoding = "raw" | "json-string" | "form";

/** What of each of many requests alike is signed. */
export type Signed = { text: string } | { value: number } | "body";

/** A request to be sent. What the host cannot accept is reported when it is sent, as a `Failure` of kind `config`. */
export class Request {
  readonly #handle: wit.Request;
  #headers: [string, string][] = [];

  /** A request with no headers and an empty body. */
  constructor(method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE", url: string) {
    this.#handle = new wit.Request(method, url);
  }

  static get(url: string): Request {
    return new Request("GET", url);
  }

  static post(url: string): Request {
    return new Request("POST", url);
  }

  static put(url: string): Request {
    return new Request("PUT", url);
  }

  static delete(url: string): Request {
    return new Request("DELETE", url);
  }

  /** Adds a header. `host`, `content-length` and their like are the host's own business. */
  header(name: string, value: string): this {
    this.#headers.push([name, value]);
    return this;
  }

  /** Adds a header whose value is `prefix` and then the secret. */
  secretHeader(name: string, prefix: string, value: Secret): this {
    this.#handle.secretHeader(name, prefix, value.handle);
    return this;
  }

  /** Adds `authorization: Bearer …`. */
  bearer(token: Secret): this {
    return this.secretHeader("authorization", "Bearer ", token);
  }

  /** Adds `authorization: Basic …`. */
  basicAuth(user: string, password: Secret): this {
    this.#handle.basicAuth(user, password.handle);
    return this;
  }

  /** Adds a query parameter whose value is the secret. */
  secretQuery(name: string, value: Secret): this {
    this.#handle.secretQuery(name, value.handle);
    return this;
  }

  /** Sets the body. */
  body(value: string | Uint8Array): this {
    this.#handle.body(bytesOf(value));
    return this;
  }

  /** Sets the body to `value` as JSON, and the content type with it. */
  json(value: unknown): this {
    return this.header("content-type", "application/json").body(JSON.stringify(value));
  }

  /** Sets the body to `before`, the secret, `after`. */
  secretBody(before: string, value: Secret, encoding: BodyEncoding, after: string): this {
    this.#handle.secretBody(bytesOf(before), value.handle, encoding, bytesOf(after));
    return this;
  }

  /** Insists on HTTP/2, as gRPC does. */
  http2(): this {
    this.#handle.http2();
    return this;
  }

  /** Limits the whole exchange. The host's own limit holds as well. */
  timeout(ms: number): this {
    this.#handle.timeoutMs(Math.max(1, Math.round(ms)));
    return this;
  }

  /** Sends it and waits for the answer. Any status is an answer; a `Failure` is thrown when there was none. */
  send(): Response {
    const handle = this.#complete();
    return new Response(calling(() => wit.send(handle)));
  }

  /** Makes this the request that many are sent like: `names` are the headers whose values each of them brings along. */
  alike(names: string[]): Alike {
    const handle = this.#complete();
    handle.vary(names);
    return new Alike(handle);
  }

  /** The host's side, for this package alone. */
  static complete(request: Request): wit.Request {
    return request.#complete();
  }

  #complete(): wit.Request {
    // In one call: each call to the host has its price.
    if (this.#headers.length > 0) this.#handle.headers(this.#headers);
    this.#headers = [];
    return this.#handle;
  }
}

/** Sends all requests, several at a time, and answers in their order. The host decides how many run at once. */
export function sendAll(requests: Request[]): (Response | Failure)[] {
  return wit.sendAll(requests.map(Request.complete)).map((answer) => read(answer, (given) => new Response(given)));
}

/**
 * A request that many are sent like: they differ in the values of some headers and in the body. What they have in common is
 * handed to the host once, so this is the fastest way to send one request for each event.
 */
export class Alike {
  readonly #handle: wit.Request;

  /** For this package alone: `Request.alike` makes these. */
  constructor(handle: wit.Request) {
    this.#handle = handle;
  }

  /** Has the host sign each request: header `name` gets `prefix` and the base64 of HMAC-SHA256 under `key` of these parts. */
  signed(name: string, prefix: string, key: Secret, parts: Signed[]): this {
    const asHostWants = (part: Signed): wit.SignedPart => {
      if (part === "body") return { tag: "body" };
      return "text" in part ? { tag: "text", val: part.text } : { tag: "value", val: part.value };
    };
    this.#handle.signEach(name, prefix, key.handle, parts.map(asHostWants));
    return this;
  }

  /** Sends one request for each row and answers in their order: `undefined` for a 2xx. */
  send(rows: { values: string[]; body: string | Uint8Array }[]): (Response | Failure | undefined)[] {
    const crossing = rows.map(({ values, body }): [string[], Uint8Array] => [values, bytesOf(body)]);
    const given = (answer: wit.Response | null | undefined) => (answer ? new Response(answer) : undefined);
    return wit.sendAlike(this.#handle, crossing).map((answer) => read(answer, given));
  }
}

/** An answer. */
export class Response {
  readonly #handle: wit.Response;

  /** For this package alone: `send` makes these. */
  constructor(handle: wit.Response) {
    this.#handle = handle;
  }

  /** The status code. */
  get status(): number {
    return this.#handle.status();
  }

  /** Whether the status is 2xx. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The first header of that name, if it is there and is text. */
  header(name: string): string | undefined {
    return this.#handle.header(name) ?? undefined;
  }

  /** The first trailer of that name, if it is there and is text. */
  trailer(name: string): string | undefined {
    return this.#handle.trailer(name) ?? undefined;
  }

  /** The body. What is longer than the host's limit (1 MiB by default) makes the exchange fail before this. */
  bytes(): Uint8Array {
    return this.#handle.body();
  }

  /** The body as text; what is not UTF-8 is replaced. */
  text(): string {
    return decode(this.bytes());
  }

  /** The body as JSON; a `Failure` is thrown when it is not. Check what it holds before you rely on it. */
  json<T = unknown>(): T {
    try {
      return JSON.parse(this.text());
    } catch {
      throw new Failure("other", "answer-unreadable", "the answer is not JSON", { requestSent: true });
    }
  }

  /**
   * What an answer that is not a 2xx means for a delivery: 401 and 403 are `auth`, 410 `config`, 400, 413 and 422 `rejected`,
   * 429, 502 and 504 `throttled`, a 503 too if it says when, the others `transient`. `withKind` corrects it.
   */
  failure(): Failure {
    const header = this.header("retry-after");
    return classify(this.status, header === undefined ? undefined : retryAfter(header, nowMs));
  }

  /** The answer itself when it is a 2xx; otherwise `failure` is thrown. */
  orThrow(): this {
    if (this.ok) return this;
    throw this.failure();
  }
}

function read<T, U>(answer: Result<T>, made: (given: T) => U): U | Failure {
  return answer.tag === "ok" ? made(answer.val) : fromHost(answer.val);
}
