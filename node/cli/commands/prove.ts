import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import type { Verdict } from "#storage/error.ts";
import { hashHeader } from "#storage/types/header.ts";
import { firstFailed, PROOF_CHECKS, parseProofFile, verifyProofFile } from "#storage/types/proofFile.ts";
import { MAX_PROOF_FILE_CHARS } from "#storage/types/proofFileJson.ts";
import { READING_PROOF_CHECKS, verifyReadingProofFile } from "#storage/types/readingProofFile.ts";
import { READING_PROOF_FORMAT } from "#storage/types/readingProofFileJson.ts";
import { CliError, cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, paint, show } from "../output.ts";
import { parseHex } from "../quantities.ts";
import { proveReadingCommand } from "./proveReading.ts";

export function proveCommand(program: Command, io: CliIo): void {
  const prove = program
    .command("prove")
    .description("Fetch the proof that a transaction is in a block, as a file that anyone can verify offline")
    .argument("<txid>", "64 hexadecimal digits")
    .option("-o, --output <file>", "where to write it (default: standard output)")
    .addHelpText("after", example(`prove ${"6f".repeat(32)} -o proof.json`))
    .action(async (txId: string, flags: { output?: string }, command: Command) => {
      parseHex(txId, 32, "the transaction id");
      const { json, client } = commandContext(io, command);
      const text = await client().getText(`/transactions/${txId}/proof`);
      const parsed = parseProofFile(text);
      // A node that sends a proof that does not hold is found out here, not when the proof is needed.
      const blockHash = "proof" in parsed ? hashHeader(parsed.proof.header) : new Uint8Array(0);
      const failed = firstFailed(verifyProofFile(text, blockHash));
      if (failed !== undefined) throw verificationFailed(failed, "ask another node with --node URL");
      if (!("proof" in parsed) || Buffer.from(parsed.proof.txId).toString("hex") !== txId.toLowerCase())
        throw cliError(
          "verificationFailed",
          "PROOF_OTHER_TRANSACTION",
          "the node proved another transaction",
          "ask another node with --node URL",
        );
      if (flags.output === undefined) return io.out(text);
      writeFileSync(flags.output, text);
      const blockHashHex = Buffer.from(blockHash).toString("hex");
      const view = { file: flags.output, height: parsed.proof.header.height, blockHash: blockHashHex };
      show(io, json, view, () =>
        facts([
          ["file", view.file],
          ["block", view.height],
          ["block hash", blockHashHex],
          ["next", "compare this block hash with a source you trust, then verify FILE --trusted-hash HASH"],
        ]),
      );
    });
  proveReadingCommand(prove, io);
}

export function verifyCommand(program: Command, io: CliIo): void {
  program
    .command("verify")
    .description("Verify a proof file offline: it needs nothing but the file and the hash of a block you trust")
    .argument("<file>", "proof file")
    .requiredOption("--trusted-hash <hex>", "hash of the block, from a source you trust")
    .addHelpText("after", example(`verify proof.json --trusted-hash ${"4c".repeat(32)}`))
    .action((file: string, flags: { trustedHash: string }, command: Command) => {
      const { json } = commandContext(io, command);
      const trustedHash = parseHex(flags.trustedHash, 32, "--trusted-hash");
      const text = readProofText(file);
      const isReading = text.includes(READING_PROOF_FORMAT);
      const checks: readonly NamedCheck[] = isReading
        ? verifyReadingProofFile(text, trustedHash)
        : verifyProofFile(text, trustedHash);
      const failed = checks.find(({ verdict }) => !verdict.accepted);
      const names: readonly string[] = isReading ? READING_PROOF_CHECKS : PROOF_CHECKS;
      const shown = names.map((name) => describeCheck(name, checks));
      show(io, json, { verified: failed === undefined, failed: failed?.name ?? null, checks: shown }, () =>
        shown
          .map(({ name, result, code, reason }) => {
            const colour = result === "ok" ? "green" : result === "failed" ? "red" : "dim";
            const why = code === undefined ? "" : `  ${code}: ${reason}`;
            return `${name.padEnd(18)} ${paint(io, colour, result)}${why}\n`;
          })
          .join(""),
      );
      if (failed !== undefined) throw verificationFailed(failed, "do not rely on this file");
    });
}

interface NamedCheck {
  readonly name: string;
  readonly verdict: Verdict;
}

function describeCheck(name: string, checks: readonly NamedCheck[]) {
  const verdict = checks.find((check) => check.name === name)?.verdict;
  if (verdict === undefined) return { name, result: "not checked" as const };
  if (verdict.accepted) return { name, result: "ok" as const };
  return { name, result: "failed" as const, code: verdict.code, reason: verdict.reason };
}

function verificationFailed({ name, verdict }: NamedCheck, hint: string): CliError {
  const { code, reason } = verdict.accepted ? { code: "", reason: "" } : verdict;
  return new CliError({
    code,
    message: `check failed: ${name} (${reason})`,
    hint,
    exit: "verificationFailed",
    check: name,
  });
}

/** Bytes that are not UTF-8, or a byte order mark, would vanish on the way to a text and so be changed unnoticed: they become a text no proof has. */
function readProofText(file: string): string {
  try {
    if (statSync(file).size > 2 * MAX_PROOF_FILE_CHARS) return "";
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "";
    const exit = code === "ENOENT" ? "notFound" : "failure";
    throw cliError(exit, "PROOF_FILE_UNREADABLE", `cannot read ${file} (${code})`, "check the file's name");
  }
}
