import type { Logger } from "pino";
import type { AssetRules } from "#storage/assets/assetTransaction.ts";
import { createMemoryAssetStore, type MemoryAssetStore } from "#storage/assets/memoryAssetStore.ts";
import { parseAssetTransaction } from "#storage/assets/parseTransaction.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { checkBody } from "./checkBody.ts";
import { type Bigchain, createBigchain } from "./createBigchain.ts";
import type { BigchainDecision, BigchainPorts, BigchainSubmission } from "./ports.ts";

type Parts = Parameters<typeof createBigchain>[2];

export interface TestBigchain extends AsyncDisposable {
  readonly bigchain: Bigchain;
  /** Of the HTTP port. */
  readonly url: string;
  readonly assets: MemoryAssetStore;
  /** What the mempool says of every further transaction; undefined: it is in a block at once. */
  nextSubmission: (() => BigchainSubmission) | undefined;
  /** Says what became of a transaction. */
  decide(decision: BigchainDecision): void;
  /** What should never have happened: requests that this program could not answer. */
  readonly faults: readonly unknown[];
  /** Texts of proof files by the id of the ledger's transaction, hex. */
  readonly proofs: Map<string, string>;
}

/** The interface over BigchainDB in memory, on ports of the system's choice. Every valid transaction is a block of its own. */
export async function startTestBigchain({
  rules = "strict",
  ...parts
}: { readonly rules?: AssetRules } & Omit<Parts, "log"> = {}): Promise<TestBigchain> {
  let nowMs = 0;
  const assets = createMemoryAssetStore({
    rules,
    nowMs: () => {
      nowMs += 1000;
      return nowMs;
    },
  });
  const listeners = new Set<(decision: BigchainDecision) => void>();
  const decide = (decision: BigchainDecision) => {
    for (const listener of listeners) listener(decision);
  };
  assets.subscribe(({ transactionId: id, height, assetId }) =>
    decide({ id, height, assetId, accepted: true, log: "", ledgerTxId: "" }),
  );
  const proofs = new Map<string, string>();
  const ports: BigchainPorts = {
    queries: assets.queries,
    validate: (body) => checkBody(body, assets.queries, rules),
    async submit(_id, json) {
      if (started.nextSubmission !== undefined) return started.nextSubmission();
      const parsed = parseAssetTransaction(json);
      if (!parsed.accepted) throw new Error(`validated, and no transaction: ${parsed.reason}`);
      await assets.commit([parsed.value]);
      return { result: "added" };
    },
    height: assets.height,
    validators: () => [{ publicKey: "g4I3VxqQLfkCjQHlPZVMpHnXkqWvuHs0RYM5lQXqLgA=", type: "ed25519", votingPower: 10 }],
    proof: async (ledgerTxId) => proofs.get(Buffer.from(ledgerTxId).toString("hex")),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const faults: unknown[] = [];
  const log = { error: ({ err }: { readonly err: unknown }) => faults.push(err) } as unknown as Logger;
  const options = { bigchainListen: "127.0.0.1:0", bigchainStreamListen: "127.0.0.1:0" };
  const bigchain = await createBigchain(options, ports, { log, ...parts });
  const started: TestBigchain = {
    bigchain,
    url: bigchain.url ?? "",
    assets,
    nextSubmission: undefined,
    decide,
    faults,
    proofs,
    async [Symbol.asyncDispose]() {
      await bigchain.close();
      await assets[Symbol.asyncDispose]();
    },
  };
  return started;
}

/** The id under which a transaction's proof is kept here. */
export function testLedgerTxId(json: string): string {
  return Buffer.from(sha256(Buffer.from(json))).toString("hex");
}
