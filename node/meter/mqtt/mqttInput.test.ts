import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { SourceEndedError } from "../liveSource.ts";
import { MeterSourceError } from "../source.ts";
import { type MqttInputOptions, startMqttInput } from "./mqttInput.ts";
import { startTestBroker, TestPorts } from "./testBroker.ts";

const folder = mkdtempSync(join(tmpdir(), "mqtt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function startBroker(
  ...parts: Parameters<typeof startTestBroker>
): Promise<Awaited<ReturnType<typeof startTestBroker>>> {
  const broker = await startTestBroker(...parts);
  onTestFinished(() => broker[Symbol.asyncDispose]());
  return broker;
}

async function startInput(
  port: number,
  ports: TestPorts,
  change: Partial<MqttInputOptions> = {},
): Promise<AsyncDisposable> {
  const input = await startMqttInput(
    {
      url: `mqtt://127.0.0.1:${port}`,
      clientId: "home-7",
      maxReconnectMs: 20,
      subscriptions: [{ topic: "tele/+/SENSOR", format: "tasmota", zone: "UTC" }],
      ...change,
    },
    ports,
  );
  onTestFinished(() => input[Symbol.asyncDispose]());
  return input;
}

/** A message of a Tasmota plug; each number has a time of its own. */
function sensor(number: number): string {
  const time = new Date(Date.UTC(2026, 5, 1) + number * 1000).toISOString().slice(0, 19);
  return `{"Time":"${time}","ENERGY":{"Total":${number}.001}}`;
}
const nowMs = (): number => Date.UTC(2026, 5, 1, 12);
const totals = (ports: TestPorts): (number | undefined)[] => ports.offers.map(({ frame }) => frame.readings[0]?.value);
const total = (number: number): number => number * 1_000_000 + 1000;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });

async function subscribed(broker: Awaited<ReturnType<typeof startBroker>>, count = 1): Promise<void> {
  await until(() => expect(broker.subscriptions).toBeGreaterThanOrEqual(count));
}

test("a message is acknowledged when it is on disk, and not before", async () => {
  const broker = await startBroker();
  const ports = new TestPorts({ isOpen: false, nowMs });
  await startInput(broker.port, ports);
  await subscribed(broker);
  for (const number of numbers(3)) await broker.publish("tele/plug/SENSOR", sensor(number));
  await until(() => expect(totals(ports)).toEqual([total(1), total(2), total(3)]));
  expect(broker.acked).toEqual([]);
  // The last one is first on disk: it waits for those before it (MQTT-4.6.0-2).
  ports.offers[2]?.resolve();
  ports.offers[0]?.resolve();
  await until(() => expect(broker.acked).toHaveLength(1));
  ports.offers[1]?.resolve();
  await until(() => expect(broker.acked).toHaveLength(3));
  expect(broker.acked).toEqual(broker.acked.toSorted((a, b) => a - b));
});

test("what was not on disk when the node stopped comes again at its next start, and what was does not", async () => {
  const broker = await startBroker();
  const before = new TestPorts({ isOpen: false, nowMs });
  const input = await startInput(broker.port, before);
  await subscribed(broker);
  for (const number of numbers(3)) await broker.publish("tele/plug/SENSOR", sensor(number));
  await until(() => expect(before.offers).toHaveLength(3));
  before.offers[0]?.resolve();
  await until(() => expect(broker.acked).toHaveLength(1));
  const closed = input[Symbol.asyncDispose]();
  for (const { reject } of before.offers.slice(1)) reject(new SourceEndedError("the node stopped"));
  await closed;
  const after = new TestPorts({ nowMs });
  await startInput(broker.port, after);
  await until(() => expect(broker.acked).toHaveLength(3));
  expect(totals(after)).toEqual([total(2), total(3)]);
});

test("what gets to the disk while the input closes is still acknowledged", async () => {
  const broker = await startBroker();
  const ports = new TestPorts({ isOpen: false, nowMs });
  const input = await startInput(broker.port, ports);
  await subscribed(broker);
  await broker.publish("tele/plug/SENSOR", sensor(1));
  await until(() => expect(ports.offers).toHaveLength(1));
  const closed = input[Symbol.asyncDispose]();
  ports.offers[0]?.resolve();
  await closed;
  await until(() => expect(broker.acked).toHaveLength(1));
});

test("what is published while the home is away is kept for it", async () => {
  const broker = await startBroker();
  const input = await startInput(broker.port, new TestPorts({ nowMs }));
  await subscribed(broker);
  await input[Symbol.asyncDispose]();
  await until(() => expect(broker.aedes.connectedClients).toBe(0));
  for (const number of numbers(50)) await broker.publish("tele/plug/SENSOR", sensor(number));
  const ports = new TestPorts({ nowMs });
  await startInput(broker.port, ports);
  await until(() => expect(totals(ports)).toEqual(numbers(50).map(total)));
});

test("when it cannot be put on disk it is not acknowledged, and comes again", async () => {
  const broker = await startBroker();
  const ports = new TestPorts({ isOpen: false, nowMs });
  await startInput(broker.port, ports);
  await subscribed(broker);
  await broker.publish("tele/plug/SENSOR", sensor(1));
  await until(() => expect(ports.offers).toHaveLength(1));
  ports.isOpen = true;
  ports.offers[0]?.reject(new Error("the disk is full"));
  await until(() => expect(broker.acked).toHaveLength(1));
  expect(totals(ports)).toEqual([total(1), total(1)]);
});

test("no more than maxInFlight are on their way to the disk, and while they wait the connection stays", async () => {
  const broker = await startBroker();
  const ports = new TestPorts({ isOpen: false, nowMs });
  await startInput(broker.port, ports, { maxInFlight: 4, keepaliveS: 1 });
  await subscribed(broker);
  let pings = 0;
  broker.aedes.on("ping", () => {
    pings += 1;
  });
  for (const number of numbers(40)) await broker.publish("tele/plug/SENSOR", sensor(number));
  // Longer than the broker waits for a word of its client (one and a half times the second).
  await until(() => expect(pings).toBeGreaterThanOrEqual(5));
  expect(ports.offers).toHaveLength(4);
  ports.isOpen = true;
  for (const { resolve } of [...ports.offers]) resolve();
  await until(() => expect(broker.acked).toHaveLength(40));
  expect(totals(ports)).toEqual(numbers(40).map(total));
  expect(ports.mostPending).toBe(4);
  expect(broker.connections).toBe(1);
});

test("a broker that was away is found again", async () => {
  const broker = await startBroker();
  const ports = new TestPorts({ nowMs });
  await startInput(broker.port, ports);
  await subscribed(broker);
  await broker.close();
  await broker.publish("tele/plug/SENSOR", sensor(1));
  await broker.listen();
  await until(() => expect(totals(ports)).toEqual([total(1)]));
});

test("one that is not there yet is no error", async () => {
  const broker = await startBroker();
  await broker.close();
  const ports = new TestPorts({ nowMs });
  await startInput(broker.port, ports);
  await broker.listen();
  await subscribed(broker);
  await broker.publish("tele/plug/SENSOR", sensor(1));
  await until(() => expect(totals(ports)).toEqual([total(1)]));
});

test("what is too long, too much, retained without a time or of another topic is refused by name, and acknowledged", async () => {
  const broker = await startBroker();
  const ports = new TestPorts({ nowMs });
  await broker.publish("noTime/plug/SENSOR", sensor(1), 1, true);
  await startInput(broker.port, ports, {
    maxMessageBytes: 256,
    maxPerSecond: 2,
    subscriptions: [
      { topic: "tele/+/SENSOR", format: "tasmota", zone: "UTC" },
      { topic: "noTime/+/SENSOR", format: "tasmota" },
    ],
  });
  await until(() => expect(ports.offers).toHaveLength(1));
  await broker.publish("tele/plug/SENSOR", `${sensor(2)}${" ".repeat(256)}`);
  await broker.publish("tele/plug/SENSOR", "\xff\xfe");
  for (let count = 0; count < 4; count += 1) await broker.publish("tele/plug/SENSOR", sensor(3));
  await until(() => expect(ports.offers).toHaveLength(7));
  const reasons = ports.offers.map(({ frame }) => frame.rejected[0]?.reason);
  expect(reasons).toEqual(["bad-timestamp", "too-long", "unknown-format", undefined, undefined, "flood", "flood"]);
  await until(() => expect(broker.acked.length).toBeGreaterThanOrEqual(6));
});

test("a message longer than the memory should hold is cut off on its way in, refused by name and acknowledged", async () => {
  const broker = await startBroker();
  const ports = new TestPorts({ nowMs });
  await startInput(broker.port, ports, { maxMessageBytes: 256 });
  await subscribed(broker);
  await broker.publish("tele/plug/SENSOR", Buffer.alloc(3_000_000, 0x20));
  await broker.publish("tele/plug/SENSOR", sensor(1));
  await until(() => expect(broker.acked).toHaveLength(2));
  const [refused, taken] = ports.offers.map(({ frame }) => frame);
  // What came in is no longer than its limit, with room for a topic of 65 535 bytes.
  expect(refused?.rejected).toMatchObject([
    { reason: "too-long", text: expect.stringMatching(/^70\d{3} bytes on tele/) },
  ]);
  expect(taken?.readings[0]?.value).toBe(total(1));
  expect(broker.connections).toBe(1);
});

test("MQTT 5: the same, with the limits told", async () => {
  const broker = await startBroker();
  let asked: unknown;
  broker.aedes.preConnect = (_client, packet, callback) => {
    asked = packet.properties;
    callback(null, true);
  };
  await startInput(broker.port, new TestPorts({ nowMs }), {
    protocolVersion: 5,
    maxInFlight: 7,
    maxMessageBytes: 1000,
  });
  await until(() =>
    expect(asked).toMatchObject({ receiveMaximum: 7, maximumPacketSize: 71_000, sessionExpiryInterval: 31 * 86_400 }),
  );
});

test("user and password from a file, over TLS with a certificate authority of one's own", async () => {
  const tls = (name: string): Buffer => readFileSync(`${import.meta.dirname}/testdata/tls/${name}`);
  const seen: string[] = [];
  const broker = await startBroker(
    {
      authenticate: (_client, username, password, done) => {
        seen.push(`${username} ${password?.toString()}`);
        done(null, password?.toString() === "geheim");
      },
    },
    { cert: tls("cert.pem"), key: tls("key.pem") },
  );
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, "geheim\n");
  const ports = new TestPorts({ nowMs });
  const caFile = `${import.meta.dirname}/testdata/tls/cert.pem`;
  const url = `mqtts://localhost:${broker.port}`;
  await startInput(broker.port, ports, { url, caFile, username: "meter", passwordFile });
  await subscribed(broker);
  await broker.publish("tele/plug/SENSOR", sensor(1));
  await until(() => expect(totals(ports)).toEqual([total(1)]));
  expect(new Set(seen)).toEqual(new Set(["meter geheim"]));
});

test("a certificate that nobody vouches for is refused: nothing is said to such a broker", async () => {
  const tls = (name: string): Buffer => readFileSync(`${import.meta.dirname}/testdata/tls/${name}`);
  const broker = await startBroker({}, { cert: tls("cert.pem"), key: tls("key.pem") });
  await startInput(broker.port, new TestPorts({ nowMs }), { url: `mqtts://localhost:${broker.port}` });
  await until(() => expect(broker.connections).toBeGreaterThanOrEqual(3));
  expect(broker.aedes.connectedClients).toBe(0);
});

test("a wrong password is tried again, and no faster than the pause allows", async () => {
  let attempts = 0;
  let isRight = false;
  const broker = await startBroker({
    authenticate: (_client, _username, _password, done) => {
      attempts += 1;
      done(null, isRight);
    },
  });
  await startInput(broker.port, new TestPorts({ nowMs }), { username: "meter" });
  await until(() => expect(attempts).toBeGreaterThanOrEqual(3));
  isRight = true;
  await subscribed(broker);
});

test("DSMR telegrams as they are", async () => {
  const telegram = readFileSync(`${import.meta.dirname}/../dsmr/testdata/dsmr50-iskra-mt382.txt`);
  const broker = await startBroker();
  const ports = new TestPorts({ nowMs: () => Date.UTC(2017, 0, 2, 18, 20, 3) });
  await startInput(broker.port, ports, { subscriptions: [{ topic: "p1", format: "dsmr", zone: "Europe/Amsterdam" }] });
  await subscribed(broker);
  await broker.publish("p1", telegram);
  await broker.publish("p1", telegram.subarray(0, 400));
  await until(() => expect(ports.offers).toHaveLength(2));
  expect(ports.offers[0]?.frame.readings).toContainEqual(
    expect.objectContaining({
      meterId: "dsmr:4B384547303034303436333935353037",
      quantity: "activeEnergyImport",
      tariff: 1,
      value: 4_426_000,
    }),
  );
  expect(ports.offers[1]?.frame.readings).toEqual([]);
});

const OPTIONS: MqttInputOptions = {
  url: "mqtt://127.0.0.1:1883",
  clientId: "home",
  subscriptions: [{ topic: "tele/+/SENSOR", format: "tasmota" }],
};

test.each<[name: string, option: string, change: object]>([
  ["a password in the address", "mqtt.url", { url: "mqtt://user:password@broker" }],
  ["another protocol", "mqtt.url", { url: "http://broker" }],
  ["a port that is none", "mqtt.url", { url: "mqtt://broker:70000" }],
  ["no session", "mqtt.clientId", { clientId: undefined }],
  ["a certificate authority without TLS", "mqtt.caFile", { caFile: "/ca.pem" }],
  ["a certificate without its key", "mqtt.certFile", { url: "mqtts://broker", certFile: "/cert.pem" }],
  ["a password file that is not there", "mqtt.passwordFile", { username: "a", passwordFile: "/nowhere/password" }],
  ["a password for nobody", "mqtt.passwordFile", { passwordFile: "/nowhere/password" }],
  ["a password among the options", "mqtt.password", { password: "geheim" }],
  ["nothing to listen to", "mqtt.subscriptions", { subscriptions: [] }],
  ["MQTT 3", "mqtt.protocolVersion", { protocolVersion: 3 }],
  ["a filter that is none", "mqtt.subscriptions[0].topic", { subscriptions: [{ topic: "a#", format: "tasmota" }] }],
  ["an unknown format", "mqtt.subscriptions[0].format", { subscriptions: [{ topic: "a", format: "zigbee" }] }],
  [
    "an unknown zone",
    "mqtt.subscriptions[0].zone",
    { subscriptions: [{ topic: "a", format: "shelly", zone: "Mars/Base" }] },
  ],
  [
    "one name for many devices",
    "mqtt.subscriptions[0].device",
    { subscriptions: [{ topic: "+", format: "shelly", device: "a" }] },
  ],
  [
    "options of another decoder",
    "mqtt.subscriptions[0].dsmr",
    { subscriptions: [{ topic: "a", format: "shelly", dsmr: {} }] },
  ],
])("refused: %s", async (_name, option, change) => {
  const started = startMqttInput({ ...OPTIONS, ...change }, new TestPorts());
  await expect(started).rejects.toSatisfy(
    (error) =>
      error instanceof MeterSourceError &&
      error.details.code === "METER_OPTION_INVALID" &&
      error.details.option === option,
  );
});
