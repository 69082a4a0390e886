// What does a destination type say about itself? The types of `manifest.json`: its schemas draw the portal's form.

/** A JSON Schema (2020-12), as far as forms are drawn from it. */
export interface Schema {
  type?: "object" | "string" | "number" | "integer" | "boolean" | "array";
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: false;
  /** Whole configs, or credentials, that work. People see them, and tests open the plugin with each. */
  examples?: unknown[];
  /** Marks a field of the credential as secret. */
  writeOnly?: boolean;
  /** Lets Freehold make the field when the customer gives none. */
  "x-generate"?: "whsec";
  /** Replaced values sign beside the newest for a while. */
  "x-overlap"?: boolean;
  /** What may be taken off by `withoutPrefix`. */
  "x-prefixes"?: string[];
  /** What may be read by `jsonText`. */
  "x-public-members"?: string[];
  [keyword: string]: unknown;
}

/** `manifest.json`. */
export interface Manifest {
  /** The type's name in the API: 1 to 64 of `a-z 0-9 -`, a letter first. */
  name: string;
  /** A semantic version. */
  version: string;
  /** What people call it. */
  label: string;
  /** What it does, in a sentence or two. */
  description: string;
  /** A link. */
  docs?: string;
  /** An SVG or a data URI. */
  icon?: string;
  /** What a customer configures. */
  config: Schema & { type: "object"; additionalProperties: false };
  /** The credential: every field a string. */
  credential: Schema & { type: "object"; additionalProperties: false };
  /** What it may reach: templates over the config, such as `{url}`. */
  endpoints: string[];
  /** How large a batch may be, and how long its first event may wait. */
  batch: { events: number; bytes: number; age_ms: number };
  /** How many batches of one destination may be under way at once; 4 unless said. */
  concurrency?: number;
  /** `lane`: one batch of a destination at a time, in order. */
  ordering?: "none" | "lane";
  /** Whether it reads plaintext; must agree with its imports. */
  reveal?: boolean;
  /** Whether every batch wants a fresh instance. */
  fresh?: boolean;
  /** Whether a batch that is brought a second time leaves the destination as the first left it. */
  idempotent?: boolean;
  /** MiB of memory that an instance needs, where the usual 64 are not right. */
  memory_mib?: number;
}

/** Checks at compile time that this is a manifest, and gives it back. */
export function manifest(value: Manifest): Manifest {
  return value;
}
