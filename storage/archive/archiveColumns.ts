import type { ReadingSeries } from "../offchain/readingStore.ts";
import { type Reading, TIME_QUALITIES, TIME_SOURCES } from "../types/reading.ts";

/** Readings of one block: enough that what is said once per block weighs nothing, few enough that a reader holds little. */
export const BLOCK_READINGS = 4096;

/** One number per reading, `null` where there is none; a column of equal entries is written as that one entry. */
type Column = number | null | readonly (number | null)[];

/**
 * The readings of one block by columns, so that what repeats is written once:
 * 0 ms since the reading before, the first since the block before or the start of the period · 1 value · 2 period in ms ·
 * 3 ms since the reading before was received, the first since its timestamp · 4 time source << 4 | time quality · 5 quality bits · 6 sequence number and 7 register beside an
 * interval value, as difference from the last one in the block, the first from 0 · 8 the raw hashes, 32 bytes each, one for all readings
 * in turn that have the same · 9 how many these are.
 */
export type BlockColumns = readonly [
  times: Column,
  values: Column,
  periods: Column,
  received: Column,
  clocks: Column,
  quality: Column,
  sequences: Column,
  registers: Column,
  rawHashes: Uint8Array,
  hashRuns: Column,
];

const HASHES = 8;
const COLUMNS = 10;

export function columnsOf(readings: readonly Reading[], afterMs: number): BlockColumns {
  const hashes: Uint8Array[] = [];
  const runs: number[] = [];
  for (const { rawHash } of readings) {
    const last = hashes.at(-1);
    if (last !== undefined && Buffer.compare(last, rawHash) === 0) runs.push((runs.pop() ?? 0) + 1);
    else {
      hashes.push(rawHash);
      runs.push(1);
    }
  }
  return [
    column(
      differences(
        readings.map(({ timestampMs }) => timestampMs),
        afterMs,
      ),
    ),
    column(readings.map(({ value }) => value)),
    column(readings.map(({ periodMs }) => periodMs)),
    column(
      differences(
        readings.map(({ receivedMs }) => receivedMs),
        readings[0]?.timestampMs ?? 0,
      ),
    ),
    column(readings.map(clockOf)),
    column(readings.map(({ quality }) => quality)),
    column(
      differences(
        readings.map(({ seq }) => seq ?? null),
        0,
      ),
    ),
    column(
      differences(
        readings.map(({ registerValue }) => registerValue ?? null),
        0,
      ),
    ),
    Buffer.concat(hashes),
    column(runs),
  ];
}

/** The readings, not yet validated; undefined where `block` is nothing that columnsOf makes of `count` readings. */
export function readingsOf(
  series: ReadingSeries,
  block: unknown,
  count: number,
  afterMs: number,
): readonly Reading[] | undefined {
  if (!Array.isArray(block) || block.length !== COLUMNS) return undefined;
  const hashes = hashesOf(block[HASHES], block[HASHES + 1], count);
  const [times, values, periods, received, clocks, quality] = block.map((each) => numbersOf(each, count));
  const [sequences, registers] = block.slice(6, HASHES).map((each) => entriesOf(each, count));
  if (!hashes || !times || !values || !periods || !received || !clocks || !quality || !sequences || !registers)
    return undefined;
  const { meterId, quantity, kind, phase, tariff } = series;
  const readings: Reading[] = [];
  let timestampMs = afterMs;
  let receivedMs = afterMs + (times[0] ?? 0);
  let [seq, registerValue] = [0, 0];
  for (let index = 0; index < count; index++) {
    timestampMs += times[index]!;
    receivedMs += received[index]!;
    const clock = clocks[index]!;
    const timeSource = TIME_SOURCES[clock >> 4];
    const timeQuality = TIME_QUALITIES[clock & 15];
    if (timeSource === undefined || timeQuality === undefined) return undefined;
    const [sequence, register] = [sequences[index] ?? undefined, registers[index] ?? undefined];
    seq += sequence ?? 0;
    registerValue += register ?? 0;
    readings.push({
      meterId,
      quantity,
      kind,
      phase,
      tariff,
      value: values[index]!,
      timestampMs,
      periodMs: periods[index]!,
      receivedMs,
      timeSource,
      timeQuality,
      ...(sequence === undefined ? {} : { seq }),
      ...(register === undefined ? {} : { registerValue }),
      quality: quality[index]!,
      rawHash: hashes[index]!,
    });
  }
  return readings;
}

function clockOf({ timeSource, timeQuality }: Reading): number {
  return (TIME_SOURCES.indexOf(timeSource) << 4) | TIME_QUALITIES.indexOf(timeQuality);
}

function column(entries: readonly (number | null)[]): Column {
  // -0 is a float in CBOR; adding 0 makes it an integer.
  const whole = entries.map((entry) => (entry === null ? null : entry + 0));
  const [first = null] = whole;
  return whole.every((entry) => entry === first) ? first : whole;
}

/** Exact: sequence numbers, registers and times are not negative, so no difference is beyond 2^53 - 1. */
function differences(entries: readonly (number | null)[], before: number): readonly (number | null)[] {
  let last = before;
  return entries.map((entry) => {
    if (entry === null) return null;
    const difference = entry - last;
    last = entry;
    return difference;
  });
}

function entriesOf(column: unknown, count: number): readonly (number | null)[] | undefined {
  if (column === null || Number.isSafeInteger(column)) return new Array<number | null>(count).fill(column as number);
  if (!Array.isArray(column) || column.length !== count) return undefined;
  return column.every((entry) => entry === null || Number.isSafeInteger(entry)) ? column : undefined;
}

function numbersOf(column: unknown, count: number): readonly number[] | undefined {
  const entries = entriesOf(column, count);
  return entries?.includes(null) === false ? (entries as readonly number[]) : undefined;
}

function hashesOf(bytes: unknown, runColumn: unknown, count: number): readonly Uint8Array[] | undefined {
  if (!(bytes instanceof Uint8Array) || bytes.length % 32 !== 0 || bytes.length > 32 * count) return undefined;
  const hashes: Uint8Array[] = [];
  for (const [index, run] of (numbersOf(runColumn, bytes.length / 32) ?? []).entries()) {
    if (run < 1 || hashes.length + run > count) return undefined;
    const hash = new Uint8Array(bytes.subarray(32 * index, 32 * (index + 1)));
    for (let times = 0; times < run; times++) hashes.push(hash);
  }
  return hashes.length === count ? hashes : undefined;
}
