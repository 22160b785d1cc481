import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { encodeVoucher, signVoucher, type Voucher } from "#bridge/voucher.ts";
import { PaymentChannel } from "#contracts/abi/PaymentChannel.ts";
import { mined, startTestEvm, type TestEvm, type TestWallet } from "#contracts/testing.ts";
import { createTestNode, startTestApi } from "../api/testPorts.ts";
import { defaultOptions } from "../options.ts";
import { channelPort } from "./channelPort.ts";

let evm: TestEvm;
let contract = "";
let [payer, payee] = [undefined, undefined] as unknown as [TestWallet, TestWallet];
const folder = mkdtempSync(join(tmpdir(), "channel-port-"));
const contractsFile = join(folder, "contracts.json");

beforeAll(async () => {
  evm = await startTestEvm();
  [payer, payee] = evm.wallets as [TestWallet, TestWallet];
  const channels = await PaymentChannel.deploy(payer, []);
  contract = await channels.getAddress();
  const contracts = { PaymentChannel: contract };
  writeFileSync(
    contractsFile,
    encodeContractsFile({ chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 0, contracts }),
  );
  await mined(channels.open(payee.address, (await evm.now()) + 86_400, { value: 1000n }));
});
afterAll(async () => {
  await evm[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** The REST API over this Ethereum node, or another one. */
async function startApi(ethereumUrl = evm.anvil.url) {
  const nowMs = (await evm.now()) * 1000;
  const node = createTestNode();
  const channels = channelPort({ ...defaultOptions(), ethereumUrl, contractsFile }, { nowMs: () => nowMs, fetch });
  return startTestApi({ ...node, ports: { ...node.ports, channels } });
}

async function get(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
}

const signed = (promise: Partial<Voucher>) =>
  signVoucher(payer, { chainId: 31_337n, contract, channelId: 1n, amount: 600n, ...promise });

test("a channel and the channels of an account are read from Ethereum", async () => {
  await using api = await startApi();
  const channel = {
    channelId: "1",
    contract,
    payer: payer.address,
    payee: payee.address,
    depositWei: "1000",
    isOpen: true,
  };
  expect(await get(`${api.url}/ledger/v1/channels/1`)).toMatchObject({ status: 200, body: channel });
  expect(await get(`${api.url}/ledger/v1/channels?account=${payee.address}`)).toMatchObject({
    status: 200,
    body: { account: payee.address, creditWei: "0", channels: [channel] },
  });
  expect(await get(`${api.url}/ledger/v1/channels/2`)).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  for (const path of ["channels/0", "channels/x", "channels", "channels?account=bob"])
    expect(await get(`${api.url}/ledger/v1/${path}`)).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
});

test("a voucher gets a verdict, whatever it says", async () => {
  await using api = await startApi();
  const check = (voucher: object, more: object = {}) =>
    get(`${api.url}/ledger/v1/channels/check`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ voucher, ...more }),
    });
  const json = (voucher: Voucher) => JSON.parse(encodeVoucher(voucher)) as object;
  const good = json(await signed({}));
  expect(await check(good)).toMatchObject({
    status: 200,
    body: { holds: true, amountWei: "600", channel: { channelId: "1" } },
  });
  expect(await check(good, { atLeastWei: "601" })).toMatchObject({
    body: { holds: false, code: "VOUCHER_NOT_ENOUGH" },
  });
  expect(await check({ ...good, amount: "601" })).toMatchObject({ body: { code: "VOUCHER_SIGNATURE_INVALID" } });
  for (const elsewhere of [{ chainId: 1n }, { contract: payee.address }, { channelId: 2n }])
    expect(await check(json(await signed(elsewhere)))).toMatchObject({
      body: { holds: false, code: "VOUCHER_ELSEWHERE" },
    });
  for (const malformed of [{}, { ...good, amount: "-1" }, { ...good, format: "other" }])
    expect(await check(malformed)).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
  expect(await check(good, { atLeastWei: "lots" })).toMatchObject({ status: 400 });
});

test("an Ethereum node that is gone is said to be, and a node without one serves no channels", async () => {
  await using gone = await startApi("http://127.0.0.1:1");
  expect(await get(`${gone.url}/ledger/v1/channels/1`)).toMatchObject({
    status: 502,
    body: { code: "ETHEREUM_UNAVAILABLE", details: { code: "EVM_UNREACHABLE" } },
  });
  await using none = await startTestApi(createTestNode());
  expect(await get(`${none.url}/ledger/v1/channels/1`)).toMatchObject({
    status: 501,
    body: { code: "NOT_SERVED_BY_ROLE" },
  });
});
