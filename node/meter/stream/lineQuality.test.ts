import { expect, test } from "vitest";
import { createDsmrDecoder } from "../dsmr/decoder.ts";
import { sample } from "../dsmr/testTelegrams.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import { LineQuality, QUALITY_WINDOW_MS } from "./lineQuality.ts";

const GOOD = createDsmrDecoder().decode(sample("dsmr50-iskra-two-mbus.txt"), Date.parse("2020-04-26T20:33:26Z"));
const BAD = rejectedFrame("crc-wrong", "");

/** Frames of one quarter of an hour, and the first of the next. */
function faultOf(frames: readonly DecodedFrame[]) {
  const quality = new LineQuality();
  for (const frame of frames) expect(quality.note(frame, QUALITY_WINDOW_MS * 7)).toBeUndefined();
  return quality.note(GOOD, QUALITY_WINDOW_MS * 8);
}

const times = (count: number, frame: DecodedFrame) => Array.from({ length: count }, () => frame);

test("a line of which a tenth is damaged is told of, of less it is not", () => {
  expect(faultOf([...times(9, GOOD), ...times(1, BAD)])).toBeUndefined();
  expect(faultOf([...times(8, GOOD), ...times(1, BAD)])).toEqual({ frames: 9, damaged: 1 });
  expect(faultOf(times(3, BAD))).toEqual({ frames: 3, damaged: 3 });
});

test("what a meter says is no damage of its line, and a part of a message is no frame", () => {
  expect(GOOD.rejected.map(({ reason }) => reason)).toEqual(["sentinel"]);
  expect(
    faultOf([...times(5, rejectedFrame("clock-ahead", "")), ...times(5, { readings: [], rejected: [] })]),
  ).toBeUndefined();
});

test("each quarter of an hour is counted anew", () => {
  const quality = new LineQuality();
  quality.note(BAD, 0);
  expect(quality.note(GOOD, QUALITY_WINDOW_MS)).toEqual({ frames: 1, damaged: 1 });
  expect(quality.note(GOOD, 2 * QUALITY_WINDOW_MS)).toBeUndefined();
  expect(quality.note(GOOD, 2 * QUALITY_WINDOW_MS + 1)).toBeUndefined();
});
