// What does the host offer? The contract in `wit/destination-0.1`, as QuickJS components see it. Not for authors: the other
// modules wrap it.

declare module "freehold:destination/types@0.1.0" {
  export type ErrorKind = "transient" | "throttled" | "auth" | "config" | "rejected" | "egress-denied" | "other";
  export interface HostError {
    kind: ErrorKind;
    code: string;
    message: string;
    retryAfterMs?: number | bigint | null;
    requestSent: boolean;
  }
  export type Result<T> = { tag: "ok"; val: T } | { tag: "err"; val: HostError };
}

declare module "freehold:destination/credential@0.1.0" {
  export class Secret {
    hmacSha256(data: Uint8Array): Uint8Array;
    hmacSha512(data: Uint8Array): Uint8Array;
    deriveHmacSha256(data: Uint8Array): Secret;
    derivePbkdf2(hash: "sha256" | "sha512", salt: Uint8Array, iterations: number): Secret;
    withPrefix(prefix: Uint8Array): Secret;
    sha256(before: Uint8Array, after: Uint8Array): Uint8Array;
    withoutPrefix(prefix: Uint8Array): Secret;
    fromBase64(): Secret;
    jsonMember(name: string): Secret;
    jsonText(name: string): string | null | undefined;
    jsonString(): Secret;
    length(): number;
    sign(algorithm: "rs256" | "es256" | "ed25519", data: Uint8Array): Uint8Array;
  }
  export function field(name: string): Secret | null | undefined;
  export function fields(name: string): Secret[];
  export function text(name: string): string | null | undefined;
  export function seal(bytes: Uint8Array): Secret;
}

declare module "freehold:destination/http@0.1.0" {
  import type { Secret } from "freehold:destination/credential@0.1.0";
  import type { Result } from "freehold:destination/types@0.1.0";
  export type BodyEncoding = "raw" | "json-string" | "form";
  export type SignedPart = { tag: "text"; val: string } | { tag: "value"; val: number } | { tag: "body" };
  export class Request {
    constructor(method: string, url: string);
    headers(headers: [string, string][]): void;
    secretHeader(name: string, prefix: string, value: Secret): void;
    basicAuth(user: string, password: Secret): void;
    secretQuery(name: string, value: Secret): void;
    body(bytes: Uint8Array): void;
    secretBody(before: Uint8Array, value: Secret, encoding: BodyEncoding, after: Uint8Array): void;
    http2(): void;
    timeoutMs(ms: number): void;
    vary(names: string[]): void;
    signEach(name: string, prefix: string, key: Secret, parts: SignedPart[]): void;
  }
  export class Response {
    status(): number;
    header(name: string): string | null | undefined;
    trailer(name: string): string | null | undefined;
    body(): Uint8Array;
  }
  export function send(request: Request): Response;
  export function sendAll(requests: Request[]): Result<Response>[];
  export function sendAlike(pattern: Request, rows: [string[], Uint8Array][]): Result<Response | null | undefined>[];
}

declare module "freehold:destination/stream@0.1.0" {
  import type { Secret } from "freehold:destination/credential@0.1.0";
  export class Target {
    constructor(endpoint: string);
    roots(pem: string): void;
    clientCertificate(chain: string, key: Secret): void;
    timeoutMs(ms: number): void;
  }
  export class Connection {
    write(bytes: Uint8Array): void;
    writeSecret(before: Uint8Array, value: Secret, after: Uint8Array): void;
    read(max: number): Uint8Array;
    readExact(length: number): Uint8Array;
    startTls(): void;
    isOpen(): boolean;
  }
  export function connect(target: Target): Connection;
}

declare module "freehold:destination/context@0.1.0" {
  export function attempt(): number;
  export function timeLeftMs(): number | bigint;
  export function nowMs(): number | bigint;
  export function wait(ms: number): void;
  export function customer(): string;
  export function destination(): string;
}

declare module "freehold:destination/log@0.1.0" {
  export function log(level: "debug" | "info" | "warn" | "error", message: string): void;
}

declare module "freehold:destination/random@0.1.0" {
  export function bytes(length: number): Uint8Array;
}
