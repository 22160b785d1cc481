import { type ReadingSeries, type StoredReading, seriesName, seriesOf } from "#storage/offchain/readingStore.ts";

/** What an export says of one time of a series: the reading, that there should be one, or that there was one. */
export type MdmsItem =
  | StoredReading
  | {
      readonly type: "missing";
      readonly series: ReadingSeries;
      readonly timestampMs: number;
      readonly periodMs: number;
    };

/** Missing times shown one by one for a single gap: a meter that was away for a month of one-minute readings. */
export const MAX_MISSING_IN_GAP = 44_640;

/**
 * The items of an export, with the times at which an interval reading should be and is none. A series has such times where two of its readings
 * are of the same period and stand a multiple of it apart; before the first and behind the last reading nothing is known to be missing.
 * A gap of more than MAX_MISSING_IN_GAP is the start of other measurements, and shown as no times at all.
 */
export async function* withMissing(
  items: Iterable<StoredReading> | AsyncIterable<StoredReading>,
): AsyncGenerator<MdmsItem> {
  let last: { readonly name: string; readonly timestampMs: number; readonly periodMs: number } | undefined;
  for await (const item of items) {
    if (item.type === "erased") {
      yield item;
      continue;
    }
    const { reading } = item;
    const series = seriesOf(reading);
    const name = seriesName(series);
    const { timestampMs, periodMs, kind } = reading;
    if (kind === "interval" && last?.name === name && last.periodMs === periodMs) {
      const periods = (timestampMs - last.timestampMs) / periodMs;
      if (Number.isInteger(periods) && periods - 1 <= MAX_MISSING_IN_GAP)
        for (let each = 1; each < periods; each++)
          yield { type: "missing", series, timestampMs: last.timestampMs + each * periodMs, periodMs };
    }
    last = { name, timestampMs, periodMs };
    yield item;
  }
}

export function seriesOfItem(item: MdmsItem): ReadingSeries {
  return item.type === "reading" ? seriesOf(item.reading) : item.series;
}

export function timeOfItem(item: MdmsItem): number {
  return item.type === "reading" ? item.reading.timestampMs : item.timestampMs;
}
