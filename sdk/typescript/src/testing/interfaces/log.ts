// What the plugin writes into the log.

import { Host, type LogLine } from "../host.ts";

export function log(level: LogLine["level"], message: string): void {
  Host.current.logged.push({ level, message });
}
