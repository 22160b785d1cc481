#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { loadSolc } from "./solc.ts";

/** The `solc` that forge calls: the compiler of npm behind the two options forge uses (`foundry.toml`). */
const solc = loadSolc();
if (process.argv.includes("--standard-json")) process.stdout.write(solc.compile(readFileSync(0, "utf8")));
else process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
