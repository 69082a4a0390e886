// The credential's fields, sealed as in the real host; what is computed with them is computed by Node.

import { createHash, createHmac, createPrivateKey, pbkdf2Sync, sign, type KeyObject } from "node:crypto";

import type { HostError } from "freehold:destination/types@0.1.0";

import { Host } from "../host.ts";

const MAX_ITERATIONS = 100_000;
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
    if (iterations < 1 || iterations > MAX_ITERATIONS) throw failure("config", "iterations", "iterations are 1 to 100,000");
    return new Secret(pbkdf2Sync(this.#bytes, salt, iterations, hash === "sha256" ? 32 : 64, hash));
  }

  withPrefix(prefix: Uint8Array): Secret {
    return new Secret(Buffer.concat([prefix, this.#bytes]));
  }

  sha256(before: Uint8Array, after: Uint8Array): Uint8Array {
    return plain(createHash("sha256").update(before).update(this.#bytes).update(after).digest());
  }

  withoutPrefix(prefix: Uint8Array): Secret {
    const text = Buffer.from(prefix).toString();
    Host.current.checkListed(this.#field, "x-prefixes", text);
    if (!this.#bytes.subarray(0, prefix.length).equals(prefix)) {
      throw failure("auth", "secret-prefix", `the secret does not begin with \`${text}\``);
    }
    return new Secret(this.#bytes.subarray(prefix.length));
  }

  fromBase64(): Secret {
    const text = this.#bytes.toString();
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw failure("auth", "secret-not-base64", "the secret is not base64");
    return new Secret(Buffer.from(text, "base64"));
  }

  jsonMember(name: string): Secret {
    const member = this.#object()[name];
    if (typeof member !== "string") throw failure("auth", "secret-member", `the secret has no text \`${name}\``);
    return new Secret(Buffer.from(member));
  }

  jsonText(name: string): string | undefined {
    Host.current.checkListed(this.#field, "x-public-members", name);
    const member = this.#object()[name];
    return typeof member === "string" ? member : undefined;
  }

  jsonString(): Secret {
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
      throw failure("auth", "secret-not-a-key", `the secret is not a key for ${algorithm}`);
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
      if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
    } catch {
      // Said below.
    }
    throw failure("auth", "secret-not-json", "the secret is not a JSON object");
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
  return new Secret(bytes);
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function failure(kind: HostError["kind"], code: string, message: string): HostError {
  return { kind, code, message, requestSent: false };
}
