// Byte streams to this destination's endpoints, and to no others, for protocols that are not HTTP. TLS ends in the host.

import * as wit from "freehold:destination/stream@0.1.0";

import type { Secret } from "./credential.ts";
import { calling } from "./failure.ts";
import { bytesOf } from "./text.ts";

/** Where a stream leads and how it is secured. */
export interface Target {
  /** `tls://host:port`, `starttls://host:port` or `tcp://host:port`: one of the destination's endpoints. */
  endpoint: string;
  /** Only certificates that lead to these roots (PEM) are trusted, instead of the system's. */
  roots?: string;
  /** Shown when the other side asks for one: the chain in PEM, leaf first, and its private key. */
  clientCertificate?: { chain: string; key: Secret };
  /** Limits connecting, and each read and write after it. */
  timeoutMs?: number;
}

/** Opens a stream. A `Failure` is thrown when no connection comes about. */
export function connect({ endpoint, roots, clientCertificate, timeoutMs }: Target): Stream {
  const target = new wit.Target(endpoint);
  if (roots !== undefined) target.roots(roots);
  if (clientCertificate !== undefined) target.clientCertificate(clientCertificate.chain, clientCertificate.key.handle);
  if (timeoutMs !== undefined) target.timeoutMs(timeoutMs);
  return new Stream(calling(() => wit.connect(target)));
}

/** An open stream. After any `Failure` it is closed: connect anew. */
export class Stream {
  readonly #handle: wit.Connection;

  /** For this package alone: `connect` makes these. */
  constructor(handle: wit.Connection) {
    this.#handle = handle;
  }

  /** Writes all of it. */
  write(bytes: string | Uint8Array): void {
    calling(() => this.#handle.write(bytesOf(bytes)));
  }

  /** Writes `before`, the secret and `after` as one write: the secret goes over the wire without being read. */
  writeSecret(before: string | Uint8Array, value: Secret, after: string | Uint8Array): void {
    calling(() => this.#handle.writeSecret(bytesOf(before), value.handle, bytesOf(after)));
  }

  /** Waits for bytes and gives at most `max` of them; none when the other side has closed the stream in order. */
  read(max: number): Uint8Array {
    return calling(() => this.#handle.read(max));
  }

  /** Waits for exactly that many bytes. */
  readExact(length: number): Uint8Array {
    return calling(() => this.#handle.readExact(length));
  }

  /** Goes over to TLS, on a `starttls` stream. */
  startTls(): void {
    calling(() => this.#handle.startTls());
  }

  /** Whether it can still be used, as far as is known without waiting. */
  get isOpen(): boolean {
    return this.#handle.isOpen();
  }
}
