import { pino } from "pino";
import { beforeAll, expect, test } from "vitest";
import type { HeightRecord } from "#consensus/engine/executor.ts";
import type { CommittedBlock } from "#consensus/engine/ports.ts";
import { createTestNet } from "#consensus/engine/testNet.ts";
import { blockResultsOperation } from "#storage/db/blockResults.ts";
import { type ChainState, encodeChainState, loadChainState } from "#storage/db/chainState.ts";
import { openLedgerStore } from "#storage/db/ledgerStore.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { loadValidators } from "#storage/db/validatorHistory.ts";
import type { Block } from "#storage/types/block.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { hashValidatorSet } from "#storage/types/validatorSet.ts";
import { CometError } from "./cometError.ts";
import type { CometRpc } from "./cometRpc.ts";
import { startFollower } from "./follower.ts";

/** A chain of the embedded engine stands for CometBFT's: the bytes are the same. */
let records: readonly HeightRecord[];
let genesis: Genesis;
beforeAll(async () => {
  const net = await createTestNet({ seed: 7, validators: 4 });
  for (let i = 0; i < 20; i++) net.nodes[i % 4]?.addTx(`tx ${i}`);
  await net.runUntil(() => net.height() >= 8, 60_000);
  genesis = net.genesis;
  records = [...(net.nodes[0]?.disk.blocks.values() ?? [])].map(({ record }) => record).slice(0, 8);
});

const recordOf = (height: number) => {
  const record = records[height - 1];
  if (record === undefined) throw new CometError({ code: "COMETBFT_RPC_FAILED", method: "block", reason: "no block" });
  return record;
};

const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? "none" : Buffer.from(bytes).toString("hex"));
const chainHex = (state: ChainState | undefined) => hex(state && encodeChainState(state));

type Rpc = Pick<CometRpc, "block" | "status" | "validators">;

/** CometBFT with all those blocks, of which `from` is the first. */
const honest = (from = 1): Rpc => ({
  async block(height) {
    const { block, seenCommit } = recordOf(height);
    return { block, commit: seenCommit };
  },
  status: async () => ({ latestHeight: records.length, earliestHeight: from, isCatchingUp: false, version: "0.38.25" }),
  validators: async (height) => recordOf(height).stateBefore.validators.validators,
});

/** A node whose application has committed all blocks, with a follower that asks `rpc`. */
async function follow(rpc: Rpc, begins: "at genesis" | "with a snapshot" = "at genesis") {
  const store = createMemoryStore();
  const ledger = await openLedgerStore(store);
  await store.batch(
    records.map(({ block, response }) => blockResultsOperation(block.header.height, response)),
    { sync: false },
  );
  const initial = begins === "at genesis" ? records[0]?.stateBefore : undefined;
  if (initial !== undefined) await ledger.saveGenesis(initial, []);
  const followed: CommittedBlock[] = [];
  const ended = Promise.withResolvers<unknown>();
  const follower = startFollower(initial, {
    genesis,
    rpc,
    store,
    ledger,
    log: pino({ level: "silent" }),
    committedHeight: () => records.length,
    async onBlock(committed) {
      followed.push(committed);
      if (committed.block.header.height === records.length) ended.resolve("all followed");
    },
    onFatal: ended.resolve,
  });
  return {
    store,
    ledger,
    followed,
    ended: ended.promise,
    [Symbol.asyncDispose]: () => follower.stop(),
  };
}

test("every block, and the chain after it, is the one that the embedded engine stored", async () => {
  await using node = await follow(honest());
  expect(await node.ended).toBe("all followed");
  expect(node.followed.map(({ block }) => block.header.height)).toStrictEqual(records.map((_, i) => i + 1));
  expect(chainHex(await loadChainState(node.store))).toBe(chainHex(records.at(-1)?.stateAfter));
  for (const { block, blockBytes } of records)
    expect(Buffer.from((await node.ledger.blocks.loadBlockBytes(block.header.height)) ?? []).equals(blockBytes)).toBe(
      true,
    );
});

test("what CometBFT cannot give yet is asked again", async () => {
  let refusals = 5;
  const rpc: Rpc = {
    ...honest(),
    async block(height) {
      if (refusals-- > 0) throw new CometError({ code: "COMETBFT_RPC_FAILED", method: "block", reason: "starting" });
      return honest().block(height);
    },
  };
  await using node = await follow(rpc);
  expect(await node.ended).toBe("all followed");
});

/** One answer that is not what was decided, each in another place. */
const lies: Record<string, (block: Block) => Block> = {
  "another transaction": (block) => ({ ...block, txs: [...block.txs, Uint8Array.of(1)] }),
  "another time": (block) => ({ ...block, header: { ...block.header, time: { seconds: 1n, nanos: 0 } } }),
  "another app hash": (block) => ({ ...block, header: { ...block.header, appHash: new Uint8Array(32) } }),
  "a commit without a signature": ({ lastCommit, ...block }) => ({
    ...block,
    lastCommit: { ...lastCommit, signatures: lastCommit.signatures.slice(1) },
  }),
};

test.each(Object.entries(lies))("%s ends the node: the block is not stored", async (_name, lie) => {
  const rpc: Rpc = {
    ...honest(),
    async block(height) {
      const { block, commit } = await honest().block(height);
      return { block: height === 4 ? lie(block) : block, commit };
    },
  };
  await using node = await follow(rpc);
  expect(await node.ended).toMatchObject({ details: { code: "COMETBFT_BLOCK_REFUSED", height: 4 } });
  expect(node.ledger.blocks.height()).toBe(3);
});

test("a decided block that breaks the rules ends the node, although its commit is for it", async () => {
  const [first, second] = records;
  if (first === undefined || second === undefined) throw new Error("no chain");
  // A true block with its true commit, in the place of another.
  const rpc: Rpc = { ...honest(), block: (height) => honest().block(height === 1 ? 2 : height) };
  await using node = await follow(rpc);
  expect(await node.ended).toMatchObject({
    details: { code: "COMETBFT_BLOCK_REFUSED", height: 1, checkCode: "BLOCK_HEIGHT" },
  });
});

test("after a snapshot the chain begins with CometBFT's oldest block, and has the validators of that height", async () => {
  await using node = await follow(honest(5), "with a snapshot");
  expect(await node.ended).toBe("all followed");
  expect([node.ledger.blocks.base(), node.ledger.blocks.height()]).toStrictEqual([5, records.length]);
  const after = await loadChainState(node.store);
  const expected = records.at(-1)?.stateAfter;
  expect(hex(after?.appHash)).toBe(hex(expected?.appHash));
  expect(hex(after?.lastBlockId.hash)).toBe(hex(expected?.lastBlockId.hash));
  const [ours, theirs] = [await loadValidators(node.store, 6), records[5]?.stateBefore.validators];
  expect(hex(ours && hashValidatorSet(ours))).toBe(hex(theirs && hashValidatorSet(theirs)));
});
