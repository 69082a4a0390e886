// Does the package do by itself what engines elsewhere do, and mean by an answer what the other SDKs mean?

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { base64, decode, encode, hex } from "../src/text.ts";
import { Request } from "../src/http.ts";
import { attempt } from "../src/context.ts";
import { field, fields, seal, text } from "../src/credential.ts";
import { connect, type Stream } from "../src/stream.ts";
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

test("what a credential is not is said by the codes of the real host", () => {
  const properties = { user: { type: "string" }, key: { type: "string", writeOnly: true, "x-prefixes": ["whsec_"] } };
  new Host({ manifest: { credential: { properties } }, credential: { user: ["me", "was-me"], key: "[]" } });
  const key = field("key");

  assert.throws(() => key.withoutPrefix("whsec_"), { kind: "auth", code: "credential-prefix" });
  assert.throws(() => key.fromBase64(), { kind: "auth", code: "credential-base64" });
  assert.throws(() => key.jsonMember("a"), { kind: "auth", code: "credential-json" });
  assert.throws(() => seal("{}").jsonMember("a"), { kind: "auth", code: "credential-member" });
  assert.throws(() => seal(Uint8Array.of(0xff)).jsonString(), { kind: "auth", code: "credential-not-text" });
  assert.throws(() => seal("x".repeat(16_384)).withPrefix("x").jsonString(), { code: "credential-too-long" });
  assert.throws(() => key.sign("rs256", ""), { kind: "auth", code: "credential-key" });
  assert.throws(() => key.derivePbkdf2("sha256", encode("s"), 0), { kind: "config", code: "iterations-out-of-range" });
  assert.throws(() => seal("x".repeat(16_385)), /would end the instance/);
  assert.deepEqual([fields("user").length, field("user").length, text("user")], [1, 2, "me"]);
  for (const good of ["", "YQ", "YQ=", "YQ==", "YWI", "YWI=", "YWJj"]) assert.ok(seal(good).fromBase64(), good);
  for (const bad of ["Y", "Y===", "YR==", "YQ===", "YWJj=", "Y Q=", "Y-_="]) {
    assert.throws(() => seal(bad).fromBase64(), { code: "credential-base64" }, bad);
  }
});

/** Greets on `starttls`, says `ok` to all else, and closes the stream when it is told to quit. */
function databases(): Host {
  const host = new Host({ credential: { password: "pw" } });
  for (const scheme of ["tls", "starttls", "tcp"]) {
    host.listen(`${scheme}://db.example.com:5432`, (written) => {
      const text = decode(written);
      if (text === "") return scheme === "starttls" ? "hi" : "";
      if (text === "QUIT") return undefined;
      return text === "LONG" ? "x".repeat(5000) : "ok";
    });
  }
  return host;
}

/** An open stream to one of them. */
function database(scheme: string) {
  return connect({ endpoint: `${scheme}://db.example.com:5432`, timeoutMs: 1000 });
}

test("a stream that the other side has closed gives what it said and then has ended", () => {
  databases();
  const stream = database("tls");
  stream.write("hello");
  stream.write("QUIT");

  assert.equal(stream.isOpen, false);
  assert.throws(() => stream.write("again"), { name: "Failure", code: "stream-closed", requestSent: true });
  assert.equal(decode(stream.read(9)), "ok");
  assert.equal(stream.read(9).length, 0);
  assert.throws(() => stream.write("again"), { code: "stream-closed", requestSent: false });
  assert.throws(() => stream.readExact(1), { code: "stream-closed", requestSent: false });
  assert.throws(() => stream.read(9), { code: "stream-closed" });
});

test("after any failure a stream is closed", () => {
  databases();
  const failures: [string, (stream: Stream) => unknown][] = [
    ["timeout", (stream) => stream.read(9)],
    ["stream-read-empty", (stream) => stream.read(0)],
    ["stream-read-too-large", (stream) => stream.readExact(16 * 1024 * 1024 + 1)],
    ["stream-not-starttls", (stream) => stream.startTls()],
  ];
  for (const [code, fail] of failures) {
    const stream = database("tls");

    assert.throws(() => fail(stream), { code, requestSent: false });
    assert.equal(stream.isOpen, false);
    assert.throws(() => stream.write("hello"), { code: "stream-closed", requestSent: false });
  }
  const unanswered = database("tls");
  unanswered.write("hello");
  assert.throws(() => unanswered.readExact(3), { code: "timeout", requestSent: true });
  const refused = { name: "Failure", code: "connection-refused", requestSent: false };
  assert.throws(() => connect({ endpoint: "tls://elsewhere:1" }), refused);
});

test("little goes over a stream before TLS, and no secret", () => {
  const host = databases();
  const refused = { code: "stream-secret-in-clear", requestSent: false };
  assert.throws(() => database("starttls").writeSecret("", field("password"), "\0"), refused);
  database("tcp").writeSecret("", field("password"), "\0");
  assert.throws(() => database("tcp").startTls(), { code: "stream-not-starttls" });
  assert.throws(() => database("starttls").startTls(), { code: "stream-starttls-injected" });

  const secured = database("starttls");
  assert.equal(decode(secured.read(9)), "hi");
  secured.startTls();
  secured.writeSecret("", field("password"), "\0");
  assert.equal(decode(secured.readExact(2)), "ok");
  assert.throws(() => secured.startTls(), { code: "stream-not-starttls" });
  assert.deepEqual(host.streams.map(({ written }) => decode(written)), ["", "pw\0", "", "", "pw\0"]);

  const full = database("starttls");
  full.write("x".repeat(4096));
  assert.throws(() => full.write("x"), { code: "stream-clear-limit", requestSent: true });
  const flooded = database("starttls");
  flooded.write("LONG");
  assert.equal(flooded.read(9000).length, 4096);
  assert.throws(() => flooded.read(1), { code: "stream-clear-limit", requestSent: true });
});

test("a check is no attempt at a batch, and changes none", () => {
  const host = new Host();
  const attempts: number[] = [];
  const sink = destinationType<object>(() => ({
    deliver: ({ events }) => events.map(() => void attempts.push(attempt())),
    verify: () => {
      attempts.push(attempt());
      throw Failure.config("broken", "it is broken");
    },
  }));
  host.open(sink, {});

  assert.throws(() => host.verify(sink), { code: "broken" });
  host.deliver(sink, [event(1)]);
  host.attempt = 2;
  host.deliver(sink, [event(1)]);
  assert.deepEqual(attempts, [0, 1, 2]);
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
