import { id } from "ethers";
import { afterAll, expect, test } from "vitest";
import { NaiveFingerprints } from "./abi/NaiveFingerprints.ts";
import { mined, revertOf, startTestEvm, type TestWallet } from "./testing.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const [sensor, stranger] = evm.wallets as [TestWallet, TestWallet];

test("the naive contract keeps every interval of its sensor, chained, and H_P of each day", async () => {
  const naive = await NaiveFingerprints.deploy(sensor, [sensor.address, id("seed")]);
  const day = 20_000 * 86_400;
  for (const hour of [0, 1, 24]) {
    const start = day + hour * 3600;
    const receipt = await mined(naive.register(id(`fingerprint ${hour}`), -85 + hour, start, start + 3600));
    expect(NaiveFingerprints.events(receipt.logs, "Registered")).toMatchObject([{ average: BigInt(-85 + hour) }]);
  }
  expect(await naive.count()).toBe(3n);
  const [first, second, next] = await Promise.all([0, 1, 2].map((index) => naive.transactions(index)));
  expect(await naive.periodHash(20_000)).toBe(second?.link);
  expect(await naive.periodHash(20_001)).toBe(next?.link);
  expect(first?.link).not.toBe(second?.link);

  const late = day + 26 * 3600;
  expect((await revertOf(naive.register(id("again"), 0, day, day + 3600), NaiveFingerprints)).name).toBe(
    "IntervalNotAfter",
  );
  expect((await revertOf(naive.register(id("empty"), 0, late, late), NaiveFingerprints)).name).toBe("IntervalEmpty");
  const byStranger = naive.connect(stranger) as typeof naive;
  expect((await revertOf(byStranger.register(id("a"), 0, late, late + 1), NaiveFingerprints)).name).toBe(
    "NotTheSensor",
  );
});
