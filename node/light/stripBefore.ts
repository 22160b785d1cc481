import { hash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";

/**
 * `node stripBefore.ts ROOT FOLDER`: strips the types of everything a node may load and keeps the result in FOLDER as SHA256.js, by the
 * hash of the source; and preload.ts as PRELOAD. A process of its own, because the stripper stays in the memory of whoever calls it.
 */
const FOLDERS = ["storage", "consensus", "bridge", "node"];

const [, , root = "", folder = ""] = process.argv;
mkdirSync(folder, { recursive: true });
const present = new Set(readdirSync(folder));
const wanted = new Set<string>();
for (const path of FOLDERS.flatMap((top) => sourcesUnder(join(root, top)))) {
  const source = readFileSync(path);
  const name = `${hash("sha256", source)}.js`;
  wanted.add(name);
  if (!present.has(name)) keep(name, stripTypeScriptTypes(source.toString()));
}
const preload = readFileSync(join(root, "node/light/preload.ts"));
const preloadName = `preload-${hash("sha256", preload)}.mjs`;
wanted.add(preloadName);
if (!present.has(preloadName)) keep(preloadName, stripTypeScriptTypes(preload.toString()));
for (const name of present) if (!wanted.has(name) && /\.m?js$/.test(name)) rmSync(join(folder, name), { force: true });

function sourcesUnder(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.endsWith(".d.ts"))
    .map((name) => join(directory, name));
}

/** Whole or not at all: another light node may start at the same time. Types become spaces; those at the ends of lines say nothing. */
function keep(name: string, code: string): void {
  const temporary = join(folder, `${name}.${process.pid}.tmp`);
  writeFileSync(temporary, code.replace(/ +$/gm, ""));
  renameSync(temporary, join(folder, name));
}
