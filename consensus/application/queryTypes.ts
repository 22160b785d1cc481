import type { QueryResponse } from "#consensus/abci.ts";
import type { StateTree } from "#storage/crypto/stateTree.ts";
import type { Ancestors } from "./ancestors.ts";
import type { AppRoots } from "./appHash.ts";
import type { LedgerCode } from "./codes.ts";
import { CODE_OK, CODESPACE, codeNumber } from "./codes.ts";
import type { QueryIndex } from "./queryIndex.ts";
import type { Simulation } from "./simulate.ts";

/** One committed state: trees share what did not change, so that a few of them cost little. */
export interface QueryVersion {
  readonly height: number;
  readonly tree: StateTree;
  readonly roots: AppRoots;
}

/** One committed state that somebody keeps, so that its records can be proved for longer than `query` does: it costs what has changed since. */
export interface KeptState {
  /** Of the block after which it is the state; its app hash is in the header of the next one. */
  readonly height: number;
  /** As a query of this height with `prove`: a record's value with its proof, or an empty value with the proof that there is none. */
  prove(path: string, data: Uint8Array): QueryResponse;
}

export interface QuerySource {
  /** Oldest first; the last is the latest commit. */
  readonly versions: readonly QueryVersion[];
  readonly ancestors: Ancestors;
  readonly index: QueryIndex;
  /** The sequence behind the transactions that passed CheckTx; undefined where none did. */
  pendingSequence(account: string): bigint | undefined;
  /** What an unsigned transaction would take of its first signer's quota. */
  simulate(txBytes: Uint8Array): Simulation;
  quotaBytesPerBlock(): number;
}

const EMPTY = new Uint8Array(0);

export function found(
  height: number,
  answer: { readonly key?: Uint8Array; readonly value: Uint8Array; readonly proof?: Uint8Array },
): QueryResponse {
  const { key = EMPTY, value, proof = EMPTY } = answer;
  return { code: CODE_OK, codespace: "", log: "", key, value, proof, height };
}

export function notFound(height: number, code: LedgerCode, reason: string): QueryResponse {
  const log = `${code}: ${reason}`;
  return { code: codeNumber(code), codespace: CODESPACE, log, key: EMPTY, value: EMPTY, proof: EMPTY, height };
}

/** bigint as decimal text, bytes as hex, protobuf's own fields left out. */
export function jsonBytes(value: unknown): Uint8Array {
  // `this[key]` is the value before a Buffer's own toJSON has changed it.
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key, inner: unknown) {
    if (key === "$typeName" || key === "$unknown") return undefined;
    if (typeof inner === "bigint") return inner.toString();
    const before = this[key];
    return before instanceof Uint8Array ? Buffer.from(before).toString("hex") : inner;
  });
  return Buffer.from(text, "utf8");
}

export function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8");
}

/** Whether the text can be that of a meter: not empty. What is not a meter's is simply not found. */
export function isMeterName(text: string): boolean {
  return text !== "";
}
