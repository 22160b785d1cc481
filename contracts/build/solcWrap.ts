#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { loadSolc } from "./solc.ts";

/**
 * The `solc` that forge calls: the compiler of npm behind the two options forge uses (`foundry.toml`). forge hands over the sources it found;
 * what packages import among themselves is read here, by paths that begin where forge runs.
 */
const solc = loadSolc();
if (process.argv.includes("--standard-json"))
  process.stdout.write(solc.compile(readFileSync(0, "utf8"), { import: readPackage }));
else process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);

function readPackage(path: string): { contents: string } | { error: string } {
  if (!path.startsWith("../node_modules/@openzeppelin/")) return { error: `no import of ${path}` };
  return { contents: readFileSync(path, "utf8") };
}
