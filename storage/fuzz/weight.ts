/** What a property, an entry or a number of a decoded structure counts: about what V8 takes for a reference. */
const SLOT_BYTES = 8;

/**
 * How large a decoded structure is, in bytes: its byte arrays, its texts, and a slot for everything else. What a decoder builds must
 * stay within a multiple of what it was sent, or a small message would take a large memory. Without recursion: the structure may be deep.
 */
export function weightOf(value: unknown): number {
  const seen = new Set<object>();
  const open: unknown[] = [value];
  let weight = 0;
  while (open.length > 0) {
    const item = open.pop();
    weight += SLOT_BYTES;
    if (typeof item === "string") weight += item.length;
    else if (typeof item === "bigint") weight += Math.ceil(item.toString(16).length / 2);
    if (typeof item !== "object" || item === null || seen.has(item)) continue;
    seen.add(item);
    if (ArrayBuffer.isView(item)) weight += item.byteLength;
    else if (item instanceof Map || item instanceof Set) open.push(...[...item].flat());
    else for (const inner of Object.values(item)) open.push(inner);
  }
  return weight;
}
