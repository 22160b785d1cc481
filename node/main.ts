#!/usr/bin/env node
import { runCli } from "./cli/program.ts";
import { terminalIo } from "./cli/terminalIo.ts";

process.exitCode = await runCli(process.argv.slice(2), terminalIo());
