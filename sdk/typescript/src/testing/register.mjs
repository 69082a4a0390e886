// How do plugins run under plain Node? `node --import @freehold/sdk/testing/register --test` loads TypeScript, and a scripted
// host in the place of the real one.

import { register } from "node:module";

register("./loader.mjs", import.meta.url);
