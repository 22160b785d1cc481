#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// Before anything else is loaded: from the second start on, compiled code comes from disk, which halves the time to load it and, because the
// type stripper is then not needed, saves 18 MB of resident memory (Node 24.21).
enableCompileCache();
const [{ runCli }, { terminalIo }] = await Promise.all([import("./cli/program.ts"), import("./cli/terminalIo.ts")]);

process.exitCode = await runCli(process.argv.slice(2), terminalIo());
