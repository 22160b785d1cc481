import fc from "fast-check";
import { expect, test } from "vitest";
import {
  compareReadings,
  decodeReading,
  encodeReading,
  idempotencyKey,
  MAX_READING_BYTES,
  MAX_READING_PERIOD_MS,
  MAX_READING_TIME_MS,
  QUALITY,
  QUANTITIES,
  READING_KINDS,
  type Reading,
  ReadingError,
  TIME_QUALITIES,
  TIME_SOURCES,
} from "./reading.ts";

const READING: Reading = {
  meterId: "lcl:MAC000002",
  quantity: "activeEnergyImport",
  kind: "interval",
  phase: 0,
  tariff: 0,
  value: 219_000,
  timestampMs: 1_356_998_400_000,
  periodMs: 1_800_000,
  receivedMs: 1_700_000_000_000,
  timeSource: "concentrator",
  timeQuality: "synced",
  quality: 0,
  rawHash: new Uint8Array(32).fill(7),
};

const anyReading: fc.Arbitrary<Reading> = fc
  .record({
    meterId: fc.stringMatching(/^[\x21-\x7e]{1,96}$/),
    quantity: fc.constantFrom(...QUANTITIES),
    kind: fc.constantFrom(...READING_KINDS),
    phase: fc.nat({ max: 3 }),
    tariff: fc.nat({ max: 4 }),
    value: fc.maxSafeInteger(),
    timestampMs: fc.nat({ max: MAX_READING_TIME_MS }),
    periodMs: fc.integer({ min: 1, max: MAX_READING_PERIOD_MS }),
    receivedMs: fc.nat({ max: MAX_READING_TIME_MS }),
    timeSource: fc.constantFrom(...TIME_SOURCES),
    timeQuality: fc.constantFrom(...TIME_QUALITIES),
    quality: fc.nat({ max: 255 }),
    rawHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    optional: fc.record(
      { seq: fc.nat({ max: Number.MAX_SAFE_INTEGER }), registerValue: fc.nat({ max: Number.MAX_SAFE_INTEGER }) },
      { requiredKeys: [] },
    ),
  })
  .map(({ optional, ...reading }) => ({
    ...reading,
    ...optional,
    periodMs: reading.kind === "register" || reading.kind === "instant" ? 0 : reading.periodMs,
  }));

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof ReadingError) return error.details;
    throw error;
  }
  return undefined;
}

test("every reading comes back from its bytes as it was", () => {
  fc.assert(
    fc.property(anyReading, (reading) => {
      const bytes = encodeReading(reading);
      expect(bytes.length).toBeLessThanOrEqual(MAX_READING_BYTES);
      expect(decodeReading(bytes)).toStrictEqual(reading);
    }),
  );
});

test("the layout is the documented one", () => {
  const bytes = Buffer.from(
    encodeReading({ ...READING, value: -1, seq: 5, registerValue: 258, quality: QUALITY.LATE }),
  );
  expect(bytes.toString("hex")).toBe(
    [
      "0100010010030020", // version, quantity, kind, phase|tariff, source|quality, flags, quality bits
      "ffffffffffffffff", // value
      "0000013bf3685800", // timestamp
      "001b7740", // period
      "0000018bcfe56800", // received
      "0000000000000005", // seq
      "0000000000000102", // register
      "07".repeat(32),
      "0d6c636c3a4d4143303030303032",
    ].join(""),
  );
});

test("a byte string decodes to a reading that encodes to the same bytes, or is refused with a code", () => {
  const bytes = encodeReading({ ...READING, seq: 1 });
  for (let at = 0; at < bytes.length; at++)
    for (const flip of [1, 0x80, 0xff]) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= flip;
      let decoded: Reading | undefined;
      try {
        decoded = decodeReading(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(ReadingError);
      }
      if (decoded !== undefined) expect(Buffer.compare(encodeReading(decoded), changed)).toBe(0);
    }
});

test("truncated and overlong bytes are refused", () => {
  const bytes = encodeReading(READING);
  for (let length = 0; length < bytes.length; length++)
    expect(codeOf(() => decodeReading(bytes.subarray(0, length)))).toMatchObject({
      code: "READING_LENGTH_WRONG",
      length,
    });
  expect(codeOf(() => decodeReading(Buffer.concat([bytes, Buffer.of(0)])))).toMatchObject({
    code: "READING_LENGTH_WRONG",
  });
});

test("an unknown version or flag is refused by name", () => {
  const version = Uint8Array.from(encodeReading(READING));
  version[0] = 2;
  expect(codeOf(() => decodeReading(version))).toStrictEqual({ code: "READING_VERSION_UNKNOWN", version: 2 });
  const flags = Uint8Array.from(encodeReading(READING));
  flags[5] = 4;
  expect(codeOf(() => decodeReading(flags))).toStrictEqual({ code: "READING_FLAGS_UNKNOWN", flags: 4 });
});

test("an absent seq or register with bytes in its place is refused: one reading has one encoding", () => {
  for (const [at, field] of [
    [43, "seq"],
    [51, "registerValue"],
  ] as const) {
    const bytes = Uint8Array.from(encodeReading(READING));
    bytes[at] = 1;
    expect(codeOf(() => decodeReading(bytes))).toMatchObject({ code: "READING_FIELD_INVALID", field });
  }
});

test.each<[keyof Reading, unknown]>([
  ["meterId", ""],
  ["meterId", "a b"],
  ["meterId", "zähler"],
  ["meterId", "x".repeat(97)],
  ["quantity", "steam"],
  ["kind", "guess"],
  ["phase", 4],
  ["tariff", 5],
  ["value", 2 ** 53],
  ["value", 0.5],
  ["value", Number.NaN],
  ["timestampMs", -1],
  ["timestampMs", MAX_READING_TIME_MS + 1],
  ["periodMs", 0],
  ["periodMs", MAX_READING_PERIOD_MS + 1],
  ["receivedMs", -1],
  ["timeSource", "sun"],
  ["timeQuality", "fine"],
  ["seq", -1],
  ["registerValue", -1],
  ["quality", 256],
  ["rawHash", new Uint8Array(31)],
])("%s = %j is refused by name", (field, value) => {
  expect(codeOf(() => encodeReading({ ...READING, [field]: value }))).toMatchObject({
    code: "READING_FIELD_INVALID",
    field,
  });
});

test("an instant has no period, and the largest values are accepted", () => {
  expect(codeOf(() => encodeReading({ ...READING, kind: "instant" }))).toMatchObject({ field: "periodMs" });
  const largest = {
    ...READING,
    value: -Number.MAX_SAFE_INTEGER,
    meterId: "x".repeat(96),
    timestampMs: MAX_READING_TIME_MS,
  };
  expect(decodeReading(encodeReading(largest))).toStrictEqual(largest);
});

test("readings are ordered by timestamp, then seq with none first, then raw hash", () => {
  const ordered: Reading[] = [
    READING,
    { ...READING, rawHash: new Uint8Array(32).fill(8) },
    { ...READING, seq: 0 },
    { ...READING, seq: 2, rawHash: new Uint8Array(32).fill(1) },
    { ...READING, seq: 2, rawHash: new Uint8Array(32).fill(2) },
    { ...READING, timestampMs: READING.timestampMs + 1 },
  ];
  for (const [i, a] of ordered.entries())
    for (const [j, b] of ordered.entries()) expect(Math.sign(compareReadings(a, b))).toBe(Math.sign(i - j));
});

test("the idempotency key tells measurements apart and ignores how they came", () => {
  const key = idempotencyKey(READING);
  expect(idempotencyKey({ ...READING, value: 1, seq: 3, receivedMs: 0, rawHash: new Uint8Array(32) })).toBe(key);
  const others: Partial<Reading>[] = [
    { meterId: "lcl:MAC000003" },
    { quantity: "activeEnergyExport" },
    { phase: 1 },
    { tariff: 1 },
    { kind: "average" },
    { timestampMs: 1 },
  ];
  for (const other of others) expect(idempotencyKey({ ...READING, ...other })).not.toBe(key);
});
