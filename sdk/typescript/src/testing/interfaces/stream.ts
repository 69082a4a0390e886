// Byte streams to the other sides that the test made.

import type { HostError } from "freehold:destination/types@0.1.0";

import { Host, type SentStream } from "../host.ts";
import { Secret } from "./credential.ts";

/** Where a stream leads. */
export class Target {
  readonly stream: SentStream;

  constructor(endpoint: string) {
    this.stream = { endpoint, written: new Uint8Array(), isTls: endpoint.startsWith("tls://") };
  }

  roots(pem: string): void {
    this.stream.roots = pem;
  }

  clientCertificate(chain: string, _key: Secret): void {
    this.stream.clientCertificate = chain;
  }

  timeoutMs(_ms: number): void {}
}

/** An open stream. */
export class Connection {
  readonly #stream: SentStream;
  #unread = Buffer.alloc(0);
  #closed = false;

  constructor(stream: SentStream) {
    this.#stream = stream;
    this.#hear(new Uint8Array());
  }

  write(bytes: Uint8Array): void {
    if (this.#closed) throw failure("connection-closed", "the other side has closed the stream");
    this.#stream.written = new Uint8Array(Buffer.concat([this.#stream.written, bytes]));
    this.#hear(bytes);
  }

  writeSecret(before: Uint8Array, value: Secret, after: Uint8Array): void {
    if (!this.#stream.isTls) throw failure("stream-clear", "a secret is not written before the stream has TLS");
    this.write(Buffer.concat([before, Secret.bytesOf(value), after]));
  }

  read(max: number): Uint8Array {
    if (this.#unread.length === 0 && !this.#closed) throw failure("timeout", "the other side said nothing in time");
    const bytes = new Uint8Array(this.#unread.subarray(0, max));
    this.#unread = this.#unread.subarray(bytes.length);
    return bytes;
  }

  readExact(length: number): Uint8Array {
    if (length <= this.#unread.length) return this.read(length);
    throw failure(this.#closed ? "connection-closed" : "timeout", "the other side said too little");
  }

  startTls(): void {
    this.#stream.isTls = true;
  }

  isOpen(): boolean {
    return !this.#closed;
  }

  #hear(bytes: Uint8Array): void {
    const said = Host.current.saidAt(this.#stream.endpoint, bytes);
    if (said === undefined) this.#closed = true;
    else this.#unread = Buffer.concat([this.#unread, Buffer.from(said)]);
  }
}

export function connect(target: Target): Connection {
  const { endpoint } = target.stream;
  if (!Host.current.listensAt(endpoint)) throw failure("connection-refused", `nothing listens at ${endpoint}`);
  Host.current.streams.push(target.stream);
  return new Connection(target.stream);
}

function failure(code: string, message: string): HostError {
  return { kind: "transient", code, message, requestSent: true };
}
