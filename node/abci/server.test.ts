import { statSync } from "node:fs";
import { Request } from "cosmjs-types/tendermint/abci/types";
import { expect, test } from "vitest";
import { changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "#storage/fuzz/runs.ts";
import { createMempool } from "../mempool.ts";
import { encodeFrame } from "../network/framing.ts";
import { createAbciServer } from "./server.ts";
import { abciGenesis, connectAbci, initChainOf, requestOf, startTestAbci } from "./testAbci.ts";

test("requests that come together are answered one by one, in their order", async () => {
  await using abci = await startTestAbci();
  const client = await connectAbci(abci.path);
  const answers = await Promise.all([
    client.send({ echo: { message: "a" } }),
    client.send({ info: { version: "0.38.25", blockVersion: 11n, p2pVersion: 8n, abciVersion: "2.0.0" } }),
    ...Array.from({ length: 3000 }, (_, i) => client.send({ echo: { message: `${i}` } })),
    client.send({ flush: {} }),
  ]);
  expect(answers[0]?.echo?.message).toBe("a");
  expect(answers[1]?.info).toMatchObject({ data: "energy-ledger", appVersion: 1n, lastBlockHeight: 0n });
  expect(answers.slice(2, -1).map(({ echo }) => echo?.message)).toStrictEqual(
    Array.from({ length: 3000 }, (_, i) => `${i}`),
  );
  expect(answers.at(-1)?.flush).toBeDefined();
  await client.close();
});

test("only this user may connect, and a path that no socket can have is refused by name", async () => {
  await using abci = await startTestAbci();
  expect(statSync(abci.path).mode & 0o777).toBe(0o600);
  const handler = { handle: () => Promise.reject(new Error("unused")), onClose() {}, onException() {} };
  await expect(createAbciServer(`/${"long/".repeat(30)}abci.sock`, handler)).rejects.toMatchObject({
    details: { code: "ABCI_SOCKET_PATH_LENGTH" },
  });
});

test("a request of no known kind, and one out of order, end in an exception and the connection, and the next connection is served", async () => {
  await using abci = await startTestAbci();
  for (const request of [{}, { commit: {} }]) {
    const client = await connectAbci(abci.path);
    const { exception } = await client.send(request);
    expect(exception?.error).toMatch(/ABCI_REQUEST_UNKNOWN|ABCI_OUT_OF_ORDER/);
    await client.closed;
  }
  expect(abci.exceptions).toHaveLength(2);
  const client = await connectAbci(abci.path);
  expect((await client.send({ echo: { message: "still here" } })).echo?.message).toBe("still here");
  await client.close();
});

test("what is to be checked between FinalizeBlock and Commit is answered before the Commit, for which the engine waits until it is", async () => {
  const options = { maxTxs: 10, maxBytes: 10_000, maxTxBytes: 1000, cacheSize: 10 };
  const response = { code: 0, codespace: "", log: "", gasWanted: 0n };
  const mempool = createMempool(options, { checkTx: () => response, prepareVerification: async () => undefined });
  await using abci = await startTestAbci({
    ports: {
      onCommitting: () => mempool.lock(),
      async checkTx(tx) {
        await mempool.addBatch([tx]);
        return response;
      },
      async onCommit({ height, txs }) {
        await mempool.update(height, txs);
        return 0;
      },
    },
  });
  const [consensus, checks] = [await connectAbci(abci.path), await connectAbci(abci.path)];
  await consensus.send({ initChain: initChainOf(abciGenesis()) });
  for (const height of [1n, 2n]) {
    const time = { seconds: 1_800_000_000n + height, nanos: 0 };
    const hash = new Uint8Array(32).fill(Number(height));
    const decidedLastCommit = { round: 0, votes: [] };
    const block = { height, time, hash, proposerAddress: new Uint8Array(20), decidedLastCommit };
    expect((await consensus.send({ finalizeBlock: block })).finalizeBlock).toBeDefined();
    const checked = checks.send({ checkTx: { tx: Uint8Array.of(Number(height)), type: 0 } });
    expect((await checks.send({ flush: {} })).flush).toBeDefined();
    expect((await checked).checkTx?.code).toBe(0);
    expect((await consensus.send({ commit: {} })).commit).toBeDefined();
  }
  expect(mempool.stats.txs).toBe(2);
  expect(abci.exceptions).toEqual([]);
  for (const client of [consensus, checks]) await client.close();
});

test("an engine of another genesis is refused, whatever differs", async () => {
  const right = initChainOf(abciGenesis());
  const [validator] = right.validators;
  const wrong = {
    chain_id: { ...right, chainId: "another" },
    genesis_time: { ...right, time: { seconds: 1n, nanos: 0 } },
    initial_height: { ...right, initialHeight: 2n },
    consensus_params: {
      ...right,
      consensusParams: { ...right.consensusParams, block: { maxBytes: 1n, maxGas: -1n } },
    },
    validators: { ...right, validators: validator === undefined ? [] : [validator] },
    app_state: { ...right, appStateBytes: Buffer.from("{}") },
  };
  for (const [field, request] of Object.entries(wrong)) {
    await using abci = await startTestAbci();
    const client = await connectAbci(abci.path);
    expect((await client.send({ initChain: request })).exception?.error).toContain(
      `ABCI_GENESIS_MISMATCH field=${field}`,
    );
    await client.close();
  }
  await using abci = await startTestAbci();
  const client = await connectAbci(abci.path);
  expect((await client.send({ initChain: right })).initChain?.appHash).toHaveLength(32);
  await client.close();
});

test("changed bytes end at most their own connection", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  await using abci = await startTestAbci();
  const samples = [
    requestOf({ initChain: initChainOf(abciGenesis()) }),
    requestOf({ checkTx: { tx: new Uint8Array(100).fill(7), type: 0 } }),
    requestOf({ query: { path: "/edream/account", data: Buffer.from("x"), height: 0n, prove: true } }),
    requestOf({
      offerSnapshot: {
        snapshot: { height: 5n, format: 1, chunks: 1, hash: new Uint8Array(32), metadata: new Uint8Array(32) },
      },
    }),
    requestOf({ applySnapshotChunk: { index: 0, chunk: new Uint8Array(40).fill(1), sender: "x" } }),
    requestOf({ prepareProposal: { height: 1n, maxTxBytes: 1000n, proposerAddress: new Uint8Array(20) } }),
  ].map((request) => Request.encode(request).finish());
  await fuzzAsync("ABCI requests", changedSample(samples), 150, async (bytes) => {
    const client = await connectAbci(abci.path);
    client.sendRaw(encodeFrame(bytes));
    const answered = client.send({ echo: { message: "after" } });
    await Promise.race([answered, client.closed]);
    await client.close();
  });
  const client = await connectAbci(abci.path);
  expect((await client.send({ echo: { message: "still here" } })).echo?.message).toBe("still here");
  await client.close();
});
