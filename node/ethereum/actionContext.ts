import { setTimeout as sleep } from "node:timers/promises";
import { connectEvm } from "#bridge/evm/connectEvm.ts";
import { addressOfContract, type ContractsFile } from "#bridge/evm/contractsFile.ts";
import { askingEvm, requireCode } from "#bridge/evm/evmErrors.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { CliError, cliError } from "../cli/cliError.ts";
import type { ActionContext } from "./action.ts";

export interface ActionContextOptions {
  readonly ethereumUrl: string;
  readonly file: ContractsFile;
  /** Whose code must be there. */
  readonly contract: string;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly ledger: <T>(path: string) => Promise<T>;
  /** Longest wait for an anchor. */
  readonly waitMs: number;
}

const LOOK_MS = 500;

/** Connects, and makes sure that it is the chain of contracts.json and that the contract is there. @throws EvmError */
export async function openActionContext(options: ActionContextOptions): Promise<ActionContext & Disposable> {
  const { ethereumUrl: url, file, contract, fetch, nowMs, ledger, waitMs } = options;
  const address = addressOfContract(file, contract);
  const connection = await connectEvm({ url, chainId: file.chainId, fetch });
  const context: ActionContext & Disposable = {
    connection,
    file,
    at: (type) => type.at(addressOfContract(file, type.name), connection.provider),
    ledger,
    proof: (path) =>
      waitForProof(
        () => ledger(path),
        (seq) => hasAnchor(context, seq),
        waitMs,
      ),
    nowMs,
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
  try {
    await requireCode(connection.provider, contract, address);
    return context;
  } catch (error) {
    context[Symbol.dispose]();
    throw error;
  }
}

/** Where the anchor's number stands in what `GET /bridge/proofs/…` answers. */
interface Proved {
  readonly proof?: { readonly blockProof?: { readonly anchor?: { readonly seq?: unknown } } };
}

/** A node proves under anchors that are signed; the contract takes such a proof once somebody has carried the anchor there. */
async function hasAnchor({ file, at }: Pick<ActionContext, "file" | "at">, seq: bigint): Promise<boolean> {
  if (!Object.hasOwn(file.contracts, Bridge.name)) return true;
  const head = await askingEvm([Bridge.interface], () => at(Bridge).head());
  return head.seq >= seq;
}

/** A proof is not found, or not ready, until a block after it is anchored. */
async function waitForProof<T>(
  ask: () => Promise<T>,
  isThere: (seq: bigint) => Promise<boolean>,
  waitMs: number,
): Promise<T> {
  const endMs = performance.now() + waitMs;
  for (;;) {
    const { answer, why } = await proofNow(ask, isThere);
    if (answer !== undefined) return answer;
    if (performance.now() >= endMs) {
      const hint = "wait for the next anchor (`bridge status`), or give --wait 10m";
      throw cliError("notFound", "PROOF_NOT_ANCHORED", `there is no proof yet: ${why}`, hint);
    }
    await sleep(LOOK_MS);
  }
}

async function proofNow<T>(ask: () => Promise<T>, isThere: (seq: bigint) => Promise<boolean>) {
  try {
    const answer = await ask();
    const seq = (answer as Proved).proof?.blockProof?.anchor?.seq;
    if (typeof seq !== "string" || !/^\d{1,20}$/.test(seq) || (await isThere(BigInt(seq)))) return { answer, why: "" };
    return { answer: undefined, why: `anchor ${seq} is signed, and not on Ethereum yet` };
  } catch (error) {
    if (!(error instanceof CliError) || !["NOT_FOUND", "NOT_READY"].includes(error.code)) throw error;
    return { answer: undefined, why: error.details.message };
  }
}
