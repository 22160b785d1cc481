import type { Command } from "commander";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { valsetHash } from "#bridge/valset.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { bindBridgeKey } from "../../bridge/bindKey.ts";
import { ledgerState } from "../../bridge/deploymentTerms.ts";
import { bridgeSets } from "../../bridge/ledgerBridge.ts";
import { VALIDATOR_KEY_NAME } from "../../configurationHome.ts";
import { CliError, cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import { type ChainFlags, contractsOf, openContract, withChainFlags } from "../ethereum.ts";
import type { CliIo } from "../io.ts";
import { loadKey } from "../keyStore.ts";
import { facts, show, table } from "../output.ts";
import { readPassphrase } from "../passphrase.ts";
import { parseHex } from "../quantities.ts";
import { type SubmitFlags, signAndSubmit, signingAccount } from "../submit.ts";
import { deployCommand } from "./bridgeDeploy.ts";
import { freezeCommands } from "./bridgeFreeze.ts";
import { proofCommands } from "./bridgeProofs.ts";
import { relayCommand } from "./bridgeRelay.ts";
import { withSubmitFlags } from "./submitFlags.ts";

const EMPTY = new Uint8Array(0);

interface BridgeKeyEntry {
  readonly id: string;
  readonly address: string;
  readonly account: string;
  readonly height: string;
}

export function bridgeCommand(program: Command, io: CliIo): void {
  const bridge = program
    .command("bridge")
    .description("The bridge to Ethereum: validators' second keys, anchors, proofs")
    .addHelpText("after", example("bridge status"));

  bridge
    .command("keys")
    .description("The present validators' second keys, as the ledger has them")
    .addHelpText("after", example("bridge keys"))
    .action(async (_flags: object, command: Command) => {
      const context = commandContext(io, command);
      const { entries } = (await ledgerState(context.client(), "/edream/bridge-keys", "")) as {
        readonly entries: readonly BridgeKeyEntry[];
      };
      const keys = entries.map(({ id, address, account, height }) => ({
        validator: id,
        address: `0x${address}`,
        account,
        height,
      }));
      show(io, context.json, { keys }, () =>
        table(
          ["VALIDATOR", "ADDRESS", "ACCOUNT", "SINCE HEIGHT"],
          keys.map(({ validator, address, account, height }) => [validator, address, account, height]),
        ),
      );
    });

  withSubmitFlags(
    bridge
      .command("register")
      .description("Bind a second key of this home to its validator, or another one in its place; both sign")
      .requiredOption("--second-key <name>", "a secp256k1 key that was never bound")
      .option("--validator-key <name>", "the consensus key", VALIDATOR_KEY_NAME),
  )
    .addHelpText("after", example("bridge register --second-key bridge"))
    .action(async (flags: SubmitFlags & { secondKey: string; validatorKey: string }, command: Command) => {
      const context = commandContext(io, command);
      const { name, account } = signingAccount(context, flags.key);
      const { chainId } = await context.client().get<{ chainId: string }>("/status");
      const passphrase = await readPassphrase(io, context.options.passphraseFile);
      const secondKey = await loadKey(context.paths.keys, flags.secondKey, passphrase);
      if (secondKey.type !== "secp256k1")
        throw cliError(
          "usage",
          "BRIDGE_KEY_TYPE",
          `${flags.secondKey} is no secp256k1 key`,
          "make one with `keys new`",
        );
      const consensusKey = await loadKey(context.paths.keys, flags.validatorKey, passphrase);
      await signAndSubmit(
        context,
        [bindBridgeKey({ chainId, signer: account, consensusKey, secondKey })],
        [name],
        flags,
      );
    });

  withSubmitFlags(
    withChainFlags(
      bridge
        .command("configure")
        .description(
          "Say, as the ledger's owner, where bridge and outbox are; where anchoring goes on is read from the contract",
        ),
    )
      .option("--cadence-ms <n>", "an anchor ends with the first block of each multiple of it", "600000")
      .option(
        "--device-registry",
        "a device that DeviceRegistry on Ethereum has revoked may do nothing here either (default: as it is)",
      )
      .option("--no-device-registry", "what DeviceRegistry says counts for nothing here"),
  )
    .addHelpText("after", example("bridge configure --ethereum http://127.0.0.1:8545 --key operator"))
    .action(
      async (flags: SubmitFlags & ChainFlags & { cadenceMs: string; deviceRegistry?: boolean }, command: Command) => {
        const context = commandContext(io, command);
        const { name, account } = signingAccount(context, flags.key);
        if (!/^[0-9]{4,9}$/.test(flags.cadenceMs))
          throw cliError("usage", "CADENCE_MALFORMED", `${flags.cadenceMs} is no cadence`, "give 1000 to 604800000 ms");
        using contract = await openContract(context, flags, "Bridge");
        const deployed = Bridge.at(contract.address, contract.connection.provider);
        const [head, hash] = await Promise.all([deployed.head(), deployed.valsetHash()]);
        const file = contractsOf(context, flags);
        const { chainId, ledgerId, contracts } = file;
        const isCounted = flags.deviceRegistry ?? (await hasDeviceRegistry(context));
        const fields = {
          authority: account,
          chainId,
          ledgerId: parseHex(ledgerId, 32, "the ledger id"),
          bridge: addressBytes(contract.address),
          outbox: addressBytes(contracts.Outbox ?? ""),
          cadenceMs: BigInt(flags.cadenceMs),
          seq: head.seq,
          valsetNonce: head.valsetNonce,
          toHeight: head.toHeight,
          setNumber: await setWithHash(context, hash),
          deviceRegistry: isCounted ? addressBytes(addressOfContract(file, "DeviceRegistry")) : EMPTY,
        };
        await signAndSubmit(context, [ledgerMessage("MsgConfigureBridge", fields)], [name], flags);
      },
    );

  bridge
    .command("status")
    .description("What the node plans, signs and relays, and why not")
    .addHelpText("after", example("bridge status --json"))
    .action(async (_flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const status = await client().get<StatusAnswer>("/bridge");
      show(io, json, status, () =>
        facts([
          ["contract", status.contract ?? "the owner has not said where it is"],
          ["second key", status.address],
          ["anchors", `${status.planned.anchors}, up to block ${status.planned.toHeight}`],
          ["not on Ethereum", `${status.planned.pending} steps`],
          ["relayer", status.relay && `${status.relay.state} ${status.relay.detail}`.trim()],
          ["outbox", status.observer && `${status.observer.state} ${status.observer.detail}`.trim()],
          ["fault", status.fault === "" ? undefined : status.fault],
        ]),
      );
    });

  proofCommands(bridge, io);
  deployCommand(bridge, io);
  freezeCommands(bridge, io);
  relayCommand(bridge, io);
}

interface StatusAnswer {
  readonly contract?: string;
  readonly address?: string;
  readonly planned: { readonly anchors: number; readonly toHeight: number; readonly pending: number };
  readonly relay?: { readonly state: string; readonly detail: string };
  readonly observer?: { readonly state: string; readonly detail: string };
  readonly fault: string;
}

/** The ledger's number of the set that the contract has. */
async function setWithHash(context: CommandContext, hash: string): Promise<bigint> {
  const { latest } = (await ledgerState(context.client(), "/edream/bridge-sets", "")) as { readonly latest: string };
  const setOf = bridgeSets(async (path, id) => (await ledgerState(context.client(), path, id)) as never);
  for (let number = BigInt(latest); number > 0n; number -= 1n) {
    const set = await setOf(number);
    if (set !== undefined && valsetHash(set.members) === hash) return number;
  }
  const hint = "the contract must be deployed with the validators that `energy-ledger bridge keys` shows";
  throw cliError("failure", "BRIDGE_SET_UNKNOWN", "the contract's validators were never the ledger's", hint);
}

/** Whether the ledger takes notice of a registry of devices already. */
async function hasDeviceRegistry(context: CommandContext): Promise<boolean> {
  try {
    const present = (await ledgerState(context.client(), "/edream/bridge", "")) as { readonly deviceRegistry?: string };
    return (present.deviceRegistry ?? "") !== "";
  } catch (error) {
    // No bridge at all is what the query refuses.
    if (error instanceof CliError && error.details.message.startsWith("QUERY_NOT_FOUND")) return false;
    throw error;
  }
}

function addressBytes(address: string): Uint8Array {
  return parseHex(address.slice(2), 20, "the address of a contract");
}
