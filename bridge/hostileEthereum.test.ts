import { type HDNodeWallet, Transaction } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { openBridgeClient } from "./evm/bridgeClient.ts";
import { type Falsify, startTestRpc } from "./evm/testRpc.ts";
import { Relayer, type RelayReport } from "./relayer.ts";
import { CADENCE_MS, type FollowingBridge, followingBridge } from "./testFollowing.ts";

/** A relayer whose Ethereum node lies: it sends nothing that costs more than it may, and goes on with the next node that does not. */
const TIMEOUT_MS = 60_000;
const MAX_FEE_PER_GAS = 500n * 10n ** 9n;

let evm: TestEvm;
beforeAll(async () => {
  evm = await startTestEvm({ slotsInAnEpoch: 2 });
}, TIMEOUT_MS);
afterAll(async () => evm[Symbol.asyncDispose]());

async function planned(minutes: number): Promise<FollowingBridge> {
  const bridge = await followingBridge(evm);
  for (let i = 0; i < minutes; i += 1) bridge.followed.mine([], CADENCE_MS);
  await bridge.plan();
  return bridge;
}

/** What one look through this node ends with. */
async function lookThrough(bridge: FollowingBridge, falsify: Falsify, timeoutMs?: number): Promise<RelayReport> {
  await using rpc = await startTestRpc(falsify, evm.anvil.url);
  const privateKey = Buffer.from((evm.wallets[5] as HDNodeWallet).privateKey.slice(2), "hex");
  const { chainId } = bridge.domain;
  const place = { url: rpc.url, chainId, contract: bridge.address, privateKey };
  using client = openBridgeClient(timeoutMs === undefined ? place : { ...place, timeoutMs });
  return await relayerOf(bridge, client).tick();
}

function relayerOf(bridge: FollowingBridge, client: ReturnType<typeof openBridgeClient>): Relayer {
  return new Relayer(client, bridge.source(), {
    domain: bridge.domain,
    reorgMargin: 2,
    maxFeePerGas: MAX_FEE_PER_GAS,
    bumpAfterMs: 5000,
    nowMs: () => 0,
  });
}

const honest: Falsify = (_method, answer) => answer();

/** Through an honest node again: everything that was planned is anchored, each anchor once. */
async function expectGoesOn(bridge: FollowingBridge, anchors: number): Promise<void> {
  for (;;) {
    const { state } = await lookThrough(bridge, honest);
    if (state === "idle") break;
    expect(["sent", "pending", "waitingForContract"]).toContain(state);
    await evm.provider.send("evm_mine", []);
  }
  expect((await bridge.bridge.head()).seq).toBe(BigInt(anchors));
  expect(await bridge.bridge.queryFilter("Anchored")).toHaveLength(anchors);
}

/** Changes what the contract seems to answer to this call. */
function lieAbout(
  name: "head" | "anchorHash" | "valsetHash" | "status",
  change: (values: unknown[]) => unknown[],
): Falsify {
  const { selector } = Bridge.interface.getFunction(name) ?? { selector: "" };
  return async (method, answer, params) => {
    const truth = await answer();
    const { data, input } = (params[0] ?? {}) as { readonly data?: string; readonly input?: string };
    if (method !== "eth_call" || !(data ?? input ?? "").startsWith(selector)) return truth;
    const values = [...Bridge.interface.decodeFunctionResult(name, String(truth))];
    return Bridge.interface.encodeFunctionResult(name, change(values));
  };
}

const when =
  (asked: string, lie: (truth: never) => unknown): Falsify =>
  async (method, answer) =>
    method === asked ? lie((await answer()) as never) : answer();

/** head(): [seq, toHeight, time, valsetNonce] in the contract's order, by its names. */
const HEAD = Bridge.interface.getFunction("head")?.outputs.map(({ name }) => name) ?? [];
const withHead =
  (field: string, value: bigint) =>
  (values: unknown[]): unknown[] =>
    values.map((before, index) => (HEAD[index] === field ? value : before));

test.each<readonly [string, Falsify, Partial<RelayReport>]>([
  ["another chain", when("eth_chainId", () => "0x1"), { state: "wrongChain" }],
  ["no chain at all", when("eth_chainId", () => "twelve"), { state: "unreachable" }],
  [
    "an anchor that the ledger has not made",
    lieAbout("anchorHash", () => [`0x${"ab".repeat(32)}`]),
    { state: "disagrees" },
  ],
  [
    "validators that are not the ledger's",
    lieAbout("valsetHash", () => [`0x${"cd".repeat(32)}`]),
    { state: "disagrees" },
  ],
  [
    "an older head, so that an anchor is sent twice",
    lieAbout("head", withHead("seq", 0n)),
    { state: "waitingForContract" },
  ],
  ["a head beyond everything that was planned", lieAbout("head", withHead("seq", 900n)), { state: "idle" }],
  ["a balance of nothing", when("eth_getBalance", () => "0x0"), { state: "noFunds" }],
  [
    "a tip that would burn the account's money",
    when("eth_maxPriorityFeePerGas", () => "0x9184e72a000"),
    { state: "feesTooHigh" },
  ],
  [
    "no JSON",
    (method, answer) => (method === "eth_call" ? Promise.resolve("RAW:<html>") : answer()),
    { state: "unreachable" },
  ],
  ["an answer to nothing", when("eth_getTransactionCount", () => null), { state: "unreachable" }],
  [
    "a limit instead of what a transaction would take",
    when("eth_estimateGas", () => Promise.reject({ code: -32005, message: "limit exceeded" })),
    { state: "unreachable" },
  ],
  [
    "that it does not want to be asked",
    when("eth_blockNumber", () => Promise.reject({ code: -32005, message: "limit exceeded" })),
    { state: "unreachable" },
  ],
])(
  "a node that tells of %s has nothing sent, and an honest one afterwards has everything",
  async (_what, lie, report) => {
    const bridge = await planned(2);
    const sent = await lookThrough(bridge, honest);
    expect(sent).toMatchObject({ state: "sent", head: { seq: 0n } });
    while ((await bridge.bridge.head()).seq === 0n) await evm.provider.send("evm_mine", []);
    expect(await lookThrough(bridge, lie)).toMatchObject({ ...report, txHash: undefined });
    expect((await bridge.bridge.head()).seq).toBe(1n);
    await expectGoesOn(bridge, 2);
  },
  TIMEOUT_MS,
);

test(
  "a node that swallows transactions and says that it has them costs nothing: another one is given them",
  async () => {
    const bridge = await planned(2);
    const swallowed = await lookThrough(bridge, async (method, answer) =>
      method === "eth_sendRawTransaction" ? `0x${"11".repeat(32)}` : answer(),
    );
    expect(swallowed).toMatchObject({ state: "sent" });
    expect((await bridge.bridge.head()).seq).toBe(0n);
    await expectGoesOn(bridge, 2);
  },
  TIMEOUT_MS,
);

test(
  "a node that never answers ends a look after its time, and one that is gone at once",
  async () => {
    const bridge = await planned(1);
    const silent: Falsify = () => new Promise(() => undefined);
    expect(await lookThrough(bridge, silent, 100)).toMatchObject({ state: "unreachable", txHash: undefined });
    let questions = 0;
    const dying: Falsify = (_method, answer) => {
      questions += 1;
      return questions > 5 ? new Promise(() => undefined) : answer();
    };
    expect(await lookThrough(bridge, dying, 300)).toMatchObject({ state: "unreachable", txHash: undefined });
    await expectGoesOn(bridge, 1);
  },
  TIMEOUT_MS,
);

test(
  "a node that names another chain only when it is signed for does not get a transaction for that chain",
  async () => {
    const bridge = await planned(1);
    const signed: string[] = [];
    let asked = 0;
    await lookThrough(bridge, async (method, answer, params) => {
      if (method === "eth_chainId") {
        asked += 1;
        return asked === 1 ? answer() : "0x1";
      }
      if (method === "eth_sendRawTransaction") signed.push(String(params[0]));
      return answer();
    });
    expect(signed.length).toBeGreaterThan(0);
    for (const raw of signed) expect(Transaction.from(raw).chainId).toBe(bridge.domain.chainId);
    await expectGoesOn(bridge, 1);
  },
  TIMEOUT_MS,
);
