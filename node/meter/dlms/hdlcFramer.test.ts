import { expect, test } from "vitest";
import type { Framed } from "../stream/framer.ts";
import { createDlmsDecoder } from "./decoder.ts";
import { MAX_HDLC_FRAME_BYTES } from "./hdlc.ts";
import { createHdlcFramer } from "./hdlcFramer.ts";
import { hdlcFrame, kaifaLong, kaifaShort } from "./testFrames.ts";

function shown(found: readonly Framed[]): string[] {
  return found.map((each) => ("bytes" in each ? each.bytes.toString("hex") : each.rejected.reason));
}

function pushed(...pieces: readonly Buffer[]): string[] {
  const framer = createHdlcFramer();
  return shown([...pieces.flatMap((piece) => framer.push(piece)), ...framer.flush()]);
}

const SHORT = hdlcFrame(kaifaShort("2017-09-12T23:18:42", 0x7e7d7e));
const LONG = hdlcFrame(kaifaLong("2017-09-12T23:18:50", 1316));
const [SHORT_HEX, LONG_HEX] = [SHORT.toString("hex"), LONG.toString("hex")];
const FLAG = Buffer.of(0x7e);

test.each([
  ["one after the other", [SHORT, LONG], [SHORT_HEX, LONG_HEX]],
  ["with one flag between them", [SHORT, LONG.subarray(1)], [SHORT_HEX, LONG_HEX]],
  ["with many flags between them", [SHORT, FLAG, FLAG, FLAG, LONG, FLAG], [SHORT_HEX, LONG_HEX]],
  ["split at a flag inside", [SHORT.subarray(0, -6), SHORT.subarray(-6)], [SHORT_HEX]],
  ["without information", [hdlcFrame(Buffer.alloc(0))], [hdlcFrame(Buffer.alloc(0)).toString("hex")]],
  ["of the most bytes", [hdlcFrame(Buffer.alloc(2037, 0x7e))], [hdlcFrame(Buffer.alloc(2037, 0x7e)).toString("hex")]],
])("frames %s are found", (_name, pieces, expected) => {
  expect(pushed(...pieces)).toEqual(expected);
});

test("the longest frame is of as many bytes as its length can say", () => {
  expect(hdlcFrame(Buffer.alloc(2037)).length).toBe(MAX_HDLC_FRAME_BYTES);
});

function changedAt(frame: Buffer, at: number): Buffer {
  const changed = Buffer.from(frame);
  changed[at] = (changed[at] as number) ^ 0x10;
  return changed;
}

test.each([
  ["bytes of nothing before it", [Buffer.from("0011223344", "hex"), LONG], ["truncated", LONG_HEX]],
  ["the end of another before it", [SHORT.subarray(20), LONG], ["truncated", LONG_HEX]],
  ["a frame with a changed byte before it", [changedAt(SHORT, 30), LONG], ["crc-wrong", LONG_HEX]],
  ["a frame with a changed header before it", [changedAt(SHORT, 5), LONG], ["crc-wrong", LONG_HEX]],
  ["a frame that was cut off before it", [SHORT.subarray(0, 20), LONG], ["crc-wrong", LONG_HEX]],
  ["a frame that lost bytes before it", [SHORT.subarray(0, 20), SHORT.subarray(25), LONG], ["crc-wrong", LONG_HEX]],
  ["the beginning of one behind it", [LONG, SHORT.subarray(0, 20)], [LONG_HEX, "truncated"]],
  [
    "two flags of a changed frame before it",
    [changedAt(SHORT, 35), changedAt(SHORT, 3), LONG],
    ["crc-wrong", LONG_HEX],
  ],
])("a frame with %s is found", (_name, pieces, expected) => {
  expect(pushed(...pieces)).toEqual(expected);
});

test("a wrong length is not waited for while whole frames come in behind it", () => {
  const framer = createHdlcFramer();
  const lying = Buffer.from(SHORT);
  lying.set([0xa7, 0xff], 1);
  expect(shown(framer.push(lying))).toEqual([]);
  expect(shown(framer.push(SHORT))).toEqual(["crc-wrong", SHORT_HEX]);
});

test("a line that never has a frame is reported, and again", () => {
  const framer = createHdlcFramer();
  const found = Array.from({ length: 100 }, () => shown(framer.push(Buffer.alloc(100, 0x7d)))).flat();
  expect(found.length).toBeGreaterThan(3);
  expect(new Set(found)).toEqual(new Set(["truncated"]));
});

/** A line of Kaifa's: a short list every 2 s, a long one every 10 s, taken down in blocks that are cut where the receiver lost its turn. */
test("twenty minutes of a line in blocks that are cut anywhere lose nothing", () => {
  const startMs = Date.UTC(2017, 8, 12, 23, 18, 42);
  const framer = createHdlcFramer();
  const decoder = createDlmsDecoder();
  let carried = Buffer.alloc(0);
  let [power, unnamed] = [0, 0];
  for (let index = 0; index < 600; index++) {
    const local = new Date(startMs + index * 2000).toISOString().slice(0, 19);
    const frame = hdlcFrame(index % 5 === 4 ? kaifaLong(local, 1000 + index) : kaifaShort(local, 1000 + index));
    const line = Buffer.concat([carried, frame]);
    // Every twentieth block ends in the middle of its frame, after 1 to 60 bytes.
    const kept = index % 20 === 19 ? Math.min(1 + (index % 60), frame.length) : frame.length;
    carried = Buffer.from(frame.subarray(kept));
    for (const each of framer.push(line.subarray(0, line.length - frame.length + kept))) {
      expect(each).toHaveProperty("bytes");
      if (!("bytes" in each)) continue;
      const { readings, rejected } = decoder.decode(each.bytes, startMs + index * 2000 - 7_200_000 + 1500);
      power += readings.filter(({ quantity }) => quantity === "activePower").length;
      unnamed += rejected.filter(({ reason }) => reason === "bad-meter-id").length;
    }
  }
  // The first four lists come before the one that names the meter; the last frame is cut.
  expect([power, unnamed]).toEqual([595, 4]);
});
