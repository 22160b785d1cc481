import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeMinutePackage,
  encodeMinutePackage,
  MAX_MINUTES,
  MAX_PACKAGE_REGISTER,
  MINUTE_QUANTITIES,
  type MinutePackage,
  MinutePackageError,
} from "./minutePackage.ts";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly package: Omit<MinutePackage, "endMinute" | "values"> & {
    readonly endMinute: number | null;
    readonly values: readonly (number | null)[];
  };
}
const { vectors, refused } = JSON.parse(
  readFileSync(`${import.meta.dirname}/testdata/minute-package-v1.json`, "utf8"),
) as { vectors: Vector[]; refused: { name: string; hex: string; fault: string }[] };

function packageOf({ package: minutes }: Vector): MinutePackage {
  const values = minutes.values.map((value) => value ?? undefined);
  return { ...minutes, endMinute: minutes.endMinute ?? undefined, values };
}

test.each(vectors)("vector: $name", (vector) => {
  const minutes = packageOf(vector);
  expect(Buffer.from(encodeMinutePackage(minutes)).toString("hex")).toBe(vector.hex);
  expect(decodeMinutePackage(Buffer.from(vector.hex, "hex"))).toEqual(minutes);
});

test.each(refused)("refused: $name", ({ hex, fault }) => {
  expect(decodeMinutePackage(Buffer.from(hex, "hex"))).toEqual({ fault });
});

test("twenty minutes fit the 51 bytes of the slowest data rate, wide ones too", () => {
  const [home, factory] = vectors.map(({ hex }) => hex.length / 2);
  expect([home, factory]).toEqual([41, 51]);
});

test("the length does not tell what was used", () => {
  const minutes = packageOf(vectors[0] as Vector);
  const lengths = [0, 1, 4094].map(
    (value) => encodeMinutePackage({ ...minutes, values: Array(20).fill(value) }).length,
  );
  expect(new Set(lengths).size).toBe(1);
});

const anyPackage = fc.boolean().chain((isWide) =>
  fc.record<MinutePackage>({
    quantity: fc.constantFrom(...MINUTE_QUANTITIES),
    endMinute: fc.option(fc.integer({ min: 1, max: 0xffff_ffff }), { nil: undefined }),
    isReset: fc.boolean(),
    register: fc.maxSafeNat().map((value) => value % (MAX_PACKAGE_REGISTER + 1)),
    values: fc.array(fc.option(fc.nat(isWide ? 0xfffe : 0xffe), { nil: undefined }), {
      minLength: 1,
      maxLength: isWide ? 115 : MAX_MINUTES,
    }),
    isWide: fc.constant(isWide),
  }),
);

test("every package is read as it was written, and has one way of writing it", () => {
  fc.assert(
    fc.property(anyPackage, (minutes) => {
      expect(decodeMinutePackage(encodeMinutePackage(minutes))).toEqual(minutes);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 10, maxLength: 60 }), (bytes) => {
      bytes[0] = 0xe1;
      bytes[1] = (bytes[1] as number) & 0x1f;
      const minutes = decodeMinutePackage(bytes);
      if (!("fault" in minutes)) expect(Buffer.from(encodeMinutePackage(minutes))).toEqual(Buffer.from(bytes));
    }),
  );
});

test.each<[string, Partial<MinutePackage>]>([
  ["quantity", { quantity: "voltage" as never }],
  ["endMinute", { endMinute: 0 }],
  ["endMinute", { endMinute: 2 ** 32 }],
  ["register", { register: -1 }],
  ["register", { register: MAX_PACKAGE_REGISTER + 1 }],
  ["values", { values: [] }],
  ["values", { values: Array(MAX_MINUTES + 1).fill(0) }],
  ["values", { values: [4095] }],
  ["values", { values: [65_535], isWide: true }],
  ["values", { values: Array(116).fill(0), isWide: true }],
  ["values", { values: [0.5] }],
])("not written: %s out of its range", (field, change) => {
  const minutes = { ...packageOf(vectors[0] as Vector), ...change };
  expect(() => encodeMinutePackage(minutes)).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ code: "MINUTE_PACKAGE_INVALID", field }) }) as Error,
  );
  expect(() => encodeMinutePackage(minutes)).toThrow(MinutePackageError);
});
