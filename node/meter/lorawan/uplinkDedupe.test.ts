import { expect, test } from "vitest";
import type { Uplink } from "./uplink.ts";
import { UplinkDedupe } from "./uplinkDedupe.ts";

function uplink(change: Partial<Uplink> = {}): Uplink {
  const payload = Buffer.from("0498b80b", "hex");
  return {
    devEui: "1000000000000001",
    session: "a",
    devAddr: undefined,
    fCnt: 7,
    fPort: 85,
    payload,
    networkMs: 0,
    profiles: [],
    ...change,
  };
}

/** Which of the uplinks are stored. */
async function stored(dedupe: UplinkDedupe, uplinks: readonly Uplink[]): Promise<boolean[]> {
  const results: boolean[] = [];
  for (const each of uplinks) {
    let isStored = false;
    await dedupe.once(each, async () => {
      isStored = true;
    });
    results.push(isStored);
  }
  return results;
}

test("the same counter of the same session counts once, whatever its time", async () => {
  const dedupe = new UplinkDedupe();
  const uplinks = [
    uplink(),
    uplink({ networkMs: 48_000 }),
    uplink({ fCnt: 8 }),
    uplink({ devEui: "2000000000000001" }),
  ];
  expect(await stored(dedupe, uplinks)).toEqual([true, false, true, true]);
  expect(dedupe.duplicates).toBe(1);
});

test("after a join the counters are new: told, by another address, or by other bytes under the same counter", async () => {
  const dedupe = new UplinkDedupe();
  expect(await stored(dedupe, [uplink(), uplink({ session: "b" })])).toEqual([true, true]);
  dedupe.joined("1000000000000001");
  expect(await stored(dedupe, [uplink({ session: "b" })])).toEqual([true]);
  const other = uplink({ session: "b", payload: Buffer.from("0498b90b", "hex") });
  expect(await stored(dedupe, [uplink({ session: "b", fCnt: 8 }), other, other])).toEqual([true, true, false]);
  // The join also ended the counters after it.
  expect(await stored(dedupe, [uplink({ session: "b", fCnt: 8 })])).toEqual([true]);
});

test("a duplicate is done when the first one is, and fails with it; then it is new", async () => {
  const dedupe = new UplinkDedupe();
  const { promise, reject } = Promise.withResolvers<void>();
  const first = dedupe.once(uplink(), () => promise);
  let isSecondDone = false;
  const second = dedupe
    .once(uplink(), async () => {})
    .finally(() => {
      isSecondDone = true;
    });
  const failures = Promise.allSettled([first, second]);
  await Promise.resolve();
  expect(isSecondDone).toBe(false);
  reject(new Error("the disk is full"));
  expect((await failures).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await stored(dedupe, [uplink()])).toEqual([true]);
});

test("of a device the last 512 counters are known", async () => {
  const dedupe = new UplinkDedupe();
  await stored(
    dedupe,
    Array.from({ length: 513 }, (_, fCnt) => uplink({ fCnt })),
  );
  expect(await stored(dedupe, [uplink({ fCnt: 1 }), uplink({ fCnt: 0 })])).toEqual([false, true]);
});
