import { expect, onTestFinished, test, vi } from "vitest";
import { startTestBroker, TestPorts } from "../mqtt/testBroker.ts";
import { MeterSourceError } from "../source.ts";
import { type LorawanInput, type LorawanInputOptions, startLorawanInput } from "./lorawanInput.ts";
import { encodeMinutePackage } from "./minutePackage.ts";

const DEV_EUI = "70b3d57ed0001234";
const HOUR_MS = Date.UTC(2030, 0, 1, 10);

const OPTIONS: Omit<LorawanInputOptions, "url"> = {
  clientId: "home-lora",
  maxReconnectMs: 20,
  topics: ["application/+/device/+/event/+"],
  codecs: [{ codec: "minutes", profile: "energy-ledger*", fPort: 10 }],
};

async function start(change: Partial<LorawanInputOptions> = {}) {
  const broker = await startTestBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const ports = new TestPorts({ nowMs: () => HOUR_MS + 30_000 });
  const input = await startLorawanInput({ url: `mqtt://127.0.0.1:${broker.port}`, ...OPTIONS, ...change }, ports);
  onTestFinished(() => (input as LorawanInput)[Symbol.asyncDispose]());
  await until(() => expect(broker.subscriptions).toBeGreaterThan(0));
  const publish = (event: string, body: object): Promise<void> =>
    broker.publish(`application/a/device/${DEV_EUI}/event/${event}`, JSON.stringify(body));
  return { broker, ports, input, publish };
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });

/** A third of an hour's package: 20 minutes of 1 Wh. */
function uplink(part: number, change: object = {}): object {
  const endMinute = HOUR_MS / 60_000 - 40 + 20 * part;
  const data = encodeMinutePackage({
    quantity: "activeEnergyImport",
    endMinute,
    isReset: false,
    register: 1000 + 20 * part,
    values: Array(20).fill(1),
    isWide: false,
  });
  return {
    time: new Date(HOUR_MS + part * 5000).toISOString(),
    deviceInfo: { deviceProfileName: "energy-ledger meter", devEui: DEV_EUI },
    devAddr: "00d19684",
    fCnt: part,
    fPort: 10,
    data: Buffer.from(data).toString("base64"),
    rxInfo: [{}],
    ...change,
  };
}

test("the package of an hour, three uplinks, each heard twice and one of them sent again later: sixty minutes, each once", async () => {
  const { broker, ports, input, publish } = await start();
  for (const part of [0, 1, 2]) for (const _gateway of [1, 2]) await publish("up", uplink(part));
  await publish("up", uplink(1, { time: new Date(HOUR_MS + 48_000).toISOString() }));
  await until(() => expect(broker.acked).toHaveLength(7));
  const intervals = ports.offers.flatMap(({ frame }) => frame.readings).filter(({ kind }) => kind === "interval");
  expect(intervals).toHaveLength(60);
  expect(intervals.map(({ timestampMs }) => timestampMs)).toEqual(
    Array.from({ length: 60 }, (_, index) => HOUR_MS - (59 - index) * 60_000),
  );
  expect(intervals.map(({ registerValue }) => registerValue).slice(-2)).toEqual([1_039_000, 1_040_000]);
  expect((input as LorawanInput).duplicates).toBe(4);
});

test("a duplicate is not acknowledged before the first one is on disk", async () => {
  const { broker, ports, publish } = await start();
  ports.isOpen = false;
  await publish("up", uplink(0));
  await publish("up", uplink(0));
  await publish("status", { deviceInfo: { devEui: DEV_EUI }, margin: 3 });
  await until(() => expect(ports.offers).toHaveLength(2));
  ports.offers[1]?.resolve();
  expect(broker.acked).toEqual([]);
  ports.offers[0]?.resolve();
  await until(() => expect(broker.acked).toHaveLength(3));
});

test("when it cannot be stored it comes again and is no duplicate", async () => {
  const { broker, ports, publish } = await start();
  ports.isOpen = false;
  await publish("up", uplink(0));
  await until(() => expect(ports.offers).toHaveLength(1));
  ports.isOpen = true;
  ports.offers[0]?.reject(new Error("the disk is full"));
  await until(() => expect(broker.acked).toHaveLength(1));
  expect(ports.offers.map(({ frame }) => frame.readings.length)).toEqual([21, 21]);
});

test("a join begins a session: the counter 0 is new", async () => {
  const { broker, ports, publish } = await start();
  await publish("up", uplink(0));
  await publish("join", { deviceInfo: { devEui: DEV_EUI }, devAddr: "00d19684" });
  await publish("up", uplink(0));
  await until(() => expect(broker.acked).toHaveLength(3));
  expect(ports.offers.filter(({ frame }) => frame.readings.length > 0)).toHaveLength(2);
});

test("what the broker kept for a day comes at once and is no flood; the same second over and over is one", async () => {
  const { broker, ports, publish } = await start({ maxPerSecond: 2 });
  for (let part = 0; part < 20; part += 1)
    await publish("up", uplink(0, { fCnt: part, time: new Date(HOUR_MS - part * 60_000).toISOString() }));
  await until(() => expect(broker.acked).toHaveLength(20));
  expect(ports.offers.every(({ frame }) => frame.readings.length === 21)).toBe(true);
  for (let part = 20; part < 24; part += 1)
    await publish("up", uplink(0, { fCnt: part, time: new Date(HOUR_MS + 1000).toISOString() }));
  await until(() => expect(broker.acked).toHaveLength(24));
  const reasons = ports.offers.slice(20).map(({ frame }) => frame.rejected[0]?.reason);
  expect(reasons).toEqual([undefined, undefined, "flood", "flood"]);
});

test("no codec, no time, too long, no JSON: refused by name", async () => {
  const { ports, publish, broker } = await start({ maxMessageBytes: 1024 });
  await publish("up", uplink(0, { fPort: 11 }));
  await publish("up", uplink(1, { time: "2031-01-01T00:00:00Z" }));
  await publish("up", uplink(2, { padding: "x".repeat(1024) }));
  await broker.publish(`application/a/device/${DEV_EUI}/event/up`, "{");
  await until(() => expect(ports.offers).toHaveLength(4));
  expect(ports.offers.map(({ frame }) => frame.rejected[0]?.reason)).toEqual([
    "unknown-format",
    "clock-ahead",
    "too-long",
    "unknown-format",
  ]);
});

test.each<[name: string, option: string, change: object]>([
  ["no topics", "lorawan.topics", { topics: [] }],
  ["a topic that is none", "lorawan.topics", { topics: ["a#"] }],
  ["no codecs", "lorawan.codecs", { codecs: [] }],
  ["an unknown codec", "lorawan.codecs[0].codec", { codecs: [{ codec: "javascript", profile: "a" }] }],
  ["a codec for everybody's port", "lorawan.codecs[0].codec", { codecs: [{ codec: "minutes", fPort: 1 }] }],
  ["a DevEUI that is none", "lorawan.codecs[0].devEui", { codecs: [{ codec: "minutes", devEui: "70b3" }] }],
  ["port 0", "lorawan.codecs[0].fPort", { codecs: [{ codec: "minutes", profile: "a", fPort: 0 }] }],
  ["an unknown zone", "lorawan.codecs[0].zone", { codecs: [{ codec: "minutes", profile: "a", zone: "Mars" }] }],
])("refused: %s", async (_name, option, change) => {
  const started = startLorawanInput(
    { url: "mqtt://127.0.0.1:1883", ...OPTIONS, ...change } as LorawanInputOptions,
    new TestPorts(),
  );
  await expect(started).rejects.toSatisfy(
    (error) =>
      error instanceof MeterSourceError &&
      error.details.code === "METER_OPTION_INVALID" &&
      error.details.option === option,
  );
});
