import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEther, Transaction } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { PaymentChannel } from "#contracts/abi/PaymentChannel.ts";
import { startTestEvm, type TestEvm, type TestWallet } from "#contracts/testing.ts";
import { askApi, startEthereumApi } from "./testEthereumApi.ts";

let evm: TestEvm;
let contract = "";
let [payer, payee] = [undefined, undefined] as unknown as [TestWallet, TestWallet];
const folder = mkdtempSync(join(tmpdir(), "ethereum-api-"));
const contractsFile = join(folder, "contracts.json");
const apiTokenFile = join(folder, "token");
const TOKEN = "0123456789abcdef".repeat(4);

beforeAll(async () => {
  evm = await startTestEvm();
  [payer, payee] = evm.wallets as [TestWallet, TestWallet];
  contract = await (await PaymentChannel.deploy(payer, [])).getAddress();
  const contracts = { PaymentChannel: contract };
  writeFileSync(
    contractsFile,
    encodeContractsFile({ chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 0, contracts }),
  );
  writeFileSync(apiTokenFile, TOKEN, { mode: 0o600 });
});
afterAll(async () => {
  await evm[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const start = (privateKey?: string, options: { readonly apiTokenFile?: string; readonly ethereumUrl?: string } = {}) =>
  startEthereumApi(
    { ethereumUrl: evm.anvil.url, contractsFile, ...options },
    { nowMs: Date.now, ...(privateKey === undefined ? {} : { privateKey }) },
  );

const OPEN = { deposit: "0.05ETH", for: "30d" };

test("every action and query is listed with its parameters", async () => {
  await using api = await start();
  const { body } = await askApi(api, "/ethereum");
  const groups = body.groups as readonly { readonly name: string; readonly actions: readonly object[] }[];
  const channel = groups.find(({ name }) => name === "channel");
  expect(channel?.actions[0]).toMatchObject({
    name: "open",
    contract: "PaymentChannel",
    parameters: expect.arrayContaining([
      { name: "deposit", about: expect.any(String), value: "amount", kind: "text", optional: false },
    ]),
  });
  expect(body).toMatchObject({ sends: false, address: null });
});

test("an action is prepared for a wallet, signed there, sent, and told by its events; then the query has it", async () => {
  await using api = await start();
  const prepared = await askApi(api, "/ethereum/channel/open", {
    from: payer.address,
    parameters: { ...OPEN, to: payee.address },
  });
  expect(prepared).toMatchObject({
    status: 200,
    body: { chainId: "31337", from: payer.address, to: contract, valueWei: `${parseEther("0.05")}` },
  });
  const before = await evm.provider.getBlockNumber();
  const unsigned = Transaction.from(String(prepared.body.unsigned));
  expect({ nonce: unsigned.nonce, data: unsigned.data }).toEqual({
    nonce: prepared.body.nonce,
    data: prepared.body.data,
  });
  expect(await evm.provider.getBlockNumber(), "preparing sends nothing").toBe(before);
  const sent = await askApi(api, "/ethereum/transactions", { signed: await payer.signTransaction(unsigned) });
  expect(sent).toMatchObject({
    status: 200,
    body: {
      gasUsed: expect.stringMatching(/^[1-9]\d+$/),
      events: [
        {
          contract,
          event: "Opened",
          args: { payer: payer.address, payee: payee.address, deposit: "50000000000000000" },
        },
      ],
    },
  });
  const { channelId } =
    (sent.body.events as readonly { readonly args: { readonly channelId: string } }[])[0]?.args ?? {};
  expect((await askApi(api, `/ethereum/channel/show?id=${channelId}`)).body).toMatchObject({
    channelId,
    payee: payee.address,
    isOpen: true,
  });
});

test("a node with a key of its own sends for whoever has its token, several at once one after another", async () => {
  await using api = await start(payer.privateKey, { apiTokenFile });
  const body = { send: true, parameters: { ...OPEN, to: payee.address } };
  const answers = await Promise.all([1, 2, 3].map(() => askApi(api, "/ethereum/channel/open", body, TOKEN)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(new Set(answers.map(({ body: { channelId } }) => channelId)).size).toBe(3);
  expect((await askApi(api, "/ethereum/channel/open", body)).status).toBe(401);
  expect((await askApi(api, "/ethereum")).body).toMatchObject({ sends: true, address: payer.address });
});

test("without a token nobody spends a node's money, also from its own machine; without a key it has none", async () => {
  const body = { send: true, parameters: { ...OPEN, to: payee.address } };
  await using open = await start(payer.privateKey);
  expect(await askApi(open, "/ethereum/channel/open", body)).toMatchObject({ status: 401 });
  await using keyless = await start(undefined, { apiTokenFile });
  expect(await askApi(keyless, "/ethereum/channel/open", body, TOKEN)).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining("ethereumKey") },
  });
});

test("what the contract refuses is said in words with its own error", async () => {
  await using api = await start();
  const refused = await askApi(api, "/ethereum/channel/close", { from: payer.address, parameters: { id: "999" } });
  expect(refused).toMatchObject({
    status: 422,
    body: {
      code: "CONTRACT_REFUSED",
      message: expect.stringContaining("no channel with this number"),
      details: { error: "ChannelUnknown", hint: expect.any(String) },
    },
  });
  const poor = { from: `0x${"12".repeat(20)}`, parameters: { ...OPEN, to: payee.address } };
  expect(await askApi(api, "/ethereum/channel/open", poor)).toMatchObject({ status: 422 });
});

test.each<[string, string, object | undefined, number, string]>([
  ["a parameter that is missing", "/ethereum/channel/open", { parameters: {} }, 400, "PARAMETER_MISSING"],
  ["a parameter of no action", "/ethereum/channel/close", { parameters: { id: "1", x: 1 } }, 400, "PARAMETER_UNKNOWN"],
  [
    "a parameter that is too long",
    "/ethereum/channel/close",
    { parameters: { id: "1".repeat(300) } },
    400,
    "PARAMETER_TOO_LONG",
  ],
  [
    "an amount without unit",
    "/ethereum/channel/top-up",
    { parameters: { id: "1", amount: 5 } },
    400,
    "MONEY_MALFORMED",
  ],
  ["no sender", "/ethereum/channel/close", { from: "bob", parameters: { id: "1" } }, 400, "ADDRESS_MALFORMED"],
  ["no transaction", "/ethereum/transactions", { signed: "0x1234" }, 400, "TRANSACTION_UNREADABLE"],
])("%s: %s is refused", async (_name, path, body, status, code) => {
  await using api = await start();
  const given = "from" in (body ?? {}) || path.endsWith("transactions") ? body : { from: payer.address, ...body };
  const answer = await askApi(api, path, given);
  expect(answer).toMatchObject({ status, body: { details: { code } } });
});

test("groups, actions and queries that are not there are not found", async () => {
  await using api = await start();
  for (const path of ["/ethereum/constructor/show", "/ethereum/channel/open", "/ethereum/nothing/list"])
    expect((await askApi(api, path)).status, path).toBe(404);
  expect((await askApi(api, "/ethereum/channel/show", { from: payer.address })).status).toBe(404);
});

test("a transaction for another chain, another contract, or unsigned is not sent", async () => {
  await using api = await start();
  const fields = { type: 2, nonce: 0, gasLimit: 100_000, maxFeePerGas: 10n ** 10n, data: "0x" };
  const elsewhere = [
    await payer.signTransaction({ ...fields, to: contract, chainId: 1 }),
    await payer.signTransaction({ ...fields, to: payee.address, chainId: 31_337 }),
  ];
  for (const signed of elsewhere)
    expect((await askApi(api, "/ethereum/transactions", { signed })).body).toMatchObject({
      details: { code: "TRANSACTION_ELSEWHERE" },
    });
  const unsigned = Transaction.from({ ...fields, to: contract, chainId: 31_337 }).unsignedSerialized;
  expect((await askApi(api, "/ethereum/transactions", { signed: unsigned })).body).toMatchObject({
    details: { code: "TRANSACTION_UNREADABLE" },
  });
});

test("an Ethereum node that is gone is not this node's fault", async () => {
  await using api = await start(undefined, { ethereumUrl: "http://127.0.0.1:1" });
  expect(await askApi(api, "/ethereum/channel/show?id=1")).toMatchObject({
    status: 502,
    body: { code: "ETHEREUM_UNAVAILABLE", details: { code: "EVM_UNREACHABLE" } },
  });
});

test("an Ethereum node that holds its answers back is not asked by any number of clients at once", async () => {
  const held: (() => void)[] = [];
  const silent = createServer((_request, response) => void held.push(() => response.writeHead(500).end()));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  await using api = await start(undefined, { ethereumUrl: `http://127.0.0.1:${port}` });
  const waiting = Array.from({ length: 8 }, () => askApi(api, "/ethereum/channel/show?id=1"));
  while (held.length < 8) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await askApi(api, "/ethereum/channel/show?id=1")).toMatchObject({ status: 503, body: { code: "NOT_READY" } });
  for (const answer of held) answer();
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(8).fill(502));
  const after = askApi(api, "/ethereum/channel/show?id=1");
  while (held.length < 9) await new Promise((resolve) => setTimeout(resolve, 20));
  held[8]?.();
  expect((await after).status, "places are given back").toBe(502);
  silent.close();
});

test("the README has every code of this folder", () => {
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const sources = ["param", "parsers", "actionContext", "groupCommand", "ethereumPort"].map((name) =>
    readFileSync(`${import.meta.dirname}/${name}.ts`, "utf8"),
  );
  const codes = [...sources.join("\n").matchAll(/"([A-Z]+(?:_[A-Z]+)+)"/g)].map(([, code]) => code as string);
  const own = codes.filter((code) => !/^(ADDRESS|ENERGY|NOT)_/.test(code));
  expect(own.length).toBeGreaterThan(5);
  for (const code of own) expect(readme).toContain(`\`${code}\``);
});
