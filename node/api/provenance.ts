import type { EnergyOutput } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { decodeTransaction } from "#storage/types/transaction.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { hex } from "./json.ts";
import type { CommittedTransaction, OutputView } from "./ports.ts";

/** Steps of one answer; energy that was split and merged more often than this is shown from its newest end. */
export const MAX_PROVENANCE_STEPS = 256;

export interface AssetTrace {
  readonly output: OutputView;
  /** Newest first: the message that created the output, those that created its inputs, and so on back to registrations. */
  readonly steps: readonly ProvenanceStep[];
  /** False when the step limit or a transaction that is no longer kept cut the history short. */
  readonly complete: boolean;
}

export interface ProvenanceStep {
  readonly txId: Uint8Array;
  readonly height: number;
  readonly timeMs: number;
  readonly type: "MsgRegisterEnergy" | "MsgTransferEnergy";
  /** Whose production backs the energy; registrations only. */
  readonly meterId?: string;
  /** `TXID:INDEX` of what was spent; transfers only. */
  readonly inputs: readonly string[];
  readonly outputs: readonly { readonly amountMwh: bigint; readonly accounts: readonly string[] }[];
}

type EnergyMessage = Extract<LedgerMessage, { name: "MsgRegisterEnergy" | "MsgTransferEnergy" }>;

/**
 * Walks from an output back to the registrations its energy comes from, breadth first. Undefined when there is no such output.
 * Reads each transaction once.
 */
export async function traceAsset(
  txId: Uint8Array,
  outputIndex: number,
  load: (txId: Uint8Array) => CommittedTransaction | undefined | Promise<CommittedTransaction | undefined>,
  maxSteps: number = MAX_PROVENANCE_STEPS,
): Promise<AssetTrace | undefined> {
  const queue = [{ txId, outputIndex }];
  const seen = new Set<string>();
  const steps: ProvenanceStep[] = [];
  let first: OutputView | undefined;
  let complete = true;
  for (let pointer = queue.shift(); pointer !== undefined; pointer = queue.shift()) {
    if (steps.length === maxSteps) {
      complete = false;
      break;
    }
    const committed = await load(pointer.txId);
    const created = committed?.result.code === 0 ? findOutput(committed.tx, pointer.outputIndex) : undefined;
    if (committed === undefined || created === undefined) {
      complete = false;
      continue;
    }
    const { message, messageIndex, output } = created;
    first ??= {
      ...pointer,
      amountMwh: output.amountMwh,
      lock: { threshold: output.lock?.threshold ?? 0, accounts: output.lock?.accounts ?? [] },
    };
    const key = `${hex(pointer.txId)}/${messageIndex}`;
    if (seen.has(key)) continue;
    seen.add(key);
    steps.push(stepOf(pointer.txId, committed, message));
    if (message.name === "MsgTransferEnergy") queue.push(...message.value.inputs);
  }
  return first && { output: first, steps, complete };
}

/** Output indices count over all messages of a transaction that create energy outputs. */
function findOutput(
  tx: Uint8Array,
  outputIndex: number,
): { message: EnergyMessage; messageIndex: number; output: EnergyOutput } | undefined {
  const decoded = decodeTransaction(tx);
  if (!decoded.accepted) return undefined;
  let before = 0;
  for (const [messageIndex, message] of decoded.tx.messages.entries()) {
    if (message.name !== "MsgRegisterEnergy" && message.name !== "MsgTransferEnergy") continue;
    const output = message.value.outputs[outputIndex - before];
    if (output !== undefined) return { message, messageIndex, output };
    before += message.value.outputs.length;
  }
  return undefined;
}

function stepOf(txId: Uint8Array, { height, timeMs }: CommittedTransaction, message: EnergyMessage): ProvenanceStep {
  const outputs = message.value.outputs.map(({ amountMwh, lock }) => ({ amountMwh, accounts: lock?.accounts ?? [] }));
  const where = { txId, height, timeMs, type: message.name, outputs };
  if (message.name === "MsgRegisterEnergy") return { ...where, meterId: message.value.meterId, inputs: [] };
  return { ...where, inputs: message.value.inputs.map((input) => `${hex(input.txId)}:${input.outputIndex}`) };
}
