import { headerView } from "./observe.ts";

/** Heights asked of one node at once. */
const AT_ONCE = 32;

export interface Agreement {
  readonly agreed: boolean;
  /** Heights that at least two nodes hold. */
  readonly heights: number;
  /** The first height at which two nodes differ. */
  readonly firstConflict: { readonly height: number; readonly nodes: readonly string[] } | undefined;
}

/**
 * Compares the headers of all nodes at every height up to `height`. A header holds the hash of the block before, the app hash and
 * the data hash, so equal headers are equal chains; the header's own hash is compared through the next one's.
 */
export async function checkAgreement(
  nodes: readonly { readonly name: string; readonly apiUrl: string }[],
  height: number,
): Promise<Agreement> {
  const seen = new Map<number, { readonly text: string; readonly name: string; count: number }>();
  for (const { name, apiUrl } of nodes)
    for (let from = 1; from <= height; from += AT_ONCE) {
      const heights = Array.from({ length: Math.min(AT_ONCE, height - from + 1) }, (_, i) => from + i);
      const headers = await Promise.all(heights.map((at) => headerView(apiUrl, at)));
      for (const [i, header] of headers.entries()) {
        if (header === undefined) continue;
        const at = heights[i] ?? 0;
        const text = JSON.stringify(header);
        const known = seen.get(at);
        if (known === undefined) seen.set(at, { text, name, count: 1 });
        else if (known.text === text) known.count += 1;
        else return { agreed: false, heights: seen.size, firstConflict: { height: at, nodes: [known.name, name] } };
      }
    }
  const common = [...seen.values()].filter(({ count }) => count > 1).length;
  return { agreed: common > 0, heights: common, firstConflict: undefined };
}
