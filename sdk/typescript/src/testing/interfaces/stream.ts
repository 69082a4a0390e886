// Byte streams to the other sides that the test made. They end, and fail, as those of the real host do.

import type { HostError } from "freehold:destination/types@0.1.0";

import { Host, type SentStream } from "../host.ts";
import { Secret } from "./credential.ts";

/** Bytes that go each way before TLS on a stream that begins in the clear. */
const MAX_CLEAR_BYTES = 4 * 1024;
/** Bytes that one read gives at most, whatever is asked for. */
const MAX_READ_BYTES = 64 * 1024;
/** Bytes that can be waited for at once, unless the operator says otherwise. */
const MAX_EXACT_BYTES = 16 * 1024 * 1024;

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
  /** `ended`: the other side closed it in order, and what it said before is there to be read. `closed`: it failed. */
  #life: "open" | "ended" | "closed" = "open";
  #unread = Buffer.alloc(0);
  /** How many bytes were read before TLS, on a `starttls` stream that has none yet. */
  #clear: number | undefined;
  /** Whether anything was written since the last whole read. */
  #unanswered = false;
  /** Whether what was written last may have arrived. */
  #inDoubt = false;

  constructor(stream: SentStream) {
    this.#stream = stream;
    this.#clear = stream.endpoint.startsWith("starttls://") ? 0 : undefined;
    this.#hear(new Uint8Array());
  }

  write(bytes: Uint8Array): void {
    this.#send(bytes, false);
  }

  writeSecret(before: Uint8Array, value: Secret, after: Uint8Array): void {
    this.#send(Buffer.concat([before, Secret.bytesOf(value), after]), true);
  }

  read(max: number): Uint8Array {
    if (max === 0) throw this.#fail("stream-read-empty", "was to be read from, but no bytes were asked for");
    const bytes = this.#fill(max, "sent nothing in time");
    this.#unanswered = false;
    return new Uint8Array(bytes);
  }

  readExact(length: number): Uint8Array {
    if (length > MAX_EXACT_BYTES) {
      const what = `announced ${length} bytes at once, and ${MAX_EXACT_BYTES} are the most that is read`;
      throw this.#fail("stream-read-too-large", what);
    }
    let bytes = Buffer.alloc(0);
    while (bytes.length < length) {
      const what = bytes.length === 0 ? "sent nothing in time" : "did not send the rest of its answer in time";
      const more = this.#fill(length - bytes.length, what);
      if (more.length === 0) throw this.#fail("stream-closed", "closed the connection before its answer was whole");
      bytes = Buffer.concat([bytes, more]);
    }
    this.#unanswered = false;
    return new Uint8Array(bytes);
  }

  startTls(): void {
    this.#checkOpen();
    if (this.#clear === undefined) {
      throw this.#fail("stream-not-starttls", "cannot go over to TLS: only a starttls stream does, and once");
    }
    if (this.#unread.length > 0) {
      throw this.#fail("stream-starttls-injected", "sent more than it was asked before TLS began");
    }
    this.#clear = undefined;
    this.#stream.isTls = true;
  }

  isOpen(): boolean {
    return this.#life === "open";
  }

  #send(bytes: Uint8Array, isSecret: boolean): void {
    this.#inDoubt = this.#unanswered;
    this.#checkOpen();
    if (this.#clear !== undefined && isSecret) {
      throw this.#fail("stream-secret-in-clear", "was to be sent a secret before TLS; nothing was sent");
    }
    if (this.#clear !== undefined && this.#stream.written.length + bytes.length > MAX_CLEAR_BYTES) {
      throw this.#fail("stream-clear-limit", "was to be sent more than 4 KiB before TLS; nothing was sent");
    }
    if (bytes.length > 0) this.#unanswered = this.#inDoubt = true;
    this.#stream.written = new Uint8Array(Buffer.concat([this.#stream.written, bytes]));
    this.#hear(bytes);
  }

  /** At most `max` of the bytes that are there; none at the end. `silence` says what it means if none come. */
  #fill(max: number, silence: string): Buffer {
    const room = this.#clear === undefined ? MAX_READ_BYTES : MAX_CLEAR_BYTES - this.#clear;
    const empty = this.#unread.length === 0;
    if (this.#life === "closed") throw this.#closed();
    if (this.#life === "ended" && empty) return Buffer.alloc(0);
    if (room === 0) throw this.#fail("stream-clear-limit", "sent more than 4 KiB before TLS");
    if (empty) throw this.#fail("timeout", silence);
    const taken = this.#unread.subarray(0, Math.min(max, room));
    this.#unread = this.#unread.subarray(taken.length);
    if (this.#clear !== undefined) this.#clear += taken.length;
    return taken;
  }

  #hear(bytes: Uint8Array): void {
    const said = Host.current.saidAt(this.#stream.endpoint, bytes);
    if (said === undefined) this.#life = "ended";
    else this.#unread = Buffer.concat([this.#unread, Buffer.from(said)]);
  }

  #checkOpen(): void {
    if (this.#life !== "open") throw this.#closed();
  }

  #closed(): HostError {
    return this.#failure("stream-closed", "is not connected any more");
  }

  /** Ends the stream with a failure. `what` reads on from host and port. */
  #fail(code: string, what: string): HostError {
    this.#life = "closed";
    this.#unread = Buffer.alloc(0);
    return this.#failure(code, what);
  }

  #failure(code: string, what: string): HostError {
    return transient(code, `${authority(this.#stream.endpoint)} ${what}`, this.#inDoubt);
  }
}

export function connect(target: Target): Connection {
  const { endpoint } = target.stream;
  if (!Host.current.listensAt(endpoint)) {
    const why = "was refused; check that the port is right and the service is running";
    throw transient("connection-refused", `connection to ${authority(endpoint)} ${why}`, false);
  }
  Host.current.streams.push(target.stream);
  return new Connection(target.stream);
}

/** Host and port, for people. */
function authority(endpoint: string): string {
  return endpoint.slice(endpoint.indexOf("://") + 3);
}

function transient(code: string, message: string, requestSent: boolean): HostError {
  return { kind: "transient", code, message, requestSent };
}
