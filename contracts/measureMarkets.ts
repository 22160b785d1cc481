import { keyHashOf, openingOfWrongKey } from "#bridge/ecies.ts";
import { type CallGas, type MeasuredCall, measureCalls, setMeasuringTime } from "./measureCalls.ts";
import { BUY_NOW, createTestDataMarketplace, KEY, secret } from "./testDataMarketplace.ts";
import { startTestEvm } from "./testing.ts";
import { createTestMarket } from "./testMarket.ts";

/** A trade in EnergyMarket, calls that come again and again: whoever takes part has done so before. */
export async function measureEnergyMarket(): Promise<readonly CallGas[]> {
  await using evm = await startTestEvm();
  await setMeasuringTime(evm);
  const { market, as, ...made } = await createTestMarket(evm);
  const [producer, consumer] = [as(made.producer), as(made.consumer)];
  const price = 10n ** 15n;
  const request = (advertId: number) =>
    consumer["requestForEnergy(uint32,uint32,uint256)"](advertId, 1000, price, { value: price });
  const steps: MeasuredCall[] = [
    ["", () => producer.availableEnergyAdvert(10_000, price, made.backing(0))],
    ["availableEnergyAdvert", () => producer.availableEnergyAdvert(2000, price, made.odd.transferred)],
    ["", () => request(1)],
    ["requestForEnergy", () => request(1)],
    ["", () => market.settle([1], made.interval(0))],
    ["settle, one sale", () => market.settle([2], made.interval(1))],
    ["", () => consumer.placeOrder(2000, price, made.startSeconds + 3600, { value: 2n * price })],
    ["placeOrder", () => consumer.placeOrder(2000, price, made.startSeconds + 3600, { value: 2n * price })],
    ["matchOrders, one pair", () => market.matchOrders([2], [1])],
  ];
  return await measureCalls(steps);
}

/** A sale in DataMarketplace, of a right key and of a wrong one. */
export async function measureDataMarketplace(): Promise<readonly CallGas[]> {
  await using evm = await startTestEvm();
  await setMeasuringTime(evm);
  const { as, seller, buyer, rival, list, offer, context, boxOf, release, prove, buyerKey } =
    await createTestDataMarketplace(evm);
  const [right, wrong] = [await boxOf(KEY), await boxOf(secret("junk"), 2n)];
  const opening = openingOfWrongKey(wrong, buyerKey, await context(2n), keyHashOf(KEY));
  if (opening === undefined) throw new Error("the junk is the key");
  return await measureCalls([
    ["list", list],
    ["offer, the first", () => offer(2000n, rival)],
    ["offer that outbids, buy-now", () => offer(BUY_NOW)],
    ["release", () => release(right)],
    ["accept", () => as(buyer).accept(1)],
    ["", () => offer(BUY_NOW, buyer, buyerKey, 2)],
    ["", () => release(wrong, seller, 2)],
    ["proveWrongKey", () => prove(wrong, opening, buyer, undefined, 2)],
  ]);
}
