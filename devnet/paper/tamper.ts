import { proveAll, verifyMerkle } from "#storage/crypto/merkle.ts";
import type { LevelStore } from "#storage/db/levelStore.ts";
import { readingKey } from "#storage/offchain/levelReadingKeys.ts";
import { type ReadingStore, seriesOf } from "#storage/offchain/readingStore.ts";
import { encodeStoredReading } from "#storage/offchain/storedReading.ts";
import { type Block, dataHash, txId } from "#storage/types/block.ts";
import type { Reading } from "#storage/types/reading.ts";
import { randomInteger } from "./random.ts";

/**
 * record: a bit of a transaction in one node's copy of a block. reading: a bit of the value of one stored reading.
 * pair: two stored readings, one more and the other less by the same, so that no sum changes.
 */
export const ATTACKS = ["record", "reading", "pair"] as const;
export type Attack = (typeof ATTACKS)[number];

export interface TamperResult {
  readonly trials: number;
  readonly detected: number;
  /** Exactly what was changed was named. */
  readonly located: number;
  /** Readings, or transactions, that a detection leaves in doubt; the largest number of any trial. */
  readonly inDoubt: number;
  /** To recompute and compare, of an interval or a block; the mean. */
  readonly auditMilliseconds: number;
}

const TRIALS = 10;
/** Of a value that is changed: at the low end, where nothing but a hash would see it. */
const FLIPPED_BITS = 8;

/** Changes `count` transactions of a node's copy of a block by a bit each, and looks for them with the header and the paths of the intact block. */
export function tamperRecords(block: Block, random: () => number, count = 1): TamperResult {
  const paths = proveAll(block.txs.map(txId));
  return countTrials((trial) => {
    const changed = new Set<number>();
    while (changed.size < Math.min(count, block.txs.length)) changed.add(randomInteger(random, block.txs.length));
    const txs = block.txs.map((tx, index) => (changed.has(index) ? flipped(tx, random) : tx));
    return trial(changed, () => {
      if (Buffer.compare(dataHash(txs), block.header.dataHash) === 0) return [];
      return txs.flatMap((tx, index) => {
        const path = paths[index];
        return path !== undefined && verifyMerkle(block.header.dataHash, path, txId(tx)).accepted ? [] : [index];
      });
    });
  });
}

/** Changes readings in the database itself, past the store's rules, reads them through the store, and asks the design's audit which are in doubt. */
export async function tamperReadings(
  of: {
    readonly level: LevelStore;
    readonly store: ReadingStore;
    readonly readings: readonly Reading[];
    readonly random: () => number;
  },
  attack: Exclude<Attack, "record">,
  audit: (rows: readonly Reading[]) => readonly number[],
): Promise<TamperResult> {
  const { level, store, readings, random } = of;
  const write = (changed: readonly Reading[]): Promise<void> =>
    level.batch(
      changed.map((reading) => ({
        type: "put" as const,
        key: readingKey(reading, reading.timestampMs),
        value: encodeStoredReading(reading),
      })),
      { sync: false },
    );
  const prepared: { readonly changed: ReadonlySet<number>; readonly rows: readonly Reading[] }[] = [];
  for (let run = 0; run < TRIALS; run++) {
    const changes = attack === "reading" ? oneBit(readings, random) : samePairSum(readings, random);
    await write([...changes.values()]);
    prepared.push({ changed: new Set(changes.keys()), rows: await rowsOf(store, readings[0] as Reading) });
    await write([...changes.keys()].map((index) => readings[index] as Reading));
  }
  return countTrials((trial, run) => {
    const { changed, rows } = prepared[run] as (typeof prepared)[number];
    return trial(changed, () => audit(rows));
  });
}

async function rowsOf(store: ReadingStore, first: Reading): Promise<readonly Reading[]> {
  const rows: Reading[] = [];
  for await (const row of store.read(seriesOf(first))) if (row.type === "reading") rows.push(row.reading);
  return rows;
}

function oneBit(readings: readonly Reading[], random: () => number): ReadonlyMap<number, Reading> {
  const index = randomInteger(random, readings.length);
  const reading = readings[index] as Reading;
  return new Map([[index, { ...reading, value: reading.value ^ (1 << randomInteger(random, FLIPPED_BITS)) }]]);
}

function samePairSum(readings: readonly Reading[], random: () => number): ReadonlyMap<number, Reading> {
  const able = readings.flatMap(({ value }, index) => (value > 0 ? [index] : []));
  const less = able[randomInteger(random, able.length)] as number;
  const more = (less + 1 + randomInteger(random, readings.length - 1)) % readings.length;
  const moved = (index: number, by: number): Reading => {
    const reading = readings[index] as Reading;
    return { ...reading, value: reading.value + by };
  };
  return new Map([
    [less, moved(less, -1)],
    [more, moved(more, 1)],
  ]);
}

function flipped(bytes: Uint8Array, random: () => number): Uint8Array {
  const copy = new Uint8Array(bytes);
  const at = randomInteger(random, copy.length);
  copy[at] = (copy[at] as number) ^ (1 << randomInteger(random, 8));
  return copy;
}

type Trial = (changed: ReadonlySet<number>, look: () => readonly number[]) => void;

function countTrials(each: (trial: Trial, run: number) => void): TamperResult {
  let [detected, located, inDoubt, spentMs] = [0, 0, 0, 0];
  const trial: Trial = (changed, look) => {
    const beganMs = performance.now();
    const doubted = new Set(look());
    spentMs += performance.now() - beganMs;
    if (doubted.size > 0) detected += 1;
    if (doubted.size === changed.size && [...changed].every((index) => doubted.has(index))) located += 1;
    inDoubt = Math.max(inDoubt, doubted.size);
  };
  for (let run = 0; run < TRIALS; run++) each(trial, run);
  return { trials: TRIALS, detected, located, inDoubt, auditMilliseconds: spentMs / TRIALS };
}
