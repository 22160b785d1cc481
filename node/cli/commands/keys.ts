import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { generatePrivateKey, type KeyType } from "#storage/crypto/keys.ts";
import { cometNodeId } from "../../cometbft/cometNodeKey.ts";
import { NODE_KEY_NAME } from "../../configurationHome.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { accountOf, type KeyEntry, listKeys, loadKey, saveKey, showKey } from "../keyStore.ts";
import { facts, show, table } from "../output.ts";
import { readNewPassphrase, readPassphrase } from "../passphrase.ts";

export function keysCommand(program: Command, io: CliIo): void {
  const keys = program
    .command("keys")
    .description("Keys of this home, encrypted at rest")
    .addHelpText("after", example("keys list"));

  keys
    .command("new")
    .description("Make a key; only its public parts are shown")
    .argument("<name>", "small letters, digits, - and _")
    .addOption(new Option("--type <type>", "kind of key").choices(["secp256k1", "ed25519"]).default("secp256k1"))
    .addHelpText("after", example("keys new alice", "keys new meter --type ed25519 --passphrase-file ~/passphrase"))
    .action(async (name: string, flags: { type: KeyType }, command: Command) => {
      const { json, paths, options } = commandContext(io, command);
      const passphrase = await readNewPassphrase(io, options.passphraseFile);
      const entry = await saveKey(paths.keys, name, generatePrivateKey(flags.type), passphrase);
      await showEntry(io, json, entry);
    });

  keys
    .command("import")
    .description("Take a key over from a Web3 keystore file (version 3), as geth and other wallets write it")
    .argument("<name>", "small letters, digits, - and _")
    .argument("<file>", "the keystore")
    .option("--keystore-passphrase-file <path>", "file whose first line opens the keystore (default: asked)")
    .addHelpText("after", example("keys import alice UTC--2026-11-21T12-00-00Z--f39fd6e5.json"))
    .action(async (name: string, file: string, flags: { keystorePassphraseFile?: string }, command: Command) => {
      const { json, paths, options } = commandContext(io, command);
      const { openKeystoreV3 } = await import("#bridge/evm/keys.ts");
      const text = readFileSync(file, "utf8");
      io.err(flags.keystorePassphraseFile === undefined ? "First the passphrase of the keystore:\n" : "");
      const key = await openKeystoreV3(text, await readPassphrase(io, flags.keystorePassphraseFile ?? ""));
      const passphrase = await readNewPassphrase(io, options.passphraseFile);
      await showEntry(io, json, await saveKey(paths.keys, name, key, passphrase));
    });

  keys
    .command("list")
    .description("Names, kinds and accounts of all keys")
    .addHelpText("after", example("keys list --json"))
    .action((_flags: object, command: Command) => {
      const { json, paths } = commandContext(io, command);
      const entries = listKeys(paths.keys);
      show(io, json, { keys: entries.map(entryJson) }, () =>
        table(
          ["NAME", "TYPE", "ACCOUNT"],
          entries.map((entry) => [entry.name, entry.publicKey.type, accountOf(entry.publicKey).account]),
        ),
      );
    });

  keys
    .command("show")
    .description("Public key, account, identity and Ethereum address of one key")
    .argument("<name>")
    .addHelpText("after", example("keys show alice"))
    .action(async (name: string, _flags: object, command: Command) => {
      const { json, paths } = commandContext(io, command);
      await showEntry(io, json, showKey(paths.keys, name));
    });

  keys
    .command("cometbft-id")
    .description("This node's id in CometBFT's network, for the cometbftPeers of others")
    .addHelpText("after", example("keys cometbft-id"))
    .action(async (_flags: object, command: Command) => {
      const { json, paths, options } = commandContext(io, command);
      const passphrase = await readPassphrase(io, options.passphraseFile);
      const id = cometNodeId(await loadKey(paths.keys, NODE_KEY_NAME, passphrase));
      show(io, json, { id }, () => `${id}\n`);
    });
}

async function showEntry(io: CliIo, json: boolean, entry: KeyEntry): Promise<void> {
  const view = { ...entryJson(entry), ...(await ethereumOf(entry)) };
  show(io, json, view, () =>
    facts([
      ["name", view.name],
      ["type", view.type],
      ["account", view.account],
      ["identity", view.identity],
      ["public key", `${view.type}:${view.publicKey}`],
      ["Ethereum", view.ethereumAddress],
    ]),
  );
}

/** The same key's address on Ethereum, where it has one. */
async function ethereumOf({ publicKey }: KeyEntry): Promise<{ readonly ethereumAddress?: string }> {
  if (publicKey.type !== "secp256k1") return {};
  // Loaded only here: the library is as large as all other commands together.
  const { ethereumAddressOf } = await import("#bridge/evm/keys.ts");
  return { ethereumAddress: ethereumAddressOf(publicKey) };
}

function entryJson({ name, publicKey }: KeyEntry) {
  return {
    name,
    type: publicKey.type,
    ...accountOf(publicKey),
    publicKey: Buffer.from(publicKey.bytes).toString("hex"),
  };
}
