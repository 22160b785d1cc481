import { expect, test } from "vitest";
import { LedgerError } from "#storage/error.ts";
import type { FinalizeBlockResponse } from "../abci.ts";
import { createEvidencePool } from "./evidencePool.ts";
import type { HeightRecord } from "./executor.ts";
import { createExecutor, genesisState, handshake } from "./executor.ts";
import { createTestApplication } from "./testApplication.ts";
import { createTestNet } from "./testNet.ts";

const net = await createTestNet({ seed: 1, validators: 4 });
await net.runUntil(() => net.height() >= 2, 60_000);
const EVIDENCE = createEvidencePool({
  chainId: net.genesis.chainId,
  loadValidators: async () => undefined,
  loadBlockTime: async () => undefined,
  loadSignedHeader: async () => undefined,
});

function stored(height: number): HeightRecord {
  const record = net.nodes[0]?.disk.blocks.get(height)?.record;
  if (record === undefined) throw new TypeError("no block");
  return record;
}

test("the handshake starts from genesis, goes on where state and application agree, and refuses anything else", () => {
  const { stateAfter } = stored(2);
  expect(handshake(net.genesis, undefined, createTestApplication()).lastBlockHeight).toBe(0);
  expect(handshake(net.genesis, stateAfter, createTestApplication({ height: 2, txs: [] }))).toBe(stateAfter);
  const cases = [
    [createTestApplication({ height: 1, txs: [] }), "EXECUTOR_APP_HEIGHT_MISMATCH"],
    [createTestApplication({ height: 3, txs: [] }), "EXECUTOR_APP_HEIGHT_MISMATCH"],
    [createTestApplication({ height: 2, txs: ["other"] }), "EXECUTOR_APP_HASH_MISMATCH"],
  ] as const;
  for (const [app, code] of cases) expect(codeOf(() => handshake(net.genesis, stateAfter, app))).toBe(code);
  expect(codeOf(() => handshake(net.genesis, undefined, createTestApplication({ height: 2, txs: [] })))).toBe(
    "EXECUTOR_APP_HEIGHT_MISMATCH",
  );
});

const ANSWERS: readonly (readonly [string, Partial<FinalizeBlockResponse>])[] = [
  ["EXECUTOR_APP_HASH_EMPTY", { appHash: new Uint8Array(0) }],
  ["EXECUTOR_RESULTS_COUNT", { txResults: [{} as never] }],
  [
    "EXECUTOR_VALIDATOR_UPDATE_INVALID",
    { validatorUpdates: [{ publicKey: { type: "ed25519", bytes: new Uint8Array(32).fill(1) }, power: -1n }] },
  ],
  [
    "EXECUTOR_VALIDATOR_UPDATE_INVALID",
    { validatorUpdates: net.genesis.validators.map(({ publicKey }) => ({ publicKey, power: 0n })) },
  ],
];

test.each(ANSWERS)("%s stops the node before anything is stored", async (code, answer) => {
  const app = createTestApplication();
  const finalizeBlock = app.finalizeBlock;
  const records: HeightRecord[] = [];
  const executor = createExecutor(genesisState(net.genesis, app), {
    app: Object.assign(app, { finalizeBlock: (request: never) => ({ ...finalizeBlock(request), ...answer }) }),
    evidence: EVIDENCE,
    persistHeight: async (record) => {
      records.push(record);
    },
  });
  const { block, blockBytes, blockId, seenCommit } = stored(1);
  await expect(executor.applyBlock({ block, blockBytes, blockId }, seenCommit)).rejects.toMatchObject({ code });
  expect(records).toEqual([]);
  expect(executor.state().lastBlockHeight).toBe(0);
});

test("a block is applied only with a commit for its height", async () => {
  const app = createTestApplication();
  const executor = createExecutor(genesisState(net.genesis, app), {
    app,
    evidence: EVIDENCE,
    persistHeight: async () => {},
  });
  const { block, blockBytes, blockId } = stored(1);
  const applied = executor.applyBlock({ block, blockBytes, blockId }, stored(2).seenCommit);
  await expect(applied).rejects.toMatchObject({ code: "EXECUTOR_COMMIT_MISMATCH" });
});

test("an application that fills a proposal beyond the limit does not make an invalid block", () => {
  const app = createTestApplication();
  const params = { ...net.genesis.consensusParams, block: { maxBytes: 10_000, maxGas: -1 } };
  const executor = createExecutor(genesisState({ ...net.genesis, consensusParams: params }, app), {
    app,
    evidence: EVIDENCE,
    persistHeight: async () => {},
  });
  const txs = Array.from({ length: 30 }, (_, i) => Buffer.alloc(1000, i));
  const { lastCommit, header } = stored(1).block;
  const block = executor.createProposalBlock(lastCommit, header.proposerAddress, txs);
  expect(block.txs.length).toBe(9);
  expect(executor.maxTxBytes()).toBeLessThan(10_000);
});

function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    if (error instanceof LedgerError) return error.details.code;
    throw error;
  }
  return undefined;
}
