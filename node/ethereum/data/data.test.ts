import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther, Transaction } from "ethers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { messagesOf } from "#bridge/blockMessages.ts";
import { sealKey } from "#bridge/ecies.ts";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { REVERT_WORDS } from "#bridge/evm/revertWords.ts";
import {
  CHAIN_ID,
  EXPORT_METER,
  IMPORT_METER,
  keyOf,
  type Person,
  START_MS,
} from "#consensus/application/testLedger.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { DataMarketplace, type DataMarketplaceContract } from "#contracts/abi/DataMarketplace.ts";
import { deployTestBridge, type TestBridge } from "#contracts/testBridge.ts";
import { startTestEvm, type TestEvm, type TestWallet } from "#contracts/testing.ts";
import { minuteReadings } from "#storage/archive/testArchive.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { txId } from "#storage/types/transaction.ts";
import type { Api } from "../../api/createApi.ts";
import type { ApiPorts } from "../../api/ports.ts";
import { createTestNode } from "../../api/testPorts.ts";
import { startTestKubo, type TestKubo } from "../../archive/testKubo.ts";
import { hex, messageProofJson } from "../../bridge/proofJson.ts";
import { saveKey } from "../../cli/keyStore.ts";
import { parseMoney } from "../../cli/money.ts";
import { TEST_PASSPHRASE, type TestCli } from "../../cli/testIo.ts";
import { homeOf } from "../../cli/testLedgerNode.ts";
import { homePaths } from "../../configurationHome.ts";
import { readMdmsCsv } from "../../mdms/mdmsCsv.ts";
import { askApi, startEthereumApi } from "../testEthereumApi.ts";
import { dataGroup } from "./dataGroup.ts";
import { pointText, publicPoint } from "./dataParams.ts";

const DAY = 86_400;
const HOUR_MS = 3_600_000;
const SPAN = { fromMs: START_MS - 2 * HOUR_MS, untilMs: START_MS - HOUR_MS };
const READINGS = minuteReadings(EXPORT_METER, SPAN, 60);
const TIMES = ["--meter", EXPORT_METER, "--from", `${SPAN.fromMs}`, "--to", `${SPAN.untilMs}`];

let evm: TestEvm;
let made: TestBridge;
let api: Api & AsyncDisposable;
let kubo: TestKubo;
let market: DataMarketplaceContract;
let operator: TestWallet;
let [publisher, archive, sealedBy, keyHash] = ["", "", "", ""];
const homes = new Map<Person, TestCli>();
const home = (name: Person) => homes.get(name) as TestCli;
const addresses = new Map<Person, string>();
/** How far the anchor over the archive's block is. */
let anchor: "none" | "signed" | "on Ethereum" = "none";

beforeAll(async () => {
  evm = await startTestEvm();
  [operator] = evm.wallets as [TestWallet];
  publisher = evm.wallets[1]?.address ?? "";
  made = await deployTestBridge(evm);
  market = await DataMarketplace.deploy(operator, [operator, made.address]);
  const contracts = { Bridge: made.address, DataMarketplace: await market.getAddress() };
  const file = encodeContractsFile({ chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 0, contracts });
  for (const person of ["prosumer", "consumer", "dso", "aggregator"]) {
    const cli = await homeOf(person);
    homes.set(person, cli);
    writeFileSync(join(cli.home, "contracts.json"), file);
    const { ethereumAddress } = (await cli.run("keys", "show", person, "--json")).json;
    addresses.set(person, String(ethereumAddress));
    await evm.provider.send("anvil_setBalance", [ethereumAddress, `0x${parseEther("100").toString(16)}`]);
  }
  const { keys, data, genesis } = homePaths(home("prosumer").home);
  await saveKey(keys, "meter", keyOf("device meter key"), TEST_PASSPHRASE);
  writeFileSync(genesis, JSON.stringify({ chain_id: CHAIN_ID }));
  mkdirSync(data, { recursive: true });
  const log = await openReadingLog(join(data, "readings"));
  await log.append(READINGS);
  await log.close();
  const contractsFile = join(home("prosumer").home, "contracts.json");
  api = await startEthereumApi(
    { ethereumUrl: evm.anvil.url, contractsFile },
    { nowMs: Date.now, ports: ledgerPorts() },
  );
  kubo = await startTestKubo();
  const sealed = await home("prosumer").run(
    "archive",
    "make",
    ...TIMES,
    "--ipfs",
    kubo.url,
    "--key",
    "prosumer",
    "--node",
    api.url,
    "--json",
  );
  archive = (sealed.json as { sealed: { txId: string } }).sealed.txId;
  sealedBy = (await home("prosumer").run("keys", "show", "prosumer", "--json")).json.account as string;
});
afterAll(async () => {
  for (const cli of homes.values()) cli[Symbol.dispose]();
  await api[Symbol.asyncDispose]();
  await kubo[Symbol.asyncDispose]();
  await evm[Symbol.asyncDispose]();
});

/** A full node of the real ledger, whose blocks the contract's anchors are over. */
function ledgerPorts(): Partial<ApiPorts> {
  const { ports, emit } = createTestNode();
  const sent = new Map<string, Uint8Array>();
  return {
    ...ports,
    status: async () => ({ ...(await ports.status()), chainId: CHAIN_ID }),
    stateQuery: (request) => made.ledger.app.query(request),
    async submit(tx) {
      const id = txId(tx);
      sent.set(hex(id), tx);
      const { code = 1, codespace = "", log = "" } = made.block([tx]).txResults[0] ?? {};
      const { height } = made.ledger;
      setImmediate(() => emit({ type: "tx", txId: id, height, index: 0, code, codespace, log }));
      return { txId: id, code, codespace, log };
    },
    bridge: {
      proveMessage: async (id: Uint8Array, messageIndex: number) => {
        const tx = sent.get(hex(id));
        const message = tx === undefined || anchor === "none" ? undefined : messagesOf(tx)[messageIndex];
        if (tx === undefined || message === undefined) return undefined;
        const proof = messageProofJson(made.proveMessage(tx, messageIndex));
        if (anchor === "signed") proof.blockProof.anchor.seq = `${(await made.bridge.head()).seq + 1n}`;
        return { txId: hex(id), messageIndex, typeUrl: message.typeUrl, message: hex(message.value), proof };
      },
    } as never,
  };
}

/** A command of `data` by somebody, beside the test's Ethereum node and ledger. */
const data = (person: Person, ...args: readonly string[]) => dataBy(fetch, person, ...args);

async function dataBy(asking: typeof fetch, person: Person, ...args: readonly string[]) {
  const nowMs = (await evm.now()) * 1000;
  const where = ["--ethereum", evm.anvil.url, "--node", api.url, "--json"];
  return home(person).runWith({ fetch: asking, nowMs: () => nowMs }, "data", ...args, ...where);
}

/** Nodes whose answers are changed on the way: of Ethereum by method, of the ledger by path. */
const lying =
  (lie: (question: string, answer: string) => string): typeof fetch =>
  async (url, init) => {
    const response = await fetch(url, init);
    if (String(url).startsWith(kubo.url)) return response;
    const isEvm = String(url).startsWith(evm.anvil.url);
    const asked = isEvm
      ? (JSON.parse(Buffer.from(init?.body as Uint8Array).toString()) as { method: string })
      : undefined;
    return new Response(lie(asked?.method ?? String(url), await response.text()), { status: response.status });
  };

/** One that must succeed. */
async function done(person: Person, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { json, err } = await data(person, ...args);
  expect(err).toBe("");
  return json;
}

const TERMS = ["--reserve", "1ETH", "--buy-now", "5ETH", "--for", "7d"];
/** With the hash that the first listing made: it is slow to open the meter key each time. */
const listed = async (...more: readonly string[]) => {
  const promised = keyHash === "" ? [] : ["--key-hash", keyHash];
  const { listingId } = await done("prosumer", "list", archive, ...TERMS, ...promised, ...more);
  if (keyHash === "") keyHash = (await market.listingOf(String(listingId))).keyHash;
  return String(listingId);
};
const creditOf = async (person: Person) => String((await done(person, "credit")).creditWei);
const wei = (amount: string) => `${parseMoney(amount)}`;
const keysOf = (person: Person) => readdirSync(join(homePaths(home(person).home).keys, "data"));
/** Sold at once to the consumer, for 5 ETH. */
const bought = async (...terms: readonly string[]) => {
  const id = await listed(...terms);
  await done("consumer", "offer", id, "--amount", "5ETH");
  return id;
};
/** What a seller who cheats has to write a program for. */
async function releaseOther(id: string) {
  const { offers } = (await done("prosumer", "offers", id)) as { offers: readonly { publicKey: string }[] };
  const point = publicPoint("").parse(offers[0]?.publicKey ?? "");
  const context = { chainId: 31_337n, contract: await market.getAddress(), listingId: BigInt(id) };
  const { ephemeral, box } = sealKey(new Uint8Array(32).fill(9), point, context, new Uint8Array(32).fill(8));
  return done(
    "prosumer",
    "release",
    id,
    "--ephemeral",
    pointText(ephemeral),
    "--box",
    Buffer.from(box).toString("hex"),
  );
}

describe("a sale by commands", () => {
  test("waits for the anchor of the archive's block, until the contract has it", async () => {
    const early = await data("prosumer", "list", archive, ...TERMS);
    expect(early).toMatchObject({ exit: "notFound", json: { code: "PROOF_NOT_ANCHORED" } });
    await made.anchor();
    anchor = "signed";
    const signed = await data("prosumer", "list", archive, ...TERMS);
    expect(signed.json).toMatchObject({ message: expect.stringContaining("is signed, and not on Ethereum yet") });
    anchor = "on Ethereum";
  });

  test("from the listing to the readings in the buyer's hands and everybody's money, to the wei", async () => {
    const dry = await done("prosumer", "list", archive, ...TERMS, "--dry-run");
    expect(dry).toMatchObject({ dryRun: true, valueWei: wei("0.5ETH") });
    const id = await listed("--publisher", publisher, "--publisher-share", "2.5%");
    const { out } = await home("consumer").run("data", "listings", "--ethereum", evm.anvil.url);
    expect(out).toMatch(new RegExp(`^ *${id} +${EXPORT_METER} +.* +60 +1 ETH +5 ETH +offers until `, "m"));

    expect(await done("consumer", "offer", id, "--amount", "1ETH")).toMatchObject({
      priceWei: wei("1ETH"),
      outbid: null,
    });
    const [oneTime = ""] = keysOf("consumer");
    expect(statSync(join(homePaths(home("consumer").home).keys, "data", oneTime)).mode & 0o777).toBe(0o600);
    expect(await done("aggregator", "offer", id, "--amount", "2ETH")).toMatchObject({
      outbid: addresses.get("consumer"),
    });
    expect(await done("consumer", "offers", id)).toMatchObject({
      offers: [
        { buyer: addresses.get("consumer"), priceWei: wei("1ETH"), isHighest: false },
        { buyer: addresses.get("aggregator"), priceWei: wei("2ETH"), isHighest: true },
      ],
    });
    expect((await done("consumer", "withdraw")).amountWei).toBe(wei("1ETH"));
    const listing = await done("consumer", "listing", id);
    expect(listing).toMatchObject({
      ...{ phase: "offers", minimumOfferWei: wei("2.1ETH"), priceWei: wei("2ETH"), publisherShareBps: 250 },
      archive: { meterId: EXPORT_METER, readingCount: 60, sealedBy, ledgerTransaction: `0x${archive}` },
    });
    await evm.mineAt(Math.floor(Date.parse(String(listing.until)) / 1000));
    expect((await done("consumer", "listing", id)).phase).toBe("awaitsKey");
    expect((await data("aggregator", "open", id)).json).toMatchObject({ code: "KEY_NOT_RELEASED" });

    await done("prosumer", "release", id);
    const file = join(home("aggregator").folder, "archive.bin");
    await home("prosumer").run("archive", "get", String(listing.cid), "-o", file);
    expect(readFileSync(file).includes(Buffer.from(EXPORT_METER)), "the file says nothing without its key").toBe(false);
    expect((await data("consumer", "open", id, "--file", file)).json).toMatchObject({ code: "ONE_TIME_KEY_UNKNOWN" });
    const csv = join(home("aggregator").folder, "readings.csv");
    const key = join(home("aggregator").folder, "archive.key");
    const opened = await done("aggregator", "open", id, "--file", file, "-o", csv, "--key-output", key);
    const sum = READINGS.reduce((total, { value }) => total + value, 0);
    expect(opened).toMatchObject({ intact: true, meterId: EXPORT_METER, readingCount: 60, sealedBy, file: csv });
    expect(opened.series).toMatchObject([{ readings: 60, sum: `${sum}` }]);
    const back = [];
    for await (const reading of readMdmsCsv([readFileSync(csv)])) back.push(reading);
    expect(back).toStrictEqual(READINGS);
    expect((await data("aggregator", "prove-wrong-key", id)).json).toMatchObject({ code: "KEY_RIGHT" });

    expect(await done("aggregator", "accept", id)).toMatchObject({
      ...{ shareWei: wei("1.95ETH"), publisherFeeWei: wei("0.05ETH") },
    });
    expect(await creditOf("prosumer")).toBe(wei("2.45ETH"));
    expect(`${await market.credit(publisher)}`).toBe(wei("0.05ETH"));
    const before = await evm.provider.getBalance(addresses.get("prosumer") ?? "");
    const withdrawn = await done("prosumer", "withdraw");
    const after = await evm.provider.getBalance(addresses.get("prosumer") ?? "");
    expect(after - before).toBe(parseMoney("2.45ETH") - BigInt(String(withdrawn.feeWei)));
    expect(await done("prosumer", "listing", id)).toMatchObject({ phase: "paid", minimumOfferWei: null });
    expect((await done("prosumer", "listings")).listings).toEqual([]);
    const ofSeller = await done("prosumer", "listings", "--all", "--seller", addresses.get("prosumer") ?? "");
    expect(ofSeller.listings).toMatchObject([{ listingId: id, phase: "paid" }]);
  });

  test("a wrong key is found by the buyer, who proves it and has price and bond", async () => {
    const id = await bought("--bond", "0.75ETH");
    await releaseOther(id);
    expect((await data("consumer", "open", id)).json).toMatchObject({ code: "RELEASED_KEY_WRONG" });
    expect(await done("consumer", "prove-wrong-key", id)).toMatchObject({
      priceWei: wei("5ETH"),
      bondWei: wei("0.75ETH"),
    });
    expect(await creditOf("consumer")).toBe(wei("5.75ETH"));
    await done("consumer", "withdraw");
  });

  test("what no proof shows is disputed, and decided by a verifier whom the owner has appointed", async () => {
    const id = await bought();
    await done("prosumer", "release", id);
    const reason = join(home("consumer").folder, "reason.txt");
    writeFileSync(reason, "The meter measured another house.\n");
    expect(await done("consumer", "dispute", id, "--reason", reason)).toMatchObject({
      reasonHash: "0x2f5e010da5c2e82db3262cc05c609d538e9ebab5aa5025be57ea6935378d6e1c",
      valueWei: wei("0.25ETH"),
    });
    const verifier = addresses.get("dso") ?? "";
    const unasked = await data("dso", "decide", id, "--winner", "buyer");
    expect(unasked.json).toMatchObject({
      code: "EVM_REVERTED",
      message: expect.stringContaining("AccessControlUnauthorized"),
    });
    await asOwner("appoint-verifier", { address: verifier });
    expect(await done("dso", "verifiers")).toEqual({ owner: operator.address, successor: null, verifiers: [verifier] });
    expect(await done("dso", "decide", id, "--winner", "buyer")).toMatchObject({ rewardWei: wei("0.05ETH") });
    expect(await creditOf("consumer")).toBe(wei("5.7ETH"));
    await done("consumer", "withdraw");
    expect(await done("dso", "resign")).toMatchObject({ address: verifier, isVerifier: false, changed: true });
    expect((await done("dso", "verifiers")).verifiers).toEqual([]);
    await asOwner("appoint-verifier", { address: verifier });
    await asOwner("remove-verifier", { address: verifier });
    expect(await market.hasRole(await market.VERIFIER_ROLE(), verifier)).toBe(false);
  });

  test("the owner names a successor, may take that back, and is followed after two days", async () => {
    const successor = addresses.get("dso") ?? "";
    await asOwner("hand-over", { address: successor });
    expect((await done("dso", "verifiers")).successor).toMatchObject({ address: successor });
    expect((await data("dso", "accept-ownership")).json).toMatchObject({ code: "EVM_REVERTED" });
    await asOwner("keep-ownership", {});
    expect((await done("dso", "verifiers")).successor).toBeNull();
    await evm.isolated(async () => {
      await asOwner("hand-over", { address: successor });
      await evm.mineAt((await evm.now()) + 2 * DAY + 1);
      expect(await done("dso", "accept-ownership")).toMatchObject({ owner: successor });
    })();
  });

  test("without a key, without a verdict and without offers the money goes back", async () => {
    const [late, undecided] = [await bought(), await bought()];
    await done("prosumer", "release", undecided);
    await done("consumer", "dispute", undecided, "--reason", join(home("consumer").folder, "reason.txt"));
    const unsold = await listed();
    expect((await data("dso", "refund", late)).json).toMatchObject({
      message: expect.stringContaining("ReleaseNotOver"),
    });
    await evm.mineAt((await evm.now()) + 14 * DAY);
    expect(await done("dso", "refund", late)).toMatchObject({ priceWei: wei("5ETH"), bondWei: wei("0.5ETH") });
    expect(await done("dso", "refund", undecided)).toMatchObject({ priceWei: wei("5ETH"), bondWei: "0" });
    expect(await done("dso", "end", unsold)).toMatchObject({ seller: addresses.get("prosumer") });
    expect(await creditOf("consumer")).toBe(wei("10.75ETH"));
    expect(await creditOf("prosumer")).toBe(wei("1ETH"));
  });
});

/** An action of the owner, whose wallet is no key of a home: by REST. */
async function asOwner(action: string, parameters: Readonly<Record<string, string>>) {
  const from = operator.address;
  const prepared = await askApi(api, `/ethereum/data/${action}`, { from, parameters });
  const signed = await operator.signTransaction(Transaction.from(String(prepared.body.unsigned)));
  expect((await askApi(api, "/ethereum/transactions", { signed })).status).toBe(200);
}

test("no key is encrypted to another than whose address the contract has, no box opened but the one it has the hash of", async () => {
  const id = await bought();
  const { offers } = (await done("prosumer", "offers", id)) as { offers: readonly { publicKey: string }[] };
  const { x, y } = publicPoint("").parse(offers[0]?.publicKey ?? "");
  const thief = publicPoint("").parse(operator.signingKey.publicKey);
  const word = (value: bigint) => value.toString(16).padStart(64, "0");
  const swapped = lying((_method, answer) => answer.replace(word(x) + word(y), word(thief.x) + word(thief.y)));
  const released = await dataBy(swapped, "prosumer", "release", id);
  expect(released.json).toMatchObject({ code: "EVM_ANSWER_FALSE", hint: expect.stringContaining("do not trust") });
  const { box } = await done("prosumer", "release", id);
  const damaged = lying((method, answer) =>
    method === "eth_getLogs" ? answer.replace(String(box).slice(2), "44".repeat(32)) : answer,
  );
  for (const command of ["open", "prove-wrong-key"])
    expect((await dataBy(damaged, "consumer", command, id)).json, command).toMatchObject({ code: "EVM_ANSWER_FALSE" });
  const opened = await done("consumer", "open", id, "--ipfs", kubo.url);
  expect(opened).toMatchObject({ intact: true, readingCount: 60, file: null });
  const file = join(home("consumer").folder, "archive.bin");
  writeFileSync(file, "another file");
  expect((await data("consumer", "open", id, "--file", file)).json).toMatchObject({ code: "ARCHIVE_SIZE_MISMATCH" });
  await done("consumer", "accept", id);
});

test("a one-time key is on disk before the offer is sent", async () => {
  const id = await listed();
  const before = keysOf("aggregator");
  let keptWhenSent: readonly string[] = [];
  const watched = lying((method, answer) => {
    if (method === "eth_sendRawTransaction") keptWhenSent = keysOf("aggregator");
    return answer;
  });
  await dataBy(watched, "aggregator", "offer", id, "--amount", "1ETH");
  const { buyerKey } = await done("aggregator", "listing", id);
  const made = keptWhenSent.filter((name) => !before.includes(name));
  expect(made).toEqual([`${String(buyerKey).slice(2).toLowerCase()}.json`]);
});

test("what a listing's transaction does not say is given by flags; what the ledger has not is refused", async () => {
  const id = await bought();
  const forgetful = lying((method, answer) =>
    method === "eth_getTransactionByHash"
      ? JSON.stringify({ ...(JSON.parse(answer) as object), result: null })
      : answer,
  );
  const ask = async (person: Person, ...args: readonly string[]) => (await dataBy(forgetful, person, ...args)).json;
  expect(await ask("prosumer", "listing", id)).toMatchObject({ archive: null, phase: "awaitsKey" });
  expect(await ask("prosumer", "release", id)).toMatchObject({ code: "ARCHIVE_UNCLEAR" });
  await done("prosumer", "release", id);
  expect(await ask("consumer", "open", id, "--ipfs", kubo.url)).toMatchObject({ code: "METER_MISSING" });
  const named = await ask("consumer", "open", id, "--ipfs", kubo.url, "--meter", EXPORT_METER);
  expect(named).toMatchObject({ intact: true });
  const other = await ask("consumer", "open", id, "--ipfs", kubo.url, "--meter", IMPORT_METER);
  expect(other).toMatchObject({ code: "ARCHIVE_NOT_SEALED" });
  await done("consumer", "accept", id);
  const another = lying((_path, answer) => answer.replace("MsgSealArchive", "MsgSealInterval"));
  const unsealed = await dataBy(another, "prosumer", "list", archive, ...TERMS);
  expect(unsealed.json).toMatchObject({ code: "ARCHIVE_NOT_IN_MESSAGE" });
});

test("by REST the offer of any wallet is prepared, sent and shown; the box of a key is a parameter", async () => {
  const id = await listed();
  const [, wallet] = evm.wallets as [TestWallet, TestWallet];
  const parameters = { id, amount: "5ETH", publicKey: wallet.signingKey.compressedPublicKey };
  const prepared = await askApi(api, "/ethereum/data/offer", { from: wallet.address, parameters });
  expect(prepared.status).toBe(200);
  const signed = await wallet.signTransaction(Transaction.from(String(prepared.body.unsigned)));
  const sent = await askApi(api, "/ethereum/transactions", { signed });
  expect(sent.body.events).toMatchObject([{ event: "Offered", args: { listingId: id, buyer: wallet.address } }]);
  expect((await askApi(api, `/ethereum/data/listing?id=${id}`)).body).toMatchObject({
    ...{ phase: "awaitsKey", buyer: wallet.address, archive: { meterId: EXPORT_METER } },
  });
  const from = addresses.get("prosumer");
  const release = (given: object) => askApi(api, "/ethereum/data/release", { from, parameters: { id, ...given } });
  expect(await release({})).toMatchObject({ status: 400, body: { details: { code: "PARAMETER_MISSING" } } });
  const box = { ephemeral: wallet.signingKey.compressedPublicKey, box: "11".repeat(32) };
  expect(await release(box)).toMatchObject({ status: 200, body: { to: await market.getAddress() } });
  const list = { transaction: archive, reserve: "1ETH", buyNow: "5ETH", for: "7d" };
  const own = {
    keyHash: "22".repeat(32),
    publicKey: Buffer.from(publicKeyOf(keyOf("prosumer")).bytes).toString("hex"),
  };
  const listing = await askApi(api, "/ethereum/data/list", { from, parameters: { ...list, ...own } });
  expect(listing).toMatchObject({ status: 200, body: { valueWei: wei("0.5ETH") } });
});

test("what the contract refuses is said in words, and a dry run keeps no key", async () => {
  const id = await listed();
  const kept = keysOf("aggregator");
  const low = await data("aggregator", "offer", id, "--amount", "0.9ETH", "--dry-run");
  expect(low).toMatchObject({
    exit: "failure",
    json: { code: "EVM_REVERTED", message: expect.stringContaining("below the reserve"), hint: expect.any(String) },
  });
  await done("aggregator", "offer", id, "--amount", "1ETH", "--dry-run");
  expect(keysOf("aggregator")).toEqual(kept);
  expect((await data("aggregator", "list", archive, ...TERMS, "--key-hash", "22".repeat(32))).json).toMatchObject({
    message: expect.stringContaining("another account has sealed"),
  });
  const other = join(home("prosumer").folder, "other.key");
  writeFileSync(other, "33".repeat(32));
  const wrong = await data("prosumer", "list", archive, ...TERMS, "--archive-key-file", other);
  expect(wrong.json, "a key that does not open the file is never promised").toMatchObject({
    code: "ARCHIVE_KEY_WRONG",
  });
  await done("aggregator", "offer", id, "--amount", "5ETH");
  const release = await data("prosumer", "release", id, "--archive-key-file", other);
  expect(release).toMatchObject({ exit: "verificationFailed", json: { code: "ARCHIVE_KEY_OTHER" } });
});

test.each<[string, readonly string[], string]>([
  ["no number", ["listing", "first"], "NUMBER_MALFORMED"],
  ["a share without percent", ["list", "aa".repeat(32), ...TERMS, "--publisher-share", "2"], "PERCENT_MALFORMED"],
  ["no deadline", ["list", "ARCHIVE", "--reserve", "1ETH", "--buy-now", "2ETH"], "DEADLINE_MISSING"],
  ["two deadlines", ["list", "ARCHIVE", ...TERMS, "--until", "2030-01-01T00:00:00Z"], "DEADLINE_MISSING"],
  ["another message", ["list", "ARCHIVE", ...TERMS, "--message", "7"], "PROOF_NOT_ANCHORED"],
  [
    "a key that is none",
    ["offer", "1", "--amount", "1ETH", "--public-key", `02${"ff".repeat(32)}`],
    "PUBLIC_KEY_MALFORMED",
  ],
  ["nobody who could win", ["decide", "1", "--winner", "me"], "WORD_UNKNOWN"],
  ["an empty reason", ["dispute", "1", "--reason", "/dev/null"], "REASON_UNREADABLE"],
  ["an unknown format", ["open", "1", "--format", "pdf"], "FORMAT_UNKNOWN"],
  ["a number that no listing has", ["listing", "999"], "EVM_REVERTED"],
])("%s is refused at the command line", async (_name, args, code) => {
  const given = args.map((arg) => (arg === "ARCHIVE" ? archive : arg));
  expect((await data("prosumer", ...given)).json).toMatchObject({ code });
});

test("every error that a call of the contract, or of the bridge for it, can end with has words", () => {
  const own = DataMarketplace.interface.fragments.filter(({ type }) => type === "error");
  const names = own.map((fragment) => (fragment as unknown as { name: string }).name);
  expect(names.length).toBeGreaterThan(30);
  const ofProofs = ["BridgeFrozen", "AnchorUnknown", "HeightOutOfRange", "BlockNotInAnchor", "IndexOutOfRange"];
  for (const name of ofProofs) expect(Bridge.interface.getError(name), name).not.toBeNull();
  const wordless = [...names, ...ofProofs, "PathLengthWrong", "MessageNotInBlock"].filter(
    (name) => !REVERT_WORDS[name],
  );
  expect(wordless).toEqual([]);
});

test("an archive that anybody can read is not listed", async () => {
  const from = SPAN.fromMs + HOUR_MS / 2;
  const span = ["--meter", EXPORT_METER, "--from", `${from}`, "--to", `${SPAN.untilMs}`, "--plain"];
  const sealed = await home("prosumer").run(
    "archive",
    "make",
    ...span,
    "--key",
    "prosumer",
    "--node",
    api.url,
    "--json",
  );
  const { txId: plain } = (sealed.json as { sealed: { txId: string } }).sealed;
  await made.anchor();
  expect((await data("prosumer", "list", plain, ...TERMS)).json).toMatchObject({ code: "ARCHIVE_PLAIN" });
});

test("the README has every code and every action of this folder", () => {
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const text = sources.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8")).join("\n");
  const codes = [...text.matchAll(/cliError\(\s*"\w+",\s*"([A-Z_]+)"/g)].map(([, code]) => code as string);
  expect(codes.length).toBeGreaterThan(12);
  const named = [...codes, ...dataGroup.actions.map(({ name }) => name), ...dataGroup.queries.map(({ name }) => name)];
  for (const name of named) expect(readme, name).toMatch(new RegExp(`\\b${name}\\b`));
});
