import { CID } from "multiformats/cid";
import type { Logger } from "pino";
import { archiveCid } from "#storage/archive/archiveCid.ts";
import { readingCountOf } from "#storage/archive/archiveFormat.ts";
import { type ArchiveEvery, type ArchivePeriod, archivePeriodOf } from "#storage/archive/archivePeriods.ts";
import { type OpenArchive, openArchive } from "#storage/archive/archiveReader.ts";
import { ArchiveWriter } from "#storage/archive/archiveWriter.ts";
import { decryptArchive, encryptArchive } from "#storage/archive/encryptArchive.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { LedgerError } from "#storage/error.ts";
import type { ArchiveBlocks } from "./archiveBlocks.ts";
import type { ArchiveReadings } from "./archiveReadings.ts";
import type { ArchiveRecords, LocalArchive } from "./archiveRecords.ts";
import type { Kubo } from "./kubo.ts";

/** What MsgSealArchive says, but for who says it. */
export interface SealRequest extends ArchivePeriod {
  readonly meterId: string;
  readonly version: number;
  /** CIDv1 in binary form. */
  readonly cid: Uint8Array;
  readonly fileBytes: number;
  readonly readingCount: number;
  readonly fileHash: Uint8Array;
}

export interface LedgerArchive {
  readonly version: number;
  /** In binary form. */
  readonly cid: Uint8Array;
}

/** A system that is given the readings of every archive. */
export interface ArchiveDelivery {
  readonly name: string;
  /** Doing it again with the same archive must be harmless. */
  deliver(archive: OpenArchive, about: LocalArchive): Promise<void>;
}

export interface ArchiverOptions {
  readonly ledgerId: string;
  readonly every: ArchiveEvery;
  /** After the end of a period, for readings that are on their way. */
  readonly graceMs: number;
}

export interface ArchiverPorts {
  readonly readings: ArchiveReadings;
  readonly blocks: ArchiveBlocks;
  readonly records: ArchiveRecords;
  readonly kubo?: Kubo | undefined;
  readonly deliveries?: readonly ArchiveDelivery[];
  /** Key of a meter's period (encryptArchive.ts); without it archives are readable by whoever knows their CID. */
  readonly keyOf?: ((meterId: string, period: ArchivePeriod) => Uint8Array) | undefined;
  readonly ledger: {
    /** What is sealed of exactly this period, by version. */
    sealed(meterId: string, period: ArchivePeriod): Promise<readonly LedgerArchive[]>;
    /** Resolves when it is in a block and took effect. */
    seal(request: SealRequest): Promise<{ readonly txId: string; readonly height: number }>;
  };
  readonly nowMs: () => number;
  readonly log: Logger;
}

export interface Archiver {
  /**
   * Makes, pins, delivers and seals what is due. Never throws for one archive: what failed is logged, and done at the next step from where it
   * stopped. The number of archives that are not done yet.
   */
  step(signal?: AbortSignal): Promise<number>;
  /** One archive now, whatever its period. Undefined without readings. @throws what went wrong, of any of its parts */
  make(meterId: string, period: ArchivePeriod): Promise<LocalArchive | undefined>;
  /** Readings of this time came late, or were erased: the archive of their period will be made anew. Resolves when that is on disk. */
  markStale(meterId: string, timestampMs: number): Promise<void>;
  /**
   * An interval of the meter that ends then was closed or amended. True where its period is over, so that its archive lacks it or is not made yet:
   * the next step sees to it, and `step` should come soon. Resolves when that is on disk.
   */
  note(meterId: string, endMs: number): Promise<boolean>;
  /** When the next period ends and its grace with it. */
  nextDueMs(): number;
}

/** An archive that was on the ledger already: this node died before it was told, or another one has sealed the same file. */
const FOUND = { txId: "", height: 0 };

function highestOf(sealed: readonly LedgerArchive[]): LedgerArchive | undefined {
  return sealed.reduce<LedgerArchive | undefined>(
    (a, b) => (a === undefined || b.version > a.version ? b : a),
    undefined,
  );
}

/**
 * The monthly consolidation of seed 000. In this order, each step on disk before the next: file → blocks of this node → record → IPFS node →
 * metering data management → ledger. The file follows from the readings, so that doing a step again changes nothing, and a record is there before
 * anything leaves the node, so that no crash makes two archives of one.
 */
export function createArchiver(options: ArchiverOptions, ports: ArchiverPorts): Archiver {
  const { readings, blocks, records, kubo, deliveries = [], keyOf, ledger, nowMs, log } = ports;
  /** Meters and periods noted since the last step: a file that is read in closes thousands of intervals of one period. */
  const noted = new Set<string>();

  async function write(meterId: string, period: ArchivePeriod): Promise<{ plain: Uint8Array; file: Uint8Array }> {
    const writer = new ArchiveWriter({ ledgerId: options.ledgerId, meterId }, period);
    for await (const item of readings.read(meterId, period)) writer.add(item);
    const plain = writer.finish();
    return { plain, file: keyOf === undefined ? plain : encryptArchive(keyOf(meterId, period), plain) };
  }

  /** The record of the period's readings as they are now: the latest one, or that of a new version; undefined where there never were any. */
  async function record(meterId: string, period: ArchivePeriod): Promise<LocalArchive | undefined> {
    const versions = await versionsOf(meterId, period);
    const latest = versions.at(-1);
    const { plain, file } = await write(meterId, period);
    const { header } = openArchive(plain);
    const erasedCount = header.series.reduce((sum, { erased }) => sum + erased, 0);
    const readingCount = readingCountOf(header);
    if (latest !== undefined && readingCount + erasedCount < latest.readingCount + latest.erasedCount) {
      // Raw samples that an edge let go to make room are no reason to give up the file that has them.
      log.warn(
        { meter: meterId, ...period, readings: readingCount },
        "Fewer readings than are archived: the archive stays",
      );
      await records.save({ ...latest, isStale: false });
      return { ...latest, isStale: false };
    }
    if (readingCount === 0) {
      // Nothing to seal. What was sealed before is a file of readings that are all gone now.
      if (latest !== undefined) await records.save({ ...latest, isStale: false });
      await removeErased(await versionsOf(meterId, period), erasedCount);
      return (await versionsOf(meterId, period)).at(-1);
    }
    const cid = (await archiveCid(file)).toString();
    if (latest !== undefined && latest.cid === cid) {
      const same = { ...latest, isStale: false };
      if (latest.isStale) await records.save(same);
      if (!latest.isRemoved) await blocks.add(file);
      return same;
    }
    const version = await nextVersion(latest, meterId, period);
    await blocks.add(file);
    const made: LocalArchive = {
      ...{ meterId, ...period, erasedCount, pinnedBy: [], deliveredTo: [], isStale: false, isRemoved: false },
      version,
      cid,
      fileBytes: file.length,
      readingCount,
      fileHash: Buffer.from(sha256(file)).toString("hex"),
      isEncrypted: keyOf !== undefined,
    };
    await records.save(made);
    if (latest?.isStale && latest.version !== version) await records.save({ ...latest, isStale: false });
    log.info(
      { meter: meterId, ...period, version, readings: readingCount, bytes: file.length, cid },
      "Archive written",
    );
    return made;
  }

  /**
   * One more than the latest on the ledger. A version that is here alone was never sealed, whatever the crash that left it so: its record is
   * replaced, and its file with it.
   */
  async function nextVersion(
    latest: LocalArchive | undefined,
    meterId: string,
    period: ArchivePeriod,
  ): Promise<number> {
    const highest = highestOf(await ledger.sealed(meterId, period));
    if (latest !== undefined && latest.version > (highest?.version ?? 0)) {
      await discard(latest);
      await records.remove(latest);
    }
    return (highest?.version ?? 0) + 1;
  }

  async function finish(archive: LocalArchive | undefined): Promise<LocalArchive | undefined> {
    if (archive === undefined) return undefined;
    let now = archive;
    const update = async (change: Partial<LocalArchive>): Promise<void> => {
      now = { ...now, ...change };
      await records.save(now);
    };
    if (kubo !== undefined && !now.isRemoved && !now.pinnedBy.includes(kubo.url)) {
      await kubo.add(await blocks.get(CID.parse(now.cid)));
      await update({ pinnedBy: [...now.pinnedBy, kubo.url] });
    }
    for (const { name, deliver } of deliveries) {
      if (now.isRemoved || now.deliveredTo.includes(name)) continue;
      await deliver(await open(now), now);
      await update({ deliveredTo: [...now.deliveredTo, name] });
    }
    if (now.sealed === undefined) {
      const highest = highestOf(await ledger.sealed(now.meterId, now));
      const isThere = highest !== undefined && Buffer.compare(highest.cid, CID.parse(now.cid).bytes) === 0;
      // Another node was first with this period, with this file or another one.
      const version = isThere ? highest.version : Math.max(now.version, (highest?.version ?? 0) + 1);
      if (version !== now.version) {
        await records.remove(now);
        await update({ version });
      }
      await update({ sealed: isThere ? FOUND : await seal(now) });
    }
    await removeErased(await versionsOf(now.meterId, now), now.erasedCount);
    return now;
  }

  async function seal(archive: LocalArchive): Promise<{ txId: string; height: number }> {
    const { meterId, fromMs, untilMs, version, fileBytes, readingCount } = archive;
    const cid = CID.parse(archive.cid).bytes;
    const fileHash = new Uint8Array(Buffer.from(archive.fileHash, "hex"));
    const sealed = await ledger.seal({ meterId, fromMs, untilMs, version, cid, fileBytes, readingCount, fileHash });
    log.info({ meter: meterId, fromMs, untilMs, version, cid: archive.cid, ...sealed }, "Archive sealed");
    return sealed;
  }

  /** Older files have what was erased since, and are removed, at the IPFS node too. Their records stay: they are what the ledger speaks of. */
  async function removeErased(versions: readonly LocalArchive[], erasedCount: number): Promise<void> {
    for (const version of versions) {
      const isPinned = kubo !== undefined && version.pinnedBy.includes(kubo.url);
      // An erasure that was made while the node was stopped has removed the file, and could not ask the IPFS node.
      if (version.isRemoved ? !isPinned : version.erasedCount >= erasedCount) continue;
      await discard(version);
      const pinnedBy = version.pinnedBy.filter((url) => url !== kubo?.url);
      await records.save({ ...version, pinnedBy, isRemoved: true, isStale: false });
      log.info(
        { meter: version.meterId, version: version.version, cid: version.cid },
        "Archive with erased readings removed",
      );
    }
  }

  async function discard(archive: LocalArchive): Promise<void> {
    const cid = CID.parse(archive.cid);
    if (kubo !== undefined && archive.pinnedBy.includes(kubo.url)) await kubo.unpin(cid);
    const others = (await records.list(archive.meterId)).filter((each) => !each.isRemoved && each.cid !== archive.cid);
    await blocks.remove(
      cid,
      others.map((each) => CID.parse(each.cid)),
    );
  }

  async function open(archive: LocalArchive): Promise<OpenArchive> {
    const file = await blocks.get(CID.parse(archive.cid));
    const key = archive.isEncrypted ? keyOf?.(archive.meterId, archive) : undefined;
    return openArchive(key === undefined ? file : decryptArchive(key, file));
  }

  async function versionsOf(meterId: string, { fromMs, untilMs }: ArchivePeriod): Promise<readonly LocalArchive[]> {
    const all = await records.list(meterId);
    return all.filter((each) => each.fromMs === fromMs && each.untilMs === untilMs);
  }

  /** Ended periods that are not made, not finished or stale, oldest first. */
  async function due(): Promise<readonly { readonly meterId: string; readonly period: ArchivePeriod }[]> {
    const latest = new Map<string, LocalArchive>();
    const nameOf = (meterId: string, period: ArchivePeriod) => `${meterId} ${period.fromMs}-${period.untilMs}`;
    for (const archive of await records.list()) latest.set(nameOf(archive.meterId, archive), archive);
    const found: { readonly meterId: string; readonly period: ArchivePeriod }[] = [];
    for await (const each of readings.periods(options.every)) {
      const archive = latest.get(nameOf(each.meterId, each.period));
      if (isOver(each.period) && (archive === undefined || archive.isStale || !isDone(archive))) found.push(each);
    }
    return found.sort((a, b) => a.period.fromMs - b.period.fromMs);
  }

  function isDone(archive: LocalArchive): boolean {
    const isPinned = kubo === undefined || archive.isRemoved || archive.pinnedBy.includes(kubo.url);
    const isDelivered = archive.isRemoved || deliveries.every(({ name }) => archive.deliveredTo.includes(name));
    return archive.sealed !== undefined && isPinned && isDelivered;
  }

  async function markStale(meterId: string, timestampMs: number): Promise<void> {
    const latest = (await records.list(meterId)).findLast(
      ({ fromMs, untilMs }) => timestampMs > fromMs && timestampMs <= untilMs,
    );
    if (latest !== undefined && !latest.isStale) await records.save({ ...latest, isStale: true });
  }

  function isOver({ untilMs }: ArchivePeriod): boolean {
    return untilMs + options.graceMs <= nowMs();
  }

  return {
    make: async (meterId, period) => finish(await record(meterId, period)),

    async step(signal) {
      let waiting = 0;
      noted.clear();
      for (const { meterId, period } of await due()) {
        if (signal?.aborted) return waiting + 1;
        try {
          await finish(await record(meterId, period));
        } catch (error) {
          waiting += 1;
          const code = error instanceof LedgerError ? error.code : undefined;
          log.warn(
            { meter: meterId, ...period, code, err: error },
            "Archive not finished; it goes on at the next step",
          );
        }
      }
      return waiting;
    },

    markStale,

    async note(meterId, endMs) {
      const period = archivePeriodOf(options.every, endMs);
      if (!isOver(period)) return false;
      const name = `${meterId} ${period.fromMs}`;
      if (noted.has(name)) return false;
      noted.add(name);
      await markStale(meterId, endMs);
      return true;
    },

    nextDueMs: () =>
      archivePeriodOf(options.every, Math.max(1, nowMs() - options.graceMs + 1)).untilMs + options.graceMs,
  };
}

/** Waits between two attempts while something is not done, and at most before the next look at the clock. */
const FIRST_RETRY_MS = 60_000;
const MAX_WAIT_MS = 3_600_000;

/**
 * Steps whenever a period has ended, at first for those that ended while the node was away, and again after a minute, two, four … up to an hour
 * while something is not done. `wait` ends early, with "woken", when there is something to do for a period that ended before.
 */
export async function runArchiver(
  archiver: Pick<Archiver, "step" | "nextDueMs">,
  ports: { readonly nowMs: () => number; readonly wait: (ms: number) => Promise<"passed" | "woken"> },
  signal: AbortSignal,
): Promise<void> {
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    if ((await archiver.step(signal)) > 0) {
      await ports.wait(retryMs);
      retryMs = Math.min(2 * retryMs, MAX_WAIT_MS);
      continue;
    }
    retryMs = FIRST_RETRY_MS;
    const dueMs = archiver.nextDueMs();
    for (let leftMs = dueMs - ports.nowMs(); leftMs > 0 && !signal.aborted; leftMs = dueMs - ports.nowMs())
      if ((await ports.wait(Math.min(leftMs, MAX_WAIT_MS))) === "woken") break;
  }
}
