// What does the plugin ask of Slack, and what does it make of the answers?

import assert from "node:assert/strict";
import { test } from "node:test";

import { event, Failure, Host } from "@freehold/sdk/testing";

import manifest from "../manifest.json" with { type: "json" };
import { sink } from "../src/plugin.ts";

function opened(config: object = {}): Host {
  const host = new Host({ manifest, credential: { bot_token: "xoxb-made-up" } });
  host.open(sink, { channel: "C0123456789", ...config });
  return host;
}

test("an event becomes a message in the channel", () => {
  const host = opened({ text: "{type} of {data.total} by {data.who.name} {data.none}" }).answer({ status: 200, json: { ok: true } });

  const outcomes = host.deliver(sink, [event({ total: 3, who: { name: "<!channel>" } }, { type: "order.made" })]);

  assert.deepEqual(outcomes, [undefined]);
  const [request] = host.requests;
  assert.equal(request?.method, "POST");
  assert.equal(request?.url, "https://slack.com/api/chat.postMessage");
  assert.equal(request?.header("authorization"), "Bearer xoxb-made-up");
  assert.equal(request?.json().channel, "C0123456789");
  assert.equal(request?.json().text, "order.made of 3 by &lt;!channel&gt; –");
  assert.deepEqual(host.logged, [{ level: "info", message: "posted 1 of 1 to C0123456789" }]);
});

test("what Slack answers decides what becomes of the event", () => {
  const cases: [object, string][] = [
    [{ status: 200, json: { ok: false, error: "token_revoked" } }, "auth"],
    [{ status: 200, json: { ok: false, error: "not_in_channel" } }, "config"],
    [{ status: 200, json: { ok: false, error: "msg_too_long" } }, "rejected"],
    [{ status: 200, json: { ok: false, error: "something_new" } }, "transient"],
    [{ status: 429, headers: { "retry-after": "30" } }, "throttled"],
    [{ status: 500 }, "transient"],
    [{ status: 200, body: "<html>" }, "other"],
  ];
  for (const [answer, kind] of cases) {
    const host = opened().answerBy(() => answer as { status: number });

    const [outcome] = host.deliver(sink, [event({})]);

    assert.equal(outcome?.kind, kind, JSON.stringify(answer));
  }
});

test("a message too many holds back those behind it", () => {
  const host = opened().answer({ status: 200, json: { ok: true } }, { status: 429, headers: { "retry-after": "30" } });

  const outcomes = host.deliver(sink, ["1", "2", "3"].map((id) => event({}, { id })));

  assert.equal(host.requests.length, 2);
  assert.deepEqual(outcomes.map((outcome) => outcome?.retryAfterMs), [undefined, 30_000, 30_000]);
});

test("a failure to connect is passed on as it came", () => {
  const host = opened().answer(new Failure("egress-denied", "egress-denied", "slack.com is refused"));

  const [outcome] = host.deliver(sink, [event({})]);

  assert.equal(outcome?.kind, "egress-denied");
});

test("verify asks who the token belongs to and posts nothing", () => {
  const host = opened({ api_url: "https://slack-gov.com/api/" }).answer({ status: 200, json: { ok: false, error: "invalid_auth" } });

  assert.throws(() => host.verify(sink), { kind: "auth" });

  assert.equal(host.requests[0]?.url, "https://slack-gov.com/api/auth.test");
});
