import { Comet38Client, connectComet, HttpBatchClient, WebsocketClient } from "@cosmjs/tendermint-rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressOf, generatePrivateKey, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { merkleRoot } from "#storage/crypto/merkle.ts";
import { txId } from "#storage/types/transaction.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { accountOf } from "../cli/keyStore.ts";
import { VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import { eventually } from "../testNetwork.ts";
import { startTestRpc, type TestRpc } from "./testRpc.ts";

// Every method of the client that @cosmjs/tendermint-rpc has for CometBFT 0.38, against a real node.

/** A node's start on a busy machine. */
const START_MS = 60_000;

let rpc: TestRpc;
let client: Comet38Client;
/** In a block, at `height`. */
let tx: Uint8Array;
let height: number;

/** A new consumer: a transaction of the owner that always has effect. */
function enrolment() {
  const member = accountOf(publicKeyOf(generatePrivateKey("secp256k1"))).account;
  return [ledgerMessage("MsgEnrolMember", { authority: rpc.owner.account, member, role: "consumer" })];
}

/** Names of the client's methods that a test has called. */
const called = new Set<string>();

function recorded(real: Comet38Client): Comet38Client {
  return new Proxy(real, {
    get(target, name) {
      called.add(String(name));
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

const plain = (bytes: Uint8Array) => new Uint8Array(bytes);
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase();

beforeAll(async () => {
  rpc = await startTestRpc();
  client = recorded(await Comet38Client.connect(rpc.url));
  tx = await rpc.sign(rpc.owner, enrolment());
  const committed = await client.broadcastTxCommit({ tx });
  expect([committed.checkTx.code, committed.txResult?.code]).toEqual([0, 0]);
  height = committed.height ?? 0;
  // A commit is canonical once the next block has it.
  await eventually(async () => (await client.status()).syncInfo.latestBlockHeight > height || undefined);
}, START_MS);

afterAll(async () => {
  client.disconnect();
  await rpc[Symbol.asyncDispose]();
});

test("connectComet takes the node for CometBFT 0.38", async () => {
  const found = await connectComet(rpc.url);
  expect(found).toBeInstanceOf(Comet38Client);
  found.disconnect();
});

test("health, status", async () => {
  expect(await client.health()).toBeNull();
  const status = await client.status();
  expect(status.nodeInfo).toMatchObject({ network: rpc.net.chainId, version: "0.38.25", moniker: "validator0" });
  expect(status.nodeInfo.protocolVersion).toEqual({ p2p: 8, block: 11, app: 1 });
  expect(status.nodeInfo.id).toHaveLength(20);
  expect(status.syncInfo).toMatchObject({ earliestBlockHeight: 1, catchingUp: false });
  const key = publicKeyOf(rpc.net.plan.nodes[0]?.keys[VALIDATOR_KEY_NAME] as PrivateKey);
  expect(status.validatorInfo).toMatchObject({
    address: plain(addressOf(key)),
    pubkey: { algorithm: "ed25519", data: plain(key.bytes) },
    votingPower: 10n,
  });
});

test("genesis", async () => {
  const genesis = await client.genesis();
  expect(genesis.chainId).toBe(rpc.net.chainId);
  expect(genesis.validators).toHaveLength(1);
  expect(genesis.consensusParams.block?.maxBytes).toBeGreaterThan(0);
  expect(genesis.appState).toMatchObject({ owner: rpc.owner.account });
});

test("block, blockchain, commit: one block, whoever asks", async () => {
  const { blockId, block } = await client.block(height);
  expect(block.header).toMatchObject({ height, chainId: rpc.net.chainId });
  expect(block.txs).toEqual([tx]);
  expect(block.header.dataHash).toEqual(new Uint8Array(merkleRoot([txId(tx)])));
  const { lastHeight, blockMetas } = await client.blockchain(height, height);
  expect(lastHeight).toBeGreaterThan(height);
  expect(blockMetas).toMatchObject([{ blockId, numTxs: 1, header: block.header }]);
  const commit = await client.commit(height);
  expect(commit).toMatchObject({ canonical: true, header: block.header, commit: { height, blockId } });
  expect(commit.commit.signatures).toHaveLength(1);
  const latest = await client.block();
  expect(latest.block.header.height).toBeGreaterThanOrEqual(lastHeight);
  expect((await client.block(height + 1)).block.lastCommit?.blockId).toEqual(blockId);
});

test("blocks that are not there are refused with the range that is", async () => {
  await expect(client.block(1_000_000)).rejects.toThrow(/must be less than or equal to the current blockchain height/);
  await expect(client.blockchain(9, 8)).rejects.toThrow(/min height 9 can't be greater than max height/);
});

test("blockResults", async () => {
  const { results, finalizeBlockEvents, validatorUpdates, ...rest } = await client.blockResults(height);
  expect(rest.height).toBe(height);
  expect(results).toMatchObject([{ code: 0, codespace: "" }]);
  expect(results[0]?.events.map(({ type }) => type)).toEqual(["tx", "member"]);
  expect([finalizeBlockEvents, validatorUpdates]).toEqual([[], []]);
});

test("blockSearch and blockSearchAll", async () => {
  const found = await client.blockSearch({ query: `block.height > 0 AND block.height <= ${height}`, per_page: 1 });
  expect([found.totalCount, found.blocks.length]).toEqual([height, 1]);
  expect(found.blocks[0]?.block.header.height).toBe(height);
  const all = await client.blockSearchAll({ query: `block.height<=${height}`, per_page: 1, order_by: "asc" });
  expect(all.blocks.map(({ block }) => block.header.height)).toEqual(Array.from({ length: height }, (_, i) => i + 1));
});

test("tx with its proof", async () => {
  const found = await client.tx({ hash: txId(tx), prove: true });
  expect(found).toMatchObject({ tx, height, index: 0, hash: plain(txId(tx)), result: { code: 0 } });
  expect(found.proof).toMatchObject({
    data: tx,
    rootHash: (await client.block(height)).block.header.dataHash,
    proof: { total: 1, index: 0, aunts: [] },
  });
  await expect(client.tx({ hash: new Uint8Array(32) })).rejects.toThrow(/tx \(0{64}\) not found/);
});

test("txSearch and txSearchAll by hash, height and events", async () => {
  const search = async (query: string) => (await client.txSearch({ query })).txs.map(({ hash }) => hexOf(hash));
  const ours = [hexOf(txId(tx))];
  expect(await search(`tx.hash='${ours[0]}'`)).toEqual(ours);
  expect(await search(`tx.height=${height}`)).toEqual(ours);
  expect(await search(`tx.signer='${rpc.owner.account}' AND tx.height=${height}`)).toEqual(ours);
  expect(await search(`tx.signer='${rpc.dso.account}'`)).toEqual([]);
  expect(await search(`tx.signer CONTAINS '${rpc.owner.account.slice(6, 30)}' AND tx.height<=${height}`)).toEqual(ours);
  const all = await client.txSearchAll({ query: `tx.height<=${height}`, prove: true, per_page: 1, order_by: "desc" });
  expect(all.totalCount).toBe(all.txs.length);
  expect(all.txs[0]?.proof?.data).toEqual(tx);
});

test("validators and validatorsAll", async () => {
  const found = await client.validators({ height, per_page: 1 });
  expect(found).toMatchObject({ blockHeight: height, count: 1, total: 1, validators: [{ votingPower: 10n }] });
  expect((await client.validatorsAll(height)).validators).toEqual(found.validators);
  // The set of the block being decided is known already.
  expect((await client.validators({})).blockHeight).toBeGreaterThan(height);
});

test("abciInfo and abciQuery with the proof of the answer", async () => {
  const info = await client.abciInfo();
  expect(info.data).toBe("energy-ledger");
  expect(info.lastBlockHeight).toBeGreaterThan(height);
  const query = { path: "/edream/account", data: Buffer.from(rpc.owner.account), prove: true };
  const proved = await client.abciQuery(query);
  expect([proved.code, proved.key.length > 0, proved.value.length > 0]).toEqual([0, true, true]);
  expect(proved.proof?.ops).toMatchObject([{ type: "edream:state", key: proved.key }]);
  const refused = await client.abciQuery({ path: "/nothing", data: new Uint8Array(0) });
  expect([refused.code === 0, refused.codespace]).toEqual([false, "edream"]);
});

test("broadcastTxSync, broadcastTxAsync and numUnconfirmedTxs", { timeout: START_MS }, async () => {
  const next = await rpc.sign(rpc.owner, enrolment());
  const accepted = await client.broadcastTxSync({ tx: next });
  expect([accepted.code, hexOf(accepted.hash)]).toEqual([0, hexOf(txId(next))]);
  await expect(client.broadcastTxSync({ tx: next })).rejects.toThrow(/tx already exists in cache/);
  const { total, totalBytes } = await client.numUnconfirmedTxs();
  expect([total, totalBytes]).toEqual(total === 0 ? [0, 0] : [1, next.length]);
  await eventually(async () => (await client.txSearch({ query: `tx.hash='${hexOf(txId(next))}'` })).txs[0]);
  // The same sequence again is refused by the application, which is an answer and no error.
  const stale = await rpc.sign(rpc.owner, enrolment(), -1);
  const refused = await client.broadcastTxSync({ tx: stale });
  expect([refused.code === 0, refused.log]).toEqual([false, expect.stringContaining("SEQUENCE")]);

  const last = await rpc.sign(rpc.owner, enrolment());
  expect(hexOf((await client.broadcastTxAsync({ tx: last })).hash)).toBe(hexOf(txId(last)));
  await eventually(async () => (await client.txSearch({ query: `tx.hash='${hexOf(txId(last))}'` })).txs[0]);
  await expect(client.broadcastTxAsync({ tx: last })).rejects.toThrow(/tx already exists in cache/);
});

test("broadcastTxCommit of what is refused answers at once, without a height", async () => {
  const refused = await client.broadcastTxCommit({ tx: Buffer.from("not a transaction") });
  expect([refused.checkTx.code === 0, refused.checkTx.log]).toEqual([false, expect.stringContaining("TX_")]);
  expect(refused.height).toBe(0);
});

test("ten requests in one batch", async () => {
  const batched = Comet38Client.create(new HttpBatchClient(rpc.url, { batchSizeLimit: 10, dispatchInterval: 1 }));
  const heights = await Promise.all(Array.from({ length: 10 }, () => batched.block(height)));
  expect(heights.map(({ block }) => block.header.height)).toEqual(Array(10).fill(height));
  batched.disconnect();
});

test("over a websocket: the same methods, and blocks, headers and transactions as they happen", {
  timeout: START_MS,
}, async () => {
  const socket = recorded(Comet38Client.create(new WebsocketClient(rpc.url.replace("http", "ws"))));
  expect((await socket.block(height)).block.txs).toEqual([tx]);
  const seen = { blocks: [] as number[], headers: [] as number[], txs: [] as string[], mine: [] as string[] };
  const last = await rpc.sign(rpc.owner, enrolment());
  const listen = <T>(next: (value: T) => void) => ({ next, error: expect.unreachable, complete: () => undefined });
  const blocks = socket.subscribeNewBlock().subscribe(listen(({ header }) => seen.blocks.push(header.height)));
  const headers = socket.subscribeNewBlockHeader().subscribe(listen((header) => seen.headers.push(header.height)));
  const txs = socket.subscribeTx().subscribe(listen(({ hash }) => seen.txs.push(hexOf(hash))));
  const none = socket
    .subscribeTx(`tx.signer='${rpc.dso.account}'`)
    .subscribe(listen(({ hash }) => seen.mine.push(hexOf(hash))));
  // What is asked behind the subscriptions is answered behind their acknowledgements.
  await socket.health();
  const committed = await socket.broadcastTxCommit({ tx: last });
  await eventually(() => seen.headers.includes(committed.height ?? 0) || undefined);
  expect(seen.txs).toEqual([hexOf(txId(last))]);
  expect(seen.blocks).toContain(committed.height);
  expect(seen.mine).toEqual([]);
  for (const subscription of [blocks, headers, txs, none]) subscription.unsubscribe();
  await socket.health();
  const before = seen.blocks.length;
  const { latestBlockHeight } = (await socket.status()).syncInfo;
  await eventually(async () => (await socket.status()).syncInfo.latestBlockHeight > latestBlockHeight || undefined);
  expect(seen.blocks.length).toBe(before);
  socket.disconnect();
});

test("no method of the client was left out", () => {
  const inner = ["constructor", "doCall", "subscribe"];
  const methods = Object.getOwnPropertyNames(Comet38Client.prototype).filter((name) => !inner.includes(name));
  expect(methods.filter((name) => !called.has(name))).toEqual([]);
});
