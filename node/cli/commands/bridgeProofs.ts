import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { toUtf8Bytes } from "ethers";
import { Bridge, type BridgeContract } from "#contracts/abi/Bridge.ts";
import { type ProofJson, readProofJson } from "../../bridge/proofJson.ts";
import { CliError, cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import { type ChainFlags, openContract, withChainFlags } from "../ethereum.ts";
import type { CliIo } from "../io.ts";
import { facts, show } from "../output.ts";
import { parseDuration, parseHex } from "../quantities.ts";

interface OutputFlag {
  readonly output?: string;
  readonly wait?: string;
}

const LOOK_MS = 500;

/** Proofs for contracts: what a full node answers under `/bridge/proofs`, as files, and the contract's word on them. */
export function proofCommands(bridge: Command, io: CliIo): void {
  const outputFlag = (command: Command) =>
    command
      .option("-o, --output <file>", "where to write it (default: standard output)")
      .option("--wait <duration>", "how long to wait for the anchor that it needs (default: not at all)");
  const write = async (path: string, { output, wait }: OutputFlag, command: Command) => {
    const { client, json } = commandContext(io, command);
    const endMs = performance.now() + (wait === undefined ? 0 : parseDuration(wait));
    const proof = await whenThere(() => client().get<object>(`/bridge/proofs/${path}`), endMs);
    const text = `${JSON.stringify(proof, null, 2)}\n`;
    if (output === undefined) {
      io.out(text);
      return;
    }
    writeFileSync(output, text);
    show(io, json, { file: output }, () => facts([["proof", output]]));
  };

  outputFlag(
    bridge
      .command("prove")
      .description("A transaction's proof as contract calls take it, once an anchor has its block")
      .argument("<txid>", "64 hexadecimal digits"),
  )
    .addHelpText("after", example(`bridge prove ${"6f".repeat(32)} -o proof.json`))
    .action(async (txId: string, flags: OutputFlag, command: Command) => {
      parseHex(txId, 32, "the transaction id");
      await write(`transactions/${txId}`, flags, command);
    });

  outputFlag(
    bridge
      .command("prove-message")
      .description("One message of a transaction with its proof, for contracts that read what it says")
      .argument("<txid>", "64 hexadecimal digits")
      .argument("[index]", "its place in the transaction", "0"),
  )
    .addHelpText("after", example(`bridge prove-message ${"6f".repeat(32)} 0 -o message.json`))
    .action(async (txId: string, index: string, flags: OutputFlag, command: Command) => {
      parseHex(txId, 32, "the transaction id");
      if (!/^[0-9]{1,5}$/.test(index))
        throw cliError("usage", "MESSAGE_INDEX_MALFORMED", `${index} is no place of a message`, "count from 0");
      await write(`messages/${txId}/${index}`, flags, command);
    });

  outputFlag(
    bridge
      .command("prove-state")
      .description("A record of the ledger's state with its proof, under an anchor that the contract has")
      .argument("<what>", "a query of one record without /edream/: meter, output, period, configuration, …")
      .argument("[id]", "which one, as the query names it", "")
      .option("--min-height <n>", "as it was after this block or a later one", "0"),
  )
    .addHelpText("after", example("bridge prove-state meter demo:1 -o meter.json"))
    .action(async (what: string, id: string, flags: OutputFlag & { minHeight: string }, command: Command) => {
      if (!/^[a-z-]{1,40}$/.test(what))
        throw cliError("usage", "RECORD_NAME_MALFORMED", `${what} names no record`, "give meter, output, period, …");
      if (!/^[0-9]{1,15}$/.test(flags.minHeight))
        throw cliError("usage", "HEIGHT_MALFORMED", `${flags.minHeight} is no height`, "give a block's number");
      const data = Buffer.from(id, "utf8").toString("hex");
      const query = new URLSearchParams({ path: `/edream/${what}`, data, minHeight: flags.minHeight });
      await write(`state?${query}`, flags, command);
    });

  withChainFlags(
    bridge
      .command("verify")
      .description("Ask the contract whether a proof of `bridge prove…` holds; it costs nothing")
      .argument("<file>", "the proof"),
  )
    .addHelpText("after", example("bridge verify proof.json --ethereum http://127.0.0.1:8545"))
    .action(async (file: string, flags: ChainFlags, command: Command) => {
      const context = commandContext(io, command);
      const proof = readProof(file);
      using contract = await openContract(context, flags, "Bridge");
      const answer = await ask(Bridge.at(contract.address, contract.connection.provider), proof);
      const holds = heldOf(proof);
      const view = { ...holds, height: Number(answer.height), timeMs: Number(answer.time), contract: contract.address };
      show(io, context.json, view, () =>
        facts([
          ["holds", Object.values(holds).join(" ")],
          ["block", view.height],
          ["time", new Date(view.timeMs).toISOString()],
        ]),
      );
    });
}

/** A proof is not found, or not ready, until an anchor has what it is of. */
async function whenThere<T>(ask: () => Promise<T>, endMs: number): Promise<T> {
  for (;;)
    try {
      return await ask();
    } catch (error) {
      const isEarly = error instanceof CliError && ["NOT_FOUND", "NOT_READY"].includes(error.code);
      if (!isEarly || performance.now() >= endMs) throw error;
      await sleep(LOOK_MS);
    }
}

/** @throws CliError BRIDGE_PROOF_REFUSED with the contract's own word */
async function ask(contract: BridgeContract, proof: ProofJson): Promise<{ height: bigint; time: bigint }> {
  try {
    switch (proof.kind) {
      case "transaction":
        return await contract.verifyTx(proof.txId, proof.proof);
      case "message":
        return await contract.verifyMessage(toUtf8Bytes(proof.typeUrl), proof.message, proof.proof);
      case "record":
        return await contract.verifyState(proof.key, proof.value, proof.proof);
    }
  } catch (error) {
    const name = (error as { readonly revert?: { readonly name?: string } }).revert?.name;
    if (name === undefined && (error as { readonly code?: string }).code !== "INVALID_ARGUMENT") throw error;
    const hint =
      "take a new proof from a full node with `energy-ledger bridge prove`, `prove-message` or `prove-state`";
    throw cliError("verificationFailed", "BRIDGE_PROOF_REFUSED", `the contract says ${name ?? "it is no proof"}`, hint);
  }
}

/** What the proof is of, for whoever reads the answer. */
function heldOf(proof: ProofJson): Readonly<Record<string, string>> {
  if (proof.kind === "transaction") return { txId: proof.txId };
  if (proof.kind === "message") return { txId: proof.txId, typeUrl: proof.typeUrl };
  return { record: Buffer.from(proof.key.slice(2), "hex").toString("latin1") };
}

/** @throws CliError BRIDGE_PROOF_UNREADABLE */
function readProof(file: string): ProofJson {
  const hint = "give a file that `energy-ledger bridge prove`, `prove-message` or `prove-state` has written";
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw cliError("usage", "BRIDGE_PROOF_UNREADABLE", `${file} is no JSON`, hint);
  }
  const proof = readProofJson(json);
  if (proof === undefined) throw cliError("usage", "BRIDGE_PROOF_UNREADABLE", `${file} is no proof`, hint);
  return proof;
}
