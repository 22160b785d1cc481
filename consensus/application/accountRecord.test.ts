import fc from "fast-check";
import { expect, test } from "vitest";
import { accountRecordKey, decodeAccountRecord } from "./accountRecord.ts";
import { encodeRecord, newRecord, recordKey } from "./stateRecords.ts";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const deviceKey = fc.record({
  type: fc.constantFrom("ed25519", "secp256k1"),
  key: fc.uint8Array({ minLength: 32, maxLength: 33 }),
});

test("an account record reads as the state stores it", () => {
  fc.assert(
    fc.property(uint64, uint64, fc.option(deviceKey, { nil: undefined }), (number, sequence, publicKey) => {
      const stored = encodeRecord(
        "account",
        newRecord("account", { number, sequence, ...(publicKey === undefined ? {} : { publicKey }) }),
      );
      expect(decodeAccountRecord(stored)).toMatchObject({ number, sequence });
    }),
  );
});

test("its key is that of the state tree", () => {
  expect(Buffer.from(accountRecordKey("edream1abc")).toString()).toBe(recordKey("account", "edream1abc"));
});

test.each([
  { name: "an unknown field", bytes: [0x20, 1], code: "FORMAT_FIELD_UNKNOWN" },
  { name: "a field given twice", bytes: [0x10, 1, 0x10, 2], code: "FORMAT_NOT_CANONICAL" },
  { name: "fields out of order", bytes: [0x18, 1, 0x10, 2], code: "FORMAT_NOT_CANONICAL" },
  { name: "a zero written out", bytes: [0x10, 0], code: "FORMAT_NOT_CANONICAL" },
  { name: "a cut varint", bytes: [0x10, 0x80], code: "FORMAT_WIRE_MALFORMED" },
  { name: "more bytes than any account has", bytes: new Array(257).fill(0), code: "FORMAT_TOO_LARGE" },
])("an account record with $name is refused", ({ bytes, code }) => {
  expect(() => decodeAccountRecord(Uint8Array.from(bytes as number[]))).toThrow(code);
});
