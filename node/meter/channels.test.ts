import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_METER_ID_CHARS } from "#storage/limits.ts";
import { QUALITY, type Reading, validateReading } from "#storage/types/reading.ts";
import { MAX_AHEAD_MS, MAX_DRIFT_MS } from "./ahead.ts";
import { createChannelSource, type MeterEvent } from "./channelSource.ts";
import { type Channels, createChannels } from "./channels.ts";
import { DEFAULT_FUSE_W, DEFAULT_LATENESS_MS, type DeviceRule } from "./deviceRules.ts";
import { createLiveSource } from "./liveSource.ts";
import { testReading } from "./testReadings.ts";

const START_MS = 1_700_000_000_000;

function rule(change: Partial<DeviceRule> = {}): DeviceRule {
  return {
    device: "dsmr:1",
    zone: undefined,
    fuseW: DEFAULT_FUSE_W,
    everyMs: 0,
    latenessMs: DEFAULT_LATENESS_MS,
    channels: {},
    registers: {},
    retention: undefined,
    ...change,
  };
}

function reading(seconds: number, value: number, change: Partial<Reading> = {}): Reading {
  const timestampMs = START_MS + seconds * 1000;
  const received = { timestampMs, receivedMs: timestampMs };
  return testReading(timestampMs, { meterId: "dsmr:1", kind: "register", periodMs: 0, value, ...received, ...change });
}

const instant = (seconds: number, value: number, change: Partial<Reading> = {}) =>
  reading(seconds, value, { kind: "instant", quantity: "activePower", ...change });
const period = (seconds: number, value: number, change: Partial<Reading> = {}) =>
  reading(seconds, value, { kind: "interval", periodMs: 1000, ...change });

/** "meter kind value", or why not; a star where it is sealed. */
function run(channels: Channels, readings: readonly Reading[]): string[] {
  return readings.map((each) => {
    const outcome = channels.take(each);
    if (outcome.type === "rejected") return outcome.reason;
    if (outcome.type === "duplicate") return "duplicate";
    validateReading(outcome.reading);
    const { meterId, kind, value } = outcome.reading;
    return `${meterId} ${kind} ${value}${channels.isSealed(outcome.reading) ? " *" : ""}`;
  });
}

test("a register feeds the ledger meter of its quantity, and momentary values are kept beside it", () => {
  const channels = createChannels([rule()]);
  const telegram = (seconds: number) => [
    reading(seconds, 1000 * seconds),
    reading(seconds, 5, { quantity: "activeEnergyExport" }),
    reading(seconds, 700 * seconds, { tariff: 1 }),
    instant(seconds, 3_600_000),
    instant(seconds, 231_000, { quantity: "voltage", phase: 2 }),
  ];
  run(channels, telegram(0));
  expect(run(channels, telegram(10))).toStrictEqual([
    "dsmr:1/import interval 10000 *",
    "dsmr:1/export interval 0 *",
    "dsmr:1/import.t1 interval 7000",
    "dsmr:1/power instant 3600000",
    "dsmr:1/voltage.l2 instant 231000",
  ]);
});

test("meters.json says which channels are sealed, stored and ignored", () => {
  const channels = createChannels([rule({ channels: { "import.t1": "sealed", import: "stored", "*": "ignored" } })]);
  const take = (seconds: number) =>
    run(channels, [
      reading(seconds, seconds),
      reading(seconds, seconds, { tariff: 1 }),
      reading(seconds, seconds, { tariff: 2 }),
      instant(seconds, 5),
    ]);
  take(0);
  expect(take(1)).toStrictEqual(["dsmr:1/import interval 1", "dsmr:1/import.t1 interval 1 *", "ignored", "ignored"]);
});

test("a meter that shows power only has no energy", () => {
  const channels = createChannels([rule({ channels: { power: "stored" } })]);
  expect(run(channels, [instant(0, 1000), instant(5, 2000)])).toStrictEqual([
    "dsmr:1/power instant 1000",
    "dsmr:1/power instant 2000",
  ]);
});

test("energy that comes as a register and per period is sealed once, in the form that came first", () => {
  const both = (seconds: number) => [reading(seconds, seconds), period(seconds, 1)];
  const registers = createChannels([rule()]);
  run(registers, both(0));
  expect(run(registers, both(1))).toStrictEqual(["dsmr:1/import interval 1 *", "dsmr:1/import.interval interval 1"]);
  const periods = createChannels([rule()]);
  run(periods, both(0).reverse());
  expect(run(periods, both(1))).toStrictEqual(["dsmr:1/import.register interval 1", "dsmr:1/import interval 1 *"]);
});

test.each<[string, Reading, string]>([
  ["a device that nobody named", reading(0, 1, { meterId: "dsmr:2" }), "unknown-meter"],
  [
    "an id that leaves no room",
    reading(0, 1, { meterId: `dsmr:1${"x".repeat(MAX_METER_ID_CHARS - 6)}` }),
    "bad-meter-id",
  ],
  ["a register below zero", reading(0, -1), "negative"],
  ["consumption below zero", period(0, -1), "negative"],
  ["more than the fuse lets through", period(0, 300_000), "over-limit"],
])("%s is refused", (_name, each, reason) => {
  const channels = createChannels([rule({ device: "dsmr:1*" })]);
  const device = each.meterId === "dsmr:2" ? createChannels([rule()]) : channels;
  expect(run(device, [each])).toStrictEqual([reason]);
});

test("the rule with the device's own id counts before beginnings, and of those the longest", () => {
  const channels = createChannels([
    rule({ device: "*", channels: { "*": "ignored" } }),
    rule({ device: "dsmr:1", channels: { "*": "stored" } }),
    rule({ device: "dsmr:*", channels: { power: "ignored", "*": "stored" } }),
  ]);
  const of = (meterId: string, quantity: Reading["quantity"]) =>
    run(channels, [instant(0, 1, { meterId, quantity })])[0];
  expect(of("dsmr:1", "activePower")).toBe("dsmr:1/power instant 1");
  expect(of("dsmr:7", "activePower")).toBe("ignored");
  expect(of("dsmr:7", "voltage")).toBe("dsmr:7/voltage instant 1");
  expect(of("lora:7", "voltage")).toBe("ignored");
});

test("a value that repeats is a duplicate; one that contradicts is kept beside the first, and not sealed", () => {
  const channels = createChannels([rule()]);
  expect(run(channels, [period(0, 5), period(0, 5), period(0, 6), period(1, 7)])).toStrictEqual([
    "dsmr:1/import interval 5 *",
    "duplicate",
    "dsmr:1/import interval 6",
    "dsmr:1/import interval 7 *",
  ]);
});

test("with everyMs readings that come sooner are left out, and no energy with them", () => {
  const channels = createChannels([rule({ everyMs: 10_000 })]);
  const taken = run(
    channels,
    [0, 4, 9, 10, 19, 25].map((seconds) => reading(seconds, seconds)),
  );
  expect(taken).toStrictEqual([
    "dsmr:1/import register 0",
    "sampled-out",
    "sampled-out",
    "dsmr:1/import interval 10 *",
    "sampled-out",
    "dsmr:1/import interval 15 *",
  ]);
  const periods = createChannels([rule({ everyMs: 10_000 })]);
  expect(run(periods, [period(0, 1), period(1, 1)])).not.toContain("sampled-out");
});

test("a clock a little ahead drifts, one far ahead is in no interval of a register", () => {
  const channels = createChannels([rule()]);
  const ahead = (ms: number) => instant(0, 1, { timestampMs: START_MS + ms, receivedMs: START_MS });
  const qualityOf = (each: Reading) => {
    const outcome = channels.take(each);
    return outcome.type === "kept" ? `${outcome.verdict} ${outcome.reading.timeQuality}` : outcome.type;
  };
  expect(qualityOf(ahead(MAX_DRIFT_MS))).toBe("value synced");
  expect(qualityOf(ahead(MAX_DRIFT_MS + 1))).toBe("value drifting");
  expect(qualityOf(ahead(MAX_AHEAD_MS + 1))).toBe("ahead drifting");
});

const ANY = fc.array(
  fc.record({
    seconds: fc.integer({ min: 0, max: 40 }),
    value: fc.oneof(fc.integer({ min: 0, max: 200_000 }), fc.constantFrom(-1, 9_000_000_000)),
    kind: fc.constantFrom("register", "interval", "instant"),
    quality: fc.integer({ min: 0, max: 255 }),
    aheadMs: fc.constantFrom(0, 0, 0, MAX_AHEAD_MS + 1),
  }),
  { maxLength: 80 },
);

test("after a crash at any point the same readings are kept, and the same of them sealed", () => {
  fc.assert(
    fc.property(ANY, fc.nat(), (steps, cut) => {
      const readings = steps.map(({ seconds, value, kind, quality, aheadMs }) => {
        const of = { interval: period, register: reading, instant }[kind as "interval"];
        return of(seconds, value, { quality, receivedMs: START_MS + seconds * 1000 - aheadMs });
      });
      const rules = [rule({ everyMs: 2000 })];
      const keptBy = (channels: Channels, part: readonly Reading[]) =>
        part.flatMap((each) => {
          const outcome = channels.take(each);
          if (outcome.type !== "kept") return [];
          validateReading(outcome.reading);
          return [{ ...outcome.reading, isSealed: channels.isSealed(outcome.reading) }];
        });
      const whole = keptBy(createChannels(rules), readings);
      const at = readings.length === 0 ? 0 : cut % readings.length;
      const before = keptBy(createChannels(rules), readings.slice(0, at));
      const restored = createChannels(rules);
      for (const each of before) restored.restore(each);
      expect([...before, ...keptBy(restored, readings.slice(at))]).toStrictEqual(whole);
    }),
  );
});

test("each value of a frame is in the account once, and its sender hears of all of them", async () => {
  const live = createLiveSource({ nowMs: () => START_MS });
  const events: MeterEvent[] = [];
  const source = createChannelSource(live, createChannels([rule()]), (event) => events.push(event));
  const stop = new AbortController();
  const offers = [
    live.offer({
      readings: [reading(0, 1), reading(0, 1), period(0, -4)],
      rejected: [{ reason: "sentinel", text: "x" }],
    }),
    live.offer({ readings: [reading(1, 3), reading(1, 9)], rejected: [] }).then(() => stop.abort()),
  ];
  for await (const item of source.readings(stop.signal))
    if (item.type === "reading" || item.type === "duplicate") item.durable?.();
  await Promise.all(offers);
  const { rejected, ...account } = source.account();
  expect(account).toStrictEqual({ rows: 6, accepted: 3, duplicates: 1, gaps: 0, meters: 1, acceptedMwh: 2n });
  expect(rejected).toMatchObject({ negative: 1, sentinel: 1 });
  expect(events.map(({ what }) => what)).toStrictEqual(["sentinel", "negative", "conflict"]);
  expect(QUALITY.REPLACED).toBe(4);
});
