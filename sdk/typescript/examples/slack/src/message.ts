// What is posted for an event. Pure.

import { type Event, json } from "@freehold/sdk";

/** Slack cuts longer texts off, and recommends no more. */
const TEXT_CHARACTERS_MAX = 4000;

/** The template, with what it names of the event in its places. */
export function text(template: string, event: Event): string {
  const data = json(event);
  const filled = template.replace(/\{(id|type|data(?:\.[^{}.]+)*)\}/g, (_, place: string) => {
    if (place === "id") return escaped(event.id);
    if (place === "type") return escaped(event.type);
    return escaped(shown(at(data, place.split(".").slice(1))));
  });
  return filled.length > TEXT_CHARACTERS_MAX ? `${filled.slice(0, TEXT_CHARACTERS_MAX - 1)}…` : filled;
}

/** What is at this place; nothing where there is no such place. */
function at(value: unknown, path: string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    const here = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    return here ? (value as Record<string, unknown>)[name] : undefined;
  }, value);
}

function shown(value: unknown): string {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** These three begin links, mentions and entities: data of an event must not ping a whole channel. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
