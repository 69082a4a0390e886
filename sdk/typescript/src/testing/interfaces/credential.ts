// The credential's fields, sealed as in the real host; what is computed with them is computed by Node.

import { isUtf8 } from "node:buffer";
import { createHash, createHmac, createPrivateKey, pbkdf2Sync, sign, type KeyObject } from "node:crypto";

import type { HostError } from "freehold:destination/types@0.1.0";

import { Host } from "../host.ts";

/** The most that a server may ask for. */
const MAX_ITERATIONS = 100_000;
/** Bytes of a field at most. */
const MAX_FIELD_BYTES = 16 * 1024;
/** What precedes the 32 bytes of an Ed25519 seed in PKCS #8. */
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** A sealed value. Its bytes are for the scripted host alone. */
export class Secret {
  readonly #bytes: Buffer;
  /** The field that it is; without one, it was derived. */
  readonly #field: string | undefined;

  constructor(bytes: Uint8Array, field?: string) {
    this.#bytes = Buffer.from(bytes);
    this.#field = field;
  }

  static bytesOf(secret: Secret): Buffer {
    return secret.#bytes;
  }

  hmacSha256(data: Uint8Array): Uint8Array {
    return plain(createHmac("sha256", this.#bytes).update(data).digest());
  }

  hmacSha512(data: Uint8Array): Uint8Array {
    return plain(createHmac("sha512", this.#bytes).update(data).digest());
  }

  deriveHmacSha256(data: Uint8Array): Secret {
    return new Secret(this.hmacSha256(data));
  }

  derivePbkdf2(hash: "sha256" | "sha512", salt: Uint8Array, iterations: number): Secret {
    if (iterations < 1 || iterations > MAX_ITERATIONS) {
      const possible = `1 to ${MAX_ITERATIONS} are possible: set fewer for this user on the server`;
      const message = `deriving a key with ${iterations} iterations was asked for, and ${possible}`;
      throw failure("config", "iterations-out-of-range", message);
    }
    return new Secret(pbkdf2Sync(this.#bytes, salt, iterations, hash === "sha256" ? 32 : 64, hash));
  }

  withPrefix(prefix: Uint8Array): Secret {
    return new Secret(Buffer.concat([prefix, this.#bytes]));
  }

  sha256(before: Uint8Array, after: Uint8Array): Uint8Array {
    return plain(createHash("sha256").update(before).update(this.#bytes).update(after).digest());
  }

  withoutPrefix(prefix: Uint8Array): Secret {
    Host.current.checkListed(this.#field, "x-prefixes", Buffer.from(prefix).toString());
    if (!this.#bytes.subarray(0, prefix.length).equals(prefix)) {
      throw failure("auth", "credential-prefix", "the credential does not begin as it should");
    }
    return new Secret(this.#bytes.subarray(prefix.length));
  }

  fromBase64(): Secret {
    const text = this.#bytes.toString("latin1");
    const digits = text.replace(/=*$/, "");
    const bytes = Buffer.from(digits, "base64");
    const whole = bytes.toString("base64");
    // Padding may be left off, and nothing else is forgiven.
    if (!whole.startsWith(text) || whole.replace(/=*$/, "") !== digits) {
      throw failure("auth", "credential-base64", "the credential is not valid base64");
    }
    return new Secret(bytes);
  }

  jsonMember(name: string): Secret {
    const member = this.#object()[name];
    if (typeof member !== "string") {
      const message = `the credential has no text \`${name}\` in its JSON object: paste the whole key file`;
      throw failure("auth", "credential-member", message);
    }
    return new Secret(Buffer.from(member));
  }

  jsonText(name: string): string | undefined {
    Host.current.checkListed(this.#field, "x-public-members", name);
    const member = this.#object()[name];
    return typeof member === "string" ? member : undefined;
  }

  jsonString(): Secret {
    if (this.#bytes.length > MAX_FIELD_BYTES) {
      throw failure("auth", "credential-too-long", "a credential this long cannot be put into a JSON string");
    }
    if (!isUtf8(this.#bytes)) {
      throw failure("auth", "credential-not-text", "a credential that is not text cannot be put into a JSON string");
    }
    return new Secret(Buffer.from(JSON.stringify(this.#bytes.toString()).slice(1, -1)));
  }

  length(): number {
    return this.#bytes.length;
  }

  sign(algorithm: "rs256" | "es256" | "ed25519", data: Uint8Array): Uint8Array {
    try {
      if (algorithm === "ed25519") return plain(sign(null, data, this.#ed25519()));
      const key = createPrivateKey(this.#bytes);
      return plain(sign("sha256", data, algorithm === "es256" ? { key, dsaEncoding: "ieee-p1363" } : key));
    } catch {
      throw failure("auth", "credential-key", "the credential is not a private key of the kind that is needed");
    }
  }

  #ed25519(): KeyObject {
    if (this.#bytes.length !== 32 && this.#bytes.length !== 64) return createPrivateKey(this.#bytes);
    const key = Buffer.concat([ED25519_PKCS8, this.#bytes.subarray(0, 32)]);
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  }

  #object(): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(this.#bytes.toString());
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    } catch {
      // Said below.
    }
    const message = "the credential is not a JSON object: paste the whole key file, as it was downloaded";
    throw failure("auth", "credential-json", message);
  }
}

export function field(name: string): Secret | undefined {
  return fields(name)[0];
}

export function fields(name: string): Secret[] {
  return Host.current.secretValues(name).map((value) => new Secret(Buffer.from(value), name));
}

export function text(name: string): string | undefined {
  return Host.current.textValue(name);
}

export function seal(bytes: Uint8Array): Secret {
  if (bytes.length > MAX_FIELD_BYTES) {
    throw new Error(`${bytes.length} bytes were sealed at once: the host would end the instance`);
  }
  return new Secret(bytes);
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function failure(kind: HostError["kind"], code: string, message: string): HostError {
  return { kind, code, message, requestSent: false };
}
