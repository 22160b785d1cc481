import type { Advert, Order } from "./marketReads.ts";

export interface Pair {
  readonly orderId: bigint;
  readonly advertId: bigint;
}

/**
 * Which orders and adverts fit: the oldest order first, and for each the cheapest advert that it can pay, until it is filled. What the contract
 * takes is its own decision; pairs that do not fit any more it passes over.
 */
export function pairUp(
  orders: readonly Pick<Order, "orderId" | "energyWh" | "maxPriceWeiPerKwh">[],
  adverts: readonly Pick<Advert, "advertId" | "remainingWh" | "priceWeiPerKwh">[],
  most: number,
): readonly Pair[] {
  const offered = adverts
    .flatMap(({ advertId, remainingWh, priceWeiPerKwh: price }) =>
      price === undefined ? [] : [{ advertId, left: remainingWh, price }],
    )
    .sort((a, b) => compare(a.price, b.price) || compare(a.advertId, b.advertId));
  const pairs: Pair[] = [];
  for (const { orderId, energyWh, maxPriceWeiPerKwh } of [...orders].sort((a, b) => compare(a.orderId, b.orderId))) {
    let wanted = energyWh;
    for (const advert of offered) {
      if (pairs.length === most) return pairs;
      if (wanted === 0n || advert.price > maxPriceWeiPerKwh) break;
      if (advert.left === 0n) continue;
      const taken = least(advert.left, wanted);
      advert.left -= taken;
      wanted -= taken;
      pairs.push({ orderId, advertId: advert.advertId });
    }
  }
  return pairs;
}

const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
const least = (a: bigint, b: bigint) => (compare(a, b) < 0 ? a : b);
