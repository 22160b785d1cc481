import { PassThrough } from "node:stream";
import { expect, test, vi } from "vitest";
import { MeterSourceError } from "../source.ts";
import { testPorts } from "../stream/testLine.ts";
import { type Iec62056Options, startIec62056Input, startReadouts } from "./iec62056Input.ts";
import { readOut, type SessionTiming } from "./session.ts";
import { dataMessage, type EmulatedMeter, LINES, listenMeters } from "./testMeter.ts";

const NOW_MS = Date.parse("2026-01-15T12:00:00Z");
/** Nothing is waited for in vain; where something is, the other. */
const PATIENT: SessionTiming = {
  answerMs: 10_000,
  silenceMs: 10_000,
  reactionMs: 1,
  wakeUpMs: 1,
  retryMs: 1,
  totalMs: 60_000,
};
const FAST: SessionTiming = { ...PATIENT, answerMs: 300, silenceMs: 300 };
const METER: EmulatedMeter = { address: "412345", identification: "/LGZ5\\2ZMD310", lines: LINES };

/** One meter's readings as they come, of the first frame that has some. */
async function read(
  meters: readonly EmulatedMeter[],
  options: Partial<Iec62056Options> = {},
  { frames = 1, timing = PATIENT } = {},
) {
  await using line = await listenMeters(meters);
  const warned: { fault: string; attempt: number }[] = [];
  const log = { warn: (fields: never) => warned.push(fields), info() {}, debug() {}, child: () => log };
  const ports = { ...testPorts(() => NOW_MS), log: log as never };
  const connection = { type: "tcp", host: "127.0.0.1", port: line.port } as const;
  await using _input = await startReadouts({ connection, everyMs: 1000, ...options }, ports, timing);
  await vi.waitFor(
    () => expect(ports.frames.filter(({ readings }) => readings.length > 0).length).toBeGreaterThanOrEqual(frames),
    { timeout: 15_000 },
  );
  const readings = ports.frames.flatMap((frame) => frame.readings);
  return {
    frames: ports.frames,
    readings,
    values: readings.map(({ quantity, phase, tariff, value }) => [quantity, phase, tariff, value]),
    reasons: ports.frames.map(({ rejected }) => rejected.map(({ reason }) => reason)),
    heard: line.heard,
    warned,
  };
}

const VALUES = [
  ["activeEnergyImport", 0, 0, 1_234_567_000],
  ["activeEnergyImport", 0, 1, 1_000_000_000],
  ["activeEnergyImport", 0, 2, 234_567_000],
  ["activeEnergyExport", 0, 0, 10_100_000],
  ["activePower", 0, 0, 512_000],
  ["voltage", 1, 0, 230_100],
  ["current", 1, 0, 2_250],
];

test("mode C: request, identification, acknowledgement that keeps the rate, and the readings of the data", async () => {
  const { readings, values, heard, reasons } = await read([METER]);
  expect(values).toEqual(VALUES);
  expect(heard).toEqual(["/?!", "\x06000"]);
  // The register of a past billing period.
  expect(reasons).toEqual([["unknown-quantity"]]);
  for (const reading of readings)
    expect(reading).toMatchObject({ meterId: "iec:00412345", timestampMs: NOW_MS, timeSource: "receiver", quality: 0 });
});

test.each([
  ["A", "/ABB:no rate", []],
  ["B", "/ISKDMT171", []],
  ["C", "/iskFMT171-0222", []],
])("a meter of mode %s that asks for no acknowledgement sends its data at once", async (_mode, identification) => {
  const { values, heard } = await read([{ ...METER, identification }]);
  expect([values, heard]).toEqual([VALUES, ["/?!"]]);
});

test("several meters on one line are read one after the other, each by its address, and a silent one keeps none from it", async () => {
  const second = { ...METER, address: "777", identification: "/ELS6", lines: ["C.1.0(777)", "1.8.0(5*kWh)"] };
  const meters = [{ address: "999" }, { address: "412345" }, { address: "777" }];
  const { readings, heard, warned } = await read(
    [METER, second],
    { meters, acknowledge: "5" },
    { frames: 2, timing: FAST },
  );
  expect([...new Set(readings.map(({ meterId }) => meterId))]).toEqual(["iec:00412345", "iec:777"]);
  expect([...new Set(heard)]).toEqual(["/?999!", "/?412345!", "\x06050", "/?777!"]);
  expect(warned.slice(0, 3)).toMatchObject([1, 2, 3].map((attempt) => ({ meter: "999", fault: "no-answer", attempt })));
});

test("the parity is sent and taken off where the converter passes it on, and what comes back as an echo is skipped", async () => {
  expect((await read([{ ...METER, hasParity: true }], { parityBit: true })).values).toEqual(VALUES);
  expect((await read([{ ...METER, echoes: true }])).values).toEqual(VALUES);
});

test("a meter with a battery is woken", async () => {
  const { values, warned } = await read([{ ...METER, wakesAfter: 60 }], { wakeUp: true });
  expect([values, warned]).toEqual([VALUES, []]);
});

const flip = (at: number) => (bytes: Buffer, message: number) => {
  const changed = Buffer.from(bytes);
  if (message === 1) changed[at] = (changed[at] as number) ^ 0x01;
  return changed;
};
test.each([
  ["a changed byte", flip(50), "crc-wrong"],
  ["a changed BCC", flip(dataMessage(LINES).length - 1), "crc-wrong"],
  [
    "its end missing",
    (bytes: Buffer, message: number) => bytes.subarray(0, message === 1 ? 80 : bytes.length),
    "truncated",
  ],
  ["its beginning missing", (bytes: Buffer, message: number) => bytes.subarray(message === 1 ? 9 : 0), "truncated"],
  [
    "no end",
    (bytes: Buffer, message: number) =>
      message === 1 ? Buffer.concat([bytes.subarray(0, 60), Buffer.alloc(40_000, 0x31)]) : bytes,
    "too-long",
  ],
])("a readout with %s is refused as a whole, and asked for again", async (_name, damage, reason) => {
  // Only what was cut off is waited for in vain.
  const timing = reason === "truncated" ? FAST : PATIENT;
  const { frames, values, reasons, warned } = await read([{ ...METER, damage }], {}, { timing });
  expect(frames[0]).toMatchObject({ readings: [], rejected: [{ reason }] });
  expect(reasons.at(-1)).toEqual(["unknown-quantity"]);
  expect(values).toEqual(VALUES);
  expect(warned[0]).toMatchObject({ fault: reason, attempt: 1 });
});

test("what is no meter of this kind is refused after three attempts, and tried again in the next round", async () => {
  await using line = await listenMeters([{ ...METER, identification: "/12 no meter" }]);
  const ports = testPorts(() => NOW_MS);
  const connection = { type: "tcp", host: "127.0.0.1", port: line.port } as const;
  await using _input = await startReadouts({ connection, everyMs: 1000 }, ports, PATIENT);
  await vi.waitFor(() => expect(line.sockets.length).toBe(2), { timeout: 15_000 });
  expect(ports.frames.slice(0, 3)).toMatchObject(
    Array(3).fill({ readings: [], rejected: [{ reason: "unknown-format" }] }),
  );
  expect(line.heard.slice(0, 3)).toEqual(["/?!", "/?!", "/?!"]);
});

test("a converter that closes the line or is not there is tried again", async () => {
  await using line = await listenMeters([
    { ...METER, damage: (bytes, message) => (message === 1 ? Buffer.alloc(0) : bytes) },
  ]);
  const ports = testPorts(() => NOW_MS);
  const connection = { type: "tcp", host: "127.0.0.1", port: line.port } as const;
  await using _input = await startReadouts({ connection, everyMs: 1000 }, ports, PATIENT);
  await vi.waitFor(() => expect(line.heard).toHaveLength(2));
  line.sockets[0]?.destroy();
  await vi.waitFor(() => expect(ports.frames.some(({ readings }) => readings.length > 0)).toBe(true), {
    timeout: 5000,
  });
  expect(line.sockets).toHaveLength(2);
});

test("by a serial line the rate is changed: 300 for the request, the meter's own behind the acknowledgement or at once", async () => {
  for (const [identification, rates, sent] of [
    ["/LGZ5\\2ZMD310", [300, 9600], "/?12!\r\n\x06050\r\n"],
    ["/ISKD", [300, 4800], "/?12!\r\n"],
    ["/ABB:", [300], "/?12!\r\n"],
  ] as const) {
    const stream = new PassThrough();
    const changes: number[] = [];
    let text = "";
    const line = {
      stream,
      async write(bytes: Uint8Array) {
        text += Buffer.from(bytes).toString("latin1");
        if (text.endsWith("!\r\n")) stream.write(`${identification}\r\n`);
        if (text.includes("\x06") || !identification.startsWith("/LGZ")) stream.write(dataMessage(LINES));
      },
      setBaudRate: async (rate: number) => void changes.push(rate),
      close: () => undefined,
    };
    const session = { address: "12", acknowledge: undefined, parityBit: false, wakeUp: false };
    const parts = { nowMs: () => NOW_MS, signal: new AbortController().signal };
    const { block } = await readOut(line, session, parts, PATIENT);
    expect([changes, text, block]).toEqual([rates, sent, LINES.map((each) => `${each}\r\n`).join("")]);
  }
});

test.each([
  ["iec62056.meters", { meters: [{ address: "1" }, {}] }],
  ["iec62056.meters", { meters: [{ address: "1" }, { address: "1" }] }],
  ["iec62056.meters[0].address", { meters: [{ address: "1!" }] }],
  ["iec62056.acknowledge", { acknowledge: "9" }],
  ["iec62056.everyMs", { everyMs: 10 }],
  ["iec62056.parityBit", { parityBit: "yes" }],
  ["iec62056.zone", { zone: "Nowhere" }],
  ["iec62056.meterId", { meterId: "1" }],
  ["iec62056.connection", { connection: undefined }],
])("options with a mistake in %s are refused, and the place is named", async (option, change) => {
  const options = { connection: { type: "tcp", host: "127.0.0.1", port: 1 }, ...change } as unknown as Iec62056Options;
  const error = await startIec62056Input(
    options,
    testPorts(() => 0),
  ).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MeterSourceError);
  expect((error as MeterSourceError).details).toMatchObject({ code: "METER_OPTION_INVALID", option });
});
