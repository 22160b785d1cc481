import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { QUALITY, validateReading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import { decodeOcmf, parsePublicKey, verifyOcmf } from "./ocmf.ts";

const [KEBA, TAMPERED] = JSON.parse(
  readFileSync(new URL("./testdata/ocmf-signed-meter-values.json", import.meta.url), "utf8"),
) as [
  { ocmf: string; publicKeySpkiHex: string; expected: { beginWh: string; endWh: string } },
  { ocmf: string; publicKeySpkiHex: string },
];
const KEBA_KEY = parsePublicKey(KEBA.publicKeySpkiHex);
const RECEIVED_MS = Date.UTC(2019, 7, 13, 10, 4);

function decode(text: string, publicKey: KeyObject | undefined): DecodedFrame {
  const frame = decodeOcmf(text, {
    meterId: "ocpp:KEBA/1",
    receivedMs: RECEIVED_MS,
    rawHash: new Uint8Array(32),
    publicKey,
  });
  for (const reading of frame.readings) validateReading(reading);
  return frame;
}

test("a KEBA record holds under its key, and its two registers are read by their digits", () => {
  expect(verifyOcmf(KEBA.ocmf, KEBA_KEY)).toBe("valid");
  const { readings, rejected } = decode(KEBA.ocmf, KEBA_KEY);
  expect(rejected).toStrictEqual([]);
  expect(readings).toMatchObject([
    {
      quantity: "activeEnergyImport",
      kind: "register",
      value: 259_600,
      timestampMs: Date.UTC(2019, 7, 13, 10, 3, 15),
      timeQuality: "drifting",
      seq: 32,
      quality: 0,
    },
    {
      quantity: "activeEnergyImport",
      kind: "register",
      value: 259_700,
      timestampMs: Date.UTC(2019, 7, 13, 10, 3, 36),
      timeQuality: "synced",
      seq: 32,
      quality: 0,
    },
  ]);
  expect(readings.map(({ value }) => String(value / 1000))).toStrictEqual([KEBA.expected.beginWh, KEBA.expected.endWh]);
});

test("its tampered twin is refused whole", () => {
  expect(decode(TAMPERED.ocmf, KEBA_KEY)).toMatchObject({ readings: [], rejected: [{ reason: "signature-wrong" }] });
});

test("any changed character of the payload breaks the signature", () => {
  const end = KEBA.ocmf.lastIndexOf("|");
  for (let at = 5; at < end; at += 7) {
    const changed = `${KEBA.ocmf.slice(0, at)}${KEBA.ocmf[at] === "0" ? "1" : "0"}${KEBA.ocmf.slice(at + 1)}`;
    expect(verifyOcmf(changed, KEBA_KEY), changed).toBe("wrong");
  }
});

test("without a key a record is accepted as unchecked, and says so", () => {
  expect(decode(KEBA.ocmf, undefined).readings.map(({ quality }) => quality)).toStrictEqual([
    QUALITY.SUSPECT,
    QUALITY.SUSPECT,
  ]);
});

interface Options {
  readonly curve?: "prime256v1" | "secp256k1";
  readonly signature?: object;
}

function signed(
  payload: string,
  { curve = "prime256v1", signature = {} }: Options = {},
): { text: string; key: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const bytes = sign("sha256", Buffer.from(payload), privateKey);
  const SA = curve === "secp256k1" ? { SA: "ECDSA-secp256k1-SHA256" } : {};
  return {
    text: `OCMF|${payload}|${JSON.stringify({ ...SA, SD: bytes.toString("hex"), ...signature })}`,
    key: publicKey,
  };
}

const READING = { TM: "2025-01-01T00:00:00,000+0100 S", TX: "B", ST: "G", RV: 1.5, RI: "1-b:1.8.0", RU: "kWh" };
const record = (...list: object[]): string => JSON.stringify({ FV: "1.0", PG: "T1", RD: list });

test("secp256k1 holds too, and only under its own name", () => {
  const { text, key } = signed(record(READING), { curve: "secp256k1" });
  expect(verifyOcmf(text, key)).toBe("valid");
  const misnamed = signed(record(READING), { curve: "secp256k1", signature: { SA: "ECDSA-secp256r1-SHA256" } });
  expect(verifyOcmf(misnamed.text, misnamed.key)).toBe("wrong");
});

test("the key of another meter does not do, nor does an algorithm that is given up", () => {
  const { text } = signed(record(READING));
  expect(verifyOcmf(text, signed("{}").key)).toBe("wrong");
  const old = signed(record(READING), { signature: { SA: "ECDSA-secp192r1-SHA256" } });
  expect(verifyOcmf(old.text, old.key)).toBe("wrong");
});

test("a field that stays the same may be left out of the next reading, its value may not", () => {
  const { text, key } = signed(
    record(READING, { TM: "2025-01-01T01:00:00,000+0100 S", RV: 2 }, { TM: "2025-01-01T02:00:00,000+0100 S" }),
  );
  const frame = decode(text, key);
  expect(frame.readings.map(({ value, timestampMs }) => [value, timestampMs])).toStrictEqual([
    [1_500_000, Date.UTC(2024, 11, 31, 23)],
    [2_000_000, Date.UTC(2025, 0, 1)],
  ]);
  expect(frame.rejected.map(({ reason }) => reason)).toStrictEqual(["null-value"]);
});

test.each([
  [{ ST: "M" }, "meter-fault"],
  [{ EF: "E" }, "meter-fault"],
  [{ RU: "furlong" }, "unknown-unit"],
  [{ RI: "1-b:32.7.0" }, "unknown-quantity"],
  [{ TM: "0014-01-01T00:00:00,000+0000 S" }, "bad-timestamp"],
  [{ TM: "2025-01-01T00:00:00,000+0100" }, "bad-timestamp"],
  [{ RV: null }, "null-value"],
  [{ RV: -1 }, "negative"],
])("a signed reading is not better than it says of itself: %j is %s", (change, reason) => {
  const { text, key } = signed(record({ ...READING, ...change }));
  expect(decode(text, key)).toMatchObject({ readings: [], rejected: [{ reason }] });
});

test.each(["", "OCMF", "OCMF|", "OCMF|{}", "OCMF|{}|{}", "OCMF|{}|x", "ocmf|{}|{}", `OCMF|${"x".repeat(70_000)}|{}`])(
  "%s is no record",
  (text) => {
    expect(decode(text, undefined)).toMatchObject({ readings: [], rejected: [{ reason: "unknown-format" }] });
  },
);

test("a field that is an object with a toString of its own is no text (found by fuzzing)", () => {
  const { text, key } = signed(record({ ...READING, RI: { toString: 1 } }));
  expect(decode(text, key)).toMatchObject({ readings: [], rejected: [{ reason: "unknown-quantity" }] });
});

test("an option that is no key on a known curve is none", () => {
  expect(parsePublicKey("00")).toBeUndefined();
  expect(
    parsePublicKey(generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" }).toString("hex")),
  ).toBeUndefined();
  expect(
    parsePublicKey(Buffer.from(KEBA.publicKeySpkiHex, "hex").toString("base64"))?.asymmetricKeyDetails?.namedCurve,
  ).toBe("prime256v1");
});

test(
  "a changed payload or signature gives no reading under the key; without one, valid readings or none",
  () => {
    const end = KEBA.ocmf.lastIndexOf("|");
    const [payload, signature] = [KEBA.ocmf.slice(5, end), KEBA.ocmf.slice(end + 1)];
    const changed = fc.record({
      payload: changedJson([payload]),
      signature: changedJson([signature]),
      which: fc.boolean(),
    });
    fuzz("ocmf record", changed, 300, (parts) => {
      const text = parts.which ? `OCMF|${parts.payload}|${signature}` : `OCMF|${payload}|${parts.signature}`;
      if (parts.which && parts.payload !== payload) expect(decode(text, KEBA_KEY).readings).toStrictEqual([]);
      decode(text, undefined);
    });
  },
  FUZZ_TIMEOUT_MS,
);
