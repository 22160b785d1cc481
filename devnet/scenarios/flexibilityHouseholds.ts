import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { formatMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { cost } from "./cost.ts";
import {
  type Answer,
  COUNT,
  type Event,
  GRID,
  type Household,
  INTERVAL_MS,
  PENALTY,
  PRICE,
  wei,
} from "./flexibilityRequest.ts";
import type { World } from "./world.ts";

/** Of the usual load that each household's energy manager leaves during the event, in tenths. */
const LEFT = 3n;
const SHARE_PERCENT = 10n;
/** A car charges with more, and nothing else in a household takes as much. */
const CAR_W = 5000;
const MWH_PER_KWH = 1_000_000n;

/** One prosumer's part, as it was accepted. */
export interface Accepted extends Household {
  readonly positionId: string;
  /** Of each interval, mWh. */
  readonly baselineMwh: bigint;
  readonly promisedMwh: bigint;
  readonly bondWei: bigint;
}

/** A prosumer looks, checks, tells its energy manager, and promises. */
export async function accept(world: World, event: Event, household: Household, aggregator: string) {
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
export async function settle(world: World, event: Event, accepted: Accepted) {
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

export type Paid = Awaited<ReturnType<typeof settle>>;

export const wholeWei = (amount: string) => parseEther(amount.replace("ETH", ""));
const clamp = (energy: bigint, most: bigint) => (energy < 0n ? 0n : energy > most ? most : energy);
