import fc from "fast-check";
import { CID } from "multiformats/cid";
import { expect, test } from "vitest";
import { MAX_CID_BYTES } from "../limits.ts";
import { checkFileCid, decodeCid } from "./cid.ts";

const digest = (length: number) => new Uint8Array(length).fill(7);
const cid =
  (...head: readonly number[]) =>
  (tail: Uint8Array) =>
    Buffer.concat([Buffer.from(head), tail]);

test.each([
  ["raw, SHA2-256", cid(1, 0x55, 0x12, 32)(digest(32)), { codec: 0x55, hashCode: 0x12 }],
  ["dag-pb, SHA2-256", cid(1, 0x70, 0x12, 32)(digest(32)), { codec: 0x70, hashCode: 0x12 }],
  [
    "dag-cbor, BLAKE2b-256, whose code has three bytes",
    cid(1, 0x71, 0xa0, 0xe4, 0x02, 32)(digest(32)),
    { codec: 0x71, hashCode: 0xb220 },
  ],
  ["the shortest digest", cid(1, 0x55, 0x11, 20)(digest(20)), { codec: 0x55, hashCode: 0x11 }],
  ["the longest CID", cid(1, 0x55, 0x13, 60)(digest(60)), { codec: 0x55, hashCode: 0x13 }],
])("%s is a CID", (_name, bytes, fields) => {
  expect(decodeCid(bytes)).toMatchObject(fields);
  expect(CID.decode(bytes)).toMatchObject({ version: 1, code: fields.codec });
});

test.each([
  ["nothing", new Uint8Array(0)],
  ["version 0: a bare SHA2-256 multihash", cid(0x12, 32)(digest(32))],
  ["version 2", cid(2, 0x55, 0x12, 32)(digest(32))],
  ["a version in two bytes", cid(0x81, 0, 0x55, 0x12, 32)(digest(32))],
  ["a codec in a byte more than it needs", cid(1, 0xd5, 0, 0x12, 32)(digest(32))],
  ["a codec of five bytes", cid(1, 0x80, 0x80, 0x80, 0x80, 1, 0x12, 32)(digest(32))],
  ["the identity of the data", cid(1, 0x55, 0, 32)(digest(32))],
  ["a digest shorter than it says", cid(1, 0x55, 0x12, 32)(digest(31))],
  ["bytes behind the digest", cid(1, 0x55, 0x12, 32)(digest(33))],
  ["a digest of 19 bytes", cid(1, 0x55, 0x12, 19)(digest(19))],
  ["a byte more than the limit", cid(1, 0x55, 0x13, 61)(digest(61))],
  ["a varint that does not end", Uint8Array.of(1, 0x80)],
])("%s is none", (_name, bytes) => {
  expect(decodeCid(bytes)).toBeUndefined();
});

test("what is taken for a CID is one for the library of IPFS too, and nothing makes the decoder throw", () => {
  const near = fc
    .tuple(
      fc.constantFrom(1, 1, 1, 0, 2),
      fc.constantFrom(0x55, 0x70, 0x80),
      fc.constantFrom(0x12, 0x13, 0),
      fc.nat(70),
    )
    .map(([version, codec, hash, length]) => cid(version, codec, hash, length)(digest(length)));
  const any = fc.oneof(near, fc.uint8Array({ maxLength: MAX_CID_BYTES + 8 }));
  fc.assert(
    fc.property(any, (bytes) => {
      const decoded = decodeCid(bytes);
      if (decoded === undefined) return;
      const known = CID.decode(bytes);
      expect([known.version, known.code, known.multihash.code]).toEqual([1, decoded.codec, decoded.hashCode]);
      expect(Buffer.compare(known.multihash.digest, decoded.digest)).toBe(0);
    }),
    { numRuns: 2000 },
  );
});

test("a raw SHA2-256 CID must be of the file itself; others say nothing about the file's hash", () => {
  expect(checkFileCid(cid(1, 0x55, 0x12, 32)(digest(32)), digest(32))).toEqual({ accepted: true });
  expect(checkFileCid(cid(1, 0x55, 0x12, 32)(digest(32)), new Uint8Array(32))).toMatchObject({ code: "CID_MISMATCH" });
  expect(checkFileCid(cid(1, 0x70, 0x12, 32)(digest(32)), new Uint8Array(32))).toEqual({ accepted: true });
  expect(checkFileCid(new Uint8Array(3), digest(32))).toMatchObject({ code: "CID_MALFORMED" });
});
