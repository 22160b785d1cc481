import { existsSync } from "node:fs";
import { join } from "node:path";
import { CID } from "multiformats/cid";
import type { openArchiveBlocks } from "../archive/archiveBlocks.ts";
import { openArchiveRecords } from "../archive/archiveRecords.ts";
import type { ErasureRange } from "./erase.ts";

/**
 * Removes this node's archive files that have readings of the range, and marks their periods to be made anew. Answers where they still are: on IPFS
 * nodes and in metering data management, which this node cannot reach while it is stopped.
 */
export async function removeArchivesOf(
  folder: string,
  { meterId, fromMs, untilMs }: ErasureRange,
  openBlocks: typeof openArchiveBlocks,
): Promise<readonly string[]> {
  if (!existsSync(join(folder, "records"))) return [];
  const records = openArchiveRecords(join(folder, "records"));
  const blocks = openBlocks(join(folder, "blocks"));
  const all = (await records.list(meterId)).filter(({ version, isRemoved }) => version > 0 && !isRemoved);
  const isHit = (each: (typeof all)[number]) => each.fromMs < untilMs && each.untilMs > fromMs;
  const kept = all.filter((each) => !isHit(each)).map(({ cid }) => CID.parse(cid));
  const elsewhere: string[] = [];
  for (const archive of all.filter(isHit)) {
    await blocks.remove(CID.parse(archive.cid), kept);
    await records.save({ ...archive, isRemoved: true, isStale: true });
    for (const place of [...archive.pinnedBy, ...archive.deliveredTo]) elsewhere.push(`${archive.cid} at ${place}`);
  }
  return elsewhere;
}
