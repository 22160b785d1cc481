import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IMPORT_METER } from "#consensus/application/testLedger.ts";
import { Bridge } from "./abi/Bridge.ts";
import { EnergyMarket, type EnergyMarketContract } from "./abi/EnergyMarket.ts";
import { ReentrantReceiver } from "./abi/harness/ReentrantReceiver.ts";
import { LedgerReader } from "./abi/LedgerReader.ts";
import { Outbox } from "./abi/Outbox.ts";
import { mined, revertOf, startTestEvm, type TestEvm, type TestWallet } from "./testing.ts";
import { createTestMarket, SALT, SMALL_BACKING, type TestMarket } from "./testMarket.ts";

/** Wei per kWh, so that a Wh at the first hour costs 3.333 wei. */
const PRICE = 3333n;
const WEEK = 7 * 86_400;

let evm: TestEvm;
let made: TestMarket;
let market: EnergyMarketContract;
let createdAt = 0;

beforeAll(async () => {
  evm = await startTestEvm();
  made = await createTestMarket(evm);
  market = made.market;
  await mined(made.as(made.producer).availableEnergyAdvert(20_000, PRICE, made.backing(0)));
  createdAt = Number((await market.advertOf(1)).createdAt);
});
afterAll(() => evm[Symbol.asyncDispose]());

const isolated = (name: string, body: () => Promise<void>) => test(name, () => evm.isolated(body)());
const refused = (sent: Promise<unknown>) => revertOf(sent, EnergyMarket, LedgerReader, Bridge, Outbox);
const nameOf = async (sent: Promise<unknown>) => (await refused(sent)).name;
const buy = (energyWh: number, value: bigint, by = made.consumer, advertId = 1) =>
  made.as(by)["requestForEnergy(uint32,uint32,uint256)"](advertId, energyWh, value, { value });
const credits = (...accounts: { address: string }[]) =>
  Promise.all(accounts.map(({ address }) => market.credit(address)));
const statusOf = async (saleId: number) => Number((await market.saleOf(saleId)).status);
const settle = (saleIds: number[], index: number, fields: object = {}) =>
  market.settle(saleIds, { ...made.interval(index), ...fields });
const later = async (seconds: number) => evm.mineAt((await evm.now()) + seconds);
const [OPEN, DISPUTED, PAID, REFUNDED] = [1, 2, 3, 4];

describe("buying", () => {
  isolated(
    "costs the minimum price and a tenth of it more each hour, rounded up to the wei, for three hours",
    async () => {
      // 1 Wh at 3333, 3666.3 and 3999.6 wei per kWh; 1 kWh.
      for (const [after, one, thousand] of [
        [0, 4n, 3333n],
        [3599, 4n, 3333n],
        [3600, 4n, 3667n],
        [7199, 4n, 3667n],
        [7200, 4n, 4000n],
        [10_799, 4n, 4000n],
      ] as const) {
        if (after > 0) await evm.mineAt(Math.max(createdAt + after, (await evm.now()) + 1));
        expect([await market.quote(1, 1), await market.quote(1, 1000)], `${after}`).toEqual([one, thousand]);
      }
      await evm.mineAt(createdAt + 10_800);
      expect(await nameOf(buy(1, 100n))).toBe("AdvertNotLive");
    },
  );

  isolated("escrows the total, credits what was sent beyond it, and says who bought what", async () => {
    const receipt = await mined(buy(3, 100n));
    expect(EnergyMarket.events(receipt.logs, "Sold")).toEqual([
      {
        ...{ saleId: 1n, producer: made.producer.address, buyer: made.consumer.address },
        ...{ advertId: 1n, energyWh: 3n, total: 10n },
      },
    ]);
    expect(await credits(made.consumer, made.producer, made.treasury)).toEqual([90n, 0n, 0n]);
    expect([await market.storedWh(), (await market.advertOf(1)).remainingWh]).toEqual([19_997n, 19_997n]);
    expect(await evm.provider.getBalance(market)).toBe(100n);
  });

  isolated("needs the energy, the money, and a price the buyer has agreed to", async () => {
    const request = made.as(made.consumer)["requestForEnergy(uint32,uint32,uint256)"];
    expect(await nameOf(buy(0, 100n))).toBe("EnergyInvalid");
    expect(await nameOf(buy(20_001, 100_000n))).toBe("EnergyInvalid");
    expect(await nameOf(buy(1, 100n, made.consumer, 2))).toBe("AdvertUnknown");
    expect(await refused(request(1, 1000, 3333, { value: 3332n }))).toEqual({
      name: "ValueTooSmall",
      args: [3332n, 3333n],
    });
    await evm.mineAt(createdAt + 3600);
    expect(await refused(request(1, 1000, 3333, { value: 5000n }))).toEqual({
      name: "TotalOverMaximum",
      args: [3667n, 3333n],
    });
  });

  isolated("by the seed's four arguments finds the producer's live advert of that time and price", async () => {
    const by = made.as(made.consumer)["requestForEnergy(uint32,uint256,uint256,address)"];
    await mined(by(1000, createdAt, PRICE, made.producer, { value: 3333n }));
    expect((await market.saleOf(1)).advertId).toBe(1n);
    const wrong: [number, number, bigint, TestWallet | TestMarket["producer"]][] = [
      [19_001, createdAt, PRICE, made.producer],
      [1000, createdAt + 1, PRICE, made.producer],
      [1000, createdAt, PRICE + 1n, made.producer],
      [1000, createdAt, PRICE, made.otherProducer],
    ];
    for (const [energyWh, time, price, producer] of wrong)
      expect(await nameOf(by(energyWh, time, price, producer, { value: 100_000n }))).toBe("AdvertNotFound");
    expect(await nameOf(by(1000, createdAt, PRICE, made.producer, { value: 3332n }))).toBe("TotalOverMaximum");
    await mined(by(19_000, createdAt, PRICE, made.producer, { value: 63_327n }));
    expect((await market.openAdvertsOf(made.producer))[0]).toBe(0n);
    expect(await nameOf(by(1, createdAt, PRICE, made.producer, { value: 100n }))).toBe("AdvertNotFound");
  });
});

describe("delivery", () => {
  isolated("by a sealed interval of the buyer's meter pays producer and treasury without losing a wei", async () => {
    await mined(buy(3000, 9999n));
    await mined(buy(2000, 6666n));
    const receipt = await mined(settle([1, 2], 0));
    expect([await statusOf(1), await statusOf(2)]).toEqual([PAID, PAID]);
    // floor(9999 · 0.95) + floor(6666 · 0.95); the rest is tax.
    expect(await credits(made.producer, made.treasury)).toEqual([9499n + 6332n, 500n + 334n]);
    const told = Outbox.events(receipt.logs, "OutboxEvent");
    expect(told.map(({ kind }) => kind)).toEqual([await market.TRANSFER(), await market.TRANSFER()]);
    expect(Buffer.from(told[0]?.payload.slice(2) ?? "", "hex").toString("latin1")).toContain(IMPORT_METER);
    expect(await nameOf(settle([1], 3))).toBe("SaleNotOpen");
  });

  isolated("may take several intervals, and what one shows beyond a sale delivers the next", async () => {
    await mined(buy(6000, 19_998n));
    await mined(settle([1], 0));
    expect([await statusOf(1), (await market.saleOf(1)).deliveredMwh]).toEqual([OPEN, 5_000_000n]);
    expect(await nameOf(settle([1], 0))).toBe("IntervalUsed");
    await mined(settle([1], 1));
    expect(await statusOf(1)).toBe(PAID);
  });

  isolated("counts each milliwatt hour once, however often the interval is shown", async () => {
    await mined(buy(4000, 13_332n));
    await mined(buy(2000, 6666n));
    await mined(settle([1], 0));
    await mined(settle([2], 0));
    expect((await market.saleOf(2)).deliveredMwh).toBe(1_000_000n);
    expect(await nameOf(settle([2], 0))).toBe("IntervalUsed");
    expect(await credits(made.producer)).toEqual([12_665n]);
  });

  isolated("of a committed sum needs its opening; an interval that gave energy back delivers nothing", async () => {
    await mined(buy(1000, 3333n));
    expect(await nameOf(settle([1], 1, { sumMwh: 3_000_000n }))).toBe("SumOpeningWrong");
    expect(await nameOf(settle([1], 1, { salt: `0x${"00".repeat(32)}` }))).toBe("SumOpeningWrong");
    expect(await nameOf(settle([1], 2))).toBe("IntervalUsed");
    await mined(settle([1], 1, { salt: SALT }));
    expect(await statusOf(1)).toBe(PAID);
  });

  isolated(
    "is refused for other meters, intervals before the sale, sales out of order or twice, and no proof",
    async () => {
      await mined(buy(1000, 3333n));
      await mined(buy(1000, 3333n, made.otherConsumer));
      expect(await nameOf(settle([1], 4))).toBe("MeterOfAnother");
      expect(await nameOf(settle([1, 2], 0))).toBe("MeterOfAnother");
      expect(await nameOf(settle([1], 5))).toBe("IntervalTooEarly");
      expect(await nameOf(settle([1, 1], 0))).toBe("SalesOutOfOrder");
      expect(await nameOf(settle([2, 1], 4))).toBe("SalesOutOfOrder");
      expect(await nameOf(settle([3], 0))).toBe("SaleUnknown");
      expect(await nameOf(settle([], 0))).toBe("SalesInvalid");
      expect(
        await nameOf(
          settle(
            Array.from({ length: 33 }, (_, i) => i + 1),
            0,
          ),
        ),
      ).toBe("SalesInvalid");
      expect(await nameOf(settle([1], 0, { message: made.interval(3).message }))).toBe("MessageNotInBlock");
      await evm.mineAt(made.startSeconds + 60);
      await mined(buy(1000, 4000n));
      expect(await nameOf(settle([3], 0))).toBe("IntervalTooEarly");
      await mined(settle([2], 4));
      expect(await statusOf(2)).toBe(PAID);
    },
  );

  isolated("by nobody's proof: after a week anyone has the producer paid", async () => {
    await mined(buy(1, 4n));
    const { due } = await market.saleOf(1);
    expect(await nameOf(market.collect(1))).toBe("SaleNotDue");
    await evm.mineAt(Number(due));
    expect(await nameOf(made.as(made.consumer).dispute(1))).toBe("SaleDue");
    await mined(made.as(made.stranger).collect(1));
    expect(await credits(made.producer, made.treasury)).toEqual([3n, 1n]);
    expect(await nameOf(market.collect(1))).toBe("SaleNotOpen");
  });
});

describe("a dispute", () => {
  isolated("is the buyer's, stops the payment, and is decided by a regulator, either way once", async () => {
    await mined(buy(1000, 3333n));
    await mined(buy(1000, 3333n));
    for (const other of [made.producer, made.stranger, made.regulator])
      expect(await nameOf(made.as(other).dispute(1))).toBe("NotBuyer");
    const by = made.as(made.regulator);
    expect(await nameOf(by.resolve(1, true))).toBe("SaleNotDisputed");
    for (const id of [1, 2]) await mined(made.as(made.consumer).dispute(id));
    expect(await nameOf(made.as(made.consumer).dispute(1))).toBe("SaleNotOpen");
    await later(WEEK);
    expect(await nameOf(market.collect(1))).toBe("SaleNotOpen");
    await mined(by.resolve(1, true));
    const receipt = await mined(by.resolve(2, false));
    expect([await statusOf(1), await statusOf(2)]).toEqual([PAID, REFUNDED]);
    expect(await credits(made.producer, made.treasury, made.consumer)).toEqual([3166n, 167n, 3333n]);
    // The energy of the refunded sale goes back to the producer.
    const [told] = Outbox.events(receipt.logs, "OutboxEvent");
    expect([told?.kind, BigInt(`0x${told?.payload.slice(-64)}`)]).toEqual([await market.RETURN(), 1_000_000n]);
    for (const id of [1, 2]) expect(await nameOf(by.resolve(id, true))).toBe("SaleNotDisputed");
  });

  isolated("ends by proof of delivery, or after a month without decision in the buyer's favour", async () => {
    for (let i = 0; i < 2; i++) await mined(buy(1000, 3333n));
    for (const id of [1, 2]) await mined(made.as(made.consumer).dispute(id));
    expect(await statusOf(1)).toBe(DISPUTED);
    await mined(settle([1], 0));
    expect(await statusOf(1)).toBe(PAID);
    expect(await nameOf(market.refundUndecided(1))).toBe("SaleNotDisputed");
    expect(await nameOf(market.refundUndecided(2))).toBe("SaleNotDue");
    await later(WEEK + 30 * 86_400);
    await mined(made.as(made.stranger).refundUndecided(2));
    expect(await credits(made.consumer)).toEqual([3333n]);
  });
});

describe("who is removed in the middle of a trade", () => {
  isolated("is paid or refunded all the same; another consumer with its meter changes nothing", async () => {
    await mined(buy(1000, 3333n));
    await mined(buy(1000, 3333n));
    const by = made.as(made.regulator);
    await mined(by.revokeRole(await market.PRODUCER_ROLE(), made.producer));
    await mined(by.revokeRole(await market.CONSUMER_ROLE(), made.consumer));
    await mined(by.enrolConsumer(made.stranger, IMPORT_METER));
    await mined(settle([1], 0));
    await mined(made.as(made.consumer).dispute(2));
    await mined(by.resolve(2, false));
    expect(await credits(made.producer, made.consumer, made.stranger)).toEqual([3166n, 3333n, 0n]);
    for (const one of [made.producer, made.consumer]) await mined(made.as(one).withdraw(one));
  });

  isolated("the tax rate of a sale is that of its time", async () => {
    await mined(buy(1000, 3333n));
    const terms = { treasury: made.stranger.address, taxBps: 2000, highWaterWh: 1000, deliveryPeriod: 86_400 };
    await mined(market.announceTerms(terms));
    await later(86_400);
    await mined(settle([1], 0));
    expect(await credits(made.producer, made.stranger, made.treasury)).toEqual([3166n, 167n, 0n]);
  });
});

describe("a standing order", () => {
  const order = async (energyWh: number, price: bigint, value: bigint, by = made.consumer) =>
    mined(made.as(by).placeOrder(energyWh, price, (await evm.now()) + 86_400, { value }));
  const match = (orders: number[], adverts: number[]) => made.as(made.stranger).matchOrders(orders, adverts);

  isolated("is filled by anyone at the advert's price; what it did not cost comes back", async () => {
    await order(1000, 4000n, 4000n);
    const receipt = await mined(match([1], [1]));
    expect(EnergyMarket.events(receipt.logs, "Matched")).toEqual([{ orderId: 1n, saleId: 1n, advertId: 1n }]);
    expect((await market.saleOf(1)).total).toBe(3333n);
    expect(await credits(made.consumer)).toEqual([667n]);
    expect((await market.orderOf(1)).escrow).toBe(0n);
    expect(await nameOf(made.as(made.consumer).cancelOrder(1))).toBe("OrderNotOpen");
  });

  isolated("is filled in parts by several adverts, in batches that pass over what does not fit", async () => {
    await mined(made.as(made.producer).availableEnergyAdvert(3000, 1000n, made.backing(SMALL_BACKING)));
    await mined(made.as(made.otherProducer).availableEnergyAdvert(2000, 1001n, made.odd.ofOther));
    await order(4000, 1001n, 4004n);
    await order(500, 999n, 500n, made.otherConsumer);
    await mined(match([2, 1, 1, 1, 9], [2, 1, 2, 3, 2]));
    expect(
      (await Promise.all([1, 2].map((id) => market.saleOf(id)))).map(({ energyWh, total }) => [energyWh, total]),
    ).toEqual([
      [3000n, 3000n],
      [1000n, 1001n],
    ]);
    expect(await credits(made.consumer)).toEqual([3n]);
    expect(await nameOf(match([2], [2]))).toBe("NothingMatched");
    expect(await nameOf(match([1], [3]))).toBe("NothingMatched");
  });

  isolated("whose money a rounded-up part has used up is filled as far as it goes", async () => {
    await mined(made.as(made.producer).availableEnergyAdvert(1001, 1n, made.backing(SMALL_BACKING)));
    await mined(made.as(made.otherProducer).availableEnergyAdvert(1000, 1n, made.odd.ofOther));
    // 1.001 and 0.999 wei are two wei together, but three apart.
    await order(2000, 1n, 2n);
    await mined(match([1], [2]));
    expect((await market.orderOf(1)).escrow).toBe(0n);
    expect(await nameOf(match([1], [3]))).toBe("NothingMatched");
    await mined(made.as(made.consumer).cancelOrder(1));
    expect(await credits(made.consumer)).toEqual([0n]);
  });

  isolated("is dearer than the advert to the tenth of a wei, or is not filled", async () => {
    await order(1000, 3666n, 3666n);
    await order(1000, 3667n, 3667n);
    await evm.mineAt(createdAt + 3600);
    expect(await nameOf(match([1], [1]))).toBe("NothingMatched");
    await mined(match([2], [1]));
  });

  isolated("buys as much as is left of its money, where a rounded-up part has left too little for all", async () => {
    const by = made.as(made.producer);
    await mined(by.availableEnergyAdvert(1001, 1n, made.backing(SMALL_BACKING)));
    await mined(by.availableEnergyAdvert(2500, 1n, made.backing(SMALL_BACKING + 1)));
    await order(3000, 1n, 3n);
    // 1.001 wei are two; for the third there is one kWh of the 1.999 that are still wanted.
    await mined(match([1, 1], [2, 3]));
    const sold = await Promise.all([1, 2].map((id) => market.saleOf(id)));
    expect(sold.map(({ energyWh, total }) => [energyWh, total])).toEqual([
      [1001n, 2n],
      [1000n, 1n],
    ]);
  });

  isolated("ends by its consumer at any time, by anyone after its expiry or its consumer's removal", async () => {
    for (let i = 0; i < 3; i++) await order(1000, 4000n, 5000n);
    const by = made.as(made.stranger);
    expect(await nameOf(by.cancelOrder(1))).toBe("NotYourOrder");
    await mined(made.as(made.consumer).cancelOrder(1));
    await mined(made.as(made.regulator).revokeRole(await market.CONSUMER_ROLE(), made.consumer));
    expect(await nameOf(match([2], [1]))).toBe("NothingMatched");
    await mined(by.cancelOrder(2));
    await mined(made.as(made.regulator).enrolConsumer(made.consumer, IMPORT_METER));
    const end = (await evm.now()) + 600;
    await mined(made.as(made.consumer).placeOrder(1000, 4000n, end, { value: 5000n }));
    await evm.mineAt(end);
    // The advert is live still, and order 3 fits it.
    expect(await nameOf(match([4], [1]))).toBe("NothingMatched");
    await mined(by.cancelOrder(4));
    await later(86_400 + 60);
    await mined(by.cancelOrder(3));
    expect(await credits(made.consumer)).toEqual([20_000n]);
    expect(await nameOf(by.cancelOrder(3))).toBe("OrderNotOpen");
  });

  isolated("needs its price as escrow, an energy, a price and an end that is near enough", async () => {
    const now = await evm.now();
    const by = made.as(made.consumer);
    const place = (energyWh: number, price: bigint, end: number, value: bigint) =>
      nameOf(by.placeOrder(energyWh, price, end, { value }));
    expect(await place(0, 1n, now + 100, 1n)).toBe("OrderEnergyInvalid");
    expect(await place(1_000_001, 1n, now + 100, 1n)).toBe("OrderEnergyInvalid");
    expect(await place(1000, 0n, now + 100, 1n)).toBe("OrderPriceInvalid");
    expect(await place(1000, 1n, now - 1, 1n)).toBe("OrderExpiryInvalid");
    expect(await place(1000, 1n, now + 31 * 86_400, 1n)).toBe("OrderExpiryInvalid");
    expect(await place(1001, 1n, now + 100, 1n)).toBe("EscrowTooSmall");
    const many = Array.from({ length: 33 }, () => 1);
    expect(await nameOf(match(many, many))).toBe("MatchesInvalid");
    expect(await nameOf(match([1], []))).toBe("MatchesInvalid");
    expect(await nameOf(match([], []))).toBe("NothingMatched");
  });
});

isolated("a buyer that refuses ether or comes back in the middle gets its own once and stops nobody", async () => {
  const attacker = await ReentrantReceiver.deploy(made.stranger, []);
  await mined(made.as(made.regulator).enrolConsumer(attacker, "new:1"));
  const address = await market.getAddress();
  const { interface: calls } = EnergyMarket;
  const request = calls.encodeFunctionData("requestForEnergy(uint32,uint32,uint256)", [1, 1000, 3333]);
  await mined(attacker.execute(address, 3400n, request, { value: 3400n }));
  const withdrawing = calls.encodeFunctionData("withdraw", [await attacker.getAddress()]);
  await mined(attacker.prepare(address, withdrawing, true));
  await expect(attacker.execute.staticCall(address, 0n, withdrawing)).rejects.toThrow();
  await mined(attacker.prepare(address, withdrawing, false));
  await mined(attacker.execute(address, 0n, withdrawing));
  expect([await attacker.hasCalled(), await attacker.hasSucceeded()]).toEqual([true, false]);
  expect(await evm.provider.getBalance(attacker)).toBe(67n);
  expect(await evm.provider.getBalance(market)).toBe(3333n);
  await expect(made.stranger.sendTransaction({ to: address, value: 1n })).rejects.toThrow("reverted");
});
