import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { formatMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { householdMeters } from "#node/meter/householdSource.ts";
import { cost } from "./cost.ts";
import { type Funded, fund } from "./fund.ts";
import type { ScenarioPlay } from "./scenario.ts";
import type { Story } from "./story.ts";
import { startWorld, type World } from "./world.ts";

/** Runs ledger and contracts, and has the keys of the DSO and of the aggregator. */
const GRID = "validator0";
const INVESTOR = "light0";

const INTERVAL_MS = 3000;
const READING_MS = 1000;
const COUNT = 3;
/** Intervals that the baseline is the mean of. */
const BEFORE = 4;

const PRICE = "0.5ETH";
const PENALTY = "0.2ETH";
const ESCROW = "0.05ETH";
const SHARE_PERCENT = 10n;
const GAS_WEI = parseEther("1");
/** From the DSO's decision to the event's start: as many times as long as a command takes here, and at least so long. */
const LEAD_COMMANDS = 8;
const LEAST_LEAD_MS = 9000;
/** Who accepts shows the meter's certificate under an anchor: without relayer there is none for a while. */
const FAULTS_LEAD_MS = 40_000;
/** A car charges with more, and nothing else in a household takes as much. */
const CAR_W = 5000;

/** Of the usual load that each household's energy manager leaves during the event, and promises to save; in tenths. */
const LEFT = 3n;
interface Household {
  readonly name: string;
  readonly who: string;
  readonly meterId: string;
  readonly promisedTenths: bigint;
  readonly isThroughAggregator: boolean;
}

type Answer = Readonly<Record<string, unknown>>;
const wei = (answer: Answer, name: string) => BigInt(String(answer[name]));
const meterOf = (household: number) => householdMeters({ households: 1, firstHousehold: household })[0]?.meterId ?? "";

/** The first one promises half of its load and saves seven tenths; the second promises nine tenths, which is more than its manager can. */
const HOUSEHOLDS: readonly [Household, Household] = [
  { name: "light1", who: "The first prosumer", meterId: meterOf(1), promisedTenths: 5n, isThroughAggregator: true },
  { name: "light2", who: "The second prosumer", meterId: meterOf(2), promisedTenths: 9n, isThroughAggregator: false },
];

/** One prosumer's part, as it was accepted. */
interface Accepted extends Household {
  readonly positionId: string;
  /** Of each interval, mWh. */
  readonly baselineMwh: bigint;
  readonly promisedMwh: bigint;
  readonly bondWei: bigint;
}

/**
 * Seed 003, HL-UC01: a DSO asks two prosumers for less load during some intervals, one of them through an aggregator. The baseline is committed to before the event;
 * what was delivered is what the meters' sealed intervals prove against it. One contract is handed on while the event runs.
 */
export const flexibilityEvent: ScenarioPlay = async (options, story) => {
  const real = { intervalMs: INTERVAL_MS, readingMs: READING_MS };
  await using world = await startWorld({ ...options, ...real, light: 3, bridge: true }, story);
  story.tell("The ledger", "runs, and an Ethereum of its own, with a bridge between them", {
    chain: world.net.chainId,
    validators: `${options.validators}`,
    "Flexibility at": world.contract("Flexibility"),
  });
  const people = await makePeople(world, story);
  const leadMs = Math.max(LEAST_LEAD_MS, LEAD_COMMANDS * people.commandMs) + (options.faults ? FAULTS_LEAD_MS : 0);
  const event = await request(world, story, leadMs);
  const accepted = await Promise.all(
    HOUSEHOLDS.map((household) => accept(world, event, household, people.aggregator.address)),
  );
  for (const { who, told } of accepted)
    story.tell(who, "finds its baseline good, promises, leaves the bond, and tells the energy manager", told);
  for (const { isCommitted } of accepted) story.claim("the baseline is the one that was committed to", isCommitted);
  const [first, second] = accepted as unknown as readonly [Accepted, Accepted];

  await world.until(async () => Date.now() >= event.startMs || undefined);
  const handed = await world.run(
    first.name,
    "flexibility",
    "hand-on",
    first.positionId,
    "--to",
    people.investor.address,
  );
  story.tell(first.who, "hands its contract on while the event runs", {
    contract: first.positionId,
    to: people.investor.address,
    ...cost(handed),
  });

  const paid = await Promise.all([first, second].map((one) => settle(world, event, one)));
  for (const { who, facts, claims } of paid) {
    story.tell(who, "proves what its meter has measured, and whoever holds the contract is paid", facts);
    for (const [claim, holds] of claims) story.claim(claim, holds);
  }
  story.claim(
    "the first prosumer delivered all that it had promised, and lost nothing",
    paid[0]?.missingMwh === 0n && paid[0].penaltyWei === 0n,
  );
  story.claim(
    "the second one promised more than it could, and pays for what is missing",
    (paid[1]?.penaltyWei ?? 0n) > 0n,
  );

  await tellLedger(world, story);
  await count(world, story, people, paid);
};

interface People {
  readonly dso: Funded;
  readonly aggregator: Funded;
  readonly investor: Funded;
  readonly prosumers: readonly Funded[];
  /** What a command that sends a transaction takes here. */
  readonly commandMs: number;
}

async function makePeople(world: World, story: Story): Promise<People> {
  await Promise.all(["dso", "aggregator"].map((name) => world.run(GRID, "keys", "new", name)));
  const dso = await fund(world, GRID, GAS_WEI, "dso");
  const aggregator = await fund(world, GRID, GAS_WEI, "aggregator");
  const investor = await fund(world, INVESTOR, GAS_WEI);
  const prosumers = [];
  for (const { name } of HOUSEHOLDS) prosumers.push(await fund(world, name, GAS_WEI));
  const appointed = await world.run(GRID, "flexibility", "appoint", "dso", dso.address, "--key", "operator");
  story.tell("The contract's owner", "appoints a DSO", { DSO: dso.address, ...cost(appointed) });
  const began = performance.now();
  const second = await world.run(GRID, "flexibility", "appoint", "aggregator", aggregator.address, "--key", "operator");
  const commandMs = performance.now() - began;
  story.tell("The contract's owner", "appoints an aggregator", { aggregator: aggregator.address, ...cost(second) });
  return { dso, aggregator, investor, prosumers, commandMs };
}

interface Event {
  readonly requestId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** By meter. */
  readonly baselines: ReadonlyMap<string, string>;
}

/** The DSO makes the baselines of what the prosumers' meters have sealed, commits to them and asks. */
async function request(world: World, story: Story, leadMs: number): Promise<Event> {
  const files = await Promise.all(HOUSEHOLDS.map((household) => history(world, household)));
  const startMs = Math.ceil((Date.now() + leadMs) / INTERVAL_MS) * INTERVAL_MS;
  const folder = join(world.directory, "baselines");
  const made = await world.run(
    GRID,
    ...["flexibility", "baseline", "make", "--start", `${startMs}`, "--interval", `${INTERVAL_MS}ms`],
    ...["--count", `${COUNT}`, "--before", `${BEFORE}`, "-o", folder],
    ...HOUSEHOLDS.flatMap(({ meterId }, i) => ["--openings", `${meterId}=${files[i]}`]),
  );
  const meters = made.meters as readonly {
    readonly meterId: string;
    readonly file: string;
    readonly baselinesMwh: readonly string[];
  }[];
  story.tell("The DSO", "makes the prosumers' baselines of what their meters have sealed, and commits to them", {
    method: String(made.method),
    root: String(made.root),
    ...Object.fromEntries(
      meters.map(({ meterId, baselinesMwh }) => [meterId, `${formatEnergy(BigInt(baselinesMwh[0] ?? 0))} an interval`]),
    ),
  });
  const terms = [
    "--price",
    PRICE,
    "--penalty",
    PENALTY,
    "--escrow",
    ESCROW,
    "--min-readings",
    `${INTERVAL_MS / READING_MS}`,
  ];
  const asked = await world.run(
    GRID,
    "flexibility",
    "request",
    "--commitment",
    String(made.commitment),
    ...terms,
    "--key",
    "dso",
  );
  story.tell("The DSO", "asks for less load in coming intervals, and escrows what it pays for it", {
    request: String(asked.requestId),
    event: `${new Date(startMs).toISOString()}, ${COUNT} intervals of ${INTERVAL_MS / 1000} s`,
    "a kWh delivered": PRICE,
    "a kWh missing": PENALTY,
    escrow: ESCROW,
    ...cost(asked),
  });
  return {
    requestId: String(asked.requestId),
    ...{ startMs, endMs: startMs + COUNT * INTERVAL_MS },
    baselines: new Map(meters.map(({ meterId, file }) => [meterId, file])),
  };
}

/** What opens the sums of the meter's last intervals, once there are enough: the prosumer gives it to the DSO. */
async function history(world: World, { name, meterId }: Household): Promise<string> {
  const file = join(world.directory, `${name}-history.json`);
  await world.until(async () => {
    const written = await world.run(name, "meters", "openings", meterId, "-o", file).catch(ifNone);
    // The first interval may not be whole.
    return written !== undefined && Number(written.openings) > BEFORE ? true : undefined;
  });
  return file;
}

function ifNone(error: unknown): undefined {
  if (String(error).includes("OPENINGS_NONE")) return undefined;
  throw error;
}

async function accept(world: World, event: Event, household: Household, aggregator: string) {
  const { name, meterId, promisedTenths, isThroughAggregator } = household;
  const file = event.baselines.get(meterId) ?? "";
  const shown = await world.run(name, "flexibility", "event", event.requestId);
  const terms = join(world.directory, `${name}-request.json`);
  writeFileSync(terms, JSON.stringify(shown));
  const checked = await world.run(name, "flexibility", "baseline", "check", file, "--request", terms);
  const { baselinesMwh } = JSON.parse(readFileSync(file, "utf8")) as { readonly baselinesMwh: readonly string[] };
  const baselineMwh = BigInt(baselinesMwh[0] ?? 0);
  const promisedMwh = (baselineMwh * promisedTenths) / 10n;
  const limitW = Math.round(powerW((baselineMwh * LEFT) / 10n));
  const limits = [{ fromMs: event.startMs, untilMs: event.endMs, limitW }];
  writeFileSync(join(world.node(name).home, "limits.json"), JSON.stringify(limits));
  const through = isThroughAggregator ? ["--aggregator", aggregator, "--share", `${SHARE_PERCENT}%`] : [];
  const made = await world.run(
    name,
    ...["flexibility", "accept", event.requestId, "--baseline", file, "--energy", `${promisedMwh}mWh`],
    ...through,
    ...["--wait", "60s", "--node", world.node(GRID).apiUrl],
  );
  return {
    ...{ ...household, positionId: String(made.positionId), baselineMwh, promisedMwh, bondWei: wei(made, "bondWei") },
    isCommitted: checked.holds === true,
    told: {
      contract: String(made.positionId),
      meter: meterId,
      baseline: `${formatEnergy(baselineMwh)} an interval, ${usualText(baselineMwh)}`,
      promised: `${formatEnergy(promisedMwh)} of each`,
      bond: formatMoney(wei(made, "bondWei")),
      ...(isThroughAggregator ? { aggregator: `${aggregator}, ${SHARE_PERCENT} %` } : {}),
      "energy manager": `at most ${limitW} W during the event`,
      ...cost(made),
    },
  };
}

/** Of the energy of an interval. */
const powerW = (mwh: bigint) => (Number(mwh) * 3600) / INTERVAL_MS;

function usualText(baselineMwh: bigint): string {
  const watts = Math.round(powerW(baselineMwh));
  return `${watts} W${watts > CAR_W ? ": its electric car is charging" : ""}`;
}

interface Opening {
  readonly intervalEndMs: number;
  readonly amendment?: number;
  readonly sumMwh: string;
}

/** Once the meter has sealed the event's last interval. */
async function settle(world: World, event: Event, accepted: Accepted) {
  const { name, who, meterId, positionId, baselineMwh, promisedMwh } = accepted;
  const path = `/openings?meter=${encodeURIComponent(meterId)}&from=${event.startMs + 1}&to=${event.endMs}`;
  const openings = await world.until(async () => {
    const answer = await world.ask<{ openings: readonly Opening[] }>(name, path);
    const sealed = answer.openings.filter(({ amendment = 0 }) => amendment === 0);
    return sealed.length === COUNT ? sealed : undefined;
  });
  // The sums are opened by the home's own light node, the proofs come from one that has the ledger.
  const from = ["--node", world.node(GRID).apiUrl, "--wait", "60s"];
  const settled = await world.run(name, "flexibility", "settle", positionId, ...from);

  // By the contract's rules, from what the light node says that its meter measured.
  const usage = openings.map(({ sumMwh }) => BigInt(sumMwh));
  const saved = usage.map((used) => clamp(baselineMwh - used, promisedMwh));
  const deliveredMwh = saved.reduce((sum, one) => sum + one, 0n);
  const missingMwh = promisedMwh * BigInt(COUNT) - deliveredMwh;
  const incentive = (deliveredMwh * wholeWei(PRICE)) / MWH_PER_KWH;
  const penaltyWei = (missingMwh * wholeWei(PENALTY)) / MWH_PER_KWH;
  const aggregatorWei = accepted.isThroughAggregator ? (incentive * SHARE_PERCENT) / 100n : 0n;
  const intervals = settled.intervals as readonly Answer[];
  return {
    ...{ who, deliveredMwh, missingMwh, incentive, penaltyWei, aggregatorWei, bondWei: accepted.bondWei },
    facts: {
      contract: positionId,
      intervals: intervals.map(({ usageMwh }) => formatEnergy(BigInt(String(usageMwh)))).join(", "),
      baseline: `${formatEnergy(baselineMwh)} each`,
      delivered: `${formatEnergy(wei(settled, "deliveredMwh"))} of ${formatEnergy(promisedMwh * BigInt(COUNT))}`,
      paid: `${formatMoney(wei(settled, "paidWei"))} in tokens`,
      "to the aggregator": aggregatorWei === 0n ? "nothing" : formatMoney(wei(settled, "aggregatorWei")),
      "penalty, out of the bond": formatMoney(wei(settled, "penaltyWei")),
      ...cost(settled),
    },
    claims: [
      [
        "the proved intervals are what the meter measured, mWh for mWh",
        intervals.every(({ usageMwh }, i) => usageMwh === `${usage[i]}`) && intervals.length === COUNT,
      ],
      [
        "delivered is what it used less than its baseline, and at most what it promised",
        settled.deliveredMwh === `${deliveredMwh}`,
      ],
      [
        "incentive, the aggregator's part and penalty are as the terms say, to the wei",
        wei(settled, "paidWei") === incentive - aggregatorWei &&
          wei(settled, "aggregatorWei") === aggregatorWei &&
          wei(settled, "penaltyWei") === penaltyWei,
      ],
      ["with its last interval the contract is closed", settled.closed === true],
    ] as readonly (readonly [string, boolean])[],
  };
}

type Paid = Awaited<ReturnType<typeof settle>>;

const MWH_PER_KWH = 1_000_000n;
const wholeWei = (amount: string) => parseEther(amount.replace("ETH", ""));
const clamp = (energy: bigint, most: bigint) => (energy < 0n ? 0n : energy > most ? most : energy);

/** What the contract has told comes onto the ledger by the validators' votes. */
async function tellLedger(world: World, story: Story): Promise<void> {
  const wanted = ["Requested", "Accepted", "Accepted", "Closed", "Closed"];
  const events = await world.until(async () => {
    const { events: found } = await world.run(GRID, "flexibility", "told");
    return (found as readonly Answer[]).length >= wanted.length ? (found as readonly Answer[]) : undefined;
  });
  story.tell(
    "The validators",
    "vote onto the ledger what the contract has told it",
    Object.fromEntries(
      events.map(({ event, kind, height }) => [`event ${event}`, `Flexibility.${kind}, in block ${height}`]),
    ),
  );
  story.claim(
    "request, contracts and their ends are on the ledger, each once",
    events.map(({ kind }) => kind).join() === wanted.join(),
  );
}

/** Tokens become money again, and everybody counts. */
async function count(world: World, story: Story, people: People, paid: readonly Paid[]): Promise<void> {
  const [first, second] = paid as unknown as readonly [Paid, Paid];
  const swept = await world.run(GRID, "flexibility", "sweep", "1", "--key", "dso");
  story.tell("The DSO", "has swept back what no contract could earn", {
    amount: formatMoney(wei(swept, "returnedWei")),
    ...cost(swept),
  });

  const investorGets = first.incentive - first.aggregatorWei + first.bondWei - first.penaltyWei;
  const secondGets = second.incentive + second.bondWei - second.penaltyWei;
  const dsoGets = wholeWei(ESCROW) - first.incentive - second.incentive + first.penaltyWei + second.penaltyWei;
  const fetched = await Promise.all([
    cash(world, "The investor who holds the first contract", INVESTOR, [], investorGets),
    cash(world, HOUSEHOLDS[1].who, HOUSEHOLDS[1].name, [], secondGets),
    cash(world, "The aggregator", GRID, ["--key", "aggregator"], first.aggregatorWei),
  ]);
  for (const { who, facts } of fetched) story.tell(who, "makes ether of its tokens and fetches it", facts);
  const rest = await world.run(GRID, "flexibility", "withdraw", "--key", "dso");
  story.tell("The DSO", "fetches the rest of the escrow, and the penalty", {
    amount: formatMoney(wei(rest, "amountWei")),
    ...cost(rest),
  });

  const [dso, investor, seller, prosumer] = [
    await people.dso.change(),
    await people.investor.change(),
    (await people.prosumers[0]?.change()) ?? 0n,
    (await people.prosumers[1]?.change()) ?? 0n,
  ];
  story.tell("Everybody", "counts", {
    "energy that was not used": formatEnergy(first.deliveredMwh + second.deliveredMwh),
    "paid for it": formatMoney(first.incentive + second.incentive),
    "the investor has more": `${formatMoney(investor)}, after ${formatMoney(world.feesOf(INVESTOR))} for gas`,
    "the first prosumer has less": `${formatMoney(-seller)}: its bond, which went to the investor with the contract, and gas`,
    "the second prosumer has": `${formatMoney(prosumer)}, after ${formatMoney(world.feesOf(HOUSEHOLDS[1].name))} for gas`,
    "the DSO has less": formatMoney(-dso),
  });
  story.claim(
    "tokens became as many wei as they were",
    fetched.every(({ isAll }) => isAll),
  );
  story.claim("the DSO gets back what was not earned, and the penalty", wei(rest, "amountWei") === dsoGets);
  story.claim(
    "the investor's balance grew by incentive and bond less its gas",
    investor === investorGets - world.feesOf(INVESTOR),
  );
  story.claim(
    "the second prosumer's balance grew by its incentive less penalty and gas",
    prosumer === second.incentive - second.penaltyWei - world.feesOf(HOUSEHOLDS[1].name),
  );
  story.claim(
    "the first prosumer's fell by bond and gas: it has handed on what it is owed",
    seller === -first.bondWei - world.feesOf(HOUSEHOLDS[0].name),
  );
  const left = await world.provider.getBalance(world.contract("Flexibility"));
  story.claim("nothing is left in the contract", left === 0n);
}

async function cash(world: World, who: string, name: string, key: readonly string[], expected: bigint) {
  const amount = `${expected}wei`;
  await world.run(name, "flexibility", "allow", "--amount", amount, ...key);
  await world.run(name, "flexibility", "redeem", "--amount", amount, ...key);
  const withdrawn = await world.run(name, "flexibility", "withdraw", ...key);
  const { tokensWei, creditWei } = await world.run(name, "flexibility", "account", ...key);
  const isAll = tokensWei === "0" && creditWei === "0" && wei(withdrawn, "amountWei") === expected;
  return { who, isAll, facts: { amount: formatMoney(wei(withdrawn, "amountWei")), ...cost(withdrawn) } };
}
