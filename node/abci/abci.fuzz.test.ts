import { AssertionError } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Request } from "cosmjs-types/tendermint/abci/types";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { createLedgerApplication } from "#consensus/application/ledgerApplication.ts";
import {
  accountOf,
  CHAIN_ID,
  createTestLedger,
  initChainRequest,
  START_MS,
  sealMessage,
  testGenesis,
} from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { addressOf } from "#storage/crypto/keys.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { LedgerError } from "#storage/error.ts";
import { changedSample, fuzzDecoder } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "#storage/fuzz/runs.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { createAbciHandler } from "./handler.ts";
import { decodeSnapshotChunk, encodeSnapshotChunks, type StateEntry } from "./snapshotChunks.ts";
import { ApplyResult, createSnapshots, OfferResult, type Snapshot } from "./snapshots.ts";

const folder = mkdtempSync(join(tmpdir(), "abci-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ledger = createTestLedger();
ledger.block([ledger.sign([sealMessage(0)], ["device"])]);
ledger.block([ledger.sign([sealMessage(1)], ["device"])]);
const entries = [...ledger.disk].map(([key, value]): StateEntry => [Buffer.from(key, "latin1"), value]);
const tx = ledger.sign([sealMessage(2)], ["device"]);

const { time, initialHeight, validators, consensusParams, appState } = initChainRequest(testGenesis());
const genesis = {
  genesisTime: time,
  chainId: CHAIN_ID,
  initialHeight,
  consensusParams,
  validators: validators.map(({ publicKey, power }) => ({ address: addressOf(publicKey), publicKey, power, name: "" })),
  appHash: new Uint8Array(0),
  appState,
};

const hash = new Uint8Array(32).fill(7);
const validator = { address: new Uint8Array(20).fill(3), power: 10n };
const block = {
  height: 3n,
  time: timestampFromMs(START_MS + 86_400_000),
  proposerAddress: validator.address,
  nextValidatorsHash: hash,
  misbehavior: [{ type: 1, validator, height: 1n, time: timestampFromMs(START_MS), totalVotingPower: 40n }],
};
const commit = { round: 0, votes: [{ validator, blockIdFlag: 2 }] };
const snapshotOf = { height: 5n, format: 1, chunks: 1, hash, metadata: hash };
const REQUESTS: readonly Uint8Array[] = [
  { echo: { message: "hello" } },
  { flush: {} },
  { info: { version: "0.38.25", blockVersion: 11n, p2pVersion: 8n, abciVersion: "2.0.0" } },
  { query: { path: "/edream/account", data: Buffer.from(accountOf("device")), height: 2n, prove: true } },
  { checkTx: { tx, type: 0 } },
  {
    initChain: {
      time,
      chainId: CHAIN_ID,
      initialHeight: BigInt(initialHeight),
      appStateBytes: Buffer.from(JSON.stringify(appState)),
      validators: validators.map(({ publicKey, power }) => ({ pubKey: { ed25519: publicKey.bytes }, power })),
      consensusParams: {
        block: { maxBytes: 2_097_152n, maxGas: -1n },
        evidence: { maxAgeNumBlocks: 100n, maxAgeDuration: { seconds: 86_400n, nanos: 0 }, maxBytes: 1000n },
        validator: { pubKeyTypes: ["ed25519"] },
        version: { app: 1n },
        abci: { voteExtensionsEnableHeight: 0n },
      },
    },
  },
  { prepareProposal: { ...block, txs: [tx], maxTxBytes: 100_000n, localLastCommit: { round: 0, votes: [] } } },
  { processProposal: { ...block, txs: [tx], hash, proposedLastCommit: commit } },
  { finalizeBlock: { ...block, txs: [tx], hash, decidedLastCommit: commit } },
  { extendVote: {} },
  { verifyVoteExtension: { hash, validatorAddress: validator.address, height: 2n } },
  { listSnapshots: {} },
  { offerSnapshot: { snapshot: snapshotOf, appHash: hash } },
  { loadSnapshotChunk: { height: 2n, format: 1, chunk: 0 } },
  { applySnapshotChunk: { index: 0, chunk: Uint8Array.of(1), sender: "peer" } },
].map((request) => Request.encode(Request.fromPartial(request as never)).finish());

function createHandler(name: string) {
  const app = createLedgerApplication({ chainId: CHAIN_ID, entries });
  const snapshots = createSnapshots({
    directory: join(folder, name),
    store: createMemoryStore(),
    app,
    onRestored: () => {},
  });
  const handler = createAbciHandler({
    app,
    genesis,
    snapshots,
    checkTx: async (given) => app.checkTx({ tx: given, type: "new" }),
    txsToPropose: () => [],
    verifyAhead: async () => {},
    onGenesis: async () => {},
    onCommitting: () => {},
    onCommit: async () => 0,
    onException: () => {},
  });
  return { app, handler };
}

/** Undefined where CometBFT's message cannot be read at all, which the server answers with an exception. */
function decoded(bytes: Uint8Array): Request | undefined {
  try {
    return Request.decode(bytes);
  } catch {
    return undefined;
  }
}

test(
  "a changed ABCI request is answered, or refused with an error of ours, and commits nothing",
  async () => {
    const { app, handler } = createHandler("requests");
    const connection = { id: 1 };
    const before = app.info();
    let answered = 0;
    await fuzzAsync("ABCI request", changedSample(REQUESTS), 500, async (bytes) => {
      const request = decoded(bytes);
      if (request === undefined || request.commit !== undefined) return;
      try {
        await handler.handle(request, connection);
        answered += 1;
      } catch (error) {
        // What no engine sends stops the engine: going on could only fork.
        expect(error instanceof LedgerError || error instanceof AssertionError, String(error)).toBe(true);
      }
      expect(app.info()).toEqual(before);
    });
    expect(answered).toBeGreaterThan(20);
  },
  FUZZ_TIMEOUT_MS,
);

async function chunksOf(list: readonly StateEntry[]): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  async function* each() {
    yield* list;
  }
  for await (const chunk of encodeSnapshotChunks(each())) chunks.push(chunk);
  return chunks;
}

test(
  "a changed snapshot chunk is read or is none",
  async () => {
    fuzzDecoder(
      {
        name: "snapshot chunk",
        samples: await chunksOf(entries),
        decode: (bytes) => decodeSnapshotChunk(bytes) ?? ({ accepted: false, code: "NO_CHUNK" } as const),
        errors: [],
      },
      200,
    );
  },
  FUZZ_TIMEOUT_MS,
);

const trusted = ledger.app.info();

function expectTrusted({ lastBlockHeight, lastBlockAppHash }: typeof trusted): void {
  expect(lastBlockHeight).toBe(trusted.lastBlockHeight);
  expect(Buffer.compare(lastBlockAppHash, trusted.lastBlockAppHash)).toBe(0);
}

/** A snapshot whose description fits its chunks, whatever they hold: a peer of CometBFT can make one. */
function describe(chunks: readonly Uint8Array[]): Snapshot {
  const metadata = Buffer.concat(chunks.map((chunk) => sha256(chunk)));
  return { height: trusted.lastBlockHeight, format: 1, chunks: chunks.length, hash: sha256(metadata), metadata };
}

test(
  "a snapshot of changed state is refused, and the true one is taken after it",
  async () => {
    const trueChunks = await chunksOf(entries);
    const changes = fc.array(changedSample(trueChunks), { minLength: 1, maxLength: 2 });
    let turn = 0;
    await fuzzAsync("snapshot", changes, 60, async (chunks) => {
      const app = createLedgerApplication({ chainId: CHAIN_ID });
      const directory = join(folder, `snapshots ${turn++}`);
      const snapshots = createSnapshots({ directory, store: createMemoryStore(), app, onRestored: () => {} });
      const sync = async (list: readonly Uint8Array[]) => {
        expect(snapshots.offer(describe(list), trusted.lastBlockAppHash)).toBe(OfferResult.ACCEPT);
        let last = ApplyResult.UNKNOWN;
        for (const [index, chunk] of list.entries()) last = (await snapshots.apply(index, chunk)).result;
        return last;
      };
      const result = await sync(chunks);
      if (result === ApplyResult.ACCEPT) return expectTrusted(app.info());
      expect(app.info().lastBlockHeight).toBe(0);
      expect(await sync(trueChunks)).toBe(ApplyResult.ACCEPT);
      expectTrusted(app.info());
    });
  },
  FUZZ_TIMEOUT_MS,
);
