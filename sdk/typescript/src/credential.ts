// The customer's credential, sealed: its secret fields can be used, but never read.

import * as wit from "freehold:destination/credential@0.1.0";

import { calling, Failure } from "./failure.ts";
import { bytesOf } from "./text.ts";

/** How `Secret.sign` signs. */
export type Algorithm = "rs256" | "es256" | "ed25519";

/** A secret field, or one derived from it. What its methods return is either public (a signature) or sealed again. */
export class Secret {
  /** For this package alone. */
  readonly handle: wit.Secret;

  /** For this package alone: `field` and `seal` make secrets. */
  constructor(handle: wit.Secret) {
    this.handle = handle;
  }

  /** HMAC-SHA256 under this secret: 32 bytes. */
  hmacSha256(data: string | Uint8Array): Uint8Array {
    return this.handle.hmacSha256(bytesOf(data));
  }

  /** HMAC-SHA512 under this secret: 64 bytes. */
  hmacSha512(data: string | Uint8Array): Uint8Array {
    return this.handle.hmacSha512(bytesOf(data));
  }

  /** The same as `hmacSha256`, but sealed, to be a key itself: a step of AWS Signature Version 4. */
  deriveHmacSha256(data: string | Uint8Array): Secret {
    return new Secret(this.handle.deriveHmacSha256(bytesOf(data)));
  }

  /** PBKDF2 under HMAC with this hash, sealed: the salted password of SCRAM. `iterations` is 1 to 100,000. */
  derivePbkdf2(hash: "sha256" | "sha512", salt: Uint8Array, iterations: number): Secret {
    return new Secret(calling(() => this.handle.derivePbkdf2(hash, salt, iterations)));
  }

  /** SHA-256 of `before`, the secret and `after`: 32 bytes. */
  sha256(before: string | Uint8Array, after: string | Uint8Array): Uint8Array {
    return this.handle.sha256(bytesOf(before), bytesOf(after));
  }

  /** The secret with `prefix` in front of it. */
  withPrefix(prefix: string): Secret {
    return new Secret(this.handle.withPrefix(bytesOf(prefix)));
  }

  /** The secret without `prefix`, which the manifest must list in `x-prefixes`; any other ends the instance. */
  withoutPrefix(prefix: string): Secret {
    return new Secret(calling(() => this.handle.withoutPrefix(bytesOf(prefix))));
  }

  /** The bytes that the secret encodes in base64. */
  fromBase64(): Secret {
    return new Secret(calling(() => this.handle.fromBase64()));
  }

  /** The text member of this name of the JSON object that the secret is, itself sealed. */
  jsonMember(name: string): Secret {
    return new Secret(calling(() => this.handle.jsonMember(name)));
  }

  /** The same, readable. Only what the manifest lists in `x-public-members`; anything else ends the instance. */
  jsonText(name: string): string | undefined {
    return calling(() => this.handle.jsonText(name)) ?? undefined;
  }

  /** As it stands inside a JSON string, escaped and without the quotes, sealed. */
  jsonString(): Secret {
    return new Secret(calling(() => this.handle.jsonString()));
  }

  /** How many bytes it has. */
  get length(): number {
    return this.handle.length();
  }

  /** Signs `data` with the private key that the secret is. */
  sign(algorithm: Algorithm, data: string | Uint8Array): Uint8Array {
    return calling(() => this.handle.sign(algorithm, bytesOf(data)));
  }
}

/**
 * The secret field of this name. Throws a `Failure` of kind `auth` when the customer did not give it. A name that the
 * manifest does not know ends the instance.
 */
export function field(name: string): Secret {
  return optionalField(name) ?? missing(name);
}

/** The secret field of this name, if the customer gave it. */
export function optionalField(name: string): Secret | undefined {
  const handle = wit.field(name);
  return handle === null || handle === undefined ? undefined : new Secret(handle);
}

/**
 * The secret field of this name in every version of the credential that counts now, the newest first: more than one only for
 * fields with `"x-overlap": true`. Sign with each of them.
 */
export function fields(name: string): Secret[] {
  const found = wit.fields(name).map((handle) => new Secret(handle));
  return found.length > 0 ? found : missing(name);
}

/** The field of this name as text: only one that the manifest does not mark as secret. */
export function text(name: string): string {
  return optionalText(name) ?? missing(name);
}

/** The same, if the customer gave it. */
export function optionalText(name: string): string | undefined {
  return wit.text(name) ?? undefined;
}

/** Seals what the plugin came by on its own, such as an access token: it can then be attached like any other secret. */
export function seal(value: string | Uint8Array): Secret {
  return new Secret(wit.seal(bytesOf(value)));
}

function missing(name: string): never {
  const message = `the credential has no field \`${name}\`: save it again, with this field`;
  throw Failure.auth("credential-missing", message);
}
