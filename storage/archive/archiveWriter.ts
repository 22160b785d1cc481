import { sha256 } from "../crypto/hash.ts";
import { type ReadingSeries, type StoredReading, seriesName, seriesOf } from "../offchain/readingStore.ts";
import { encodeReading, type Reading } from "../types/reading.ts";
import { ReadingsRootStream } from "../types/readingsRoot.ts";
import { BLOCK_READINGS, columnsOf } from "./archiveColumns.ts";
import { ArchiveError } from "./archiveError.ts";
import {
  type ArchiveHeader,
  compareSeries,
  encodeHeader,
  encodeItem,
  MAX_ARCHIVE_BYTES,
  MAX_ARCHIVE_READINGS,
} from "./archiveFormat.ts";
import type { ArchivePeriod } from "./archivePeriods.ts";

/** A reading that is gone: its time stays, and its leaf in the interval's readings root where it had one. */
interface Tombstone {
  readonly timestampMs: number;
  readonly leafHash: Uint8Array | undefined;
}

interface OpenSeries {
  readonly series: ReadingSeries;
  readonly root: ReadingsRootStream;
  readonly blocks: Uint8Array[];
  waiting: Reading[];
  tombstones: Tombstone[];
  readings: number;
  erased: number;
  /** Of the last reading in a block, of the last one at all, of the last tombstone in a block, and of the last tombstone. */
  blockEndMs: number;
  lastMs: number;
  graveEndMs: number;
  graveMs: number;
}

/**
 * Puts the readings of one meter and period together to a file. Each series comes in order of time, the series in any order: the bytes
 * follow from the readings alone. Memory: about 40 bytes a reading.
 */
export class ArchiveWriter {
  readonly #owner: { readonly ledgerId: string; readonly meterId: string };
  readonly #period: ArchivePeriod;
  readonly #series = new Map<string, OpenSeries>();
  #readings = 0;
  #bytes = 0;

  constructor(owner: { readonly ledgerId: string; readonly meterId: string }, period: ArchivePeriod) {
    this.#owner = owner;
    this.#period = period;
  }

  get readings(): number {
    return this.#readings;
  }

  /** @throws ArchiveError ARCHIVE_READING_FOREIGN, ARCHIVE_TOO_LARGE; ReadingError READING_FIELD_INVALID */
  add(stored: StoredReading): void {
    const series = stored.type === "reading" ? seriesOf(stored.reading) : stored.series;
    const timestampMs = stored.type === "reading" ? stored.reading.timestampMs : stored.timestampMs;
    const open = this.#open(series);
    const lastMs = stored.type === "reading" ? open.lastMs : open.graveMs;
    const field =
      series.meterId !== this.#owner.meterId
        ? "meterId"
        : timestampMs <= this.#period.fromMs || timestampMs > this.#period.untilMs
          ? "timestampMs"
          : timestampMs <= lastMs
            ? "order"
            : undefined;
    if (field !== undefined) throw new ArchiveError({ code: "ARCHIVE_READING_FOREIGN", field, at: timestampMs });
    this.#readings += 1;
    if (this.#readings > MAX_ARCHIVE_READINGS)
      throw new ArchiveError({ code: "ARCHIVE_TOO_LARGE", what: "readings", limit: MAX_ARCHIVE_READINGS });

    if (stored.type === "erased") {
      open.tombstones.push({ timestampMs, leafHash: stored.leafHash });
      open.graveMs = timestampMs;
      open.erased += 1;
      return;
    }
    open.root.appendLeafHash(readingRecordLeaf(stored.reading));
    open.waiting.push(stored.reading);
    open.lastMs = timestampMs;
    open.readings += 1;
    if (open.waiting.length === BLOCK_READINGS) this.#closeBlock(open);
  }

  /** @throws ArchiveError ARCHIVE_TOO_LARGE */
  finish(): Uint8Array {
    const ordered = [...this.#series.values()].sort((a, b) => compareSeries(a.series, b.series));
    for (const open of ordered) {
      if (open.waiting.length > 0) this.#closeBlock(open);
      for (let at = 0; at < open.tombstones.length; at += BLOCK_READINGS) this.#closeGraves(open, at);
    }
    const header: ArchiveHeader = {
      ...this.#owner,
      ...this.#period,
      series: ordered.map(({ series, readings, erased, root }) => ({ series, readings, erased, root: root.root() })),
    };
    return Buffer.concat([encodeHeader(header), ...ordered.flatMap(({ blocks }) => blocks)]);
  }

  #open(series: ReadingSeries): OpenSeries {
    const name = seriesName(series);
    let open = this.#series.get(name);
    if (open === undefined) {
      const { fromMs } = this.#period;
      const times = { blockEndMs: fromMs, lastMs: fromMs, graveEndMs: fromMs, graveMs: fromMs };
      const counts = { readings: 0, erased: 0 };
      open = { series, root: new ReadingsRootStream(), blocks: [], waiting: [], tombstones: [], ...counts, ...times };
      this.#series.set(name, open);
    }
    return open;
  }

  #closeBlock(open: OpenSeries): void {
    this.#push(open, encodeItem(columnsOf(open.waiting, open.blockEndMs)));
    open.blockEndMs = open.lastMs;
    open.waiting = [];
  }

  #closeGraves(open: OpenSeries, at: number): void {
    const graves = open.tombstones.slice(at, at + BLOCK_READINGS);
    this.#push(open, encodeItem(tombstoneItem(graves, open.graveEndMs)));
    open.graveEndMs = graves.at(-1)!.timestampMs;
  }

  #push(open: OpenSeries, block: Uint8Array): void {
    this.#bytes += block.length;
    if (this.#bytes > MAX_ARCHIVE_BYTES)
      throw new ArchiveError({ code: "ARCHIVE_TOO_LARGE", what: "bytes", limit: MAX_ARCHIVE_BYTES });
    open.blocks.push(block);
  }
}

/** Leaf of a reading in the root of its series: SHA256(0x00 ‖ record). Nothing salts it: whoever has the file has the readings. */
export function readingRecordLeaf(reading: Reading): Uint8Array {
  return sha256(Buffer.concat([LEAF_PREFIX, encodeReading(reading)]));
}

const LEAF_PREFIX = Buffer.of(0);

/** Times as differences like those of readings; leaf hashes, `null` for a reading that was in no interval. */
export function tombstoneItem(graves: readonly Tombstone[], afterMs: number): unknown {
  let last = afterMs;
  return graves.map(({ timestampMs, leafHash }) => {
    const since = timestampMs - last;
    last = timestampMs;
    return [since, leafHash ?? null];
  });
}
