import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Transaction } from "ethers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sealKey } from "#bridge/ecies.ts";
import { REVERT_WORDS } from "#bridge/evm/revertWords.ts";
import { EXPORT_METER, IMPORT_METER, keyOf, type Person } from "#consensus/application/testLedger.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import type { TestWallet } from "#contracts/testing.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { parseMoney } from "../../cli/money.ts";
import { homePaths } from "../../configurationHome.ts";
import { readMdmsCsv } from "../../mdms/mdmsCsv.ts";
import { askApi } from "../testEthereumApi.ts";
import { dataGroup } from "./dataGroup.ts";
import { pointText, publicPoint } from "./dataParams.ts";
import { READINGS, SPAN, startTestDataMarket, type TestDataMarket } from "./testDataMarket.ts";

const DAY = 86_400;

let m: TestDataMarket;
/** That the first listing promised. */
let keyHash = "";
beforeAll(async () => {
  m = await startTestDataMarket();
});
afterAll(() => m[Symbol.asyncDispose]());

const TERMS = ["--reserve", "1ETH", "--buy-now", "5ETH", "--for", "7d"];
/** With the hash that the first listing made: it is slow to open the meter key each time. */
const listed = async (...more: readonly string[]) => {
  const promised = keyHash === "" ? [] : ["--key-hash", keyHash];
  const { listingId } = await m.done("prosumer", "list", m.archive, ...TERMS, ...promised, ...more);
  if (keyHash === "") keyHash = (await m.market.listingOf(String(listingId))).keyHash;
  return String(listingId);
};
const creditOf = async (person: Person) => String((await m.done(person, "credit")).creditWei);
const wei = (amount: string) => `${parseMoney(amount)}`;
const keysOf = (person: Person) => readdirSync(join(homePaths(m.home(person).home).keys, "data"));
/** Sold at once to the consumer, for 5 ETH. */
const bought = async (...terms: readonly string[]) => {
  const id = await listed(...terms);
  await m.done("consumer", "offer", id, "--amount", "5ETH");
  return id;
};
/** What a seller who cheats has to write a program for. */
async function releaseOther(id: string) {
  const { offers } = (await m.done("prosumer", "offers", id)) as { offers: readonly { publicKey: string }[] };
  const point = publicPoint("").parse(offers[0]?.publicKey ?? "");
  const context = { chainId: 31_337n, contract: await m.market.getAddress(), listingId: BigInt(id) };
  const { ephemeral, box } = sealKey(new Uint8Array(32).fill(9), point, context, new Uint8Array(32).fill(8));
  return m.done(
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
    const early = await m.data("prosumer", "list", m.archive, ...TERMS);
    expect(early).toMatchObject({ exit: "notFound", json: { code: "PROOF_NOT_ANCHORED" } });
    await m.bridge.anchor();
    m.setAnchor("signed");
    const signed = await m.data("prosumer", "list", m.archive, ...TERMS);
    expect(signed.json).toMatchObject({ message: expect.stringContaining("is signed, and not on Ethereum yet") });
    m.setAnchor("on Ethereum");
  });

  test("from the listing to the readings in the buyer's hands and everybody's money, to the wei", async () => {
    const dry = await m.done("prosumer", "list", m.archive, ...TERMS, "--dry-run");
    expect(dry).toMatchObject({ dryRun: true, valueWei: wei("0.5ETH") });
    const id = await listed("--publisher", m.publisher, "--publisher-share", "2.5%");
    const { out } = await m.home("consumer").run("data", "listings", "--ethereum", m.evm.anvil.url);
    expect(out).toMatch(new RegExp(`^ *${id} +${EXPORT_METER} +.* +60 +1 ETH +5 ETH +offers until `, "m"));

    expect(await m.done("consumer", "offer", id, "--amount", "1ETH")).toMatchObject({
      priceWei: wei("1ETH"),
      outbid: null,
    });
    const [oneTime = ""] = keysOf("consumer");
    expect(statSync(join(homePaths(m.home("consumer").home).keys, "data", oneTime)).mode & 0o777).toBe(0o600);
    expect(await m.done("aggregator", "offer", id, "--amount", "2ETH")).toMatchObject({
      outbid: m.address("consumer"),
    });
    expect(await m.done("consumer", "offers", id)).toMatchObject({
      offers: [
        { buyer: m.address("consumer"), priceWei: wei("1ETH"), isHighest: false },
        { buyer: m.address("aggregator"), priceWei: wei("2ETH"), isHighest: true },
      ],
    });
    expect((await m.done("consumer", "withdraw")).amountWei).toBe(wei("1ETH"));
    const listing = await m.done("consumer", "listing", id);
    expect(listing).toMatchObject({
      ...{ phase: "offers", minimumOfferWei: wei("2.1ETH"), priceWei: wei("2ETH"), publisherShareBps: 250 },
      archive: { meterId: EXPORT_METER, readingCount: 60, sealedBy: m.sealedBy, ledgerTransaction: `0x${m.archive}` },
    });
    await m.evm.mineAt(Math.floor(Date.parse(String(listing.until)) / 1000));
    expect((await m.done("consumer", "listing", id)).phase).toBe("awaitsKey");
    expect((await m.data("aggregator", "open", id)).json).toMatchObject({ code: "KEY_NOT_RELEASED" });

    await m.done("prosumer", "release", id);
    const file = join(m.home("aggregator").folder, "archive.bin");
    await m.home("prosumer").run("archive", "get", String(listing.cid), "-o", file);
    expect(readFileSync(file).includes(Buffer.from(EXPORT_METER)), "the file says nothing without its key").toBe(false);
    expect((await m.data("consumer", "open", id, "--file", file)).json).toMatchObject({ code: "ONE_TIME_KEY_UNKNOWN" });
    const csv = join(m.home("aggregator").folder, "readings.csv");
    const key = join(m.home("aggregator").folder, "archive.key");
    const opened = await m.done("aggregator", "open", id, "--file", file, "-o", csv, "--key-output", key);
    const sum = READINGS.reduce((total, { value }) => total + value, 0);
    expect(opened).toMatchObject({
      intact: true,
      meterId: EXPORT_METER,
      readingCount: 60,
      sealedBy: m.sealedBy,
      file: csv,
    });
    expect(opened.series).toMatchObject([{ readings: 60, sum: `${sum}` }]);
    const back = [];
    for await (const reading of readMdmsCsv([readFileSync(csv)])) back.push(reading);
    expect(back).toStrictEqual(READINGS);
    expect((await m.data("aggregator", "prove-wrong-key", id)).json).toMatchObject({ code: "KEY_RIGHT" });

    expect(await m.done("aggregator", "accept", id)).toMatchObject({
      ...{ shareWei: wei("1.95ETH"), publisherFeeWei: wei("0.05ETH") },
    });
    expect(await creditOf("prosumer")).toBe(wei("2.45ETH"));
    expect(`${await m.market.credit(m.publisher)}`).toBe(wei("0.05ETH"));
    const before = await m.evm.provider.getBalance(m.address("prosumer"));
    const withdrawn = await m.done("prosumer", "withdraw");
    const after = await m.evm.provider.getBalance(m.address("prosumer"));
    expect(after - before).toBe(parseMoney("2.45ETH") - BigInt(String(withdrawn.feeWei)));
    expect(await m.done("prosumer", "listing", id)).toMatchObject({ phase: "paid", minimumOfferWei: null });
    expect((await m.done("prosumer", "listings")).listings).toEqual([]);
    const ofSeller = await m.done("prosumer", "listings", "--all", "--seller", m.address("prosumer"));
    expect(ofSeller.listings).toMatchObject([{ listingId: id, phase: "paid" }]);
  });

  test("a wrong key is found by the buyer, who proves it and has price and bond", async () => {
    const id = await bought("--bond", "0.75ETH");
    await releaseOther(id);
    expect((await m.data("consumer", "open", id)).json).toMatchObject({ code: "RELEASED_KEY_WRONG" });
    expect(await m.done("consumer", "prove-wrong-key", id)).toMatchObject({
      priceWei: wei("5ETH"),
      bondWei: wei("0.75ETH"),
    });
    expect(await creditOf("consumer")).toBe(wei("5.75ETH"));
    await m.done("consumer", "withdraw");
  });

  test("what no proof shows is disputed, and decided by a verifier whom the owner has appointed", async () => {
    const id = await bought();
    await m.done("prosumer", "release", id);
    const reason = join(m.home("consumer").folder, "reason.txt");
    writeFileSync(reason, "The meter measured another house.\n");
    expect(await m.done("consumer", "dispute", id, "--reason", reason)).toMatchObject({
      reasonHash: "0x2f5e010da5c2e82db3262cc05c609d538e9ebab5aa5025be57ea6935378d6e1c",
      valueWei: wei("0.25ETH"),
    });
    const verifier = m.address("dso");
    const unasked = await m.data("dso", "decide", id, "--winner", "buyer");
    expect(unasked.json).toMatchObject({
      code: "EVM_REVERTED",
      message: expect.stringContaining("AccessControlUnauthorized"),
    });
    await asOwner("appoint-verifier", { address: verifier });
    expect(await m.done("dso", "verifiers")).toEqual({
      owner: m.operator.address,
      successor: null,
      verifiers: [verifier],
    });
    expect(await m.done("dso", "decide", id, "--winner", "buyer")).toMatchObject({ rewardWei: wei("0.05ETH") });
    expect(await creditOf("consumer")).toBe(wei("5.7ETH"));
    await m.done("consumer", "withdraw");
    expect(await m.done("dso", "resign")).toMatchObject({ address: verifier, isVerifier: false, changed: true });
    expect((await m.done("dso", "verifiers")).verifiers).toEqual([]);
    await asOwner("appoint-verifier", { address: verifier });
    await asOwner("remove-verifier", { address: verifier });
    expect(await m.market.hasRole(await m.market.VERIFIER_ROLE(), verifier)).toBe(false);
  });

  test("the owner names a successor, may take that back, and is followed after two days", async () => {
    const successor = m.address("dso");
    await asOwner("hand-over", { address: successor });
    expect((await m.done("dso", "verifiers")).successor).toMatchObject({ address: successor });
    expect((await m.data("dso", "accept-ownership")).json).toMatchObject({ code: "EVM_REVERTED" });
    await asOwner("keep-ownership", {});
    expect((await m.done("dso", "verifiers")).successor).toBeNull();
    await m.evm.isolated(async () => {
      await asOwner("hand-over", { address: successor });
      await m.evm.mineAt((await m.evm.now()) + 2 * DAY + 1);
      expect(await m.done("dso", "accept-ownership")).toMatchObject({ owner: successor });
    })();
  });

  test("without a key, without a verdict and without offers the money goes back", async () => {
    const [late, undecided] = [await bought(), await bought()];
    await m.done("prosumer", "release", undecided);
    await m.done("consumer", "dispute", undecided, "--reason", join(m.home("consumer").folder, "reason.txt"));
    const unsold = await listed();
    expect((await m.data("dso", "refund", late)).json).toMatchObject({
      message: expect.stringContaining("ReleaseNotOver"),
    });
    await m.evm.mineAt((await m.evm.now()) + 14 * DAY);
    expect(await m.done("dso", "refund", late)).toMatchObject({ priceWei: wei("5ETH"), bondWei: wei("0.5ETH") });
    expect(await m.done("dso", "refund", undecided)).toMatchObject({ priceWei: wei("5ETH"), bondWei: "0" });
    expect(await m.done("dso", "end", unsold)).toMatchObject({ seller: m.address("prosumer") });
    expect(await creditOf("consumer")).toBe(wei("10.75ETH"));
    expect(await creditOf("prosumer")).toBe(wei("1ETH"));
  });
});

/** An action of the owner, whose wallet is no key of a home: by REST. */
async function asOwner(action: string, parameters: Readonly<Record<string, string>>) {
  const from = m.operator.address;
  const prepared = await askApi(m.api, `/ethereum/data/${action}`, { from, parameters });
  const signed = await m.operator.signTransaction(Transaction.from(String(prepared.body.unsigned)));
  expect((await askApi(m.api, "/ethereum/transactions", { signed })).status).toBe(200);
}

test("no key is encrypted to another than whose address the contract has, no box opened but the one it has the hash of", async () => {
  const id = await bought();
  const { offers } = (await m.done("prosumer", "offers", id)) as { offers: readonly { publicKey: string }[] };
  const { x, y } = publicPoint("").parse(offers[0]?.publicKey ?? "");
  const thief = publicPoint("").parse(m.operator.signingKey.publicKey);
  const word = (value: bigint) => value.toString(16).padStart(64, "0");
  const swapped = m.lying((_method, answer) => answer.replace(word(x) + word(y), word(thief.x) + word(thief.y)));
  const released = await m.dataBy(swapped, "prosumer", "release", id);
  expect(released.json).toMatchObject({ code: "EVM_ANSWER_FALSE", hint: expect.stringContaining("do not trust") });
  const { box } = await m.done("prosumer", "release", id);
  const damaged = m.lying((method, answer) =>
    method === "eth_getLogs" ? answer.replace(String(box).slice(2), "44".repeat(32)) : answer,
  );
  for (const command of ["open", "prove-wrong-key"])
    expect((await m.dataBy(damaged, "consumer", command, id)).json, command).toMatchObject({
      code: "EVM_ANSWER_FALSE",
    });
  const own = await m.data("consumer", "prove-wrong-key", id, "--private-key", "55".repeat(32));
  expect(own.json, "no other key is ever shown").toMatchObject({ code: "PRIVATE_KEY_OTHER" });
  const opened = await m.done("consumer", "open", id, "--ipfs", m.kubo.url);
  expect(opened).toMatchObject({ intact: true, readingCount: 60, file: null });
  const file = join(m.home("consumer").folder, "archive.bin");
  writeFileSync(file, "another file");
  expect((await m.data("consumer", "open", id, "--file", file)).json).toMatchObject({ code: "ARCHIVE_SIZE_MISMATCH" });
  await m.done("consumer", "accept", id);
});

test("a one-time key is on disk before the offer is sent", async () => {
  const id = await listed();
  const before = keysOf("aggregator");
  let keptWhenSent: readonly string[] = [];
  const watched = m.lying((method, answer) => {
    if (method === "eth_sendRawTransaction") keptWhenSent = keysOf("aggregator");
    return answer;
  });
  await m.dataBy(watched, "aggregator", "offer", id, "--amount", "1ETH");
  const { buyerKey } = await m.done("aggregator", "listing", id);
  const made = keptWhenSent.filter((name) => !before.includes(name));
  expect(made).toEqual([`${String(buyerKey).slice(2).toLowerCase()}.json`]);
});

test("what a listing's transaction does not say is given by flags; what the ledger has not is refused", async () => {
  const id = await bought();
  const forgetful = m.lying((method, answer) =>
    method === "eth_getTransactionByHash"
      ? JSON.stringify({ ...(JSON.parse(answer) as object), result: null })
      : answer,
  );
  const ask = async (person: Person, ...args: readonly string[]) => (await m.dataBy(forgetful, person, ...args)).json;
  expect(await ask("prosumer", "listing", id)).toMatchObject({ archive: null, phase: "awaitsKey" });
  expect(await ask("prosumer", "release", id)).toMatchObject({ code: "ARCHIVE_UNCLEAR" });
  await m.done("prosumer", "release", id);
  expect(await ask("consumer", "open", id, "--ipfs", m.kubo.url)).toMatchObject({ code: "METER_MISSING" });
  const named = await ask("consumer", "open", id, "--ipfs", m.kubo.url, "--meter", EXPORT_METER);
  expect(named).toMatchObject({ intact: true });
  const other = await ask("consumer", "open", id, "--ipfs", m.kubo.url, "--meter", IMPORT_METER);
  expect(other).toMatchObject({ code: "ARCHIVE_NOT_SEALED" });
  await m.done("consumer", "accept", id);
  const another = m.lying((_path, answer) => answer.replace("MsgSealArchive", "MsgSealInterval"));
  const unsealed = await m.dataBy(another, "prosumer", "list", m.archive, ...TERMS);
  expect(unsealed.json).toMatchObject({ code: "ARCHIVE_NOT_IN_MESSAGE" });
});

test("by REST the offer of any wallet is prepared, sent and shown; the box of a key is a parameter", async () => {
  const id = await listed();
  const [, wallet] = m.evm.wallets as [TestWallet, TestWallet];
  const parameters = { id, amount: "5ETH", publicKey: wallet.signingKey.compressedPublicKey };
  const prepared = await askApi(m.api, "/ethereum/data/offer", { from: wallet.address, parameters });
  expect(prepared.status).toBe(200);
  const signed = await wallet.signTransaction(Transaction.from(String(prepared.body.unsigned)));
  const sent = await askApi(m.api, "/ethereum/transactions", { signed });
  expect(sent.body.events).toMatchObject([{ event: "Offered", args: { listingId: id, buyer: wallet.address } }]);
  expect((await askApi(m.api, `/ethereum/data/listing?id=${id}`)).body).toMatchObject({
    ...{ phase: "awaitsKey", buyer: wallet.address, archive: { meterId: EXPORT_METER } },
  });
  const from = m.address("prosumer");
  const release = (given: object) => askApi(m.api, "/ethereum/data/release", { from, parameters: { id, ...given } });
  expect(await release({})).toMatchObject({ status: 400, body: { details: { code: "PARAMETER_MISSING" } } });
  const box = { ephemeral: wallet.signingKey.compressedPublicKey, box: "11".repeat(32) };
  expect(await release(box)).toMatchObject({ status: 200, body: { to: await m.market.getAddress() } });
  const list = { transaction: m.archive, reserve: "1ETH", buyNow: "5ETH", for: "7d" };
  const own = {
    keyHash: "22".repeat(32),
    publicKey: Buffer.from(publicKeyOf(keyOf("prosumer")).bytes).toString("hex"),
  };
  const listing = await askApi(m.api, "/ethereum/data/list", { from, parameters: { ...list, ...own } });
  expect(listing).toMatchObject({ status: 200, body: { valueWei: wei("0.5ETH") } });
});

test("what the contract refuses is said in words, and a dry run keeps no key", async () => {
  const id = await listed();
  const kept = keysOf("aggregator");
  const low = await m.data("aggregator", "offer", id, "--amount", "0.9ETH", "--dry-run");
  expect(low).toMatchObject({
    exit: "failure",
    json: { code: "EVM_REVERTED", message: expect.stringContaining("below the reserve"), hint: expect.any(String) },
  });
  await m.done("aggregator", "offer", id, "--amount", "1ETH", "--dry-run");
  expect(keysOf("aggregator")).toEqual(kept);
  expect((await m.data("aggregator", "list", m.archive, ...TERMS, "--key-hash", "22".repeat(32))).json).toMatchObject({
    message: expect.stringContaining("another account has sealed"),
  });
  const other = join(m.home("prosumer").folder, "other.key");
  writeFileSync(other, "33".repeat(32));
  const wrong = await m.data("prosumer", "list", m.archive, ...TERMS, "--archive-key-file", other);
  expect(wrong.json, "a key that does not open the file is never promised").toMatchObject({
    code: "ARCHIVE_KEY_WRONG",
  });
  await m.done("aggregator", "offer", id, "--amount", "5ETH");
  const release = await m.data("prosumer", "release", id, "--archive-key-file", other);
  expect(release).toMatchObject({ exit: "verificationFailed", json: { code: "ARCHIVE_KEY_OTHER" } });
});

test.each<[string, readonly string[], string]>([
  ["no number", ["listing", "first"], "NUMBER_MALFORMED"],
  ["a number above all", ["listing", "9".repeat(78)], "NUMBER_MALFORMED"],
  ["more than all", ["list", "aa".repeat(32), ...TERMS, "--publisher-share", "100.01%"], "PERCENT_MALFORMED"],
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
  const given = args.map((arg) => (arg === "ARCHIVE" ? m.archive : arg));
  expect((await m.data("prosumer", ...given)).json).toMatchObject({ code });
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
  const from = SPAN.fromMs + 1_800_000;
  const span = ["--meter", EXPORT_METER, "--from", `${from}`, "--to", `${SPAN.untilMs}`, "--plain"];
  const sealed = await m
    .home("prosumer")
    .run("archive", "make", ...span, "--key", "prosumer", "--node", m.api.url, "--json");
  const { txId: plain } = (sealed.json as { sealed: { txId: string } }).sealed;
  await m.bridge.anchor();
  expect((await m.data("prosumer", "list", plain, ...TERMS)).json).toMatchObject({ code: "ARCHIVE_PLAIN" });
});

test("the README has every code and every action of this folder", () => {
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const sources = readdirSync(import.meta.dirname).filter((name) => /^(?!test)\w+\.ts$/.test(name));
  const text = sources.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8")).join("\n");
  const codes = [...text.matchAll(/cliError\(\s*"\w+",\s*"([A-Z_]+)"/g)].map(([, code]) => code as string);
  expect(codes.length).toBeGreaterThan(12);
  const named = [...codes, ...dataGroup.actions.map(({ name }) => name), ...dataGroup.queries.map(({ name }) => name)];
  for (const name of named) expect(readme, name).toMatch(new RegExp(`\\b${name}\\b`));
});
