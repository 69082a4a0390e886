// Requests as the plugin makes them, and the answers that the test gave.

import { createHmac } from "node:crypto";

import type { HostError } from "freehold:destination/types@0.1.0";

import { type Answer, Host, SentRequest } from "../host.ts";
import { Secret } from "./credential.ts";

type Part = { tag: "text"; val: string } | { tag: "value"; val: number } | { tag: "body" };
type Result<T> = { tag: "ok"; val: T } | { tag: "err"; val: HostError };

/** A request under construction. */
export class Request {
  #request: SentRequest;
  #varied: string[] = [];
  #signatures: { name: string; prefix: string; key: Buffer; parts: Part[] }[] = [];

  constructor(method: string, url: string) {
    this.#request = new SentRequest(method, url);
  }

  headers(headers: [string, string][]): void {
    this.#request.headers.push(...headers);
  }

  secretHeader(name: string, prefix: string, value: Secret): void {
    this.#request.headers.push([name, prefix + Secret.bytesOf(value)]);
  }

  basicAuth(user: string, password: Secret): void {
    const pair = Buffer.from(`${user}:${Secret.bytesOf(password)}`).toString("base64");
    this.#request.headers.push(["authorization", `Basic ${pair}`]);
  }

  secretQuery(name: string, value: Secret): void {
    const url = new URL(this.#request.url);
    url.searchParams.append(name, Secret.bytesOf(value).toString());
    this.#request.url = url.href;
  }

  body(bytes: Uint8Array): void {
    this.#request.body = new Uint8Array(bytes);
  }

  secretBody(before: Uint8Array, value: Secret, encoding: "raw" | "json-string" | "form", after: Uint8Array): void {
    const secret = Secret.bytesOf(value);
    const written = {
      raw: () => secret,
      "json-string": () => Buffer.from(JSON.stringify(secret.toString()).slice(1, -1)),
      form: () => Buffer.from(encodeURIComponent(secret.toString())),
    }[encoding]();
    this.#request.body = new Uint8Array(Buffer.concat([before, written, after]));
  }

  http2(): void {
    this.#request.http2 = true;
  }

  timeoutMs(ms: number): void {
    this.#request.timeoutMs = ms;
  }

  vary(names: string[]): void {
    this.#varied = names;
  }

  signEach(name: string, prefix: string, key: Secret, parts: Part[]): void {
    this.#signatures.push({ name, prefix, key: Secret.bytesOf(key), parts });
  }

  static finished(request: Request): SentRequest {
    return request.#request;
  }

  /** One of many alike. */
  static row(pattern: Request, values: string[], body: Uint8Array): SentRequest {
    const { method, url, headers } = pattern.#request;
    const request = Object.assign(new SentRequest(method, url), pattern.#request, { headers: [...headers], body });
    pattern.#varied.forEach((name, place) => request.headers.push([name, values[place] ?? ""]));
    const signed = new Map<string, string[]>();
    for (const { name, prefix, key, parts } of pattern.#signatures) {
      const mac = createHmac("sha256", key);
      for (const part of parts) mac.update(part.tag === "body" ? body : part.tag === "text" ? part.val : (values[part.val] ?? ""));
      signed.set(name, [...(signed.get(name) ?? []), prefix + mac.digest("base64")]);
    }
    for (const [name, entries] of signed) request.headers.push([name, entries.join(" ")]);
    return request;
  }
}

/** An answer that the test gave. */
export class Response {
  readonly #answer: Answer;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  status(): number {
    return this.#answer.status;
  }

  header(name: string): string | undefined {
    return this.#answer.headers?.[name.toLowerCase()];
  }

  trailer(name: string): string | undefined {
    return this.#answer.trailers?.[name.toLowerCase()];
  }

  body(): Uint8Array {
    const { body, json } = this.#answer;
    if (json !== undefined) return new Uint8Array(Buffer.from(JSON.stringify(json)));
    return new Uint8Array(Buffer.from(body ?? ""));
  }
}

export function send(request: Request): Response {
  const result = exchange(Request.finished(request));
  if (result.tag === "err") throw result.val;
  return result.val;
}

export function sendAll(requests: Request[]): Result<Response>[] {
  return requests.map((request) => exchange(Request.finished(request)));
}

export function sendAlike(pattern: Request, rows: [string[], Uint8Array][]): Result<Response | undefined>[] {
  return rows.map(([values, body]) => {
    const result = exchange(Request.row(pattern, values, body));
    const succeeded = result.tag === "ok" && result.val.status() >= 200 && result.val.status() < 300;
    return succeeded ? { tag: "ok", val: undefined } : result;
  });
}

function exchange(request: SentRequest): Result<Response> {
  const answer = Host.current.exchange(request);
  return "failure" in answer ? { tag: "err", val: answer.failure } : { tag: "ok", val: new Response(answer) };
}
