import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { txId } from "#storage/types/transaction.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { accountOf } from "../cli/keyStore.ts";
import { eventually } from "../testNetwork.ts";
import { startTestRpc, type TestRpc } from "./testRpc.ts";

// What the RPC says of a node among others: two validators that need each other.

/** The start of two nodes, or a few blocks, on a busy machine. */
const START_MS = 60_000;

let rpc: TestRpc;

beforeAll(async () => {
  rpc = await startTestRpc({ createEmptyBlocks: true }, 2);
}, START_MS);

afterAll(() => rpc[Symbol.asyncDispose]());

const NODE_ID = /^[0-9a-f]{40}$/;

async function get(path: string, index = 0): Promise<Record<string, unknown>> {
  const answer = (await (await fetch(`${rpc.urls[index]}/${path}`)).json()) as {
    result?: Record<string, unknown>;
    error?: { data: string };
  };
  if (answer.result === undefined) throw new Error(answer.error?.data);
  return answer.result;
}

interface Status {
  readonly node_info: { readonly id: string; readonly listen_addr: string; readonly other: object };
}

const statusOf = async (index: number) => (await get("status", index)) as unknown as Status;

test("net_info names the peers as their own status names them", { timeout: START_MS }, async () => {
  const [own, other] = [await statusOf(0), await statusOf(1)];
  expect(own.node_info.id).toMatch(NODE_ID);
  expect(own.node_info.other).toEqual({ tx_index: "on", rpc_address: rpc.url.replace("http", "tcp") });
  const info = await eventually(async () => {
    const found = (await get("net_info")) as { n_peers: string; peers: { node_info: Status["node_info"] }[] };
    return found.n_peers === "1" ? found : undefined;
  });
  expect(info).toMatchObject({ listening: true, peers: [{ remote_ip: "127.0.0.1", is_outbound: false }] });
  expect(info.peers[0]?.node_info).toMatchObject({
    id: other.node_info.id,
    listen_addr: other.node_info.listen_addr,
    network: rpc.net.chainId,
  });
  const seen = (await get("net_info", 1)) as unknown as typeof info;
  expect(seen.peers[0]).toMatchObject({ is_outbound: true, node_info: { id: own.node_info.id } });
});

test("the state of consensus in brief and in full is of one height, with the peer", { timeout: START_MS }, async () => {
  const brief = (await get("consensus_state")) as { round_state: { "height/round/step": string; proposer: object } };
  const full = await get("dump_consensus_state");
  const [height] = brief.round_state["height/round/step"].split("/");
  expect(brief.round_state["height/round/step"]).toMatch(/^\d+\/\d+\/[1-8]$/);
  expect(brief.round_state.proposer).toMatchObject({ address: expect.stringMatching(/^[0-9A-F]{40}$/) });
  const { round_state, peers } = full as {
    round_state: { height: string; validators: { validators: object[] } };
    peers: { node_address: string }[];
  };
  expect(Number(round_state.height)).toBeGreaterThanOrEqual(Number(height));
  expect(round_state.validators.validators).toHaveLength(2);
  const { node_info } = await statusOf(1);
  expect(peers.map(({ node_address }) => node_address.split("@")[0])).toEqual([node_info.id]);
});

test("check_tx says what would be, and leaves no trace; what waits is shown", { timeout: START_MS }, async () => {
  const member = accountOf(publicKeyOf(generatePrivateKey("secp256k1"))).account;
  const tx = await rpc.sign(rpc.owner, [
    ledgerMessage("MsgEnrolMember", { authority: rpc.owner.account, member, role: "consumer" }),
  ]);
  const hex = Buffer.from(tx).toString("hex");
  for (let i = 0; i < 3; i++) expect(await get(`check_tx?tx=0x${hex}`)).toMatchObject({ code: 0 });
  expect(await get("check_tx?tx=0x00")).toMatchObject({ codespace: "edream", log: expect.stringMatching(/^TX_/) });
  // Had one of them counted as waiting, the next would have been refused for its sequence.
  expect(await get(`broadcast_tx_sync?tx=0x${hex}`)).toMatchObject({
    code: 0,
    hash: Buffer.from(txId(tx)).toString("hex").toUpperCase(),
  });
  const waiting = (await get("unconfirmed_txs?limit=1")) as { n_txs: string; txs: string[] };
  expect(waiting).toMatchObject(
    waiting.n_txs === "0" ? { txs: [] } : { n_txs: "1", txs: [Buffer.from(tx).toString("base64")] },
  );
  await eventually(() => get(`tx?hash=0x${createHash("sha256").update(tx).digest("hex")}`).catch(() => undefined));
});

test("both nodes answer alike about what is decided", { timeout: START_MS }, async () => {
  await eventually(async () => (await get("block?height=4", 1).catch(() => undefined)) && get("block?height=4"));
  for (const path of ["block?height=3", "commit?height=3", "validators?height=3", "block_results?height=3", "genesis"])
    expect(await get(path, 1)).toEqual(await get(path));
});
