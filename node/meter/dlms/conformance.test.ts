import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { validateReading } from "#storage/types/reading.ts";
import { createDlmsDecoder } from "./decoder.ts";
import { createHdlcFramer } from "./hdlcFramer.ts";
import { type ExpectedObjects, expectedReadings, objectsOf, readingsOf, type SampleTime } from "./testExpected.ts";
import { hdlcFrame } from "./testFrames.ts";

interface Sample {
  readonly id: string;
  readonly llcHex?: string;
  readonly framesHex?: readonly string[];
  readonly expected: {
    readonly invokeIdAndPriority?: number;
    readonly infoHex?: string;
    readonly time?: SampleTime | null;
    readonly objects?: ExpectedObjects;
  };
}

const SAMPLES = JSON.parse(readFileSync(`${import.meta.dirname}/testdata/frames.json`, "utf8")) as Sample[];
const LISTS = SAMPLES.filter(({ expected }) => expected.objects !== undefined);
/** What is not a reading of a list: reactive power of 12 objects, and a clock that was never set. */
const OPTIONS = { meterId: "unnamed", maxClockSkewMs: 3_600_000 };

function pduOf({ llcHex, expected }: Sample): Buffer {
  return Buffer.from(llcHex ?? (expected.infoHex as string), "hex");
}

test.each(LISTS)("the objects of $id are the expected ones", (sample) => {
  const { objects, invokeIdAndPriority } = objectsOf(pduOf(sample));
  expect(objects).toEqual(sample.expected.objects);
  if (sample.expected.invokeIdAndPriority !== undefined)
    expect(invokeIdAndPriority).toBe(sample.expected.invokeIdAndPriority);
});

test.each(LISTS)("$id becomes its readings, framed or not", (sample) => {
  const { expected } = sample;
  const { readings, receivedMs } = expectedReadings(
    expected.objects as ExpectedObjects,
    expected.time ?? undefined,
    "Europe/Oslo",
  );
  const pdu = pduOf(sample);
  for (const bytes of [pdu, hdlcFrame(pdu)]) {
    const frame = createDlmsDecoder(OPTIONS).decode(bytes, receivedMs);
    expect(readingsOf(frame)).toEqual(readings);
    expect(
      [...new Set(frame.rejected.map(({ reason }) => reason))].filter((reason) => reason !== "unknown-quantity"),
    ).toEqual([]);
    for (const reading of frame.readings) validateReading(reading);
  }
});

test.each(SAMPLES.filter(({ framesHex }) => framesHex !== undefined))(
  "$id is one frame, however it is cut",
  (sample) => {
    const bytes = Buffer.from(sample.framesHex?.[0] as string, "hex");
    const stream = Buffer.concat([Buffer.from("00ff7ea0", "hex"), bytes, bytes.subarray(1), bytes]);
    for (const size of [1, 7, 1000]) {
      const framer = createHdlcFramer();
      const found = [];
      for (let at = 0; at < stream.length; at += size) found.push(...framer.push(stream.subarray(at, at + size)));
      found.push(...framer.flush());
      expect(found.flatMap((each) => ("bytes" in each ? [each.bytes.toString("hex")] : []))).toEqual(
        Array.from({ length: 3 }, () => sample.framesHex?.[0]),
      );
      expect(found.filter((each) => "rejected" in each)).toHaveLength(1);
    }
  },
);
