import { once } from "node:events";
import { DirectSecp256k1Wallet, Registry } from "@cosmjs/proto-signing";
import { assertIsDeliverTxSuccess, GasPrice, SigningStargateClient } from "@cosmjs/stargate";
import { connectComet } from "@cosmjs/tendermint-rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { freePorts } from "#node/freePorts.ts";
import { LEDGER_TYPES } from "#node/rpc/client/ledgerTypes.ts";
import { startTestRpc, type TestRpc } from "#node/rpc/testRpc.ts";
import { eventually } from "#node/testNetwork.ts";
import { ACCOUNT_PREFIX } from "#storage/crypto/identity.ts";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { txId } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { cometbftBinary } from "./cometbft.ts";

// One chain, told by two: CometBFT's own RPC and ours, which answers from the copy that the node keeps.

/** Building CometBFT takes a minute or two where it is not there yet. */
const TIMEOUT_MS = 300_000;

/** Enough for many blocks to be made meanwhile. */
const STREAMED_TXS = 300;

let rpc: TestRpc;
let cometUrl: string;
let height: number;
let hash: string;

beforeAll(async () => {
  const [port] = await freePorts(1);
  cometUrl = `http://127.0.0.1:${port}`;
  rpc = await startTestRpc({
    engine: "cometbft",
    cometbftBinary: await cometbftBinary("0.38.25"),
    cometbftRpcListen: `127.0.0.1:${port}`,
    createEmptyBlocks: true,
  });
  const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
  const message = ledgerMessage("MsgEnrolMember", { authority: rpc.owner.account, member, role: "consumer" });
  const tx = await rpc.sign(rpc.owner, [message]);
  hash = Buffer.from(txId(tx)).toString("hex").toUpperCase();
  const sent = await rpc.get(`broadcast_tx_commit?tx=0x${Buffer.from(tx).toString("hex")}`);
  height = Number(sent?.height);
  for (const url of [rpc.url, cometUrl])
    await eventually(async () => (await fetch(`${url}/block?height=${height + 3}`)).status === 200 || undefined);
}, TIMEOUT_MS);

afterAll(() => rpc[Symbol.asyncDispose](), TIMEOUT_MS);

const ask = async (url: string, path: string) => (await fetch(`${url}/${path}`)).text();

async function blockHash(): Promise<string> {
  const { block_id } = (await rpc.get(`block?height=${height}`)) as { block_id: { hash: string } };
  return block_id.hash;
}

/** What is asked, once the heights and hashes are known. */
const SAME: readonly (readonly [name: string, path: () => string | Promise<string>])[] = [
  ["the first block", () => "block?height=1"],
  ["a block with a transaction", () => `block?height=${height}`],
  ["a block by its hash", async () => `block_by_hash?hash=0x${await blockHash()}`],
  ["a block that cannot be", () => "block?height=0"],
  ["a header", () => `header?height=${height}`],
  ["a header by its hash", async () => `header_by_hash?hash=0x${await blockHash()}`],
  ["a commit", () => `commit?height=${height}`],
  ["the results of a block", () => `block_results?height=${height}`],
  ["the results of a block without transactions", () => "block_results?height=1"],
  ["validators", () => `validators?height=${height}`],
  ["validators of the first block", () => "validators?height=1&per_page=1&page=1"],
  ["a page of validators that is not there", () => `validators?height=${height}&page=2`],
  ["consensus parameters", () => `consensus_params?height=${height}`],
  ["the genesis document", () => "genesis"],
  ["the genesis document in chunks", () => "genesis_chunked?chunk=0"],
  ["a transaction", () => `tx?hash=0x${hash}`],
  ["a transaction with its proof", () => `tx?hash=0x${hash}&prove=true`],
  ["a search by hash", () => `tx_search?query="tx.hash='${hash}'"&prove=true`],
  ["a search by height", () => `tx_search?query="tx.height=${height}"`],
  ["a search by an attribute", () => `tx_search?query="tx.signer='${rpc.owner.account}'"&order_by="desc"`],
  [
    "a search by two attributes of one event",
    () => `tx_search?query="tx.signer='${rpc.owner.account}' AND tx.signer EXISTS"`,
  ],
  [
    "a search by attributes of two events",
    () => `tx_search?query="tx.signer='${rpc.owner.account}' AND member.account EXISTS"`,
  ],
  ["a search by part of a value", () => `tx_search?query="tx.signer CONTAINS '${rpc.owner.account.slice(8, 20)}'"`],
  [
    "a search within heights",
    () => `tx_search?query="tx.signer EXISTS AND tx.height>=${height} AND tx.height<=${height}"`,
  ],
  ["a search outside of the heights", () => `tx_search?query="tx.signer EXISTS AND tx.height>${height}"`],
  ["a search for what is not indexed", () => "tx_search?query=\"member.role='consumer'\""],
  ["blocks within heights", () => `block_search?query="block.height>=1 AND block.height<=${height}"&order_by="asc"`],
  ["a block by its height", () => `block_search?query="block.height=${height}"`],
  ["a query of the application", () => `abci_query?path="/edream/nothing"&data=0x00`],
  ["what waits", () => "num_unconfirmed_txs"],
  ["health", () => "health"],
];

test.each(SAME)("%s", { timeout: TIMEOUT_MS }, async (_name, path) => {
  const question = await path();
  for (;;) {
    const before = await ask(cometUrl, question);
    const ours = await ask(rpc.url, question);
    // Where a block came between, both are asked again.
    if ((await ask(cometUrl, question)) !== before) continue;
    return expect(ours).toBe(before);
  }
});

/** Events of blocks as texts, by their kind and height. */
async function listen(url: string) {
  const seen = new Map<string, string>();
  const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`);
  await once(socket, "open");
  const kinds = ["NewBlock", "NewBlockHeader", "NewBlockEvents", "Tx", "ValidatorSetUpdates"];
  for (const kind of kinds) {
    const params = { query: `tm.event='${kind}'` };
    socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "subscribe", params }));
    await once(socket, "message");
  }
  socket.on("message", (data) => {
    const text = String(data);
    const kind = /"query":"tm\.event='(\w+)'"/.exec(text)?.[1];
    // Updates of validators do not say their height; there are none twice here.
    const at = /"height":"(\d+)"/.exec(text)?.[1] ?? "";
    if (kind !== undefined) seen.set(`${kind} ${kind === "ValidatorSetUpdates" ? "" : at}`, text);
  });
  return { seen, close: () => socket.terminate() };
}

/** CometBFT writes the attributes in a random order; all else is compared as text. */
function inOrder(message = ""): { readonly data: string; readonly attributes: unknown } {
  const at = message.lastIndexOf(',"events":');
  return { data: message.slice(0, at), attributes: JSON.parse(`{${message.slice(at + 1, -2)}}`) };
}

async function stargateOf(url: string) {
  const wallet = await DirectSecp256k1Wallet.fromKey(rpc.owner.key.bytes, ACCOUNT_PREFIX);
  const comet = await connectComet(url);
  const client = SigningStargateClient.createWithSigner(comet, wallet, {
    registry: new Registry(LEDGER_TYPES),
    gasPrice: GasPrice.fromString("0mwh"),
    broadcastPollIntervalMs: 20,
  });
  return {
    async send(typeUrl: string, value: object): Promise<number> {
      const sent = await client.signAndBroadcast(rpc.owner.account, [{ typeUrl, value }], "auto");
      assertIsDeliverTxSuccess(sent);
      return sent.height;
    },
    close: () => comet.disconnect(),
  };
}

test("CosmJS signs and sends through either, and subscribers of either are told the same", {
  timeout: TIMEOUT_MS,
}, async () => {
  const [ours, theirs] = [await listen(rpc.url), await listen(cometUrl)];
  const authority = rpc.owner.account;
  for (const url of [rpc.url, cometUrl]) {
    const client = await stargateOf(url);
    const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
    const at = await client.send("/edream.ledger.v1.MsgEnrolMember", { authority, member, role: "consumer" });
    for (const { seen } of [ours, theirs]) await eventually(() => seen.get(`Tx ${at}`));
    client.close();
  }
  const { validators } = (await rpc.get("validators")) as { validators: { pub_key: { value: string } }[] };
  const publicKey = Buffer.from(validators[0]?.pub_key.value ?? "", "base64");
  const client = await stargateOf(rpc.url);
  const updates = [{ publicKey, power: 12n }];
  const last = await client.send("/edream.ledger.v1.MsgUpdateValidators", { authority, updates, proposalId: 1n });
  client.close();
  for (const { seen } of [ours, theirs])
    await eventually(() => seen.get(`NewBlockEvents ${last}`) && seen.get("ValidatorSetUpdates "));

  const common = [...theirs.seen.keys()].filter((key) => ours.seen.has(key));
  const kinds = new Set(common.map((key) => key.split(" ")[0]));
  expect([...kinds].sort()).toEqual(["NewBlock", "NewBlockEvents", "NewBlockHeader", "Tx", "ValidatorSetUpdates"]);
  for (const key of common) expect(inOrder(ours.seen.get(key))).toEqual(inOrder(theirs.seen.get(key)));
  for (const { close } of [ours, theirs]) close();
});

test("transactions that come over CometBFT while it makes blocks are all in blocks", {
  timeout: TIMEOUT_MS,
}, async () => {
  const txs: Uint8Array[] = [];
  for (let ahead = 0; ahead < STREAMED_TXS; ahead++) {
    const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
    const message = ledgerMessage("MsgEnrolMember", { authority: rpc.owner.account, member, role: "consumer" });
    txs.push(await rpc.sign(rpc.owner, [message], ahead));
  }
  for (const tx of txs) {
    const sent = JSON.parse(await ask(cometUrl, `broadcast_tx_sync?tx=0x${Buffer.from(tx).toString("hex")}`));
    expect(sent.result).toMatchObject({ code: 0, log: "" });
  }
  for (const tx of txs) await eventually(() => rpc.get(`tx?hash=0x${Buffer.from(txId(tx)).toString("hex")}`));
});
