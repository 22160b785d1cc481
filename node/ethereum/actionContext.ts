import { setTimeout as sleep } from "node:timers/promises";
import { connectEvm } from "#bridge/evm/connectEvm.ts";
import { addressOfContract, type ContractsFile } from "#bridge/evm/contractsFile.ts";
import { requireCode } from "#bridge/evm/evmErrors.ts";
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
    proof: (path) => waitForProof(() => ledger(path), waitMs),
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

/** A proof is not found, or not ready, until a block after it is anchored. */
async function waitForProof<T>(ask: () => Promise<T>, waitMs: number): Promise<T> {
  const endMs = performance.now() + waitMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof CliError) || !["NOT_FOUND", "NOT_READY"].includes(error.code)) throw error;
      if (performance.now() >= endMs) {
        const hint = "wait for the next anchor (`bridge status`), or give --wait 10m";
        throw cliError("notFound", "PROOF_NOT_ANCHORED", `there is no proof yet: ${error.details.message}`, hint);
      }
    }
    await sleep(LOOK_MS);
  }
}
