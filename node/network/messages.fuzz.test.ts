import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson, changedSample, type DecoderUnderTest, fuzzCase } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { weightOf } from "#storage/fuzz/weight.ts";
import { peerOf } from "./dialler.ts";
import { createFrameReader, encodeFrame } from "./framing.ts";
import { NetworkError } from "./networkError.ts";
import { decodeResponse, encodeAnswer, encodeRefusal } from "./responseFrame.ts";
import { decodePeers, decodeStatus, encodePeers, encodeStatus, type NodeStatus } from "./status.ts";
import { decodeTxBatch, encodeTxBatch } from "./txBatch.ts";

const ADDRESS = "/ip4/127.0.0.1/tcp/26656/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const status: NodeStatus = {
  chainId: "edream-test",
  role: "full",
  height: 7,
  earliestHeight: 1,
  agent: "energy-ledger/1",
  addresses: [ADDRESS],
};
const errors: DecoderUnderTest<unknown>["errors"] = [NetworkError];

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8");

test(
  "a changed status or list of peers is read within its limits, or refused with a code",
  () => {
    const statusTexts = changedJson([textOf(encodeStatus(status))]);
    fuzz("status", statusTexts, 500, (text) => {
      const read = readOr(decodeStatus, text, "STATUS_MALFORMED");
      if (read === undefined) return;
      expect(weightOf(read)).toBeLessThan(2048 + 8 * text.length);
      // Compared as bytes: JSON has a zero with a sign.
      expect(encodeStatus(decodeStatus(encodeStatus(read)))).toEqual(encodeStatus(read));
    });
    const peers = [{ peer: ADDRESS.slice(-52), addresses: [ADDRESS, "/dns4/example.org/tcp/1"] }];
    fuzz("peers", changedJson([textOf(encodePeers(peers))]), 500, (text) => {
      const read = readOr(decodePeers, text, "PEERS_MALFORMED");
      if (read === undefined) return;
      expect(decodePeers(encodePeers(read))).toEqual(read);
      // What is dialled is looked at as an address first.
      for (const { addresses } of read) for (const address of addresses) expectAddressRead(address);
    });
  },
  FUZZ_TIMEOUT_MS,
);

function readOr<T>(decode: (bytes: Uint8Array) => T, text: string, code: string): T | undefined {
  try {
    return decode(Buffer.from(text, "utf8"));
  } catch (error) {
    expect(error).toMatchObject({ code });
    return undefined;
  }
}

function expectAddressRead(address: string): void {
  try {
    expect(["string", "undefined"]).toContain(typeof peerOf(address));
  } catch (error) {
    expect(error).toMatchObject({ code: "ADDRESS_MALFORMED" });
  }
}

const batch = [new Uint8Array(200).fill(7), Uint8Array.of(1), new Uint8Array(5000).fill(1)];
const CASES = [
  fuzzCase({
    name: "batch of transactions",
    samples: [encodeTxBatch(batch), encodeTxBatch(batch.slice(1, 2))],
    decode: decodeTxBatch,
    encode: encodeTxBatch,
    errors,
  }),
  fuzzCase({
    name: "answer",
    samples: [encodeAnswer(batch[0] as Uint8Array), encodeRefusal("BUSY", "too many")],
    decode: (bytes) => decodeResponse(bytes) ?? ({ accepted: false, code: "NO_ANSWER" } as const),
    errors: [],
  }),
];

test.each(CASES)(
  "a changed $name is read or refused with a code",
  ({ fuzz: run }) => {
    run(500);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "frames come out of a stream alike however it is cut, and only those that were within the limit",
  () => {
    const stream = Buffer.concat(
      [batch[0], batch[1], new Uint8Array(0), batch[2]].map((frame) => encodeFrame(frame as Uint8Array)),
    );
    const input = fc.tuple(
      changedSample([stream]),
      fc.array(fc.nat(6000), { maxLength: 6 }),
      fc.constantFrom(100, 5000),
    );
    fuzz("frames", input, 500, ([bytes, cuts, maxFrameBytes]) => {
      const whole = framesOf([bytes], maxFrameBytes);
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      expect(framesOf(pieces, maxFrameBytes)).toEqual(whole);
      const lengths = whole.frames.map(({ length }) => length);
      for (const length of lengths) expect(length).toBeLessThanOrEqual(maxFrameBytes);
      expect(lengths.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(bytes.length);
    });
  },
  FUZZ_TIMEOUT_MS,
);

function framesOf(pieces: readonly Uint8Array[], maxFrameBytes: number): { frames: Uint8Array[]; end: string } {
  const frames: Uint8Array[] = [];
  const reader = createFrameReader(maxFrameBytes, (frame) => frames.push(frame));
  try {
    for (const piece of pieces) reader.push(piece);
    reader.end();
    return { frames, end: "whole" };
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    return { frames, end: error.code };
  }
}
