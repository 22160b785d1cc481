import { expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";

test("the checksums of RFC 3720 §B.4 come out", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(ascending)).toBe(0x46dd794e);
  expect(crc32c(ascending.toReversed())).toBe(0x113fdb5c);
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
});

test("a checksum can be continued, and every length agrees with the byte-by-byte definition", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, index) => (index * 37) & 0xff);
  for (let length = 0; length <= bytes.length; length++) {
    let slow = 0xffffffff;
    for (const byte of bytes.subarray(0, length)) {
      slow ^= byte;
      for (let bit = 0; bit < 8; bit++) slow = slow & 1 ? (slow >>> 1) ^ 0x82f63b78 : slow >>> 1;
    }
    expect(crc32c(bytes, 0, 0, length)).toBe(~slow >>> 0);
    expect(crc32c(bytes, crc32c(bytes, 0, 0, length), length)).toBe(crc32c(bytes));
  }
});
