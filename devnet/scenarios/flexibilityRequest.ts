import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatEnergy } from "#node/cli/quantities.ts";
import { householdMeters } from "#node/meter/householdSource.ts";
import { cost } from "./cost.ts";
import type { Story } from "./story.ts";
import type { World } from "./world.ts";

/** Runs ledger and contracts, and has the keys of the DSO and of the aggregator. */
export const GRID = "validator0";

export const INTERVAL_MS = 3000;
export const READING_MS = 1000;
/** Intervals of the event. */
export const COUNT = 3;
/** Intervals that the baseline is the mean of. */
const BEFORE = 4;

/** For a kWh delivered, and for one that is missing. */
export const PRICE = "0.5ETH";
export const PENALTY = "0.2ETH";
export const ESCROW = "0.05ETH";

/** Who is asked, and how much of its usual load it promises to save. */
export interface Household {
  readonly name: string;
  readonly who: string;
  readonly meterId: string;
  readonly promisedTenths: bigint;
  readonly isThroughAggregator: boolean;
}

export type Answer = Readonly<Record<string, unknown>>;
export const wei = (answer: Answer, name: string) => BigInt(String(answer[name]));
const meterOf = (household: number) => householdMeters({ households: 1, firstHousehold: household })[0]?.meterId ?? "";

/** The first one promises half of its load and saves seven tenths; the second promises nine tenths, which is more than its manager can. */
export const HOUSEHOLDS: readonly [Household, Household] = [
  { name: "light1", who: "The first prosumer", meterId: meterOf(1), promisedTenths: 5n, isThroughAggregator: true },
  { name: "light2", who: "The second prosumer", meterId: meterOf(2), promisedTenths: 9n, isThroughAggregator: false },
];

/** What the DSO has asked for. */
export interface Event {
  readonly requestId: string;
  readonly startMs: number;
  readonly endMs: number;
  /** By meter. */
  readonly baselines: ReadonlyMap<string, string>;
}

/** The DSO makes the baselines of what the prosumers' meters have sealed, commits to them and asks. */
export async function request(world: World, story: Story, leadMs: number): Promise<Event> {
  const files = await Promise.all(HOUSEHOLDS.map((household) => history(world, household)));
  const folder = join(world.directory, "baselines");
  const make = (startMs: number, of: readonly string[]) =>
    world.run(
      GRID,
      ...["flexibility", "baseline", "make", "--start", `${startMs}`, "--interval", `${INTERVAL_MS}ms`],
      ...["--count", `${COUNT}`, "--before", `${BEFORE}`, "-o", folder],
      ...HOUSEHOLDS.flatMap(({ meterId }, i) => ["--openings", `${meterId}=${of[i]}`]),
    );
  const startIn = (ms: number) => Math.ceil((Date.now() + ms) / INTERVAL_MS) * INTERVAL_MS;
  // A light node may know of its newest interval a moment before this node does.
  await world.until(() => make(startIn(leadMs), files).catch(ifEarly));
  const refused = await make(startIn(leadMs), [files[0] ?? "", inflated(files[1] ?? "")]).then(
    () => "",
    (error: unknown) => String(error),
  );
  // From here on time matters: who accepts has to do so before the event.
  const startMs = startIn(leadMs);
  const made = await make(startMs, files);
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
  story.claim("sums that the meter has not sealed make no baseline", refused.includes("OPENING_FALSE"));
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

/** The same file with a larger sum in its last interval. */
function inflated(file: string): string {
  const openings = JSON.parse(readFileSync(file, "utf8")) as { sumMwh: string }[];
  const last = openings.at(-1);
  if (last !== undefined) last.sumMwh = `${BigInt(last.sumMwh) + 1000n}`;
  const path = `${file}.inflated`;
  writeFileSync(path, JSON.stringify(openings));
  return path;
}

function ifEarly(error: unknown): undefined {
  if (String(error).includes("the ledger has no such interval")) return undefined;
  throw error;
}

function ifNone(error: unknown): undefined {
  if (String(error).includes("OPENINGS_NONE")) return undefined;
  throw error;
}
