import { expect, test } from "vitest";
import { validateReading } from "#storage/types/reading.ts";
import { decodeShelly } from "./shelly.ts";
import { brief, messagesOf, testContext } from "./testMessages.ts";

const ID = "mqtt:shellypro3em-1234567890ab";
const [POWER, ENERGY] = messagesOf("shelly-pro3em.json");

test("Pro 3EM, the powers: signed by phase, and the frequency of inputs that are not connected is none", () => {
  const { readings, rejected } = decodeShelly(POWER!, testContext({ receivedMs: 1_757_059_830_000 }));
  for (const reading of readings) validateReading(reading);
  expect(readings.map(brief)).toEqual([
    "activePower.L1 instant 0",
    "voltage.L1 instant 0",
    "current.L1 instant 27",
    "activePower.L2 instant 0",
    "voltage.L2 instant 0",
    "current.L2 instant 27",
    "activePower.L3 instant -18000",
    "voltage.L3 instant 228300",
    "current.L3 instant 476",
    "frequency.L3 instant 50000",
    "activePower instant -18017",
    "current instant 531",
  ]);
  expect(new Set(readings.map(({ meterId }) => meterId))).toEqual(new Set([ID]));
  expect(readings[0]).toMatchObject({ timestampMs: 1_757_059_829_080, timeSource: "meter", timeQuality: "synced" });
  expect(rejected.filter(({ reason }) => reason === "sentinel").map(({ text }) => text)).toEqual([
    "em:0 a_freq 198000",
    "em:0 b_freq 160700",
  ]);
  expect(rejected.filter(({ reason }) => reason === "unknown-quantity")).toHaveLength(8);
});

test("Pro 3EM, the registers: Wh to a hundredth, in both directions", () => {
  const { readings, rejected } = decodeShelly(ENERGY!, testContext({ receivedMs: 1_757_060_281_000 }));
  expect(rejected).toEqual([]);
  expect(readings.map(brief)).toEqual([
    "activeEnergyImport.L1 register 60",
    "activeEnergyExport.L1 register 0",
    "activeEnergyImport.L2 register 60",
    "activeEnergyExport.L2 register 10",
    "activeEnergyImport.L3 register 26289440",
    "activeEnergyExport.L3 register 131881850",
    "activeEnergyImport register 26289570",
    "activeEnergyExport register 131881860",
  ]);
});

function notify(params: string): Buffer {
  return Buffer.from(
    `{"src":"shellyproem50-aa","dst":"x","method":"NotifyStatus","params":{"ts":1757060280.21,${params}}}`,
  );
}
const context = testContext({ receivedMs: 1_757_060_281_000 });

test("each circuit of a meter of circuits is a meter, named by its key and not by the id inside", () => {
  const bytes = notify(
    '"em1data:1":{"id":0,"total_act_energy":2776175.11,"total_act_ret_energy":571584.87},"em1:1":{"id":1,"act_power":-1.5}',
  );
  expect(decodeShelly(bytes, context).readings.map((reading) => `${reading.meterId} ${brief(reading)}`)).toEqual([
    "mqtt:shellyproem50-aa/em1:1 activeEnergyImport register 2776175110",
    "mqtt:shellyproem50-aa/em1:1 activeEnergyExport register 571584870",
    "mqtt:shellyproem50-aa/em1:1 activePower instant -1500",
  ]);
});

test("plugs: power and the register that is one level deeper; exponents are read by their digits", () => {
  const bytes = notify(
    '"switch:0":{"id":0,"output":true,"apower":8.9,"aenergy":{"by_minute":[1,2,3],"minute_ts":1,"total":6.532e3},"temperature":{"tC":23.6}}',
  );
  expect(decodeShelly(bytes, context)).toMatchObject({
    readings: [
      { meterId: "mqtt:shellyproem50-aa/switch:0", quantity: "activePower", value: 8900 },
      { quantity: "activeEnergyImport", kind: "register", value: 6_532_000 },
    ],
    rejected: [],
  });
});

test("the status topic has no time: the receiver's, and retained none at all", () => {
  const bytes = Buffer.from('{"id":0,"apower":8.9}');
  const topic = "shellyplus1pm-bb/status/switch:0";
  const [reading] = decodeShelly(bytes, testContext({ topic })).readings;
  expect(reading).toMatchObject({ meterId: "mqtt:shellyplus1pm-bb/switch:0", value: 8900, timeSource: "receiver" });
  expect(decodeShelly(bytes, testContext({ topic, isRetained: true })).rejected).toMatchObject([
    { reason: "bad-timestamp" },
  ]);
  const system = testContext({ topic: "shellyplus1pm-bb/status/sys" });
  expect(decodeShelly(bytes, system).rejected).toMatchObject([{ reason: "unknown-format" }]);
});

test.each([
  ["no JSON", "{", "unknown-format"],
  ["another method", '{"src":"a","method":"NotifyEvent","params":{"ts":1757060280}}', "unknown-format"],
  ["no sender", '{"method":"NotifyStatus","params":{"ts":1757060280,"em:0":{"total_act_power":1}}}', "bad-meter-id"],
  ["no time", '{"src":"a","method":"NotifyStatus","params":{"em:0":{"total_act_power":1}}}', "bad-timestamp"],
  [
    "a clock that was never set",
    '{"src":"a","method":"NotifyStatus","params":{"ts":12.5,"em:0":{"total_act_power":1}}}',
    "bad-timestamp",
  ],
  [
    "a clock two hours ahead",
    '{"src":"a","method":"NotifyStatus","params":{"ts":1757067481,"em:0":{"total_act_power":1}}}',
    "clock-ahead",
  ],
  [
    "null",
    '{"src":"a","method":"NotifyStatus","params":{"ts":1757060280,"em:0":{"total_act_power":null}}}',
    "null-value",
  ],
  [
    "true for a power",
    '{"src":"a","method":"NotifyStatus","params":{"ts":1757060280,"em:0":{"total_act_power":true}}}',
    "not-a-number",
  ],
  [
    "1e400 W",
    '{"src":"a","method":"NotifyStatus","params":{"ts":1757060280,"em:0":{"total_act_power":1e400}}}',
    "over-limit",
  ],
])("%s: no reading, and why", (_name, text, reason) => {
  const frame = decodeShelly(Buffer.from(text), context);
  expect(frame.readings).toEqual([]);
  expect(frame.rejected.map((part) => part.reason)).toEqual([reason]);
});
