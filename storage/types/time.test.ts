import { expect, test } from "vitest";
import { formatTimestamp, parseTimestamp, readTimestamp, ZERO_TIME } from "./time.ts";
import { FieldWriter } from "./wire.ts";

test("RFC 3339 with nanoseconds survives the round trip", () => {
  const texts = [
    "2026-11-21T08:30:00.12Z",
    "1970-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "2024-02-29T23:59:59.000000001Z",
  ];
  for (const text of texts) expect(formatTimestamp(parseTimestamp(text))).toBe(text);
  expect(parseTimestamp("0001-01-01T00:00:00Z")).toEqual(ZERO_TIME);
  expect(parseTimestamp("9999-12-31T23:59:59.999999999Z")).toEqual({ seconds: 253402300799n, nanos: 999_999_999 });
  expect(formatTimestamp(parseTimestamp("2026-01-01T01:30:00.500+02:00"))).toBe("2025-12-31T23:30:00.5Z");
});

test("texts that are no time are refused", () => {
  const texts = ["", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00"];
  const more = [
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00.1234567891Z",
    "2026-13-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
  ];
  for (const text of [...texts, ...more]) expect(() => parseTimestamp(text), text).toThrow("FORMAT_FIELD_RANGE");
});

test("times outside years 1 to 9999 and nanos of a second or more are refused on the wire", () => {
  const encode = (seconds: bigint, nanos: number) => new FieldWriter().int(1, seconds).int(2, nanos).finish();
  expect(readTimestamp(encode(253402300799n, 999_999_999)).nanos).toBe(999_999_999);
  for (const [seconds, nanos] of [
    [253402300800n, 0],
    [-62135596801n, 0],
    [0n, 1_000_000_000],
    [0n, -1],
  ] as const) {
    expect(() => readTimestamp(encode(seconds, nanos))).toThrow("FORMAT_FIELD_RANGE");
  }
});
