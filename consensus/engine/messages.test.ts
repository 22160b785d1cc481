import fc from "fast-check";
import { expect, test } from "vitest";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import { EMPTY_COMMIT } from "#storage/types/commit.ts";
import { makePartSet } from "#storage/types/partSet.ts";
import { unsignedVote } from "../tendermint/testMessages.ts";
import { bitmapOf, hasBit } from "./bitmap.ts";
import type { ConsensusMessage } from "./messages.ts";
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES } from "./messages.ts";
import type { PeerStatus } from "./status.ts";
import { encodeStatus, MAX_STATUS_BYTES, STATUS_PARTS_MAX, STATUS_VOTES_MAX } from "./status.ts";
import { decodeWalRecord, encodeWalRecord } from "./walRecord.ts";

const STATUS: PeerStatus = {
  height: 2 ** 40,
  base: 7,
  round: 3,
  hasProposal: true,
  parts: [{ partSetHash: new Uint8Array(32).fill(1), have: Uint8Array.of(5, 1) }],
  votes: [
    { round: 3, type: "prevote", valueTag: new Uint8Array(8).fill(2), have: Uint8Array.of(3) },
    { round: 0, type: "precommit", valueTag: new Uint8Array(0), have: Uint8Array.of(8) },
  ],
  lastCommit: Uint8Array.of(15),
};

const FULL_BLOCK = makePartSet(new Uint8Array(200_000).fill(3));

const MESSAGES: readonly ConsensusMessage[] = [
  { type: "status", status: STATUS },
  { type: "status", status: { ...STATUS, height: 0, base: 0, round: 0, hasProposal: false, parts: [], votes: [] } },
  { type: "vote", vote: unsignedVote("precommit", 5, 2, "A") },
  { type: "vote", vote: unsignedVote("prevote", 0, 0, null) },
  {
    type: "proposal",
    proposal: { ...unsignedVote("prevote", 4, 0, "B"), polRound: -1 } as never,
  },
  ...FULL_BLOCK.parts.map(
    (part): ConsensusMessage => ({ type: "part", height: 2 ** 33 + 5, partSetHash: FULL_BLOCK.header.hash, part }),
  ),
  { type: "commit", commit: { ...EMPTY_COMMIT, height: 4, blockId: NIL_BLOCK_ID } },
];

test.each(MESSAGES.map((message) => [message.type, message] as const))("%s survives the wire", (_type, message) => {
  const bytes = encodeMessage(message);
  expect(bytes.length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
  const decoded = decodeMessage(bytes);
  expect("code" in decoded).toBe(false);
  expect(encodeMessage(decoded as ConsensusMessage)).toEqual(bytes);
});

test("the largest status fits its limit, one entry more does not decode", () => {
  const have = new Uint8Array(13).fill(255);
  const votes = Array.from({ length: STATUS_VOTES_MAX }, () => ({
    round: 0x7fff_ffff,
    type: "precommit" as const,
    valueTag: new Uint8Array(8).fill(255),
    have,
  }));
  const parts = Array.from({ length: STATUS_PARTS_MAX }, () => ({
    partSetHash: new Uint8Array(32).fill(255),
    have: new Uint8Array(200).fill(255),
  }));
  const largest = {
    ...STATUS,
    height: Number.MAX_SAFE_INTEGER,
    base: Number.MAX_SAFE_INTEGER,
    votes,
    parts,
    lastCommit: have,
  };
  expect(encodeStatus(largest).length).toBeLessThanOrEqual(MAX_STATUS_BYTES);
  expect("code" in decodeMessage(encodeMessage({ type: "status", status: largest }))).toBe(false);
  const more = { ...largest, parts: [...parts, ...parts.slice(0, 1)] };
  expect(decodeMessage(encodeMessage({ type: "status", status: more }))).toMatchObject({
    code: expect.stringMatching(/^MESSAGE_/),
  });
});

test("a part of a height that no number holds exactly is refused: another height would be read", () => {
  const part = MESSAGES.find(({ type }) => type === "part");
  const bytes = Buffer.from(encodeMessage({ ...part, height: Number.MAX_SAFE_INTEGER } as ConsensusMessage));
  expect(decodeMessage(bytes)).toMatchObject({ height: Number.MAX_SAFE_INTEGER });
  bytes.writeBigUInt64BE(2n ** 53n + 1n, 1);
  expect(decodeMessage(bytes)).toMatchObject({ code: "MESSAGE_MALFORMED" });
});

test("whatever the bytes, decoding answers", () => {
  fc.assert(
    fc.property(fc.nat(8), fc.uint8Array({ maxLength: 300 }), (tag, bytes) => {
      const decoded = decodeMessage(Buffer.concat([Uint8Array.of(tag), bytes]));
      expect("code" in decoded || "type" in decoded).toBe(true);
    }),
  );
});

test("a message with any byte changed decodes to something else or not at all", () => {
  const [, , message] = MESSAGES;
  if (message === undefined) throw new TypeError("no message");
  const bytes = encodeMessage(message);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ 1 : byte));
    const decoded = decodeMessage(changed);
    if ("type" in decoded) expect(decoded).not.toEqual(decodeMessage(bytes));
  }
});

test("a bitmap holds its indices, and says no beyond its bytes", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(99)), (indices) => {
      const bitmap = bitmapOf(100, (index) => indices.includes(index));
      for (let index = 0; index < 100; index++) expect(hasBit(bitmap, index)).toBe(indices.includes(index));
      expect(hasBit(bitmap, 10_000)).toBe(false);
    }),
  );
});

test("records of the write-ahead log survive it, and others are not guessed at", () => {
  const message = Uint8Array.of(1, 2, 3);
  for (const record of [
    { type: "message", peer: "12D3KooW…", message: Buffer.from(message) },
    { type: "message", peer: "", message: Buffer.from(message) },
    { type: "timeout", height: 2 ** 40, round: 2 ** 31, step: "precommit" },
    { type: "start", height: 9 },
  ] as const)
    expect(decodeWalRecord(encodeWalRecord(record))).toEqual(record);
  const highest = [0, 31, 255, 255, 255, 255, 255, 255];
  expect(decodeWalRecord(Uint8Array.from([3, ...highest]))).toEqual({ type: "start", height: Number.MAX_SAFE_INTEGER });
  const beyond = [0, 32, 0, 0, 0, 0, 0, 1];
  expect(decodeWalRecord(Uint8Array.from([3, ...beyond]))).toBeUndefined();
  expect(decodeWalRecord(Uint8Array.from([2, 0, 0, 0, 0, 1, ...beyond]))).toBeUndefined();
  expect(decodeWalRecord(Uint8Array.of(1, 0, 1, 0x80, 4))).toBeUndefined();
  for (const bytes of [[], [1], [1, 0, 9, 1], [2, 0], [2, 7, ...new Array(12).fill(0)], [3], [4]])
    expect(decodeWalRecord(Uint8Array.from(bytes))).toBeUndefined();
});
