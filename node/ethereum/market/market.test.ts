import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther, Transaction } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REVERT_WORDS } from "#bridge/evm/revertWords.ts";
import { accountOf, IMPORT_METER, INTERVAL_MS } from "#consensus/application/testLedger.ts";
import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { SALT, SHOWN_MWH, SMALL_BACKING } from "#contracts/testMarket.ts";
import { txId } from "#storage/types/transaction.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { askApi } from "../testEthereumApi.ts";
import { marketGroup } from "./marketGroup.ts";
import { type MarketNode, startMarketNode } from "./testMarketNode.ts";

let node: MarketNode;
/** `TXID:INDEX` of the producer's outputs of 10 kWh. */
let backing: (index: number) => string;

beforeAll(async () => {
  node = await startMarketNode();
  const id = Buffer.from(txId(node.market.backing(0).transaction as Uint8Array)).toString("hex");
  backing = (index) => `${id}:${SMALL_BACKING + index}`;
});
afterAll(() => node[Symbol.asyncDispose]());

const PRICE = parseEther("0.002") + 7n;
const KWH = 1_000_000n;

const advertised = async (index: number, energy = "10kWh") =>
  String(
    (await node.done("producer", "advertise", energy, "--price", `${PRICE}wei`, "--backing", backing(index))).advertId,
  );

const isolated = (body: () => Promise<void>) => () => node.evm.isolated(body)();

/** As the light node of the meter would write it. */
function openingsFile(): string {
  const file = join(node.cli.folder, "openings.json");
  const startMs = node.market.startSeconds * 1000;
  const openings = SHOWN_MWH.map((sum, i) => ({
    intervalEndMs: startMs + (i + 1) * INTERVAL_MS,
    sumMwh: `${sum}`,
    salt: Buffer.from(SALT).toString("hex"),
  }));
  writeFileSync(file, JSON.stringify(openings));
  return file;
}

/** With the openings as the meter's light node answers them. */
async function settledBesideLightNode() {
  const asked: string[] = [];
  const light = (url: string) => {
    asked.push(url);
    const from = Number(new URL(url).searchParams.get("from"));
    const openings = (JSON.parse(readFileSync(openingsFile(), "utf8")) as { intervalEndMs: number }[]).filter(
      ({ intervalEndMs }) => intervalEndMs >= from,
    );
    return new Response(JSON.stringify({ openings }));
  };
  const beside: typeof fetch = async (input, init) =>
    String(input).startsWith("http://light.test/") ? light(String(input)) : fetch(input, init);
  const args = ["settle", "1", "--light-node", "http://light.test/", "--key", "stranger", "--json"];
  const places = ["--ethereum", node.evm.anvil.url, "--node", node.api.url];
  const { json } = await node.cli.runWith({ fetch: beside }, "market", ...args, ...places);
  expect(asked[0]).toContain(`/openings?meter=${encodeURIComponent(IMPORT_METER)}`);
  return json;
}

test(
  "from an advert to money in three accounts, all by commands, to the wei",
  isolated(async () => {
    const id = await advertised(0);
    expect(await node.done(false, "adverts")).toMatchObject({
      adverts: [{ advertId: id, remainingWh: 10_000, priceWeiPerKwh: `${PRICE}`, backing: backing(0) }],
    });
    const total = (PRICE * 6001n + 999n) / 1000n;
    const bought = await node.done("consumer", "buy", id, "--energy", "6.001kWh", "--max", "1ETH");
    expect(bought).toMatchObject({ saleId: "1", totalWei: `${total}`, energyWh: 6001 });
    const before = await node.done("consumer", "credit");
    expect(BigInt(String(bought.valueWei)) - total, "what was sent beyond the price is credited").toBe(
      BigInt(String(before.creditWei)),
    );
    expect(await node.done("stranger", "settle", "1")).toMatchObject({
      sales: [{ saleId: "1", energyMwh: `${SHOWN_MWH[0]}`, status: "open" }],
    });
    const next = await node.done("stranger", "settle", "1");
    expect(next, "the second is committed, the third gave energy back").toMatchObject({
      sales: [{ energyMwh: `${SHOWN_MWH[3]}`, status: "open" }],
    });
    const unopened = await node.run("stranger", "settle", "1");
    expect(unopened).toMatchObject({ exit: "usage", json: { code: "OPENING_MISSING" } });
    const share = (total * 9500n) / 10_000n;
    const settled = await settledBesideLightNode();
    expect(settled).toMatchObject({
      sales: [{ status: "paid", energyMwh: "1000", shareWei: `${share}`, taxWei: `${total - share}` }],
    });
    expect(await node.done(false, "sales")).toMatchObject({
      sales: [{ saleId: "1", status: "paid", meterId: IMPORT_METER, deliveredMwh: `${6001n * 1000n}` }],
    });
    const provider = node.evm.provider;
    for (const [who, amount] of [
      ["producer", share],
      ["treasury", total - share],
    ] as const) {
      const { address } = node.market[who];
      const had = await provider.getBalance(address);
      const { feeWei, amountWei } = await node.done(who, "withdraw");
      expect(amountWei).toBe(`${amount}`);
      expect(await provider.getBalance(address)).toBe(had + amount - BigInt(String(feeWei)));
    }
    await node.done("consumer", "withdraw");
    expect(await provider.getBalance(await node.market.market.getAddress())).toBe(0n);
  }),
);

test(
  "the microgrid gives on the ledger what the market tells it, once, and the asset's provenance leads back",
  isolated(async () => {
    const id = await advertised(1, "9kWh");
    await node.done("consumer", "buy", id, "--energy", "2kWh");
    await node.done("consumer", "settle", "1");
    await node.tell();
    const { json } = await node.run(false, "duties");
    expect(json.duties).toMatchObject([
      { kind: "return", advertId: id, energyMwh: `${KWH}`, doneBy: null },
      { kind: "transfer", saleId: "1", energyMwh: `${2n * KWH}`, meterId: IMPORT_METER, doneBy: null },
    ]);
    const args = ["--key", "microgrid", "--node", node.api.url, "--json"];
    const dry = await node.cli.run("market", "fulfil", "--dry-run", ...args);
    expect(dry.json).toMatchObject({ dryRun: true, transactions: [], given: [{ event: 1 }, { event: 2 }] });
    const other = await node.cli.run("market", "fulfil", "--key", "stranger", "--node", node.api.url, "--json");
    expect(other).toMatchObject({ exit: "usage", json: { code: "NOT_THE_MICROGRID" } });
    const given = (await node.cli.run("market", "fulfil", ...args)).json;
    expect(given).toMatchObject({ transactions: [expect.stringMatching(/^[0-9a-f]{64}$/)], left: [] });
    const [tx] = given.transactions as readonly string[];
    const after = (await node.done(false, "duties")).duties as readonly { readonly doneBy: string }[];
    expect(after.map(({ doneBy }) => doneBy)).toEqual([tx, tx]);
    expect((await node.cli.run("market", "fulfil", ...args)).json).toMatchObject({
      transactions: [],
      given: [],
      left: [],
    });
    const readable = await node.cli.run("market", "fulfil", "--key", "microgrid", "--node", node.api.url);
    expect(readable.out).toContain("0 kWh for 0 events");
    const outputs = await askApi(node.api, `/transactions/${tx}`);
    expect(outputs.body).toMatchObject({
      memo: "EnergyMarket events 1,2",
      messages: [{ outputs: [{ amountMwh: `${KWH}` }, { amountMwh: `${2n * KWH}` }, { amountMwh: `${7n * KWH}` }] }],
    });
  }),
);

test(
  "whom nothing can be given is named with the ledger's reason, and is given it when that is over",
  isolated(async () => {
    const id = await advertised(7, "9kWh");
    await node.done("consumer", "buy", id, "--energy", "2kWh");
    await node.done("consumer", "settle", "1");
    await node.tell();
    const { ledger } = node.market.bridge;
    const member = { authority: accountOf("regulator"), member: accountOf("prosumer") };
    expect(ledger.send(ledgerMessage("MsgRemoveMember", member), "regulator")).toBe("OK");
    const fulfil = ["market", "fulfil", "--key", "microgrid", "--node", node.api.url, "--json"];
    const refused = (await node.cli.run(...fulfil)).json;
    const reason = expect.stringContaining("MEMBER_UNKNOWN");
    expect(refused).toMatchObject({
      transactions: [],
      given: [],
      left: [
        { event: 1, reason },
        { event: 2, reason },
      ],
    });
    expect(ledger.send(ledgerMessage("MsgEnrolMember", { ...member, role: "prosumer" }), "regulator")).toBe("OK");
    expect((await node.cli.run(...fulfil)).json).toMatchObject({ given: [{ event: 1 }, { event: 2 }], left: [] });
  }),
);

test(
  "an order is matched with the cheapest advert, and its rest comes back",
  isolated(async () => {
    const id = await advertised(2);
    expect(await node.run("stranger", "match")).toMatchObject({ exit: "notFound", json: { code: "NOTHING_TO_MATCH" } });
    const placed = await node.done("consumer", "order", "1.5kWh", "--max-price", "0.003ETH", "--for", "1h");
    expect(await node.done(false, "orders")).toMatchObject({ orders: [{ orderId: "1", energyWh: 1500 }] });
    const total = (PRICE * 1500n + 999n) / 1000n;
    expect(await node.done("stranger", "match")).toMatchObject({
      sales: [{ orderId: "1", advertId: id, saleId: "1", energyWh: 1500, totalWei: `${total}` }],
    });
    expect(await node.done("consumer", "credit")).toMatchObject({
      creditWei: `${BigInt(String(placed.escrowWei)) - total}`,
    });
    await node.done("consumer", "order", "1kWh", "--max-price", "1wei", "--for", "1h");
    expect(await node.done("consumer", "cancel-order", "2")).toMatchObject({ orderId: "2" });
    expect(await node.done(false, "orders")).toMatchObject({ orders: [] });
  }),
);

test(
  "an hour makes an advert dearer; disputes are decided, undisputed sales collected, expired adverts reclaimed",
  isolated(async () => {
    const id = await advertised(3);
    const [advert] = (await node.done(false, "adverts")).adverts as readonly { readonly placed: string }[];
    const seed = ["--advert-time", advert?.placed ?? "", "--price", `${PRICE}wei`];
    const { address } = node.market.producer;
    await node.done("consumer", "request", "1kWh", ...seed, "--producer", address);
    await node.done("consumer", "buy", id, "--energy", "1kWh");
    await node.done("consumer", "dispute", "1");
    expect(await node.done("regulator", "decide", "1", "--for", "buyer")).toMatchObject({
      status: "refunded",
      totalWei: `${PRICE}`,
    });
    const { now } = node.evm;
    await node.evm.mineAt((await now()) + 3600);
    const dearer = (11n * PRICE + 9n) / 10n;
    expect(await node.done(false, "adverts")).toMatchObject({ adverts: [{ priceWeiPerKwh: `${dearer}` }] });
    expect(await node.done("consumer", "buy", id, "--energy", "1kWh")).toMatchObject({ totalWei: `${dearer}` });
    await node.evm.mineAt((await now()) + 2 * 3600);
    expect(await node.done("stranger", "reclaim", id)).toMatchObject({ energyWh: 7000 });
    expect(await node.done(false, "adverts", "--all")).toMatchObject({ adverts: [{ priceWeiPerKwh: null }] });
    await node.evm.mineAt((await now()) + 7 * 86_400);
    expect(await node.done("stranger", "collect", "2")).toMatchObject({ status: "paid" });
  }),
);

test(
  "roles are given and taken, terms announced, the market handed over",
  isolated(async () => {
    const { stranger, treasury } = node.market;
    await node.done("owner", "appoint-regulator", stranger.address);
    expect(await node.run("owner", "appoint-regulator", stranger.address)).toMatchObject({
      json: { code: "ROLE_HELD" },
    });
    expect(await node.done("stranger", "account")).toMatchObject({ role: "regulator" });
    await node.done("stranger", "enrol-consumer", treasury.address, "--meter", "another:meter");
    expect(await node.done("treasury", "account")).toMatchObject({ role: "consumer", meterId: "another:meter" });
    const { participants } = await node.done(false, "participants");
    expect(participants).toContainEqual({ role: "consumer", address: treasury.address, meterId: "another:meter" });
    await node.done("stranger", "remove-consumer", treasury.address);
    await node.done("stranger", "enrol-producer", treasury.address);
    expect(await node.done("treasury", "bind-account")).toMatchObject({
      account: treasury.address,
      ledgerAccount: (await node.cli.run("keys", "show", "treasury", "--json")).json.account,
    });
    await node.done("treasury", "leave");
    expect(await node.run("stranger", "remove-producer", treasury.address)).toMatchObject({
      json: { code: "ROLE_ABSENT" },
    });
    await node.done("owner", "remove-regulator", stranger.address);
    await node.done("owner", "announce-terms", "--tax", "4.5%", "--delivery-period", "5d");
    expect(await node.done(false, "terms")).toMatchObject({
      now: { taxBps: 500 },
      next: { taxBps: 450, deliveryPeriodSeconds: 5 * 86_400, treasury: treasury.address },
    });
    await node.done("owner", "hand-over", stranger.address);
    await node.done("owner", "keep-ownership");
    await node.done("owner", "hand-over", stranger.address);
    await node.evm.mineAt((await node.evm.now()) + 2 * 86_400 + 1);
    await node.done("stranger", "accept-ownership");
    expect(await node.done(false, "terms")).toMatchObject({
      owner: stranger.address,
      now: { taxBps: 450 },
      next: null,
    });
  }),
);

test(
  "what the market refuses is said in words, with what to do, and costs nothing",
  isolated(async () => {
    const id = await advertised(4);
    const block = await node.evm.provider.getBlockNumber();
    const refused: readonly (readonly [string, Parameters<MarketNode["run"]>])[] = [
      ["not the role that it takes", ["stranger", "buy", id, "--energy", "1kWh", "--max", "1ETH"]],
      ["TotalOverMaximum", ["consumer", "buy", id, "--energy", "1kWh", "--max", "0.001ETH"]],
      ["BackingUsed", ["producer", "advertise", "1kWh", "--price", "1gwei", "--backing", backing(4)]],
      ["AdvertNotLive", ["consumer", "buy", id, "--energy", "1kWh"]],
      ["NothingToWithdraw", ["stranger", "withdraw"]],
      ["OrderExpiryInvalid", ["consumer", "order", "1kWh", "--max-price", "1gwei", "--for", "31d"]],
      ["NothingMatched", ["stranger", "match", "--orders", "1", "--adverts", id]],
    ];
    for (const [words, [who, ...args]] of refused) {
      if (words === "AdvertNotLive") await node.evm.mineAt((await node.evm.now()) + 3 * 3600);
      const { exit, json } = await node.run(who, ...args);
      expect(exit, words).toBe("failure");
      expect(json, words).toMatchObject({ code: "EVM_REVERTED", hint: expect.stringMatching(/.{10}/) });
      expect(json.message).toContain(words);
    }
    expect(await node.evm.provider.getBlockNumber(), "only the block that passed the time").toBe(block + 1);
    const role = await node.run("stranger", "order", "1kWh", "--max-price", "1gwei", "--for", "1d");
    expect(role.json.message).toContain("neededRole=CONSUMER_ROLE");
  }),
);

test.each<[string, readonly string[], string]>([
  ["an energy finer than a Wh", ["advertise", "0.5Wh", "--price", "1gwei", "--backing", "BACKING"], "ENERGY_MALFORMED"],
  ["a price without unit", ["advertise", "1kWh", "--price", "1", "--backing", "BACKING"], "MONEY_MALFORMED"],
  ["no output", ["advertise", "1kWh", "--price", "1gwei", "--backing", "abc"], "OUTPUT_MALFORMED"],
  [
    "an output that is not there",
    ["advertise", "1kWh", "--price", "1gwei", "--backing", `${"00".repeat(32)}:0`],
    "NOT_FOUND",
  ],
  ["no number", ["buy", "first", "--energy", "1kWh"], "NUMBER_MALFORMED"],
  ["a number beyond all", ["buy", "4294967296", "--energy", "1kWh"], "NUMBER_OUT_OF_RANGE"],
  ["a decision for nobody", ["decide", "1", "--for", "me"], "CHOICE_UNKNOWN"],
  ["a tax that is none", ["announce-terms", "--tax", "5"], "PERCENT_MALFORMED"],
  ["no key", ["bind-account", "--public-key", "02"], "HEX_MALFORMED"],
  ["a key that is no point", ["bind-account", "--public-key", `02${"ff".repeat(32)}`], "PUBLIC_KEY_INVALID"],
  ["an order without end", ["order", "1kWh", "--max-price", "1gwei"], "EXPIRY_MISSING"],
  ["too many sales", ["settle", Array.from({ length: 33 }, (_, i) => i + 1).join(",")], "LIST_TOO_LONG"],
])("%s is refused before anything is sent", async (_name, args, code) => {
  const given = args.map((arg) => (arg === "BACKING" ? backing(5) : arg));
  const { json } = await node.run("producer", ...given);
  expect(json).toMatchObject({ code, hint: expect.stringMatching(/.+/) });
});

test(
  "by REST: what is on offer, and a purchase that the consumer's own wallet signs",
  isolated(async () => {
    const { api, market } = node;
    const id = await advertised(6);
    expect((await askApi(api, "/ethereum/market/adverts")).body).toMatchObject({
      adverts: [{ advertId: id }],
      more: false,
    });
    const { address } = market.consumer;
    const prepared = await askApi(api, "/ethereum/market/buy", {
      from: address,
      parameters: { id, energy: "1kWh", max: "1ETH" },
    });
    expect(prepared).toMatchObject({ status: 200, body: { from: address } });
    const signed = await market.consumer.signTransaction(Transaction.from(String(prepared.body.unsigned)));
    expect(await askApi(api, "/ethereum/transactions", { signed })).toMatchObject({
      status: 200,
      body: { events: [{ event: "Sold", args: { buyer: address, total: `${PRICE}` } }] },
    });
    const openings = [
      { intervalEndMs: market.startSeconds * 1000 + INTERVAL_MS, sumMwh: "5000000", salt: "00".repeat(32) },
    ];
    const settle = await askApi(api, "/ethereum/market/settle", {
      from: address,
      parameters: { sales: [1], openings },
    });
    expect(settle).toMatchObject({ status: 200, body: { to: await market.market.getAddress() } });
    const refused = await askApi(api, "/ethereum/market/dispute", {
      from: market.stranger.address,
      parameters: { id: 1 },
    });
    expect(refused).toMatchObject({ status: 422, body: { code: "CONTRACT_REFUSED", details: { error: "NotBuyer" } } });
  }),
);

test("every error of the market and of the reader behind it is said in words", () => {
  for (const contract of [EnergyMarket, LedgerReader])
    contract.interface.forEachError(({ name }) => {
      expect(REVERT_WORDS[name], name).toMatchObject({
        reason: expect.stringMatching(/.{10}/),
        hint: expect.any(String),
      });
    });
});

test("the README has every command and every code of this folder", () => {
  const folder = import.meta.dirname;
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const sources = readdirSync(folder).filter((name) => /^(?!test).*(?<!\.test)\.ts$/.test(name));
  const codes = sources.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    return [...text.matchAll(/cliError\(\s*"\w+",\s*(?:has \? )?"([A-Z_]+)"/g)].map(([, code]) => code as string);
  });
  expect(codes.length).toBeGreaterThan(8);
  for (const code of codes.filter((one) => one !== "NUMBER_OUT_OF_RANGE")) expect(readme).toContain(`\`${code}\``);
  for (const { name } of [...marketGroup.actions, ...marketGroup.queries])
    expect(readme, name).toMatch(new RegExp(`\`${name}[ \`]`));
});
