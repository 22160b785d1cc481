import { ripemd160 as nobleRipemd160 } from "@noble/hashes/legacy.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, latin1Bytes, ripemd160, sha256, sha256Concat, sha256Latin1 } from "./hash.ts";

const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");

test("the published vectors of SHA-256 and RIPEMD-160", () => {
  expect(hexOf(sha256(Buffer.from("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(hexOf(sha256(Buffer.alloc(0)))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(hexOf(ripemd160(Buffer.from("abc")))).toBe("8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
  expect(hexOf(ripemd160(Buffer.alloc(0)))).toBe("9c1185a5c5e9fc54612808977ee8f548b2258d31");
});

test("hashes agree with an independent implementation at every length around the block borders", () => {
  for (let length = 0; length <= 200; length++) {
    const input = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    expect(hexOf(sha256(input))).toBe(hexOf(nobleSha256(input)));
    expect(hexOf(ripemd160(input))).toBe(hexOf(nobleRipemd160(input)));
  }
});

test("hashes agree with an independent implementation, also on a view into a larger buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: "max" }), fc.nat(20), (input, offset) => {
      const view = new Uint8Array(Buffer.concat([Buffer.alloc(offset, 9), input, Buffer.alloc(5, 9)])).subarray(
        offset,
        offset + input.length,
      );
      expect(hexOf(sha256(view))).toBe(hexOf(nobleSha256(input)));
      expect(hexOf(ripemd160(view))).toBe(hexOf(nobleRipemd160(input)));
    }),
  );
});

test("the parts of a hash are the hash of the whole, and the latin1 form is the bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (parts) => {
      const whole = Buffer.concat(parts);
      expect(hexOf(concatBytes(...parts))).toBe(hexOf(whole));
      expect(hexOf(sha256Concat(...parts))).toBe(hexOf(sha256(whole)));
      expect(sha256Latin1(whole)).toHaveLength(32);
      expect(hexOf(latin1Bytes(sha256Latin1(whole)))).toBe(hexOf(sha256(whole)));
    }),
  );
});

test("a hash owns its memory: a later one does not change it", () => {
  const first = sha256(Buffer.from("first"));
  const before = hexOf(first);
  for (let i = 0; i < 1000; i++) sha256(Buffer.from(`later ${i}`));
  expect(hexOf(first)).toBe(before);
});
