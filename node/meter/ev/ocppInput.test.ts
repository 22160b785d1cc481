import { once } from "node:events";
import { readFileSync } from "node:fs";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { sha256 } from "#storage/crypto/hash.ts";
import type { Reading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import type { InputPorts } from "../input.ts";
import { type OcppInputOptions, startOcppInput } from "./ocppInput.ts";

const [KEBA, TAMPERED] = JSON.parse(
  readFileSync(new URL("./testdata/ocmf-signed-meter-values.json", import.meta.url), "utf8"),
) as {
  ocmf: string;
  publicKeySpkiHex: string;
}[];

interface Charger extends Disposable {
  readonly socket: WebSocket;
  /** Sends a call and gives the answer's fields behind the id. */
  call(action: string, payload: object): Promise<unknown[]>;
  raw(text: string): Promise<unknown[]>;
}

async function connect(
  port: number,
  id: string,
  protocol = "ocpp1.6",
  headers: Record<string, string> = {},
): Promise<Charger> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ocpp/${id}`, [protocol], { headers });
  await once(socket, "open");
  let count = 0;
  const raw = async (text: string): Promise<unknown[]> => {
    const answered = once(socket, "message");
    socket.send(text);
    const [data] = await answered;
    return JSON.parse(String(data)) as unknown[];
  };
  const call = async (action: string, payload: object): Promise<unknown[]> => {
    count += 1;
    const [type, answeredId, ...rest] = await raw(JSON.stringify([2, `m${count}`, action, payload]));
    expect(answeredId).toBe(`m${count}`);
    return [type, ...rest];
  };
  return { socket, call, raw, [Symbol.dispose]: () => socket.terminate() };
}

/** Frames that were stored; `offer` may be replaced to hold or to fail. */
async function start(more: Partial<OcppInputOptions> = {}, offer?: InputPorts["offer"]) {
  const frames: DecodedFrame[] = [];
  const chargers = [{ id: "CP1", ocmfKey: KEBA?.publicKeySpkiHex ?? "" }];
  const input = await startOcppInput(
    { port: 0, chargers, ...more },
    {
      offer: offer ?? (async (frame) => void frames.push(frame)),
      nowMs: () => Date.UTC(2026, 0, 1),
      log: pino({ level: "silent" }),
    },
  );
  return { port: input.port, input, frames, [Symbol.asyncDispose]: () => input[Symbol.asyncDispose]() };
}

function values(frames: readonly DecodedFrame[]): [string, number][] {
  return frames.flatMap(({ readings }) =>
    readings.map(({ meterId, value }: Reading) => [meterId, value] as [string, number]),
  );
}

const at = (minute: number): string => `2025-06-01T10:${String(minute).padStart(2, "0")}:00Z`;
const energy = (minute: number, value: string, unit = "Wh"): object => ({
  timestamp: at(minute),
  sampledValue: [{ value, unit }],
});

test("OCPP 1.6: a charger boots, charges and stops, is answered at every step, and its registers are kept", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1");
  const boot = await charger.call("BootNotification", { chargePointVendor: "KEBA", chargePointModel: "P30" });
  expect(boot).toStrictEqual([3, { status: "Accepted", currentTime: "2026-01-01T00:00:00.000Z", interval: 300 }]);
  expect(
    await charger.call("StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Preparing" }),
  ).toStrictEqual([3, {}]);
  expect(await charger.call("Heartbeat", {})).toStrictEqual([3, { currentTime: "2026-01-01T00:00:00.000Z" }]);
  expect(await charger.call("Authorize", { idTag: "CARD" })).toStrictEqual([3, { idTagInfo: { status: "Accepted" } }]);
  const [, started] = await charger.call("StartTransaction", {
    connectorId: 1,
    idTag: "CARD",
    meterStart: 1000,
    timestamp: at(0),
  });
  const { transactionId } = started as { transactionId: number };
  expect(started).toStrictEqual({ transactionId: expect.any(Number), idTagInfo: { status: "Accepted" } });
  expect(
    await charger.call("MeterValues", { connectorId: 1, transactionId, meterValue: [energy(1, "1.180", "kWh")] }),
  ).toStrictEqual([3, {}]);
  expect(
    await charger.call("StopTransaction", {
      transactionId,
      meterStop: 1400,
      timestamp: at(2),
      transactionData: [energy(2, "1400")],
    }),
  ).toStrictEqual([3, {}]);
  expect(values(csms.frames)).toStrictEqual([
    ["ocpp:CP1/1", 1_000_000],
    ["ocpp:CP1/1", 1_180_000],
    ["ocpp:CP1/1", 1_400_000],
    ["ocpp:CP1/1", 1_400_000],
  ]);
  const [, again] = await charger.call("StartTransaction", {
    connectorId: 1,
    idTag: "CARD",
    meterStart: 1400,
    timestamp: at(5),
  });
  expect((again as { transactionId: number }).transactionId).toBeGreaterThan(transactionId);
});

test("OCPP 2.0.1: transaction events and meter values; the socket is remembered when later events leave it out", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1", "ocpp2.0.1");
  expect((await charger.call("BootNotification", { reason: "PowerUp" }))[1]).toMatchObject({
    status: "Accepted",
    interval: 300,
  });
  const event = (eventType: string, minute: number, value: number, more: object = {}): object => ({
    eventType,
    timestamp: at(minute),
    transactionInfo: { transactionId: "tx-1" },
    meterValue: [{ timestamp: at(minute), sampledValue: [{ value, unitOfMeasure: { unit: "kWh" } }] }],
    ...more,
  });
  const idToken = { idToken: "CARD", type: "ISO14443" };
  expect(
    await charger.call("TransactionEvent", event("Started", 0, 5, { evse: { id: 2, connectorId: 1 }, idToken })),
  ).toStrictEqual([3, { idTokenInfo: { status: "Accepted" } }]);
  expect(await charger.call("TransactionEvent", event("Updated", 1, 5.2))).toStrictEqual([3, {}]);
  expect(await charger.call("TransactionEvent", event("Ended", 2, 5.4))).toStrictEqual([3, {}]);
  expect(
    await charger.call("MeterValues", {
      evseId: 2,
      meterValue: [{ timestamp: at(3), sampledValue: [{ value: 5400 }] }],
    }),
  ).toStrictEqual([3, {}]);
  expect(await charger.call("NotifyEvent", {})).toStrictEqual([3, {}]);
  expect(values(csms.frames)).toStrictEqual(
    [5_000_000, 5_200_000, 5_400_000, 5_400_000].map((value) => ["ocpp:CP1/2", value]),
  );
});

test("meter values are answered when they are on disk, with an error when they are not", async () => {
  const stored = Promise.withResolvers<void>();
  const offered: DecodedFrame[] = [];
  await using csms = await start({}, (frame) => {
    offered.push(frame);
    return stored.promise;
  });
  using charger = await connect(csms.port, "CP1");
  let answer: unknown[] | undefined;
  const asked = charger.call("MeterValues", { connectorId: 1, meterValue: [energy(1, "1")] }).then((got) => {
    answer = got;
  });
  await vi.waitFor(() => expect(offered).toHaveLength(1));
  expect(answer).toBeUndefined();
  stored.reject(new Error("the node is stopping"));
  await asked;
  expect(answer?.slice(0, 2)).toStrictEqual([4, "InternalError"]);
});

test("the hash of a reading is over the message it came in", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1");
  const text = JSON.stringify([2, "x", "MeterValues", { connectorId: 1, meterValue: [energy(1, "1")] }]);
  await charger.raw(text);
  expect(csms.frames[0]?.readings[0]?.rawHash).toStrictEqual(sha256(Buffer.from(text)));
});

test("signed values are held against the charger's key; the tampered twin is refused", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1");
  const send = (value = ""): Promise<unknown[]> =>
    charger.call("MeterValues", {
      connectorId: 1,
      meterValue: [{ timestamp: at(1), sampledValue: [{ value, format: "SignedData" }] }],
    });
  await send(TAMPERED?.ocmf);
  await send(KEBA?.ocmf);
  expect(csms.frames[0]).toMatchObject({ readings: [], rejected: [{ reason: "signature-wrong" }] });
  expect(csms.frames[1]?.readings.map(({ value, quality }) => [value, quality])).toStrictEqual([
    [259_600, 0],
    [259_700, 0],
  ]);
});

test("a charger that mixes up Wh and kWh within a transaction is not believed", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1");
  const [, started] = await charger.call("StartTransaction", {
    connectorId: 1,
    idTag: "CARD",
    meterStart: 4_264_000,
    timestamp: at(0),
  });
  const { transactionId } = started as { transactionId: number };
  for (const value of [energy(1, "4264.1", "Wh"), energy(2, "4264200", "kWh"), energy(3, "4264300", "Wh")])
    await charger.call("MeterValues", { connectorId: 1, transactionId, meterValue: [value] });
  expect(csms.frames.map(({ rejected }) => rejected[0]?.reason)).toStrictEqual([
    undefined,
    "implausible",
    "implausible",
    undefined,
  ]);
});

test("a transaction may begin with a register of its own, and what comes late is kept", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1");
  for (const [minute, transactionId, value] of [
    [10, 1, "9000"],
    [20, 2, "0"],
    [15, 1, "9500"],
    [21, 2, "180"],
  ] as const)
    await charger.call("MeterValues", { connectorId: 1, transactionId, meterValue: [energy(minute, value)] });
  expect(values(csms.frames).map(([, value]) => value)).toStrictEqual([9_000_000, 0, 9_500_000, 180_000]);
});

test("what cannot be put down to a socket is rejected, and still answered", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1");
  expect(await charger.call("StopTransaction", { transactionId: 99, meterStop: 5, timestamp: at(0) })).toStrictEqual([
    3,
    {},
  ]);
  expect(await charger.call("MeterValues", { meterValue: [energy(0, "1")] })).toStrictEqual([3, {}]);
  expect(csms.frames.map(({ rejected }) => rejected[0]?.reason)).toStrictEqual(["bad-meter-id", "bad-meter-id"]);
});

test("unknown actions, and what is no call, are answered as the protocol says", async () => {
  await using csms = await start();
  using charger = await connect(csms.port, "CP1");
  expect((await charger.call("UnlockConnector", {})).slice(0, 2)).toStrictEqual([4, "NotImplemented"]);
  expect((await charger.raw("{")).slice(0, 3)).toStrictEqual([4, "-1", "FormationViolation"]);
  expect((await charger.raw('[2,"id","MeterValues",[]]')).slice(0, 3)).toStrictEqual([4, "id", "FormationViolation"]);
  expect(csms.frames.map(({ rejected }) => rejected[0]?.reason)).toStrictEqual(["unknown-format", "unknown-format"]);
  // An answer to a call that nobody made is passed over.
  charger.socket.send('[3,"x",{}]');
  expect((await charger.call("Heartbeat", {}))[0]).toBe(3);
});

async function refusal(
  port: number,
  path: string,
  protocols: string[],
  headers: Record<string, string> = {},
): Promise<number | undefined> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
  const [, response] = (await once(socket, "unexpected-response")) as [
    unknown,
    { statusCode?: number; destroy(): void },
  ];
  response.destroy();
  return response.statusCode;
}

test("only chargers that are named, and know their password, get in", async () => {
  await using csms = await start({ chargers: [{ id: "CP1", password: "secret" }] });
  const authorization = `Basic ${Buffer.from("CP1:secret").toString("base64")}`;
  expect(await refusal(csms.port, "/ocpp/CP2", ["ocpp1.6"])).toBe(404);
  expect(await refusal(csms.port, "/other/CP1", ["ocpp1.6"])).toBe(404);
  expect(await refusal(csms.port, "/ocpp/%E0%A4", ["ocpp1.6"])).toBe(404);
  expect(await refusal(csms.port, "/ocpp/CP1", ["ocpp1.6"])).toBe(401);
  expect(
    await refusal(csms.port, "/ocpp/CP1", ["ocpp1.6"], {
      authorization: `Basic ${Buffer.from("CP1:no").toString("base64")}`,
    }),
  ).toBe(401);
  expect(await refusal(csms.port, "/ocpp/CP1", ["ocpp1.5"], { authorization })).toBe(400);
  using charger = await connect(csms.port, "CP1", "ocpp1.6", { authorization });
  expect((await charger.call("Heartbeat", {}))[0]).toBe(3);
});

test("an unknown charger gets in where that is wanted; a card that is not listed may not charge", async () => {
  await using csms = await start({ acceptUnknown: true, idTags: ["CARD"] });
  using charger = await connect(csms.port, "CP9");
  expect((await charger.call("Authorize", { idTag: "OTHER" }))[1]).toStrictEqual({ idTagInfo: { status: "Invalid" } });
  expect((await charger.call("Authorize", { idTag: "CARD" }))[1]).toStrictEqual({ idTagInfo: { status: "Accepted" } });
});

test("a charger that connects again takes the place of its lost connection, in the middle of its transaction", async () => {
  await using csms = await start();
  using first = await connect(csms.port, "CP1");
  const [, started] = await first.call("StartTransaction", {
    connectorId: 3,
    idTag: "CARD",
    meterStart: 0,
    timestamp: at(0),
  });
  const gone = once(first.socket, "close");
  using second = await connect(csms.port, "CP1");
  await gone;
  expect(csms.input.connections).toBe(1);
  const { transactionId } = started as { transactionId: number };
  await second.call("StopTransaction", { transactionId, meterStop: 100, timestamp: at(9) });
  expect(values(csms.frames).at(-1)).toStrictEqual(["ocpp:CP1/3", 100_000]);
});

test("a charger that answers no ping is cut off, one that does is not", async () => {
  await using csms = await start({ pingMs: 40, acceptUnknown: true });
  using quiet = await connect(csms.port, "CP1");
  // It has come and gone: its network is down, and its end of the connection does not know.
  quiet.socket.pause();
  using lively = await connect(csms.port, "CP2");
  await vi.waitFor(() => expect(csms.input.connections).toBe(1));
  expect((await lively.call("Heartbeat", {}))[0]).toBe(3);
});

test("a message beyond the limit, and a flood of calls, end the connection", async () => {
  const held = Promise.withResolvers<void>();
  await using csms = await start({}, () => held.promise);
  for (const send of [
    (socket: WebSocket) => socket.send("x".repeat(300 * 1024)),
    (socket: WebSocket) => socket.send(Buffer.from([1, 2, 3])),
    (socket: WebSocket) => {
      for (let index = 0; index < 5000; index++)
        socket.send(`[2,"${index}","MeterValues",{"connectorId":1,"meterValue":[]}]`);
    },
  ]) {
    using charger = await connect(csms.port, "CP1");
    const closed = once(charger.socket, "close");
    send(charger.socket);
    await closed;
  }
  held.resolve();
});

test.each([
  [{ port: -1 }, "ocpp.port"],
  [{ chargers: [{ id: "a/b" }] }, "ocpp.chargers[0].id"],
  [{ chargers: [{ id: "a", ocmfKey: "00".repeat(40) }] }, "ocpp.chargers[0].ocmfKey"],
  [{ idTags: [5] }, "ocpp.idTags"],
  [{ charger: [] }, "ocpp.charger"],
])("options that cannot be meant are refused: %j", async (more, option) => {
  await expect(start(more as never)).rejects.toMatchObject({ details: { code: "METER_OPTION_INVALID", option } });
});
