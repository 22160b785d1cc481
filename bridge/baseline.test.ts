import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import {
  averageBaseline,
  baselineItem,
  baselineRoot,
  checkBaseline,
  decodeBaseline,
  encodeBaseline,
  type MeterBaseline,
  proveBaseline,
} from "./baseline.ts";

const event = { startMs: 1_700_049_600_000, intervalMs: 900_000, intervalCount: 2 };
const meters: readonly MeterBaseline[] = ["a:1", "b:2", "c:3", "d:4", "e:5"].map((meterId, i) => ({
  meterId,
  baselinesMwh: [BigInt(i) * 1000n, -7n],
  salt: sha256(Buffer.from(meterId)),
}));
const root = baselineRoot(event, meters);
const terms = { ...event, root, count: meters.length };
const malformed = (body: () => unknown, reason: string) => expect(body).toThrow(reason);

test("each meter's baseline leads to the root, after its way through a text too, and no other does", () => {
  for (const index of meters.keys()) {
    const proof = proveBaseline(event, meters, index);
    const read = decodeBaseline(encodeBaseline(proof));
    expect(encodeBaseline(read)).toBe(encodeBaseline(proof));
    expect(checkBaseline(read, terms)).toEqual({ accepted: true });
    const raised = { ...proof, baselinesMwh: [proof.baselinesMwh[0] ?? 0n, 0n] };
    expect(checkBaseline(raised, terms)).toMatchObject({ code: "MERKLE_ROOT_MISMATCH" });
    expect(checkBaseline({ ...proof, meterId: "f:6" }, terms)).toMatchObject({ code: "MERKLE_ROOT_MISMATCH" });
    expect(checkBaseline({ ...proof, startMs: event.startMs + 900_000 }, terms)).toMatchObject({
      code: "BASELINE_OTHER_REQUEST",
    });
    expect(checkBaseline(proof, { ...terms, root: sha256(root) })).toMatchObject({ code: "BASELINE_OTHER_REQUEST" });
    expect(checkBaseline(proof, { ...terms, count: 4 })).toMatchObject({ code: "BASELINE_OTHER_REQUEST" });
  }
});

test("an item has its fields in their own widths, so that no two baselines look alike", () => {
  const item = Buffer.from(baselineItem(event, meters[1] as MeterBaseline));
  expect(item.length).toBe(32 + 8 + 4 + 2 + 2 * 32 + 3);
  expect(item.readBigUInt64BE(32)).toBe(BigInt(event.startMs));
  expect([item.readUInt32BE(40), item.readUInt16BE(44)]).toEqual([900_000, 2]);
  expect([item.readBigInt64BE(46 + 24), item.readBigInt64BE(78 + 24)]).toEqual([1000n, -7n]);
  expect(item.subarray(110).toString()).toBe("b:2");
});

test("what is no baseline is not committed to", () => {
  const [first] = meters as [MeterBaseline];
  malformed(() => baselineRoot(event, []), "no meters");
  malformed(() => baselineRoot(event, [first, first]), "a meter twice");
  malformed(() => proveBaseline(event, meters, 5), "meter 5 of 5");
  for (const [fields, reason] of [
    [{ baselinesMwh: [1n] }, "1 baselines for 2 intervals"],
    [{ baselinesMwh: [1n, 2n ** 63n] }, "over 64 bits"],
    [{ salt: new Uint8Array(31) }, "a salt of 31 bytes"],
    [{ meterId: "" }, "no meter id"],
    [{ meterId: "x".repeat(97) }, "no meter id"],
    [{ meterId: "zähler" }, "no meter id"],
  ] as const)
    malformed(() => baselineRoot(event, [{ ...first, ...fields }]), reason);
});

test("a text that is no baseline is refused, and says why", () => {
  const good = JSON.parse(encodeBaseline(proveBaseline(event, meters, 0))) as object;
  malformed(() => decodeBaseline("{"), "it is no JSON");
  malformed(() => decodeBaseline("null"), "its format is not");
  malformed(() => decodeBaseline(" ".repeat(20_001)), "longer than 20000 characters");
  for (const [fields, reason] of [
    [{ format: "energy-ledger-voucher/1" }, "its format is not"],
    [{ meterId: 7 }, "meterId is no text"],
    [{ startMs: -1 }, "startMs is no number"],
    [{ index: 0.5 }, "index is no number"],
    [{ baselinesMwh: "1" }, "baselinesMwh"],
    [{ baselinesMwh: ["1", "01"] }, "a baseline is no decimal text"],
    [{ baselinesMwh: ["1"] }, "1 baselines for 2 intervals"],
    [{ salt: "0x00" }, "salt is not 32 bytes of hex"],
    [{ path: new Array(200).fill("0x") }, "path"],
    [{ path: ["0x"] }, "path is not 32 bytes of hex"],
  ] as const)
    malformed(() => decodeBaseline(JSON.stringify({ ...good, ...fields })), reason);
});

test("the mean of days is rounded to the nearest, halves away from zero", () => {
  expect(
    averageBaseline([
      [1n, -1n, 5n],
      [2n, -2n, 5n],
    ]),
  ).toEqual([2n, -2n, 5n]);
  expect(averageBaseline([[10n], [10n], [11n]])).toEqual([10n]);
  malformed(() => averageBaseline([]), "days of other lengths");
  malformed(() => averageBaseline([[1n], [1n, 2n]]), "days of other lengths");
});
