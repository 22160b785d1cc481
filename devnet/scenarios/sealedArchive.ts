import { householdMeters } from "#node/meter/householdSource.ts";
import { verifySumOpening } from "#storage/types/intervalHash.ts";
import type { Story } from "./story.ts";
import type { World } from "./world.ts";

/** Of the owner's meter, a quarter of an hour each. */
const INTERVALS = 6;
const INTERVAL_MS = 15 * 60_000;

type Answer = Readonly<Record<string, unknown>>;

/** An archive that its owner has sealed on the ledger, and what the ledger knows of its intervals. */
export interface SealedArchive {
  readonly txId: string;
  readonly cid: string;
  readonly meterId: string;
  /** Flags of the commands that take a meter and a time. */
  readonly span: readonly string[];
  readonly intervals: readonly SealedInterval[];
}

/** With its sum opened by the owner's light node. */
interface SealedInterval {
  readonly endMs: number;
  readonly readings: number;
  readonly sumMwh: bigint;
  readonly isOpened: boolean;
}

/** The node of the ledger that everybody asks: a light node has no proofs for contracts. */
export const at = (world: World): readonly string[] => ["--node", world.node("validator0").apiUrl];

/** The owner makes and seals an archive of its first meter's latest intervals. `owner`: `light0`, whose simulated days run by. */
export async function makeArchive(world: World, owner: string, story: Story): Promise<SealedArchive> {
  const meterId = householdMeters({ households: 1, firstHousehold: 0 })[0]?.meterId ?? "";
  const intervals = await world.until(() => sealedIntervals(world, owner, meterId));
  const fromMs = (intervals[0]?.endMs ?? 0) - INTERVAL_MS;
  const untilMs = intervals.at(-1)?.endMs ?? 0;
  const span = ["--meter", meterId, "--from", `${fromMs}`, "--to", `${untilMs}`];
  const made = await world.run(owner, "archive", "make", ...span, ...at(world));
  const { txId, height } = made.sealed as { readonly txId: string; readonly height: number };
  const cid = String(made.cid);
  story.tell("The owner", `makes an archive of ${INTERVALS} intervals that its meter has sealed`, {
    meter: meterId,
    period: `${time(fromMs)} to ${time(untilMs)}`,
    readings: `${made.readingCount}, in ${made.fileBytes} bytes, encrypted`,
    cid,
    "ledger transaction": txId,
    "in block": `${height}`,
  });
  const compared = await world.run(owner, "archive", "verify", cid, "--meter", meterId, "--intervals", ...at(world));
  const { intact = 0 } = (compared.intervals ?? {}) as { readonly intact?: number };
  story.claim("its readings are those of the sealed intervals, each and every one", intact === INTERVALS);
  const sealed = intervals.reduce((sum, { readings }) => sum + readings, 0);
  story.claim("their number is the number that was sealed", made.readingCount === sealed);
  return { txId, cid, meterId, span, intervals };
}

/** Intervals of the meter in a row, of its latest ones, that the ledger and the owner's light node have. */
async function sealedIntervals(
  world: World,
  owner: string,
  meterId: string,
): Promise<readonly SealedInterval[] | undefined> {
  const meter = encodeURIComponent(meterId);
  const { openings } = await world.ask<{ openings: readonly Opening[] }>(owner, `/openings?meter=${meter}`);
  const final = openings.filter(({ amendment = 0 }) => amendment === 0);
  const path = `/transactions?meter=${meter}&limit=50`;
  const { transactions } = await world.ask<{ transactions: readonly { txId: string }[] }>("validator0", path);
  const row: SealedInterval[] = [];
  // Newest first.
  for (const { txId } of transactions) {
    const { messages } = await world.ask<{ messages: readonly Answer[] }>("validator0", `/transactions/${txId}`);
    for (const message of messages.toReversed()) {
      const interval = openedInterval(message, meterId, final);
      if (interval === undefined) continue;
      if (row[0] !== undefined && row[0].endMs !== interval.endMs + INTERVAL_MS) row.length = 0;
      row.unshift(interval);
      if (row.length === INTERVALS) return row;
    }
  }
  return undefined;
}

function openedInterval(message: Answer, meterId: string, openings: readonly Opening[]): SealedInterval | undefined {
  const endMs = Number(message.intervalEndMs);
  const opening = message.meterId === meterId ? openings.find((each) => each.intervalEndMs === endMs) : undefined;
  if (opening === undefined) return undefined;
  const [readings, sumMwh] = [Number(message.readingCount), BigInt(opening.sumMwh)];
  const opened = { sum: sumMwh, count: readings, salt: bytesOf(opening.salt) };
  return {
    endMs,
    readings,
    sumMwh,
    isOpened: verifySumOpening(bytesOf(String(message.sumCommitment)), opened).accepted,
  };
}

interface Opening {
  readonly intervalEndMs: number;
  readonly amendment?: number;
  readonly sumMwh: string;
  readonly salt: string;
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const time = (ms: number) => new Date(ms).toISOString();
