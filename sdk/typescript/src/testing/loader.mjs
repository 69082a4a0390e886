// Which module stands for an interface of the host's, and how is TypeScript read?

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

// The plugin's own: this package may be elsewhere on the disk, linked to.
const require = createRequire(pathToFileURL(`${process.cwd()}/package.json`));
const { transform } = require("esbuild");

const HOST = /^freehold:destination\/([a-z]+)@0\.1\.\d+$/;

/** Interfaces of the host become parts of the scripted one. */
export async function resolve(specifier, context, next) {
  const [, name] = HOST.exec(specifier) ?? [];
  if (name === undefined) return next(specifier, context);
  return { url: new URL(`./interfaces/${name}.ts`, import.meta.url).href, shortCircuit: true };
}

/** TypeScript becomes JavaScript: Node reads it by itself from version 22.18 on only, and never from node_modules. */
export async function load(url, context, next) {
  if (!url.startsWith("file:") || !new URL(url).pathname.endsWith(".ts")) return next(url, context);
  const sourcefile = fileURLToPath(url);
  const source = await readFile(sourcefile, "utf8");
  const { code } = await transform(source, { loader: "ts", format: "esm", target: "node20.10", sourcefile, sourcemap: "inline" });
  return { format: "module", source: code, shortCircuit: true };
}
