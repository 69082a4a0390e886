// Lines for whoever looks into an attempt. The host bounds them, and blots out secrets of the credential.

import { log } from "freehold:destination/log@0.1.0";

/** For the plugin's author. */
export function debug(message: string): void {
  log("debug", message);
}

/** Worth knowing. */
export function info(message: string): void {
  log("info", message);
}

/** Worth a look. */
export function warn(message: string): void {
  log("warn", message);
}

/** Something did not work. */
export function error(message: string): void {
  log("error", message);
}
