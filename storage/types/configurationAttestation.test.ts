import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_CHAIN_ID_BYTES, MAX_LABEL_CHARS, MAX_METER_ID_CHARS } from "../limits.ts";
import { attestationBytes, plaintextHashOf } from "./configurationAttestation.ts";

const attestation = {
  ledgerId: "edream-1",
  meterId: "lcl:MAC000002",
  version: 258n,
  plaintextHash: new Uint8Array(32).fill(7),
  schemaId: "meter-options",
  schemaVersion: 3,
};

test("what a checker signs follows from the documented layout", () => {
  const expected = [
    "1c",
    `08${Buffer.from("edream-1").toString("hex")}`,
    `0d${Buffer.from("lcl:MAC000002").toString("hex")}`,
    "0000000000000102",
    "07".repeat(32),
    `0d${Buffer.from("meter-options").toString("hex")}`,
    "00000003",
  ].join("");
  expect(Buffer.from(attestationBytes(attestation) ?? []).toString("hex")).toBe(expected);
  expect(plaintextHashOf(Buffer.from("x"))).toEqual(new Uint8Array(createHash("sha256").update("x").digest()));
});

test("texts at their limits are signed, longer or empty ones and numbers out of range are not", () => {
  const limits = { ledgerId: MAX_CHAIN_ID_BYTES, meterId: MAX_METER_ID_CHARS, schemaId: MAX_LABEL_CHARS };
  for (const [field, length] of Object.entries(limits)) {
    expect(attestationBytes({ ...attestation, [field]: "x".repeat(length) })).toBeDefined();
    expect(attestationBytes({ ...attestation, [field]: "x".repeat(length + 1) }), field).toBeUndefined();
    expect(attestationBytes({ ...attestation, [field]: "" }), field).toBeUndefined();
  }
  expect(attestationBytes({ ...attestation, version: 2n ** 64n - 1n, schemaVersion: 2 ** 32 - 1 })).toBeDefined();
  const wrong = [{ version: 2n ** 64n }, { version: -1n }, { schemaVersion: 2 ** 32 }, { schemaVersion: 0.5 }];
  for (const fields of [...wrong, { plaintextHash: new Uint8Array(31) }])
    expect(attestationBytes({ ...attestation, ...fields })).toBeUndefined();
});

test("no two attestations have the same bytes", () => {
  const text = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom("a", "\u0001", "\u0002") });
  const any = fc.record({
    ledgerId: text,
    meterId: text,
    version: fc.constantFrom(1n, 2n),
    plaintextHash: fc.constantFrom(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)),
    schemaId: text,
    schemaVersion: fc.constantFrom(1, 2),
  });
  const plain = (value: object) =>
    JSON.stringify(value, (_key, field) => (typeof field === "bigint" ? `${field}` : field));
  fc.assert(
    fc.property(any, any, (a, b) => {
      const [first, second] = [attestationBytes(a) as Uint8Array, attestationBytes(b) as Uint8Array];
      expect(Buffer.compare(first, second) === 0).toBe(plain(a) === plain(b));
    }),
    { numRuns: 2000 },
  );
});
