/**
 * What a disk writes at once. A write that power loss interrupted leaves whole sectors, not always in order: those that were not
 * written read as zeros where the file had grown.
 */
export const SECTOR_BYTES = 512;

/**
 * Whether a sector within `start` to `end` was never written: all zero, from sector boundary to sector boundary or to the end of the
 * bytes. A bit that flipped later leaves no such trace, and that is how the two are told apart.
 */
export function hasUnwrittenSector(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = Math.ceil(start / SECTOR_BYTES) * SECTOR_BYTES; at < end && at < bytes.length; at += SECTOR_BYTES)
    if (isZero(bytes, at, Math.min(at + SECTOR_BYTES, bytes.length))) return true;
  return false;
}

export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
