import fc from "fast-check";
import { expect, test } from "vitest";
import { pairUp } from "./matching.ts";

const order = (orderId: bigint, energyWh: bigint, maxPriceWeiPerKwh: bigint) => ({
  orderId,
  energyWh,
  maxPriceWeiPerKwh,
});
const advert = (advertId: bigint, remainingWh: bigint, priceWeiPerKwh: bigint | undefined) => ({
  advertId,
  remainingWh,
  priceWeiPerKwh,
});
const numbers = (pairs: ReturnType<typeof pairUp>) => pairs.map(({ orderId, advertId }) => [orderId, advertId]);

test("the oldest order has the cheapest advert, and the next one what is left", () => {
  const orders = [order(2n, 500n, 10n), order(1n, 1500n, 10n)];
  const adverts = [advert(1n, 1000n, 9n), advert(2n, 1000n, 8n), advert(3n, 1000n, undefined)];
  expect(numbers(pairUp(orders, adverts, 32))).toEqual([
    [1n, 2n],
    [1n, 1n],
    [2n, 1n],
  ]);
});

test("nobody is brought together with an advert that is dearer, over or sold out", () => {
  expect(pairUp([order(1n, 1n, 9n)], [advert(1n, 5n, 10n), advert(2n, 5n, undefined), advert(3n, 0n, 1n)], 32)).toEqual(
    [],
  );
  expect(pairUp([], [advert(1n, 5n, 1n)], 32)).toEqual([]);
});

test("whatever is there: no more pairs than allowed, none that does not fit, and no energy twice", () => {
  const energy = fc.bigInt(0n, 50n);
  const price = fc.bigInt(1n, 20n);
  const someOrders = fc.array(fc.tuple(energy, price), { maxLength: 12 });
  const someAdverts = fc.array(fc.tuple(energy, fc.option(price, { nil: undefined })), { maxLength: 12 });
  fc.assert(
    fc.property(someOrders, someAdverts, fc.integer({ min: 1, max: 20 }), (wanted, offered, most) => {
      const orders = wanted.map(([wh, max], i) => order(BigInt(i + 1), wh, max));
      const adverts = offered.map(([wh, each], i) => advert(BigInt(i + 1), wh, each));
      const pairs = pairUp(orders, adverts, most);
      expect(pairs.length).toBeLessThanOrEqual(most);
      const left = new Map(adverts.map(({ advertId, remainingWh }) => [advertId, remainingWh]));
      const missing = new Map(orders.map(({ orderId, energyWh }) => [orderId, energyWh]));
      for (const { orderId, advertId } of pairs) {
        const of = orders.find((each) => each.orderId === orderId);
        const from = adverts.find((each) => each.advertId === advertId);
        expect(from?.priceWeiPerKwh).toBeLessThanOrEqual(of?.maxPriceWeiPerKwh ?? 0n);
        const [has, needs] = [left.get(advertId) ?? 0n, missing.get(orderId) ?? 0n];
        const taken = has < needs ? has : needs;
        expect(taken, "each pair sells something").toBeGreaterThan(0n);
        left.set(advertId, has - taken);
        missing.set(orderId, needs - taken);
      }
    }),
    { numRuns: 300 },
  );
});
