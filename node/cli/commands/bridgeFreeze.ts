import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { bundleSignatures, signDigest } from "#bridge/signatures.ts";
import { type BridgeDomain, freezeDigest } from "#bridge/typedData.ts";
import { encodeValset, totalPower, type ValsetMember, valsetHash } from "#bridge/valset.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { readRemoteSteps } from "../../bridge/remoteSource.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import {
  type ChainFlags,
  type EthereumContract,
  openContract,
  type SendFlags,
  sendAndShow,
  withChainFlags,
  withSendFlags,
} from "../ethereum.ts";
import type { CliIo } from "../io.ts";
import { loadKey } from "../keyStore.ts";
import { facts, show } from "../output.ts";
import { readPassphrase } from "../passphrase.ts";

const FORMAT = "energy-ledger freeze 1";

/** A validator's word that the bridge is to stop, or to go on, as a file for whoever submits it. */
interface FreezeFile {
  readonly format: typeof FORMAT;
  readonly nonce: string;
  readonly on: boolean;
  readonly signature: string;
}

/** Stopping takes signatures of more than 1/3 of the power, going on more than 2/3. */
export function freezeCommands(bridge: Command, io: CliIo): void {
  const freeze = bridge
    .command("freeze")
    .description("Stop the bridge's anchors and proofs, or start them again: each validator signs, anybody submits")
    .addHelpText(
      "after",
      example("bridge freeze sign --second-key bridge -o freeze.json --ethereum http://127.0.0.1:8545"),
    );

  withChainFlags(
    freeze
      .command("sign")
      .description("This validator's signature, as a file")
      .requiredOption("--second-key <name>", "the validator's second key")
      .requiredOption("-o, --output <file>", "where to write it")
      .option("--off", "start it again"),
  )
    .addHelpText(
      "after",
      example("bridge freeze sign --off --second-key bridge -o unfreeze.json --ethereum http://127.0.0.1:8545"),
    )
    .action(async (flags: ChainFlags & { secondKey: string; output: string; off?: boolean }, command: Command) => {
      const context = commandContext(io, command);
      using contract = await openContract(context, flags, "Bridge");
      const { freezeNonce } = await Bridge.at(contract.address, contract.connection.provider).status();
      const passphrase = await readPassphrase(io, context.options.passphraseFile);
      const key = await loadKey(context.paths.keys, flags.secondKey, passphrase);
      const order = { nonce: freezeNonce + 1n, on: flags.off !== true };
      const signature = signDigest(key.bytes, freezeDigest(domainOf(contract), order));
      const file: FreezeFile = {
        format: FORMAT,
        nonce: `${order.nonce}`,
        on: order.on,
        signature: Buffer.from(signature).toString("hex"),
      };
      writeFileSync(flags.output, `${JSON.stringify(file, null, 2)}\n`);
      show(io, context.json, { file: flags.output, nonce: file.nonce, on: file.on }, () =>
        facts([
          ["file", flags.output],
          ["next", `bridge freeze submit ${flags.output} …, with those of enough other validators`],
        ]),
      );
    });

  withSendFlags(
    freeze.command("submit").description("Send what validators have signed").argument("<files...>", "their files"),
  )
    .addHelpText("after", example("bridge freeze submit a.json b.json --ethereum http://127.0.0.1:8545 --key relayer"))
    .action(async (files: readonly string[], flags: SendFlags, command: Command) => {
      const context = commandContext(io, command);
      using contract = await openContract(context, flags, "Bridge");
      const deployed = Bridge.at(contract.address, contract.connection.provider);
      const orders = files.map(readFreezeFile);
      const [first] = orders;
      if (first === undefined || orders.some(({ nonce, on }) => nonce !== first.nonce || on !== first.on))
        throw cliError("usage", "FREEZE_FILES_DIFFER", "the files are not about the same order", "sign them anew");
      const members = await presentMembers(context, await deployed.valsetHash());
      const order = { nonce: BigInt(first.nonce), on: first.on };
      const thirds = order.on ? 1n : 2n;
      const bundle = bundleSignatures(
        members,
        freezeDigest(domainOf(contract), order),
        orders.map(({ signature }) => Buffer.from(signature, "hex")),
        (power, total) => power * 3n > total * thirds,
      );
      const total = totalPower(members);
      if (bundle.power * 3n <= total * thirds)
        throw cliError(
          "usage",
          "FREEZE_POWER_TOO_LOW",
          `they have power ${bundle.power} of ${total}`,
          "ask more validators",
        );
      const { signers, signatures } = bundle;
      const values = [order.nonce, order.on, encodeValset(members), signers, signatures] as const;
      const transaction = await deployed.setFrozen.populateTransaction(...values);
      await sendAndShow(context, flags, contract, {
        transaction,
        interfaces: [Bridge.interface],
        outcome: () => ({ json: { frozen: order.on }, text: [["bridge", order.on ? "stopped" : "goes on"]] }),
      });
    });
}

function domainOf({ file, address }: EthereumContract): BridgeDomain {
  return { chainId: file.chainId, contract: address, ledgerId: new Uint8Array(Buffer.from(file.ledgerId, "hex")) };
}

/** The members of the contract's set: of the present step, or of one of the ledger's sets. */
async function presentMembers(context: CommandContext, hash: string): Promise<readonly ValsetMember[]> {
  const steps = await readRemoteSteps(await context.client().get<unknown>("/bridge/steps"));
  const sets = steps?.steps.map(({ set }) => set.members) ?? [];
  const found = sets.find((members) => valsetHash(members) === hash);
  if (found !== undefined) return found;
  const { contract, latest } = await latestSet(context);
  if (valsetHash(latest) === hash) return latest;
  const hint = `the contract ${contract} has a set that this node does not know: ask another with --node URL`;
  throw cliError("failure", "BRIDGE_SET_UNKNOWN", "the contract's validators are not known here", hint);
}

async function latestSet(context: CommandContext) {
  const state = async (path: string, data: string) => {
    const query = new URLSearchParams({ path, data: Buffer.from(data).toString("hex") });
    const { value } = await context.client().get<{ value: string }>(`/state?${query}`);
    return JSON.parse(Buffer.from(value, "base64").toString("utf8")) as Record<string, never>;
  };
  const { latest = "0" } = await state("/edream/bridge-sets", "");
  const { members } = (await state("/edream/bridge-set", latest)) as unknown as {
    readonly members: readonly { readonly address: string; readonly power: string }[];
  };
  const { bridge = "" } = await state("/edream/bridge", "");
  const all = members.map(({ address, power }) => ({ address: `0x${address}`, power: BigInt(power) }));
  return { contract: `0x${bridge}`, latest: all };
}

function readFreezeFile(file: string): FreezeFile {
  const hint = "give files that `energy-ledger bridge freeze sign` has written";
  let json: Partial<FreezeFile>;
  try {
    json = JSON.parse(readFileSync(file, "utf8")) as Partial<FreezeFile>;
  } catch {
    throw cliError("usage", "FREEZE_FILE_UNREADABLE", `${file} is no JSON`, hint);
  }
  const { format, nonce, on, signature } = json ?? {};
  const isSignature = typeof signature === "string" && /^[0-9a-f]{128}$/.test(signature);
  const isNonce = typeof nonce === "string" && /^[1-9][0-9]{0,14}$/.test(nonce);
  if (format !== FORMAT || !isNonce || typeof on !== "boolean" || !isSignature)
    throw cliError("usage", "FREEZE_FILE_UNREADABLE", `${file} is no signed order`, hint);
  return { format, nonce, on, signature };
}
