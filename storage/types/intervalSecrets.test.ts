import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { IntervalError } from "./interval.ts";
import { type IntervalOwner, intervalSumSalt, periodSeed, readingSalt, readingSaltKey } from "./intervalSecrets.ts";

const OWNER: IntervalOwner = { ledgerId: "energy-1", meterId: "lcl:MAC000002", secret: new Uint8Array(32).fill(1) };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof IntervalError) return error.code;
    throw error;
  }
  return undefined;
}

test("seeds and salts differ by secret, ledger, meter, time and purpose", () => {
  const secrets = [
    periodSeed(OWNER, 1000),
    periodSeed(OWNER, 2000),
    periodSeed({ ...OWNER, ledgerId: "energy-2" }, 1000),
    periodSeed({ ...OWNER, meterId: "lcl:MAC000003" }, 1000),
    periodSeed({ ...OWNER, secret: new Uint8Array(32).fill(2) }, 1000),
    readingSaltKey(OWNER, 1000, 2000),
    readingSaltKey(OWNER, 1000, 3000),
    readingSaltKey(OWNER, 0, 2000),
    intervalSumSalt(OWNER, 1000, 2000),
    readingSalt(readingSaltKey(OWNER, 1000, 2000), 0),
    readingSalt(readingSaltKey(OWNER, 1000, 2000), 1),
  ].map(hex);
  expect(new Set(secrets).size).toBe(secrets.length);
  expect(hex(periodSeed(OWNER, 1000))).toBe(secrets[0]);
});

test("where the ledger id ends and the meter id begins cannot be shifted", () => {
  const shifted: IntervalOwner = { ...OWNER, ledgerId: "energy-1l", meterId: "cl:MAC000002" };
  expect(hex(periodSeed(shifted, 1000))).not.toBe(hex(periodSeed(OWNER, 1000)));
});

test("names, secrets and times out of range are refused with a code", () => {
  expect(codeOf(() => periodSeed({ ...OWNER, ledgerId: "" }, 0))).toBe("INTERVAL_NAME_INVALID");
  expect(codeOf(() => periodSeed({ ...OWNER, ledgerId: "é".repeat(26) }, 0))).toBe("INTERVAL_NAME_INVALID");
  expect(codeOf(() => periodSeed({ ...OWNER, ledgerId: "é".repeat(25) }, 0))).toBeUndefined();
  expect(codeOf(() => periodSeed({ ...OWNER, meterId: "a b" }, 0))).toBe("INTERVAL_NAME_INVALID");
  expect(codeOf(() => periodSeed({ ...OWNER, secret: new Uint8Array(31) }, 0))).toBe("INTERVAL_BYTES_LENGTH");
  expect(codeOf(() => readingSaltKey(OWNER, -1, 0))).toBe("INTERVAL_NUMBER_OUT_OF_RANGE");
  expect(codeOf(() => intervalSumSalt(OWNER, 0, 0.5))).toBe("INTERVAL_NUMBER_OUT_OF_RANGE");
});

test("a reading's salt is the HMAC of its index, and the first index past a uint32 is refused", () => {
  for (const key of [new Uint8Array(32), new Uint8Array(32).fill(0xff), periodSeed(OWNER, 1)])
    for (const index of [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 2]) {
      const message = Buffer.alloc(4);
      message.writeUInt32BE(index);
      expect(hex(readingSalt(key, index))).toBe(createHmac("sha256", key).update(message).digest("hex"));
    }
  expect(codeOf(() => readingSalt(new Uint8Array(32), 2 ** 32 - 1))).toBe("INTERVAL_NUMBER_OUT_OF_RANGE");
  expect(codeOf(() => readingSalt(new Uint8Array(32), -1))).toBe("INTERVAL_NUMBER_OUT_OF_RANGE");
  expect(codeOf(() => readingSalt(new Uint8Array(31), 0))).toBe("INTERVAL_BYTES_LENGTH");
});
