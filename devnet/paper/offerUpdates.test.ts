import { expect, test } from "vitest";
import { type MeterUpdates, type OfferOptions, offerUpdates, type UpdateSink } from "./offerUpdates.ts";

const OPTIONS: OfferOptions = {
  window: 4,
  warmUpSeconds: 0.05,
  seconds: 0.4,
  cpuNow: () => ({ validators: 0, generator: 0 }),
  signal: new AbortController().signal,
};

/** A server that makes final in each of its blocks what it was handed before, and counts what waits for one. */
function fakeSink({ refuse = () => false }: { readonly refuse?: (id: string) => boolean } = {}) {
  const handed: string[] = [];
  const waiting: { id: string; lane: number }[] = [];
  let mostWaiting = 0;
  const sink: UpdateSink = {
    lanes: 2,
    batch: 2,
    parallel: 1,
    pauseMs: 0,
    async submit(lane, updates) {
      for (const { id } of updates) {
        handed.push(id);
        if (!refuse(id)) waiting.push({ id, lane });
      }
      mostWaiting = Math.max(mostWaiting, waiting.length);
      await new Promise((resolve) => setTimeout(resolve, 1));
      return updates.filter(({ id }) => refuse(id)).length;
    },
    async follow(onFinal, signal) {
      while (!signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        for (const { id, lane } of waiting.splice(0)) {
          // Another lane's server tells it too, and that is not the one that was asked.
          onFinal([id], 1 - lane);
          onFinal([id], lane);
        }
      }
    },
  };
  return { sink, handed, mostWaiting: () => mostWaiting };
}

function metersWith(updates: number): readonly MeterUpdates[] {
  return Array.from({ length: 10 }, (_, meter) => ({
    lane: meter % 2,
    updates: Array.from({ length: updates }, (_, i) => ({ id: `${meter}/${i}`, bytes: new Uint8Array() })),
  }));
}

test("each meter has one update under way, in its order, and all together no more than the window", async () => {
  const { sink, handed, mostWaiting } = fakeSink();
  const result = await offerUpdates(sink, metersWith(10_000), OPTIONS);
  expect(mostWaiting()).toBeGreaterThan(0);
  expect(mostWaiting()).toBeLessThanOrEqual(OPTIONS.window);
  for (let meter = 0; meter < 10; meter++) {
    const own = handed.filter((id) => id.startsWith(`${meter}/`));
    expect(own.length).toBeGreaterThan(0);
    expect(own).toStrictEqual(own.map((_, i) => `${meter}/${i}`));
  }
  expect(result).toMatchObject({ refused: 0, lost: 0, ranOut: false, finalInAll: handed.length });
  expect(result.finalised).toBeGreaterThan(0);
  expect(result.finalised).toBeLessThan(handed.length);
  expect(result.finalisedPerSecond).toBeCloseTo(result.finalised / result.seconds, 6);
});

test("a refused update is counted, and its meter is heard of no more", async () => {
  const { sink, handed } = fakeSink({ refuse: (id) => id === "3/1" });
  const result = await offerUpdates(sink, metersWith(10_000), OPTIONS);
  expect(result).toMatchObject({ refused: 1, lost: 0 });
  expect(handed.filter((id) => id.startsWith("3/"))).toStrictEqual(["3/0", "3/1"]);
});

test("it says when the signed updates did not last", async () => {
  const { sink, handed } = fakeSink();
  const result = await offerUpdates(sink, metersWith(4), { ...OPTIONS, warmUpSeconds: 0 });
  expect(result.ranOut).toBe(true);
  expect(handed.length).toBeLessThanOrEqual(40);
});

test("a server that stops telling ends the run with its error", async () => {
  const { sink } = fakeSink();
  const lost: UpdateSink = { ...sink, follow: () => Promise.reject(new Error("the stream is lost")) };
  await expect(offerUpdates(lost, metersWith(10), OPTIONS)).rejects.toThrow("the stream is lost");
});
