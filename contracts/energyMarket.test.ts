import { ZeroAddress } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EXPORT_METER } from "#consensus/application/testLedger.ts";
import { Bridge } from "./abi/Bridge.ts";
import { EnergyMarket, type EnergyMarketContract } from "./abi/EnergyMarket.ts";
import { LedgerReader } from "./abi/LedgerReader.ts";
import { Outbox } from "./abi/Outbox.ts";
import { mined, revertOf, startTestEvm, type TestEvm } from "./testing.ts";
import { createTestMarket, publicPoint, SMALL_BACKING, type TestMarket } from "./testMarket.ts";

let evm: TestEvm;
let made: TestMarket;
let market: EnergyMarketContract;
let roles: Record<"admin" | "regulator" | "producer" | "consumer", string>;

beforeAll(async () => {
  evm = await startTestEvm();
  made = await createTestMarket(evm);
  market = made.market;
  const [admin, regulator, producer, consumer] = await Promise.all([
    market.DEFAULT_ADMIN_ROLE(),
    market.REGULATOR_ROLE(),
    market.PRODUCER_ROLE(),
    market.CONSUMER_ROLE(),
  ]);
  roles = { admin, regulator, producer, consumer };
});
afterAll(() => evm[Symbol.asyncDispose]());

const isolated = (name: string, body: () => Promise<void>) => test(name, () => evm.isolated(body)());
const refused = (sent: Promise<unknown>) => revertOf(sent, EnergyMarket, LedgerReader, Bridge, Outbox);
const nameOf = async (sent: Promise<unknown>) => (await refused(sent)).name;
const PRICE = 10n ** 15n;
const advertise = (index: number, energyWh = 10_000) =>
  mined(made.as(made.producer).availableEnergyAdvert(energyWh, PRICE, made.backing(index)));
const later = async (seconds: number) => evm.mineAt((await evm.now()) + seconds);

isolated("an address has one role at most and the owner none, a meter one consumer", async () => {
  const { owner, regulator, producer, consumer, stranger, as } = made;
  const by = as(regulator);
  expect(await nameOf(market.grantRole(roles.regulator, owner))).toBe("RoleExclusive");
  expect(await nameOf(market.grantRole(roles.regulator, producer))).toBe("RoleExclusive");
  expect(await nameOf(market.grantRole(roles.regulator, consumer))).toBe("RoleExclusive");
  for (const held of [owner, regulator, consumer])
    expect(await nameOf(by.grantRole(roles.producer, held)), held.address).toBe("RoleExclusive");
  for (const held of [owner, regulator, producer, consumer])
    expect(await nameOf(by.enrolConsumer(held, "new:1")), held.address).toBe("RoleExclusive");
  expect(await nameOf(by.grantRole(roles.consumer, stranger))).toBe("MeterMissing");
  expect(await nameOf(by.enrolConsumer(stranger, EXPORT_METER))).toBe("MeterTaken");
  for (const id of ["", "m".repeat(97)]) expect(await nameOf(by.enrolConsumer(stranger, id))).toBe("MeterIdInvalid");
  await mined(by.revokeRole(roles.consumer, made.otherConsumer));
  await mined(by.enrolConsumer(stranger, EXPORT_METER));
  expect([await market.meterOf(stranger), await market.meterOf(made.otherConsumer)]).toEqual([2n, 0n]);
  // The owner's successor may hold nothing either, whenever it got it.
  await mined(market.beginDefaultAdminTransfer(stranger));
  await later(2 * 86_400 + 10);
  expect(await nameOf(as(stranger).acceptDefaultAdminTransfer())).toBe("RoleExclusive");
  await mined(by.revokeRole(roles.consumer, stranger));
  await mined(as(stranger).acceptDefaultAdminTransfer());
  expect(await market.owner()).toBe(stranger.address);
});

isolated("terms are announced a day ahead and stay within their bounds", async () => {
  const treasury = made.stranger.address;
  const next = { treasury, taxBps: 2000, highWaterWh: 990_000, deliveryPeriod: 86_400 };
  const current = await market.terms();
  expect([...(current as unknown as unknown[])]).toEqual([made.treasury.address, 500n, 1_000_000n, 604_800n]);
  await mined(market.announceTerms(next));
  expect((await market.terms()).taxBps).toBe(500n);
  await later(86_400);
  expect((await market.terms()).taxBps).toBe(2000n);
  await mined(market.announceTerms({ ...next, taxBps: 0 }));
  await mined(market.announceTerms({ ...next, taxBps: 1 }));
  expect((await market.terms()).taxBps).toBe(2000n);
  await later(86_400);
  expect((await market.terms()).taxBps).toBe(1n);
  const wrong = [
    { treasury: ZeroAddress },
    { treasury: await market.getAddress() },
    { taxBps: 2001 },
    { highWaterWh: 999 },
    { highWaterWh: 1_000_001 },
    { deliveryPeriod: 86_399 },
    { deliveryPeriod: 30 * 86_400 + 1 },
  ];
  for (const fields of wrong) expect(await nameOf(market.announceTerms({ ...next, ...fields }))).toBe("TermsInvalid");
});

isolated("an advert is backed by an output that is proved to be the microgrid's; the surplus goes back", async () => {
  const receipt = await advertise(0);
  const { txId } = (await market.advertOf(1)) as { txId: string };
  expect(EnergyMarket.events(receipt.logs, "Advertised")).toEqual([
    {
      ...{ advertId: 1n, producer: made.producer.address, energyWh: 10_000n, minPriceWeiPerKwh: PRICE },
      ...{ txId, outputIndex: 0n },
    },
  ]);
  const [told, ...rest] = Outbox.events(receipt.logs, "OutboxEvent");
  expect([told?.kind, rest]).toEqual([await market.RETURN(), []]);
  expect(BigInt(`0x${told?.payload.slice(-64)}`)).toBe(990_000_000n);
  expect([await market.storedWh(), await market.isLive(1)]).toEqual([10_000n, true]);
  expect((await market.openAdvertsOf(made.producer))[0]).toBe(1n);
  // Of exactly what it holds nothing goes back.
  expect(Outbox.events((await advertise(SMALL_BACKING)).logs, "OutboxEvent")).toEqual([]);
  await mined(made.as(made.producer).availableEnergyAdvert(2000, PRICE, made.odd.transferred));
  await mined(made.as(made.otherProducer).availableEnergyAdvert(1000, PRICE, made.odd.ofOther));
});

isolated("no other backing is taken, and none twice", async () => {
  const { producer, otherProducer, as, odd } = made;
  const advert = (backing: typeof odd.forged, wallet = producer, energyWh = 1000) =>
    nameOf(as(wallet).availableEnergyAdvert(energyWh, PRICE, backing));
  expect(await advert(odd.elsewhere)).toBe("BackingNotMicrogrid");
  expect(await advert(odd.twoOfTwo)).toBe("OutputLockWrong");
  expect(await advert(odd.oneOfTwo)).toBe("OutputLockWrong");
  expect(await advert(odd.tooSmall)).toBe("BackingTooSmall");
  expect(await advert(odd.twoMessages)).toBe("MessagesSeveral");
  expect(await advert(odd.ofOther)).toBe("BackingNotProducer");
  expect(await advert(made.backing(0), otherProducer)).toBe("BackingNotProducer");
  expect(await advert(odd.forged)).toBe("StateNotInBlock");
  const other = { ...made.backing(0), transaction: odd.transferred.transaction };
  expect(await advert(other)).toBe("StateNotInBlock");
  const changed = Uint8Array.from(made.backing(0).record);
  changed[1] = (changed[1] ?? 0) ^ 1;
  expect(await advert({ ...made.backing(0), record: changed })).toBe("StateNotInBlock");
  await advertise(0, 1000);
  expect(await advert(made.backing(0))).toBe("BackingUsed");
  await later(86_400 + 3600);
  expect(await advert(made.backing(1))).toBe("BackingTooOld");
});

isolated("a producer without a bound account does not advertise; an account is bound by its own key only", async () => {
  const { stranger, regulator, producer, as } = made;
  await mined(as(regulator).grantRole(roles.producer, stranger));
  expect(await nameOf(as(stranger).availableEnergyAdvert(1000, PRICE, made.backing(0)))).toBe("AccountNotBound");
  expect(await nameOf(as(stranger).bindAccount(...publicPoint(producer)))).toBe("KeyNotOfSender");
});

isolated("one to a thousand kWh, less than the mark, at most eight adverts of a producer", async () => {
  const { producer, otherProducer, as } = made;
  const advert = (energyWh: number, index: number, price = PRICE) =>
    nameOf(as(producer).availableEnergyAdvert(energyWh, price, made.backing(index)));
  expect(await advert(999, 0)).toBe("EnergyInvalid");
  expect(await advert(1_000_001, 0)).toBe("EnergyInvalid");
  expect(await advert(1000, 0, 0n)).toBe("PriceInvalid");
  await advertise(0, 990_000);
  expect(await refused(as(producer).availableEnergyAdvert(10_001, PRICE, made.backing(1)))).toEqual({
    name: "GridFull",
    args: [990_000n, 10_001n],
  });
  await advertise(1, 10_000);
  expect(await advert(1000, 2)).toBe("GridFull");
  await later(3 * 3600);
  await mined(market.reclaim(1));
  for (let i = 2; i < 9; i++) await advertise(i, 1000);
  // The sweep has cleared number 2: seven are open.
  await advertise(9, 1000);
  expect(await advert(1000, SMALL_BACKING)).toBe("TooManyAdverts");
  await mined(as(otherProducer).availableEnergyAdvert(1000, PRICE, made.odd.ofOther));
  expect(await market.storedWh()).toBe(9000n);
});

isolated("at the owner's mark no advert is taken", async () => {
  const terms = { treasury: made.treasury.address, taxBps: 500, highWaterWh: 5000, deliveryPeriod: 86_400 };
  await mined(market.announceTerms(terms));
  await later(86_400 - 3600);
  await advertise(0, 5000);
  await later(3700);
  const sent = made.as(made.producer).availableEnergyAdvert(1000, PRICE, made.backing(1));
  expect(await refused(sent)).toEqual({ name: "GridFull", args: [5000n, 1000n] });
});

isolated("after three hours anyone sends it back, new adverts sweep two old ones each", async () => {
  await advertise(0, 4000);
  await advertise(1, 2000);
  await advertise(2, 3000);
  expect(await nameOf(market.reclaim(1))).toBe("AdvertLive");
  const { createdAt } = await market.advertOf(3);
  await evm.mineAt(Number(createdAt) + 3 * 3600 - 1);
  expect(await market.isLive(3)).toBe(true);
  await evm.mineAt(Number(createdAt) + 3 * 3600);
  expect(await market.isLive(3)).toBe(false);
  const receipt = await advertise(3, 1000);
  expect(EnergyMarket.events(receipt.logs, "Reclaimed").map(({ advertId, energyWh }) => [advertId, energyWh])).toEqual([
    [1n, 4000n],
    [2n, 2000n],
  ]);
  expect(Outbox.events(receipt.logs, "OutboxEvent")).toHaveLength(3);
  expect([await market.storedWh(), await market.nextSwept()]).toEqual([4000n, 3n]);
  await mined((market.connect(made.stranger) as EnergyMarketContract).reclaim(3));
  expect(await nameOf(market.reclaim(3))).toBe("NothingToReclaim");
  expect(await nameOf(market.reclaim(9))).toBe("AdvertUnknown");
  expect(await nameOf(market.quote(3, 1))).toBe("AdvertNotLive");
});

isolated("a removed producer's adverts are cancelled, also when it comes back", async () => {
  const { regulator, producer, consumer, as } = made;
  await advertise(0);
  await mined(as(regulator).revokeRole(roles.producer, producer));
  const buy = () => as(consumer)["requestForEnergy(uint32,uint32,uint256)"](1, 1000, PRICE, { value: PRICE });
  expect(await nameOf(buy())).toBe("AdvertNotLive");
  await mined(as(regulator).grantRole(roles.producer, producer));
  expect(await nameOf(buy())).toBe("AdvertNotLive");
  await mined(market.reclaim(1));
  await advertise(1);
  await mined(as(consumer)["requestForEnergy(uint32,uint32,uint256)"](2, 1000, PRICE, { value: PRICE }));
});

isolated("a market needs its reader, its outbox and a treasury", async () => {
  const { owner, reader, outbox, stranger } = made;
  const grid = `0x${"01".repeat(20)}`;
  expect(await nameOf(EnergyMarket.deploy(owner, [owner, owner, stranger, outbox, grid]))).toBe("ContractMissing");
  expect(await nameOf(EnergyMarket.deploy(owner, [owner, owner, reader, stranger, grid]))).toBe("ContractMissing");
  expect(await nameOf(EnergyMarket.deploy(owner, [owner, ZeroAddress, reader, outbox, grid]))).toBe("TermsInvalid");
});
