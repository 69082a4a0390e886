// Does the package do by itself what engines elsewhere do, and mean by an answer what the other SDKs mean?

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { base64, decode, encode, hex } from "../src/text.ts";
import { Request } from "../src/http.ts";
import { field } from "../src/credential.ts";
import { connect } from "../src/stream.ts";
import { destinationType } from "../src/index.ts";
import { event, Failure, Host } from "../src/testing/index.ts";

/** Numbers that look random, and are the same in each run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state;
  }
}

test("texts are written and read as Node does it, whatever the bytes", () => {
  const random = numbers(1);
  const next = () => random.next().value as number;
  for (let round = 0; round < 20_000; round++) {
    // Mostly bytes that are a part of something in UTF-8.
    const bytes = Uint8Array.from({ length: next() % 12 }, () => (next() % 2 ? 0x80 | (next() >>> 8) : next() >>> 16) & 0xff);

    assert.equal(decode(bytes), new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), hex(bytes));
    assert.equal(base64(bytes), Buffer.from(bytes).toString("base64"));
    const text = String.fromCharCode(...Array.from(bytes, (byte) => byte << (next() % 9)));
    assert.deepEqual(encode(text), new TextEncoder().encode(text));
  }
  assert.equal(decode(encode("é☕𝄞".repeat(5_000))), "é☕𝄞".repeat(5_000));
});

test("an answer means what it means in every SDK", () => {
  const { now_ms, cases } = JSON.parse(readFileSync(new URL("../../status-cases.json", import.meta.url), "utf8"));
  for (const [status, header, kind, wait] of cases) {
    const host = new Host({ nowMs: now_ms });
    host.answer({ status, ...(header === null ? {} : { headers: { "retry-after": header } }) });

    const failure = Request.get("https://example.com").send().failure();

    assert.deepEqual([failure.kind, failure.retryAfterMs ?? null], [kind, wait], `${status} ${header}`);
    assert.equal(failure.code, `http-${status}`);
  }
});

test("a signature of many requests alike covers what it is said to cover", () => {
  const host = new Host({ credential: { key: "secret" } }).answerBy(() => ({ status: 204 }));
  const alike = Request.post("https://example.com").alike(["x-id"]);

  alike.signed("x-signature", "v1,", field("key"), [{ value: 0 }, { text: "." }, "body"]).send([{ values: ["7"], body: "data" }]);

  const expected = base64(field("key").hmacSha256("7.data"));
  assert.equal(host.requests[0]?.header("x-signature"), `v1,${expected}`);
});

test("what the manifest does not declare cannot be asked for", () => {
  const manifest = { credential: { properties: { key: { type: "string", writeOnly: true, "x-prefixes": ["whsec_"] } } } };
  new Host({ manifest, credential: { key: "whsec_c2VjcmV0" } });

  assert.equal(field("key").withoutPrefix("whsec_").fromBase64().length, 6);
  assert.throws(() => field("other"), /declares no credential field `other`/);
  assert.throws(() => field("key").withoutPrefix("w"), /does not list `w`/);
});

test("a byte stream talks to the other side that the test is", () => {
  const host = new Host({ credential: { password: "pw" } });
  host.listen("starttls://db.example.com:5432", (written) => (Buffer.from(written).includes("QUIT") ? undefined : "ok"));
  const stream = connect({ endpoint: "starttls://db.example.com:5432", timeoutMs: 1000 });

  assert.throws(() => stream.writeSecret("", field("password"), "\0"), { code: "stream-clear" });
  stream.startTls();
  stream.writeSecret("", field("password"), "\0");
  assert.equal(decode(stream.readExact(4)), "okok");
  stream.write("QUIT");
  assert.deepEqual([stream.isOpen, stream.read(9).length], [false, 0]);
  assert.equal(decode(host.streams[0]?.written ?? new Uint8Array()), "pw\0QUIT");
  assert.throws(() => connect({ endpoint: "tls://elsewhere:1" }), { name: "Failure", code: "connection-refused" });
});

test("a fault of the plugin is logged and is no failure", () => {
  const host = new Host();
  const sink = destinationType<object>(() => ({
    deliver: () => (undefined as unknown as { length: [] }).length,
    verify: () => {
      throw Failure.config("broken", "it is broken");
    },
  }));
  host.open(sink, {});

  assert.throws(() => host.deliver(sink, [event(1)]), TypeError);
  assert.match(host.logged[0]?.message ?? "", /^TypeError: /);
  assert.throws(() => host.verify(sink), { name: "Failure", kind: "config", code: "broken" });
});
