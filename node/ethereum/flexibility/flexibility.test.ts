import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Transaction } from "ethers";
import { afterAll, expect, test } from "vitest";
import { REVERT_WORDS } from "#bridge/evm/revertWords.ts";
import { EXPORT_METER, IMPORT_METER } from "#consensus/application/testLedger.ts";
import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { FlexibilityPosition } from "#contracts/abi/FlexibilityPosition.ts";
import { FlexibilityToken } from "#contracts/abi/FlexibilityToken.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import type { TestCli } from "../../cli/testIo.ts";
import { homeOf } from "../../cli/testLedgerNode.ts";
import { askApi } from "../testEthereumApi.ts";
import { startTestFlexibility } from "./testFlexibility.ts";

const world = await startTestFlexibility();
const homes: TestCli[] = [];
afterAll(async () => {
  for (const home of homes) home[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

/** A home with this person's key and money, and its address. */
async function person(name: string): Promise<readonly [TestCli, string]> {
  const cli = await homeOf(name);
  homes.push(cli);
  writeFileSync(join(cli.home, "contracts.json"), world.contractsText);
  return [cli, (await world.walletOf(name)).address];
}
const [owner] = await person("owner");
const [dso, dsoAddress] = await person("dso");
const [aggregator, aggregatorAddress] = await person("aggregator");
const [prosumer, prosumerAddress] = await person("prosumer");
const [neighbour, neighbourAddress] = await person("consumer");

async function command(cli: TestCli, ...args: readonly string[]) {
  const where = args[0] === "baseline" ? [] : ["--ethereum", world.url];
  return cli.runWith({ nowMs: world.nowMs }, "flexibility", ...args, ...where, "--node", world.api.url, "--json");
}

/** One that succeeds; what it answers. */
async function run(cli: TestCli, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { exit, err, json } = await command(cli, ...args);
  expect(err).toBe("");
  expect(exit).toBe("ok");
  return json;
}

/** The same for people. */
async function shown(cli: TestCli, ...args: readonly string[]): Promise<string> {
  const { out } = await cli.runWith({ nowMs: world.nowMs }, "flexibility", ...args, "--ethereum", world.url);
  return out;
}

/** An error of the contract's, by its name. */
const named = (error: string) => ({
  code: "EVM_REVERTED",
  message: expect.stringContaining(`error=${error} `) as string,
});

const baselines = join(world.folder, "baselines");
const commitment = join(baselines, "commitment.json");
const { startMs } = world.event;
const made = await run(
  dso,
  ...["baseline", "make", "--start", new Date(startMs).toISOString(), "--interval", "15m", "--count", "4"],
  ...["--mean", "5", "--openings", `${IMPORT_METER}=${world.history(IMPORT_METER)}`],
  ...[
    "--openings",
    `${EXPORT_METER}=${world.history(EXPORT_METER)}`,
    "--export",
    EXPORT_METER,
    "--unverified",
    "-o",
    baselines,
  ],
);
const [importBaseline, exportBaseline] = (made.meters as readonly { readonly file: string }[]).map(
  ({ file }) => file,
) as [string, string];
/** 1000 wei a kWh, 300 missing: 1200 and 360 wei for 300 Wh of each interval. */
const terms = ["--commitment", commitment, "--price", "1000wei", "--penalty", "300wei", "--min-readings", "15"];

test("every error that Flexibility, its tokens and its reader know has words of its own", () => {
  const contracts = [Flexibility, FlexibilityToken, FlexibilityPosition, LedgerReader];
  const names = contracts.flatMap(({ interface: { fragments } }) =>
    fragments.flatMap((fragment) =>
      fragment.type === "error" ? [(fragment as unknown as { name: string }).name] : [],
    ),
  );
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => REVERT_WORDS[name] === undefined)).toEqual([]);
});

test("only whom the owner appoints asks for flexibility, and says no longer so when dismissed", async () => {
  expect(await command(dso, "request", ...terms, "--escrow", "1wei")).toMatchObject({
    exit: "failure",
    json: { ...named("NotRequesterRole"), hint: expect.stringContaining("flexibility appoint") },
  });
  expect((await command(dso, "appoint", "dso", dsoAddress)).json).toMatchObject(
    named("AccessControlUnauthorizedAccount"),
  );
  await run(owner, "appoint", "dso", dsoAddress);
  await run(owner, "appoint", "aggregator", aggregatorAddress);
  expect((await run(dso, "account")).roles).toEqual(["dso"]);
  await run(owner, "appoint", "dso", neighbourAddress);
  await run(owner, "dismiss", "dso", neighbourAddress);
  expect((await run(neighbour, "account")).roles).toEqual([]);
  const handed = await run(owner, "hand-over", "--to", neighbourAddress);
  expect(Date.parse(String(handed.from))).toBeGreaterThan(world.nowMs());
  expect((await command(neighbour, "take-over")).json).toMatchObject(named("AccessControlEnforcedDefaultAdminDelay"));
  await run(owner, "keep-ownership");
  expect((await command(neighbour, "take-over")).json).toMatchObject(named("AccessControlInvalidDefaultAdmin"));
});

test("a wallet asks by REST what the command asks; the requester takes it back, and who accepted has its bond again", async () => {
  const prepared = await askApi(world.api, "/ethereum/flexibility/request", {
    from: dsoAddress,
    parameters: {
      ...{ commitment: JSON.parse(readFileSync(commitment, "utf8")) as object, price: "1000wei", penalty: "300wei" },
      ...{ escrow: "5000wei", minReadings: 15, more: true },
    },
  });
  expect(prepared).toMatchObject({ status: 200, body: { valueWei: "5000" } });
  const wallet = await world.walletOf("dso");
  const signed = await wallet.signTransaction(Transaction.from(String(prepared.body.unsigned)));
  const sent = await askApi(world.api, "/ethereum/transactions", { signed });
  const events = sent.body.events as readonly { readonly event: string; readonly args: Record<string, string> }[];
  expect(events[0]).toMatchObject({ event: "Requested", args: { requester: dsoAddress, escrow: "5000" } });
  const id = events[0]?.args.requestId ?? "";
  expect((await askApi(world.api, `/ethereum/flexibility/event?id=${id}`)).body).toMatchObject({
    ...{ requestId: id, state: "open", quantity: "electricity", isIncrease: true, startMs, intervalCount: 4 },
    ...{ availableWei: "5000", root: made.root, count: 2 },
  });
  expect((await askApi(world.api, "/ethereum/flexibility/requests")).body.requests).toMatchObject([{ requestId: id }]);
  const publicKey = (await world.walletOf("prosumer")).signingKey.compressedPublicKey;
  const baseline = JSON.parse(readFileSync(exportBaseline, "utf8")) as object;
  const acceptance = { from: prosumerAddress, parameters: { id, baseline, energy: "1Wh", publicKey } };
  // 1.2 wei of bond, rounded up.
  expect(await askApi(world.api, "/ethereum/flexibility/accept", acceptance)).toMatchObject({
    status: 200,
    body: { valueWei: "2" },
  });
  const { positionId } = await run(prosumer, "accept", id, "--baseline", exportBaseline, "--energy", "1Wh");
  expect((await command(neighbour, "opt-out", String(positionId))).json).toMatchObject(named("NotHolder"));
  expect((await command(prosumer, "cancel", id)).json).toMatchObject(named("NotRequester"));
  expect(await run(dso, "cancel", id)).toMatchObject({ requestId: id, returnedWei: "5000" });
  expect((await askApi(world.api, "/ethereum/flexibility/requests")).body.requests).toEqual([]);
  // Once it is cancelled by anybody.
  expect(await run(neighbour, "opt-out", String(positionId))).toMatchObject({ holder: prosumerAddress, bondWei: "2" });
  expect(await run(prosumer, "position", String(positionId))).toMatchObject({ state: "left", deliveredMwh: "0" });
  const refused = await askApi(world.api, "/ethereum/flexibility/cancel", { from: dsoAddress, parameters: { id } });
  expect(refused).toMatchObject({ status: 422, body: { details: { error: "RequestIsCancelled" } } });
});

test("a whole event, by commands alone: from the baselines to each side's money", async () => {
  const { requestId } = await run(dso, "request", ...terms, "--escrow", "10000wei");
  const id = String(requestId);
  expect(await shown(prosumer, "requests")).toContain(`${id}  `.trimEnd());
  const asked = join(world.folder, "request.json");
  writeFileSync(asked, JSON.stringify(await run(prosumer, "event", id)));
  expect(await run(prosumer, "baseline", "check", importBaseline, "--request", asked)).toMatchObject({
    holds: true,
    meterId: IMPORT_METER,
  });

  // One through an aggregator, its bond in ether; the other with a bond of 60 wei and 300 tokens.
  const through = ["--aggregator", aggregatorAddress, "--share", "10%"];
  const first = await run(prosumer, "accept", id, "--baseline", importBaseline, "--energy", "300Wh", ...through);
  expect(first).toMatchObject({
    requestId: id,
    meterId: IMPORT_METER,
    incentiveWei: "1200",
    bondWei: "360",
    valueWei: "360",
  });
  await run(prosumer, "buy-tokens", "--amount", "1000wei");
  const byTokens = ["--baseline", exportBaseline, "--energy", "300Wh", "--bond-tokens", "300wei"];
  expect((await command(prosumer, "accept", id, ...byTokens)).json).toMatchObject({
    ...named("ERC20InsufficientAllowance"),
    hint: expect.stringContaining("flexibility allow"),
  });
  await run(prosumer, "allow", "--amount", "300wei");
  const second = await run(prosumer, "accept", id, ...byTokens);
  expect(second).toMatchObject({ bondWei: "360", valueWei: "60" });
  const [a, b] = [String(first.positionId), String(second.positionId)];
  expect((await run(prosumer, "positions")).positions).toMatchObject([{ positionId: b }, { positionId: a }]);

  await run(prosumer, "hand-on", a, "--to", neighbourAddress);
  expect((await run(neighbour, "positions")).positions).toMatchObject([{ positionId: a, holder: neighbourAddress }]);
  expect((await command(prosumer, "opt-out", a)).json).toMatchObject(named("NotHolder"));
  expect((await command(prosumer, "settle", a)).json).toMatchObject({ code: "NOTHING_TO_PROVE" });

  await world.measure();
  expect((await command(neighbour, "settle", a)).json).toMatchObject({ code: "PROOF_NOT_ANCHORED" });
  // Of what the meters have sealed the DSO makes the next baselines; the prosumer could say anything otherwise.
  for (const [meterId, mean] of [
    [IMPORT_METER, "350000"],
    [EXPORT_METER, "162500"],
  ] as const) {
    const [said, changed] = [world.openings(meterId), join(world.folder, "changed.json")];
    writeFileSync(changed, readFileSync(said, "utf8").replace('"sumMwh":"100000"', '"sumMwh":"100001"'));
    const next = [
      "baseline",
      "make",
      "--start",
      `${startMs + 7_200_000}`,
      "--interval",
      "15m",
      "--count",
      "1",
      "--before",
      "4",
    ];
    const output = ["-o", join(world.folder, "next")];
    const { meters } = await run(dso, ...next, ...output, "--openings", `${meterId}=${said}`);
    expect(meters).toMatchObject([{ baselinesMwh: [mean] }]);
    expect(await command(dso, ...next, ...output, "--openings", `${meterId}=${changed}`)).toMatchObject({
      exit: "verificationFailed",
      json: { code: "OPENING_FALSE" },
    });
  }
  await world.anchor();
  expect(await run(neighbour, "settle", a)).toMatchObject({
    ...{ deliveredMwh: "600001", paidWei: "540", aggregatorWei: "60", closed: true },
    ...{ shortfallMwh: "599999", penaltyWei: "179" },
    intervals: [
      { startMs, baselineMwh: "500000", usageMwh: "200000", deliveredMwh: "300000" },
      { usageMwh: "600000", deliveredMwh: "0" },
      { usageMwh: "100000", deliveredMwh: "300000" },
      { usageMwh: "499999", deliveredMwh: "1" },
    ],
  });
  expect((await command(neighbour, "settle", b)).json).toMatchObject({ code: "OPENING_MISSING" });
  // Only two of its sums are opened, and nobody proves the others in time.
  const openings = ["--openings", world.openings(EXPORT_METER, 2), "--baseline", exportBaseline];
  const settled = await run(neighbour, "settle", b, ...openings);
  expect(settled).toMatchObject({ deliveredMwh: "350000", paidWei: "350", closed: false });
  expect((await command(neighbour, "settle", b, ...openings)).json).toMatchObject({ code: "OPENING_MISSING" });
  expect((await run(prosumer, "positions")).positions).toMatchObject([
    { positionId: b, provedCount: 2, earnedWei: "350" },
  ]);
  expect((await command(neighbour, "close", b)).json).toMatchObject(named("NotYetClosable"));
  await world.passTo(world.endS + 7 * 86_400);
  expect(await run(neighbour, "close", b)).toMatchObject({
    ...{ totalDeliveredMwh: "350000", shortfallMwh: "850000", penaltyWei: "255", holder: prosumerAddress },
  });
  expect(await run(prosumer, "position", b)).toMatchObject({
    ...{ state: "closed", promisedMwh: "1200000", deliveredMwh: "350000", provedCount: 2, earnedWei: "350" },
    ...{ penaltyWei: "255", holder: prosumerAddress },
  });
  const text = await shown(prosumer, "position", a);
  for (const words of ["closed", "0.3 kWh", "179 wei", IMPORT_METER, aggregatorAddress]) expect(text).toContain(words);

  expect((await run(dso, "told")).events).toMatchObject([
    { event: 1, kind: "Requested", requester: dsoAddress, isIncrease: "true", height: "7" },
    { kind: "Accepted", energyMwh: "1000" },
    { kind: "Requested", requestId: id, startMs: `${startMs}`, intervalCount: "4" },
    { kind: "Accepted", positionId: a, requestId: id, energyMwh: "300000" },
    { kind: "Accepted", positionId: b },
    { kind: "Closed", positionId: a, deliveredMwh: "600001", shortfallMwh: "599999", penaltyWei: "179" },
    { event: 7, kind: "Closed", positionId: b },
  ]);
  const said = await shown(dso, "told", "--node", world.api.url);
  expect(said).toContain(
    `contract ${a} of request ${id}: 0.600001 kWh delivered, 0.599999 kWh missing, penalty 179 wei`,
  );
  expect(await run(aggregator, "sweep", id)).toMatchObject({ returnedWei: "7600" });
  const tokens: readonly (readonly [TestCli, bigint])[] = [
    [neighbour, 540n + 181n],
    [aggregator, 60n],
    [prosumer, 2n + 700n + 350n + 105n],
  ];
  for (const [cli, amount] of tokens) expect(await run(cli, "account")).toMatchObject({ tokensWei: `${amount}` });
  await run(neighbour, "allow", "--amount", "721wei");
  expect((await command(neighbour, "redeem", "--amount", "722wei")).json).toMatchObject(
    named("ERC20InsufficientAllowance"),
  );
  await run(neighbour, "redeem", "--amount", "721wei");
  expect(await run(neighbour, "withdraw")).toMatchObject({ amountWei: "721" });
  await run(aggregator, "send-tokens", "--to", dsoAddress, "--amount", "60wei");
  // The cancelled request's escrow, and this one's less what both earned (950), with what both lost of their bonds (434).
  expect(await run(dso, "account")).toMatchObject({ tokensWei: "60", creditWei: `${5000n + 10_000n - 950n + 434n}` });
  expect(await run(dso, "withdraw")).toMatchObject({ amountWei: `${5000n + 10_000n - 950n + 434n}` });
  expect(await world.evm.provider.getBalance(world.flexibility), "a wei behind each token").toBe(60n + 1157n);
});

test("too early, too late or of nothing: the contract's word is said, and what a request has by default", async () => {
  expect((await command(dso, "close", "99")).json).toMatchObject(named("PositionUnknown"));
  expect((await command(dso, "position", "99")).json).toMatchObject({ code: "POSITION_UNKNOWN" });
  const later = join(world.folder, "later");
  const start = new Date(startMs + 21 * 86_400_000).toISOString();
  const history = `${IMPORT_METER}=${world.history(IMPORT_METER)}`;
  const method = [
    "--start",
    start,
    "--interval",
    "15m",
    "--count",
    "1",
    "--high",
    "3/5",
    "--openings",
    history,
    "--unverified",
  ];
  const { meters } = await run(dso, "baseline", "make", ...method, "-o", later);
  const [meter] = meters as readonly { readonly file: string }[];
  const asked = ["--commitment", join(later, "commitment.json"), ...terms.slice(2), "--escrow", "1000wei"];
  const { requestId, settleBy } = await run(dso, "request", ...asked);
  // The certificate's proof is older than a week by now.
  const stale = await command(
    prosumer,
    "accept",
    String(requestId),
    "--baseline",
    meter?.file ?? "",
    "--energy",
    "1kWh",
  );
  expect(stale.json).toMatchObject(named("MeterProofTooOld"));
  expect((await command(dso, "sweep", String(requestId))).json).toMatchObject(named("BeforeCutoff"));
  expect(Date.parse(String(settleBy)) - Date.parse(start)).toBe(7 * 86_400_000 + 900_000);
});

test.each<[string, readonly string[], string]>([
  ["no number", ["event", "first"], "NUMBER_MALFORMED"],
  ["a share above a half", ["accept", "1", "--baseline", "B", "--energy", "1Wh", "--share", "51%"], "SHARE_MALFORMED"],
  [
    "a share without percent",
    ["accept", "1", "--baseline", "B", "--energy", "1Wh", "--share", "0.1"],
    "SHARE_MALFORMED",
  ],
  ["no such quantity", ["request", ...terms, "--escrow", "1wei", "--quantity", "gas"], "QUANTITY_UNKNOWN"],
  ["a baseline that is none", ["accept", "1", "--baseline", commitment, "--energy", "1Wh"], "BASELINE_MALFORMED"],
  [
    "a commitment that is none",
    ["request", "--commitment", "B", ...terms.slice(2), "--escrow", "1wei"],
    "BASELINE_MALFORMED",
  ],
  ["openings that are none", ["settle", "1", "--openings", commitment], "OPENINGS_MALFORMED"],
  [
    "an interval of no readings",
    ["request", ...terms.slice(0, 6), "--min-readings", "0", "--escrow", "1wei"],
    "NUMBER_OUT_OF_RANGE",
  ],
  ["a role that is none", ["appoint", "owner", dsoAddress], "ROLE_UNKNOWN"],
  ["a file that is not there", ["baseline", "show", "/nothing.json"], "FILE_UNREADABLE"],
])("%s is refused at the command line", async (_name, args, code) => {
  const given = args.map((arg) => (arg === "B" ? importBaseline : arg));
  expect(await command(prosumer, ...given)).toMatchObject({ exit: "usage", json: { code } });
});

test("a baseline of another request is said to be one before any proof is asked for", async () => {
  const other = join(world.folder, "other");
  const method = ["--start", `${startMs + 86_400_000 * 28}`, "--interval", "15m", "--count", "2", "--before", "4"];
  const { meters } = await run(
    dso,
    "baseline",
    "make",
    ...method,
    "--openings",
    `${IMPORT_METER}=${world.history(IMPORT_METER)}`,
    "--unverified",
    "-o",
    other,
  );
  const [{ file } = { file: "" }] = meters as readonly { readonly file: string }[];
  expect((await command(prosumer, "accept", "2", "--baseline", file, "--energy", "1Wh")).json).toMatchObject({
    code: "BASELINE_OTHER_REQUEST",
  });
  expect(await command(prosumer, "baseline", "check", file, "--request", commitment)).toMatchObject({
    exit: "verificationFailed",
    json: { code: "BASELINE_OTHER_REQUEST" },
  });
});
