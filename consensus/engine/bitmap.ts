/**
 * A set of small indices as bytes, least significant bit first. It has no length field that could contradict its bytes
 * (CometBFT's BitArray had, GHSA-hrhf-2vcr-ghch): indices beyond the bytes are simply not in the set.
 */
export type Bitmap = Uint8Array;

/** The indices below `size` for which `has` holds. */
export function bitmapOf(size: number, has: (index: number) => boolean): Bitmap {
  const bitmap = new Uint8Array(Math.ceil(size / 8));
  for (let index = 0; index < size; index++)
    if (has(index)) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  return bitmap;
}

export function hasBit(bitmap: Bitmap, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}
