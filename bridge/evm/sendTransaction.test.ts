import { parseEther, Wallet } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PaymentChannel, type PaymentChannelContract } from "#contracts/abi/PaymentChannel.ts";
import { startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { connectEvm } from "./connectEvm.ts";
import { requireCode } from "./evmErrors.ts";
import { readLogs } from "./readLogs.ts";
import { REVERT_WORDS } from "./revertWords.ts";
import { type SendOptions, sendTransaction } from "./sendTransaction.ts";
import { type Falsify, startTestRpc } from "./testRpc.ts";

let evm: TestEvm;
let address: string;
let expires: number;
beforeAll(async () => {
  evm = await startTestEvm();
  const contract = await PaymentChannel.deploy(evm.wallets[9] as never, []);
  address = await contract.getAddress();
  expires = (await evm.now()) + 86_400;
});
afterAll(() => evm[Symbol.asyncDispose]());

const OPTIONS: SendOptions = { interfaces: [PaymentChannel.interface], pollingMs: 5 };
const payee = () => evm.wallets[1]?.address ?? "";

/** Opens a channel as account `payer`, through a node that may lie; `other` is called in place of opening one. */
async function open(
  options: Partial<SendOptions> = {},
  falsify: Falsify = (_method, answer) => answer(),
  { payer = 0, value = parseEther("1"), to = payee() } = {},
) {
  await using rpc = await startTestRpc(falsify, evm.anvil.url);
  using evmNode = await connectEvm({ url: rpc.url, pollingMs: 5 });
  const key = evm.wallets[payer]?.privateKey ?? "";
  const wallet = payer < 0 ? Wallet.createRandom(evmNode.provider) : new Wallet(key, evmNode.provider);
  const contract = PaymentChannel.at(address, evmNode.provider) as PaymentChannelContract;
  const transaction = await contract.open.populateTransaction(to, expires, { value });
  return await sendTransaction(wallet as Wallet, transaction, { ...OPTIONS, ...options });
}

const lie =
  (method: string, change: (truth: never) => unknown): Falsify =>
  async (asked, answer) =>
    asked === method ? change((await answer()) as never) : answer();

test("a transaction is tried, sent and found in a block, with what it cost", async () => {
  const before = await evm.provider.getBalance(evm.wallets[0]?.address ?? "");
  const { sent, estimate } = await open();
  const after = await evm.provider.getBalance(evm.wallets[0]?.address ?? "");
  expect(before - after).toBe(parseEther("1") + (sent?.feeWei ?? 0n));
  expect(estimate.maxCostWei).toBeGreaterThan(before - after);
  expect(PaymentChannel.events(sent?.logs ?? [], "Opened")).toMatchObject([
    { payee: payee(), deposit: parseEther("1") },
  ]);
});

test("a dry run costs nothing and sends nothing", async () => {
  const block = await evm.provider.getBlockNumber();
  const { sent, estimate } = await open({ dryRun: true });
  expect(sent).toBeUndefined();
  expect(estimate).toMatchObject({ valueWei: parseEther("1"), to: address });
  expect(await evm.provider.getBlockNumber()).toBe(block);
});

test("what the contract refuses is said in words before anything is sent", async () => {
  const block = await evm.provider.getBlockNumber();
  await expect(open({}, undefined, { value: 0n })).rejects.toMatchObject({
    code: "EVM_REVERTED",
    details: { error: "NothingEscrowed", reason: "no ether was sent along" },
  });
  await expect(open({}, undefined, { to: `0x${"00".repeat(20)}` })).rejects.toMatchObject({
    details: { error: "PayeeInvalid", args: [`payee=0x${"00".repeat(20)}`] },
  });
  expect(await evm.provider.getBlockNumber()).toBe(block);
});

test("an account without ether is told how much is missing", async () => {
  await expect(open({}, undefined, { payer: -1, value: 0n })).rejects.toMatchObject({ code: "EVM_REVERTED" });
  // A node that lies about the trial as well: the balance is looked at all the same.
  const trial: Falsify = async (method, answer) =>
    method === "eth_call" ? "0x" : method === "eth_estimateGas" ? "0x186a0" : answer();
  await expect(open({}, trial, { payer: -1 })).rejects.toMatchObject({
    code: "EVM_FUNDS_TOO_LOW",
    details: { balanceWei: 0n },
  });
});

const LIES: readonly { readonly name: string; readonly lie: Falsify; readonly code: string }[] = [
  {
    name: "a price of gas that would burn the account's money",
    lie: lie("eth_maxPriorityFeePerGas", () => "0x9184e72a000"),
    code: "EVM_FEE_TOO_HIGH",
  },
  {
    name: "a gas estimate beyond any block",
    lie: lie("eth_estimateGas", () => "0xffffffffff"),
    code: "EVM_GAS_TOO_HIGH",
  },
  {
    name: "the hash of another transaction",
    lie: lie("eth_sendRawTransaction", () => `0x${"11".repeat(32)}`),
    code: "EVM_ANSWER_FALSE",
  },
  {
    name: "the receipt of another transaction",
    lie: lie("eth_getTransactionReceipt", (truth: object | null) =>
      truth === null ? null : { ...truth, from: `0x${"11".repeat(20)}` },
    ),
    code: "EVM_ANSWER_FALSE",
  },
  { name: "no receipt, ever", lie: lie("eth_getTransactionReceipt", () => null), code: "EVM_RECEIPT_TIMEOUT" },
  {
    name: "a failed receipt",
    lie: lie("eth_getTransactionReceipt", (truth: object | null) =>
      truth === null ? null : { ...truth, status: "0x0" },
    ),
    code: "EVM_TX_FAILED",
  },
  { name: "no number for a balance", lie: lie("eth_getBalance", () => "plenty"), code: "EVM_ANSWER_MALFORMED" },
  { name: "no JSON", lie: lie("eth_estimateGas", () => "RAW:<html>"), code: "EVM_ANSWER_MALFORMED" },
];

test.each(LIES)("a node that answers $name is found out: $code", async ({ lie: falsify, code }) => {
  await expect(open({ receiptTimeoutMs: 100 }, falsify)).rejects.toMatchObject({ code });
});

test("a node that vanishes before the receipt: the hash is told, nothing is sent twice", async () => {
  const vanish = lie("eth_getTransactionReceipt", () => "RAW:");
  await expect(open({ receiptTimeoutMs: 100 }, vanish)).rejects.toMatchObject({
    code: "EVM_RECEIPT_TIMEOUT",
    details: { txHash: expect.stringMatching(/^0x[0-9a-f]{64}$/), hint: expect.stringContaining("before you send") },
  });
});

test("an address without code is no contract", async () => {
  await expect(requireCode(evm.provider, "PaymentChannel", payee())).rejects.toMatchObject({ code: "EVM_NO_CODE" });
  await requireCode(evm.provider, "PaymentChannel", address);
});

test("logs come in ranges as small as the node wants them", async () => {
  await evm.provider.send("anvil_mine", ["0x40"]);
  await open();
  const all = await evm.provider.getLogs({ address, fromBlock: 0 });
  let refused = 0;
  const small: Falsify = async (method, answer, params) => {
    if (method !== "eth_getLogs") return answer();
    const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }];
    if (Number(toBlock) - Number(fromBlock) < 7) return answer();
    refused++;
    throw { code: -32_005, message: "query exceeds max block range 7" };
  };
  await using rpc = await startTestRpc(small, evm.anvil.url);
  using evmNode = await connectEvm({ url: rpc.url });
  const found = await readLogs(evmNode.provider, { address, topics: [], fromBlock: 0 });
  expect(found.map(({ transactionHash, index }) => [transactionHash, index])).toEqual(
    all.map(({ transactionHash, index }) => [transactionHash, index]),
  );
  expect(refused).toBeGreaterThan(0);
});

test("logs of another contract are a lie", async () => {
  const others = lie("eth_getLogs", (logs: readonly object[]) => logs.map((log) => ({ ...log, address: payee() })));
  await using rpc = await startTestRpc(others, evm.anvil.url);
  using evmNode = await connectEvm({ url: rpc.url });
  await expect(readLogs(evmNode.provider, { address, topics: [], fromBlock: 0 })).rejects.toMatchObject({
    code: "EVM_ANSWER_FALSE",
  });
});

test("every error of the payment channel is said in words", () => {
  const names: string[] = [];
  PaymentChannel.interface.forEachError(({ name }) => names.push(name));
  expect(names.length).toBeGreaterThan(15);
  const others = /^(InvalidShortString|StringTooLong)$/;
  expect(names.filter((name) => !others.test(name) && REVERT_WORDS[name] === undefined)).toEqual([]);
});
