import { expect, test } from "vitest";
import { decodeErasureRecord, decodeMeterCounts, erasureKey, meterCountsKey } from "./erasureRecord.ts";
import { encodeRecord, newRecord, numberedId, recordKey } from "./stateRecords.ts";

const METER = "lcl:MAC000002";

test("an erasure and a meter's counts read as the state stores them, under the state's keys", () => {
  const receiptHash = new Uint8Array(32).fill(7);
  const fields = {
    fromMs: 1n,
    untilMs: 5_000n,
    readingCount: 12n,
    receiptHash,
    recordedBy: "edream1abc",
    recordedMs: 9n,
  };
  expect(decodeErasureRecord(encodeRecord("erasure", newRecord("erasure", fields)))).toEqual({
    ...{ fromMs: 1, untilMs: 5000, readingCount: 12, receiptHash, recordedBy: "edream1abc", recordedMs: 9 },
  });
  const counts = { amendments: 3n, erasures: 2n, flags: 8n, configurationVersion: 4n };
  expect(decodeMeterCounts(encodeRecord("counts", newRecord("counts", counts)))).toEqual({
    amendments: 3,
    erasures: 2,
  });
  expect(decodeMeterCounts(new Uint8Array(0))).toEqual({ amendments: 0, erasures: 0 });
  expect(Buffer.from(erasureKey(METER, 12)).toString()).toBe(recordKey("erasure", numberedId(METER, 12)));
  expect(Buffer.from(meterCountsKey(METER)).toString()).toBe(recordKey("counts", METER));
});

test("what another program wrote is refused", () => {
  expect(() => decodeErasureRecord(Uint8Array.of(0x08, 0))).toThrow("FORMAT_NOT_CANONICAL");
  expect(() => decodeErasureRecord(Uint8Array.of(0x22, 1, 1))).toThrow("FORMAT_");
  expect(() => decodeMeterCounts(Uint8Array.of(0x38, 1))).toThrow("FORMAT_FIELD_UNKNOWN");
});
