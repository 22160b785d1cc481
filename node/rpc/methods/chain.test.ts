import { expect, test } from "vitest";
import { testGenesis } from "#storage/db/testChain.ts";
import { txId } from "#storage/types/block.ts";
import { formatGenesis, parseGenesis } from "#storage/types/genesis.ts";
import { createTestMethods } from "../testPorts.ts";
import { chunksOf } from "./info.ts";

const HEIGHTS = 25;
const hex = (bytes: Uint8Array | undefined) =>
  Buffer.from(bytes ?? [])
    .toString("hex")
    .toUpperCase();
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );

test("blocks and headers by height, by hash and the latest are the same", async () => {
  const { chain, call } = await createTestMethods(HEIGHTS);
  const hash = chain[6]?.blockId.hash ?? new Uint8Array(0);
  const block = await call("block", { height: "7" });
  expect(block).toMatchObject({ block_id: { hash: hex(hash) }, block: { header: { height: "7" } } });
  expect(await call("block_by_hash", { hash: base64(hash) })).toEqual(block);
  const header = await call("header", { height: "7" });
  expect(header).toMatchObject({ header: (block.block as { header: object }).header });
  expect(await call("header_by_hash", { hash: hex(hash) })).toEqual(header);
  for (const method of ["block", "commit", "header", "block_results"])
    expect(await call(method)).toEqual(await call(method, { height: String(HEIGHTS) }));
  expect(await call("commit", { height: String(HEIGHTS) })).toMatchObject({ canonical: false });
  expect(await call("commit", { height: String(HEIGHTS - 1) })).toMatchObject({ canonical: true });
});

test("the heights of a node without a block", async () => {
  const { call } = await createTestMethods(0);
  expect(await call("status")).toMatchObject({ sync_info: { latest_block_height: "0", latest_block_hash: "" } });
  expect(await call("block")).toMatchObject({ block: null });
  expect(await call("header")).toEqual({ header: null });
  expect(await refusal(call("block", { height: "1" }))).toBe(
    "height 1 must be less than or equal to the current blockchain height 0",
  );
  expect(await refusal(call("blockchain"))).toBe("min height 1 can't be greater than max height 0");
  expect(await refusal(call("commit"))).toBe("no commit for height 0");
  expect(await refusal(call("block_results"))).toBe("could not find results for height #0");
  // The first block's validators and parameters are known before it is.
  expect(await call("validators")).toMatchObject({ block_height: "1", total: "4" });
  expect(await call("consensus_params")).toMatchObject({ block_height: "1" });
  expect(await call("tx_search", { query: "tx.height > 0" })).toEqual({ txs: [], total_count: "0" });
  expect(await call("block_search", { query: "block.height >= 0" })).toEqual({ blocks: [], total_count: "0" });
});

test("blockchain gives the last 20 headers of what is asked for, latest first", async () => {
  const { call } = await createTestMethods(HEIGHTS);
  const heights = async (minHeight: number, maxHeight: number) => {
    const params = { minHeight: String(minHeight), maxHeight: String(maxHeight) };
    const { block_metas } = (await call("blockchain", params)) as { block_metas: { header: { height: string } }[] };
    return block_metas.map(({ header }) => Number(header.height));
  };
  const down = (to: number, from: number) => Array.from({ length: to - from + 1 }, (_, i) => to - i);
  expect(await heights(0, 0)).toEqual(down(25, 6));
  expect(await heights(3, 5)).toEqual(down(5, 3));
  expect(await heights(1, 22)).toEqual(down(22, 3));
  expect(await heights(24, 1000)).toEqual(down(25, 24));
});

test("validators come in pages, up to the height being decided, priorities included", async () => {
  const { chain, call } = await createTestMethods(HEIGHTS);
  expect(await call("validators", { height: "26", per_page: "3", page: "2" })).toMatchObject({
    block_height: "26",
    count: "3",
    total: "8",
  });
  const set = chain[24]?.stateAfter.validators.validators ?? [];
  const { validators } = (await call("validators")) as { validators: { proposer_priority: string }[] };
  expect(validators.map((each) => each.proposer_priority)).toEqual(set.map((each) => each.proposerPriority.toString()));
  expect(await refusal(call("validators", { height: "27" }))).toMatch(/current blockchain height 26/);
  expect(await refusal(call("validators", { per_page: "3", page: "4" }))).toBe(
    "page should be within [1, 3] range, given 4",
  );
});

test("a node that catches up answers for the blocks it has", async () => {
  const { call } = await createTestMethods(HEIGHTS, { node: { isCatchingUp: () => true } });
  expect(await call("status")).toMatchObject({ sync_info: { catching_up: true } });
  expect(await call("validators")).toMatchObject({ block_height: "25" });
  expect(await refusal(call("validators", { height: "26" }))).toMatch(/current blockchain height 25/);
});

test("consensus parameters are those of the height", async () => {
  const { call } = await createTestMethods(HEIGHTS);
  const maxBytes = async (height: string) =>
    ((await call("consensus_params", { height })) as { consensus_params: { block: { max_bytes: string } } })
      .consensus_params.block.max_bytes;
  const first = testGenesis().consensusParams.block.maxBytes;
  expect(await maxBytes("7")).toBe(String(first));
  expect(await maxBytes("8")).toBe(String(first - 7));
  expect(await maxBytes("26")).toBe(String(first - 7 - 14 - 21));
});

test("what is pruned is refused with the lowest height that is there; headers and commits stay for longer", async () => {
  const { call, prune, chain } = await createTestMethods(HEIGHTS);
  const tx = chain[2]?.block.txs[0] ?? new Uint8Array(0);
  const hash = base64(txId(tx));
  expect(await call("tx", { hash, prove: true })).toMatchObject({ height: "3", index: 0 });
  await prune({ blocksFrom: 10, resultsFrom: 10, indexFrom: 5 });

  expect(await refusal(call("block", { height: "9" }))).toBe("height 9 is not available, lowest height is 10");
  expect(await refusal(call("block_results", { height: "9" }))).toBe("height 9 is not available, lowest height is 10");
  expect(await call("block", { height: "10" })).toMatchObject({ block: { header: { height: "10" } } });
  expect(await call("header", { height: "9" })).toMatchObject({ header: { height: "9" } });
  expect(await call("commit", { height: "9" })).toMatchObject({ canonical: true });
  expect(await refusal(call("validators", { height: "3" }))).toMatch(/^height 3 is not available/);
  expect(await call("block_by_hash", { hash: base64(chain[3]?.blockId.hash ?? tx) })).toMatchObject({ block: null });
  expect(await call("status")).toMatchObject({ sync_info: { earliest_block_height: "10" } });

  // 3 is out of the index; 7 is in it, but without its block.
  expect(await refusal(call("tx", { hash }))).toMatch(/^tx \([0-9A-F]{64}\) not found$/);
  const seventh = base64(txId(chain[6]?.block.txs[0] ?? tx));
  expect(await refusal(call("tx", { hash: seventh }))).toMatch(/not found$/);
  const { txs, total_count } = (await call("tx_search", { query: "tx.height > 0", per_page: "1" })) as {
    txs: { height: string }[];
    total_count: string;
  };
  expect([txs[0]?.height, total_count]).toEqual(["10", String(16 * 3)]);
  expect(await call("block_search", { query: "block.height < 12" })).toMatchObject({ total_count: "2" });
});

test("pages of a search are in order, ascending for transactions and descending for blocks unless told otherwise", async () => {
  const { call } = await createTestMethods(HEIGHTS);
  const txs = async (params: object) => {
    const found = (await call("tx_search", { query: "seal.meter='meter-1'", ...params })) as {
      txs: { height: string; index: number }[];
      total_count: string;
    };
    expect(found.total_count).toBe(String(HEIGHTS));
    return found.txs.map(({ height, index }) => `${height}/${index}`);
  };
  expect(await txs({ per_page: "2" })).toEqual(["1/1", "2/1"]);
  expect(await txs({ per_page: "2", page: "13" })).toEqual(["25/1"]);
  expect(await txs({ per_page: "2", order_by: "desc" })).toEqual(["25/1", "24/1"]);
  expect(await txs({})).toHaveLength(HEIGHTS);
  expect(await txs({ per_page: "1000" })).toHaveLength(HEIGHTS);
  const { blocks } = (await call("block_search", { query: "block.height > 20", per_page: "2", page: "2" })) as {
    blocks: { block: { header: { height: string } } }[];
  };
  expect(blocks.map(({ block }) => block.header.height)).toEqual(["23", "22"]);
});

test("a proof is there for whom asks, and leads to the data hash of the block", async () => {
  const { call } = await createTestMethods(3);
  const query = "tx.height=2";
  const plain = (await call("tx_search", { query })) as { txs: object[] };
  expect(plain.txs.map((tx) => "proof" in tx)).toEqual([false, false, false]);
  const { txs } = (await call("tx_search", { query, prove: true })) as { txs: { proof: { root_hash: string } }[] };
  const { header } = (await call("header", { height: "2" })) as { header: { data_hash: string } };
  expect(txs.map(({ proof }) => proof.root_hash)).toEqual(Array(3).fill(header.data_hash));
});

test("a search that is too wide is refused with what would make it narrower", async () => {
  async function* endless() {
    for (let index = 0; ; index++) yield { height: 1, index };
  }
  const { call } = await createTestMethods(3, { index: { scanPositions: endless } });
  expect(await refusal(call("tx_search", { query: "tx.height > 0" }))).toBe(
    "the query looks at more than 100000 entries of the index: narrow it by tx.height or by a value",
  );
});

test("the genesis document is whole in one answer, and in chunks of bytes", async () => {
  const { call } = await createTestMethods(0);
  const { genesis } = await call("genesis");
  expect(genesis).toMatchObject({ chain_id: "test-chain", app_state: { text: "<ä>" } });
  const { chunk, total, data } = await call("genesis_chunked");
  expect([chunk, total]).toEqual(["0", "1"]);
  const document = Buffer.from(String(data), "base64").toString("utf8");
  expect(JSON.parse(document)).toEqual(genesis);
  // It can be used as a file.
  expect(JSON.parse(formatGenesis(parseGenesis(document)))).toEqual(genesis);
  expect(chunksOf(Uint8Array.of(1, 2, 3, 4, 5), 2)).toEqual([
    Uint8Array.of(1, 2),
    Uint8Array.of(3, 4),
    Uint8Array.of(5),
  ]);
});

test("a genesis of several chunks is not given in one answer", async () => {
  const { call } = await createTestMethods(0, { genesis: { appState: { text: "x".repeat(16 * 1024 * 1024) } } });
  expect(await refusal(call("genesis"))).toBe("genesis response is large, please use the genesis_chunked API instead");
  const [first, second] = [
    await call("genesis_chunked", { chunk: "0" }),
    await call("genesis_chunked", { chunk: "1" }),
  ];
  expect([first.total, second.chunk]).toEqual(["2", "1"]);
  const document = Buffer.concat([first, second].map(({ data }) => Buffer.from(String(data), "base64"))).toString();
  expect(JSON.parse(document)).toMatchObject({ chain_id: "test-chain" });
  expect(await refusal(call("genesis_chunked", { chunk: "2" }))).toBe("there are 1 chunks, 2 is invalid");
});
