import { existsSync } from "node:fs";
import { join } from "node:path";
import { CID } from "multiformats/cid";
import type { openArchiveBlocks } from "../archive/archiveBlocks.ts";
import { openArchiveRecords } from "../archive/archiveRecords.ts";
import type { ErasureRange } from "./erase.ts";

/** An archive file with readings of the range, gone from this node now or since an earlier erasure. */
export interface RemovedArchive {
  readonly cid: string;
  readonly version: number;
  readonly fromMs: number;
  readonly untilMs: number;
  /** In the whole file: it was removed whole. */
  readonly readings: number;
}

/**
 * Removes this node's archive files that have readings of the range, and marks their periods to be made anew. `elsewhere`: where they are still, on IPFS
 * nodes, which the archiver asks to let them go when the node runs again, and in metering data management.
 */
export async function removeArchivesOf(
  folder: string,
  { meterId, fromMs, untilMs }: ErasureRange,
  openBlocks: typeof openArchiveBlocks,
): Promise<{ readonly removed: readonly RemovedArchive[]; readonly elsewhere: readonly string[] }> {
  if (!existsSync(join(folder, "records"))) return { removed: [], elsewhere: [] };
  const records = openArchiveRecords(join(folder, "records"));
  const blocks = openBlocks(join(folder, "blocks"));
  const all = (await records.list(meterId)).filter(({ version }) => version > 0);
  const isHit = (each: (typeof all)[number]) => each.fromMs < untilMs && each.untilMs > fromMs;
  const kept = all.filter((each) => !isHit(each) && !each.isRemoved).map(({ cid }) => CID.parse(cid));
  const removed: RemovedArchive[] = [];
  const elsewhere: string[] = [];
  for (const archive of all.filter(isHit)) {
    const { cid, version, fromMs: startMs, untilMs: endMs, readingCount } = archive;
    if (!archive.isRemoved) {
      await blocks.remove(CID.parse(cid), kept);
      await records.save({ ...archive, isRemoved: true, isStale: true });
    }
    removed.push({ cid, version, fromMs: startMs, untilMs: endMs, readings: readingCount });
    for (const place of [...archive.pinnedBy, ...archive.deliveredTo]) elsewhere.push(`${cid} at ${place}`);
  }
  return { removed, elsewhere };
}
