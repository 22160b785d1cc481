import type { Command } from "commander";
import { type BridgeState, openBridgeClient } from "#bridge/evm/bridgeClient.ts";
import { Relayer } from "#bridge/relayer.ts";
import { type RemoteSteps, readRemoteSteps, remoteSource } from "../../bridge/remoteSource.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { loadKey } from "../keyStore.ts";
import { parseMoney } from "../money.ts";
import { show } from "../output.ts";
import { readPassphrase } from "../passphrase.ts";

const LOOK_MS = 2000;
const BUMP_AFTER_MS = 60_000;

interface RelayFlags {
  readonly ethereum: string;
  readonly key: string;
  readonly maxFee: string;
  readonly once?: boolean;
}

/** A relayer by itself: anybody's, with nothing but a full node to ask, an Ethereum node and some ether. */
export function relayCommand(bridge: Command, io: CliIo): void {
  bridge
    .command("relay")
    .description(
      "Carry signed anchors from a full node to Ethereum until it is stopped; it may be killed and run twice",
    )
    .requiredOption("--ethereum <url>", "JSON-RPC of an Ethereum node")
    .option("--key <name>", "Ethereum key that pays", "relayer")
    .option("--max-fee <amount>", "pay at most this for a unit of gas", "200gwei")
    .option("--once", "end when the contract has everything, or when it cannot go on")
    .addHelpText("after", example("bridge relay --ethereum http://127.0.0.1:8545 --key relayer"))
    .action(async (flags: RelayFlags, command: Command) => {
      const context = commandContext(io, command);
      const { domain } = await loadSteps(context);
      const passphrase = await readPassphrase(io, context.options.passphraseFile);
      const key = await loadKey(context.paths.keys, flags.key, passphrase);
      using client = openBridgeClient({
        url: flags.ethereum,
        chainId: domain.chainId,
        contract: domain.contract,
        privateKey: key.bytes,
      });
      const relayer = new Relayer(
        client,
        remoteSource((head) => loadSteps(context, head)),
        {
          domain,
          reorgMargin: context.options.reorgMarginBlocks,
          maxFeePerGas: parseMoney(flags.maxFee),
          bumpAfterMs: BUMP_AFTER_MS,
          nowMs: () => performance.now(),
        },
      );
      await relayUntilStopped(context, relayer, flags.once === true);
    });
}

async function loadSteps(context: CommandContext, head?: BridgeState): Promise<RemoteSteps> {
  const from = head === undefined ? "" : `?seq=${head.seq}&nonce=${head.valsetNonce}`;
  const steps = await readRemoteSteps(await context.client().get<unknown>(`/bridge/steps${from}`));
  if (steps !== undefined) return steps;
  const hint = "ask a full node that follows the bridge with --node URL";
  throw cliError("unreachable", "NODE_ANSWER_MALFORMED", "the node's steps of the bridge are not readable", hint);
}

async function relayUntilStopped({ io, json }: CommandContext, relayer: Relayer, isOnce: boolean): Promise<void> {
  const stopped = Promise.withResolvers<"stopped">();
  const forget = io.onInterrupt(() => stopped.resolve("stopped"));
  let shown = "";
  try {
    for (;;) {
      const report = await relayer.tick();
      const { state, detail } = report;
      const text = `${state} ${detail}`.trim();
      if (text !== shown) {
        const seq = report.head && `${report.head.seq}`;
        show(io, json, { state, detail, seq, txHash: report.txHash }, () => `${text}\n`);
      }
      shown = text;
      if (isOnce && !["sent", "pending", "waitingForContract"].includes(state)) return;
      const { promise, resolve } = Promise.withResolvers<"look">();
      const timer = setTimeout(() => resolve("look"), state === "sent" || state === "pending" ? LOOK_MS / 10 : LOOK_MS);
      const next = await Promise.race([promise, stopped.promise]);
      clearTimeout(timer);
      if (next === "stopped") return;
    }
  } finally {
    forget();
  }
}
