import type { Command } from "commander";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { loadKey } from "../keyStore.ts";
import { readPassphrase } from "../passphrase.ts";
import { showFile, signingAccount, submitAndShow } from "../submit.ts";
import { mergeFiles, readTransactionFile, signFile, writeTransactionFile } from "../transactionFile.ts";

/** `tx sign` and `tx send`: a transaction that several people sign, each at home. */
export function txFileCommands(tx: Command, io: CliIo): void {
  signCommand(tx, io);
  sendCommand(tx, io);
}

function signCommand(tx: Command, io: CliIo): void {
  tx.command("sign")
    .description("Sign a transaction that `--unsigned` wrote to a file; shows what it says. Needs no node")
    .argument("<file>", "the file, which gets the signature")
    .option("--key <name>", "key that signs (default: the one that init made for it, or the only one)")
    .addHelpText("after", example("tx sign transfer.json --key bob"))
    .action(async (path: string, flags: { key?: string }, command: Command) => {
      const context = commandContext(io, command);
      const file = readTransactionFile(path);
      const { name } = signingAccount(context, flags.key);
      const passphrase = await readPassphrase(io, context.options.passphraseFile);
      const signed = signFile(path, file, await loadKey(context.paths.keys, name, passphrase));
      writeTransactionFile(path, signed);
      showFile(io, context.json, path, signed);
    });
}

function sendCommand(tx: Command, io: CliIo): void {
  tx.command("send")
    .description("Send a transaction that all have signed with `tx sign`, in one file or in copies of it")
    .argument("<file...>", "the file, or the copies that hold the signatures between them")
    .option("--no-wait", "do not wait until the transaction is in a block")
    .addHelpText("after", example("tx send transfer-alice.json transfer-bob.json"))
    .action(async (paths: readonly string[], flags: { wait: boolean }, command: Command) => {
      const context = commandContext(io, command);
      const file = mergeFiles(paths.map((path) => ({ path, file: readTransactionFile(path) })));
      if (file.missing.length > 0) {
        const hint = "let them sign it with `tx sign FILE --key NAME`";
        throw cliError("usage", "SIGNATURE_MISSING", `these have not signed yet: ${file.missing.join(", ")}`, hint);
      }
      const { chainId } = await context.client().get<{ chainId: string }>("/status");
      if (chainId !== file.chainId) {
        const hint = `name a node of ${file.chainId} with --node`;
        throw cliError("usage", "CHAIN_OTHER", `it was signed for ${file.chainId}, the node is on ${chainId}`, hint);
      }
      await submitAndShow(context, file.tx, flags.wait);
    });
}
