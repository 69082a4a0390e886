// The `slack` destination type: each event becomes a message in a channel.

import { destinationType, type Event, Failure, type Outcome } from "@freehold/sdk";
import { field } from "@freehold/sdk/credential";
import { Request, type Response } from "@freehold/sdk/http";
import * as log from "@freehold/sdk/log";

import { text } from "./message.ts";

interface Config {
  channel: string;
  text?: string;
  api_url?: string;
}

export const sink = destinationType<Config>((config) => {
  const token = field("bot_token");
  const api = (config.api_url ?? "https://slack.com/api").replace(/\/+$/, "");
  const template = config.text ?? "{type}: {data}";

  const call = (method: string, parameters: unknown) =>
    Request.post(`${api}/${method}`).bearer(token).json(parameters).send();

  /** One after the other: Slack takes about one message per second for each channel. */
  const post = (event: Event): Outcome => {
    try {
      judge(call("chat.postMessage", { channel: config.channel, text: text(template, event), unfurl_links: false }));
      return undefined;
    } catch (thrown) {
      if (thrown instanceof Failure) return thrown;
      throw thrown;
    }
  };

  return {
    deliver({ events }) {
      const outcomes: Outcome[] = [];
      for (const event of events) {
        const failed = outcomes.find((outcome) => outcome?.kind === "throttled" || outcome?.kind === "auth");
        // What stands in the way of one stands in the way of those behind it, and asking again at once makes it worse.
        outcomes.push(failed ?? post(event));
      }
      const posted = outcomes.filter((outcome) => outcome === undefined).length;
      log.info(`posted ${posted} of ${events.length} to ${config.channel}`);
      return outcomes;
    },

    /** Asks Slack who the token belongs to: nothing is posted. */
    verify() {
      judge(call("auth.test", {}));
    },
  };
});

/** Slack says 200 to almost everything, and in the body what is wrong. */
function judge(answer: Response): void {
  const { ok, error } = answer.orThrow().json<{ ok?: boolean; error?: string }>();
  if (ok === true) return;
  const code = String(error ?? "unknown-error").replaceAll("_", "-");
  throw meaning(error, code);
}

function meaning(error: string | undefined, code: string): Failure {
  switch (error) {
    case "invalid_auth":
    case "not_authed":
    case "account_inactive":
    case "token_revoked":
    case "token_expired":
      return Failure.auth(code, "Slack does not accept the bot token: install the app again and save its new token");
    case "missing_scope":
      return Failure.auth(code, "the bot token lacks the scope chat:write: add it to the app and install it again");
    case "channel_not_found":
    case "not_in_channel":
    case "is_archived":
      return Failure.config(code, `Slack cannot post to this channel (${error}): correct its id, or invite the app to it`);
    case "msg_too_long":
    case "no_text":
    case "invalid_arguments":
      return Failure.rejected(code, `Slack does not accept the message (${error})`);
    case "ratelimited":
    case "rate_limited":
      return Failure.throttled(code, "Slack asks for fewer messages; it is tried again later by itself");
    default:
      return Failure.transient(code, `Slack answered with the error ${error ?? "that it does not name"}`, { requestSent: true });
  }
}
