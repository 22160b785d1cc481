import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createTestLedger, sealMessage, type TestLedger } from "#consensus/application/testLedger.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "#storage/fuzz/runs.ts";
import { type AbciClient, abciGenesis, connectAbci, initChainOf, startTestAbci, type TestAbci } from "./testAbci.ts";

/**
 * A word of the ABCI call grammar (CometBFT spec/abci/abci++_comet_expected_behavior.md): per height any number of rounds, of which each
 * proposes, judges or does neither, then a decision and its commit; a crash may come anywhere, of either side.
 */
interface Round {
  readonly isProposer: boolean;
  readonly isJudged: boolean;
}

type Crash = "never" | "engine before commit" | "engine after commit" | "both before commit" | "both after commit";

interface Height {
  /** Before its decision. */
  readonly rounds: readonly Round[];
  readonly txs: number;
  readonly crash: Crash;
}

const round = fc.record({ isProposer: fc.boolean(), isJudged: fc.boolean() });
const crash = fc.constantFrom<Crash>(
  "never",
  "never",
  "never",
  "engine before commit",
  "engine after commit",
  "both before commit",
  "both after commit",
);
const height: fc.Arbitrary<Height> = fc.record({
  rounds: fc.array(round, { maxLength: 3 }),
  txs: fc.integer({ min: 0, max: 3 }),
  crash,
});
const word = fc.record({
  initChains: fc.integer({ min: 1, max: 3 }),
  heights: fc.array(height, { minLength: 1, maxLength: 6 }),
});

/** An application behind a socket, and the connection of an engine that comes back after a crash as CometBFT does: by the height of Info. */
class Engine {
  readonly #store = createMemoryStore();
  readonly #directory = mkdtempSync(join(tmpdir(), "abci-word-"));
  #abci: TestAbci | undefined;
  #client: AbciClient | undefined;

  get app(): TestAbci {
    if (this.#abci === undefined) throw new Error("not started");
    return this.#abci;
  }

  get client(): AbciClient {
    if (this.#client === undefined) throw new Error("not connected");
    return this.#client;
  }

  async connect(): Promise<{ readonly height: bigint; readonly appHash: Uint8Array }> {
    this.#abci ??= await startTestAbci({ store: this.#store, directory: this.#directory });
    this.#client = await connectAbci(this.#abci.path);
    const { info } = await this.#client.send({
      info: { version: "", blockVersion: 11n, p2pVersion: 8n, abciVersion: "2.0.0" },
    });
    return { height: info?.lastBlockHeight ?? -1n, appHash: info?.lastBlockAppHash ?? new Uint8Array(0) };
  }

  async crash(both: boolean): Promise<void> {
    await this.client.close();
    this.#client = undefined;
    if (!both) return;
    await this.#abci?.[Symbol.asyncDispose]();
    this.#abci = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.close();
    await this.#abci?.[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** What the same block does to an application without socket, crashes and proposals in between. */
function expectedOf(ledger: TestLedger, txs: readonly Uint8Array[]) {
  const { appHash, txResults } = ledger.block(txs);
  return { appHash: Buffer.from(appHash).toString("hex"), codes: txResults.map(({ code }) => code) };
}

test("whatever word of the ABCI grammar an engine speaks, and whoever crashes when, the outcome is that of the blocks alone", {
  timeout: FUZZ_TIMEOUT_MS * 2,
}, async () => {
  await fuzzAsync("ABCI words", word, 40, async ({ initChains, heights }) => {
    await using engine = new Engine();
    const ledger = createTestLedger();
    expect((await engine.connect()).height).toBe(0n);
    for (let i = 0; i < initChains; i++) {
      const { initChain } = await engine.client.send({ initChain: initChainOf(abciGenesis()) });
      expect(initChain?.appHash).toHaveLength(32);
    }
    let seals = 0;
    for (const [index, { rounds, txs: count, crash: when }] of heights.entries()) {
      const txs = Array.from({ length: count }, (_, i) => ledger.sign([sealMessage(seals + i)], ["device"], i));
      seals += count;
      // One that is no transaction: dropped by whoever proposes, a failure in a block that a faulty proposer made.
      const withJunk = [...txs, Uint8Array.of(index, 1, 2, 3)];
      const { maxTxBytes: _max, decidedLastCommit: _commit, ...request } = ledger.request(withJunk);
      const block = { ...request, misbehavior: [], height: BigInt(request.height) };
      for (const tx of txs) expect((await engine.client.send({ checkTx: { tx, type: 0 } })).checkTx?.code).toBe(0);
      for (const { isProposer, isJudged } of rounds) {
        if (isProposer) {
          engine.app.waiting.splice(0, Number.POSITIVE_INFINITY, ...withJunk);
          const { prepareProposal } = await engine.client.send({
            prepareProposal: {
              ...block,
              txs: withJunk,
              maxTxBytes: 100_000n,
              localLastCommit: { round: 0, votes: [] },
            },
          });
          expect(prepareProposal?.txs.map(hex)).toStrictEqual(txs.map(hex));
        }
        if (isJudged) {
          const judge = (proposed: readonly Uint8Array[]) =>
            engine.client.send({
              processProposal: { ...block, txs: [...proposed], proposedLastCommit: { round: 0, votes: [] } },
            });
          expect((await judge(txs)).processProposal?.status).toBe(1);
          expect((await judge(withJunk)).processProposal?.status).toBe(2);
        }
      }
      const finalize = async () => {
        const { finalizeBlock } = await engine.client.send({
          finalizeBlock: { ...block, txs, decidedLastCommit: { round: 0, votes: [] } },
        });
        return {
          appHash: hex(finalizeBlock?.appHash ?? new Uint8Array(0)),
          codes: finalizeBlock?.txResults.map(({ code }) => code),
        };
      };
      const before = (await engine.client.send({ info: {} })).info;
      const outcome = await finalize();
      const expected = expectedOf(ledger, txs);
      expect(outcome).toStrictEqual(expected);
      if (when.endsWith("before commit")) {
        await engine.crash(when.startsWith("both"));
        expect(await engine.connect()).toStrictEqual({ height: BigInt(index), appHash: before?.lastBlockAppHash });
        // A new chain begins anew; the block is replayed.
        if (index === 0) await engine.client.send({ initChain: initChainOf(abciGenesis()) });
        expect(await finalize()).toStrictEqual(expected);
      }
      await engine.client.send({ commit: {} });
      if (when.endsWith("after commit")) {
        await engine.crash(when.startsWith("both"));
        const { height, appHash } = await engine.connect();
        expect([height, hex(appHash)]).toStrictEqual([BigInt(index + 1), expected.appHash]);
      }
    }
    expect(engine.app.exceptions).toStrictEqual([]);
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
