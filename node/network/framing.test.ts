import { expect, test } from "vitest";
import { createFrameReader, encodeFrame } from "./framing.ts";

function readAll(chunks: readonly Uint8Array[], maxFrameBytes = 100_000): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const reader = createFrameReader(maxFrameBytes, (frame) => frames.push(frame));
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return frames;
}

const joined = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

test("frames of every length come out as they went in, however the stream is cut", () => {
  const frames = [0, 1, 127, 128, 4096, 4097, 16_383, 16_384, 70_000].map((length) =>
    new Uint8Array(length).fill(length),
  );
  const stream = joined(frames.map(encodeFrame));
  for (const step of [1, 7, 5000, stream.length]) {
    const chunks = Array.from({ length: Math.ceil(stream.length / step) }, (_, i) =>
      stream.subarray(i * step, (i + 1) * step),
    );
    expect(readAll(chunks)).toEqual(frames);
  }
});

test("a frame does not share its bytes with the chunk it came in", () => {
  const chunk = encodeFrame(Uint8Array.of(1, 2, 3));
  const [frame] = readAll([chunk]);
  chunk.fill(0);
  expect(frame).toEqual(Uint8Array.of(1, 2, 3));
});

test("a frame at the limit passes and one byte more is FRAME_TOO_LARGE before its bytes arrive", () => {
  expect(readAll([encodeFrame(new Uint8Array(300))], 300)).toHaveLength(1);
  expect(() => readAll([encodeFrame(new Uint8Array(301)).subarray(0, 2)], 300)).toThrow(
    expect.objectContaining({ details: { code: "FRAME_TOO_LARGE", bytes: 301, maxBytes: 300 } }),
  );
});

test.each([
  { name: "a varint that does not end", bytes: [0xff, 0xff, 0xff, 0xff] },
  { name: "a length with a needless zero group", bytes: [0x81, 0x00] },
])("$name is FRAME_LENGTH_MALFORMED", ({ bytes }) => {
  expect(() => readAll([Uint8Array.from(bytes)])).toThrow(expect.objectContaining({ code: "FRAME_LENGTH_MALFORMED" }));
});

test.each([{ bytes: [0x85] }, { bytes: [5, 1, 2] }])(
  "a stream that ends inside a frame is FRAME_TRUNCATED ($bytes)",
  ({ bytes }) => {
    expect(() => readAll([Uint8Array.from(bytes)])).toThrow(expect.objectContaining({ code: "FRAME_TRUNCATED" }));
  },
);
