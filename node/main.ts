#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// Before anything else is loaded: from the second start on, compiled code comes from disk, which halves the time to load it and, because the
// type stripper is then not needed, saves 18 MB of resident memory (Node 24.21).
enableCompileCache();
const [{ runCli }, { terminalIo }] = await Promise.all([import("./cli/program.ts"), import("./cli/terminalIo.ts")]);

process.exitCode = await runCli(process.argv.slice(2), terminalIo());
// The command is done and has closed what it opened. What a library still keeps, such as a connection it was making when it was told to end, must not
// keep the process; where nothing does, this timer does not either.
setTimeout(() => process.exit(), 2000).unref();
