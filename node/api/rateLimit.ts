import { isIPv6 } from "node:net";

/** Client addresses remembered at most; beyond it the one unused for longest is forgotten, which gives it a full bucket again. */
export const MAX_REMEMBERED_ADDRESSES = 10_000;

const REQUEST_CREDIT = 1000;

export interface RateLimiter {
  /** Takes one request of `address`; answers 0 when it is allowed, else the ms until the next one is. */
  readonly take: (address: string) => number;
}

/** A token bucket per client address, `perSecond` requests a second and twice that in a burst. */
export function createRateLimiter(options: {
  readonly perSecond: number;
  readonly nowMs: () => number;
  readonly maxAddresses?: number;
}): RateLimiter {
  const { perSecond, nowMs, maxAddresses = MAX_REMEMBERED_ADDRESSES } = options;
  // Credit is counted in thousandths of a request, so that one millisecond adds exactly `perSecond`.
  const burst = 2 * perSecond * REQUEST_CREDIT;
  const buckets = new Map<string, { credit: number; atMs: number }>();
  return {
    take(address) {
      const key = clientKey(address);
      const now = nowMs();
      const known = buckets.get(key);
      const credit = known ? Math.min(burst, known.credit + (now - known.atMs) * perSecond) : burst;
      const allowed = credit >= REQUEST_CREDIT;
      // Deleting first moves the entry to the end, so that the map's order is the order of last use.
      buckets.delete(key);
      buckets.set(key, { credit: allowed ? credit - REQUEST_CREDIT : credit, atMs: now });
      if (buckets.size > maxAddresses) buckets.delete(buckets.keys().next().value as string);
      return allowed ? 0 : Math.ceil((REQUEST_CREDIT - credit) / perSecond);
    },
  };
}

/** One IPv6 customer owns a whole /64, so that prefix is the client; an IPv4 address counts alone. */
export function clientKey(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1] as string;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    while (groups.length + rest.length < 8) groups.push("0");
  }
  while (groups.length < 4) groups.push("0");
  return `${groups.slice(0, 4).join(":")}::/64`;
}
