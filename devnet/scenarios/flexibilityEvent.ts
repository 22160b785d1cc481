import { parseEther } from "ethers";
import { formatMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { cost } from "./cost.ts";
import { type Accepted, accept, type Paid, settle, wholeWei } from "./flexibilityHouseholds.ts";
import { type Answer, ESCROW, GRID, HOUSEHOLDS, INTERVAL_MS, READING_MS, request, wei } from "./flexibilityRequest.ts";
import { type Funded, fund } from "./fund.ts";
import type { ScenarioPlay } from "./scenario.ts";
import type { Story } from "./story.ts";
import { startWorld, type World } from "./world.ts";

const INVESTOR = "light0";

const GAS_WEI = parseEther("1");
/** From the DSO's decision to the event's start: as many times as long as a command takes here, and at least so long. */
const LEAD_COMMANDS = 8;
const LEAST_LEAD_MS = 9000;
/** Who accepts shows the meter's certificate under an anchor: without relayer there is none for a while. */
const FAULTS_LEAD_MS = 40_000;

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
