import fc from "fast-check";
import { expect, test } from "vitest";
import { FingerprintChain } from "../types/interval.ts";
import { commitSum } from "../types/intervalHash.ts";
import { readingSalts } from "../types/intervalSecrets.ts";
import { ReadingsRootStream, readingLeafHash } from "../types/readingsRoot.ts";
import { type AuditRow, auditInterval, type Finding, type SealedReadings } from "./auditInterval.ts";
import type { Measured } from "./recover.ts";

const SEED = new Uint8Array(32).fill(1);
const SUM_SALT = new Uint8Array(32).fill(2);
const saltOf = readingSalts(new Uint8Array(32).fill(3));
const KEYS = { seed: SEED, saltOf, sumSalt: SUM_SALT };

/** A meter's readings every five seconds: 0.4 to 1.6 kW, in mWh. */
function measure(count: number): readonly Measured[] {
  return Array.from({ length: count }, (_, i) => ({
    value: 1400 + ((i * 7919) % 900),
    timestampMs: 1_750_000_000_000 + 5000 * (i + 1),
  }));
}

function seal(readings: readonly Measured[], isClear = false) {
  const chain = new FingerprintChain(SEED);
  const root = new ReadingsRootStream();
  const leaves: Uint8Array[] = [];
  for (const [index, { value, timestampMs }] of readings.entries()) {
    chain.append(value, timestampMs);
    const leaf = readingLeafHash(saltOf(index), value, timestampMs);
    root.appendLeafHash(leaf);
    leaves.push(leaf);
  }
  const count = readings.length;
  const sum = BigInt(chain.sum);
  const sealed: SealedReadings = {
    count,
    fingerprint: chain.fingerprint(),
    readingsRoot: root.root(),
    energy: isClear ? { sum } : { commitment: commitSum({ sum, count, salt: SUM_SALT }) },
  };
  return { sealed, leaves: Buffer.concat(leaves) };
}

const READINGS = measure(720);
const { sealed: SEALED, leaves: LEAVES } = seal(READINGS);
const audit = (
  rows: readonly AuditRow[],
  leaves: Uint8Array | "no leaves" = LEAVES,
  copies: readonly Measured[] = [],
) =>
  auditInterval(SEALED, KEYS, rows, {
    leaves: leaves === "no leaves" ? undefined : leaves,
    copiesAt: (timeMs) => copies.filter(({ timestampMs }) => timestampMs === timeMs),
  });
const at = (index: number) => READINGS[index] as Measured;
const byTime = (rows: readonly Measured[]) => rows.toSorted((a, b) => a.timestampMs - b.timestampMs);

test("what was sealed is intact, with the sum committed or in the clear, with leaves and without", () => {
  for (const isClear of [false, true]) {
    const { sealed, leaves } = seal(READINGS, isClear);
    for (const kept of [leaves, undefined])
      expect(auditInterval(sealed, KEYS, READINGS, { leaves: kept, copiesAt: () => [] })).toEqual({
        verdict: "intact",
        checks: { count: true, readingsRoot: true, fingerprint: true, sum: true },
        findings: [],
        erased: 0,
      });
  }
});

test("an empty interval is intact", () => {
  const { sealed, leaves } = seal([]);
  expect(auditInterval(sealed, KEYS, [], { leaves, copiesAt: () => [] }).verdict).toBe("intact");
});

test("a bit that is flipped anywhere is found, located, and what should have been there is said, with leaves and without", () => {
  const bits = fc.record({
    index: fc.nat({ max: READINGS.length - 1 }),
    field: fc.constantFrom("value" as const, "timestampMs" as const),
    bit: fc.nat({ max: 40 }),
  });
  fc.assert(
    fc.property(bits, ({ index, field, bit }) => {
      const shouldBe = at(index);
      const found = { ...shouldBe, [field]: Number(BigInt(shouldBe[field]) ^ (1n << BigInt(bit))) };
      const rows = byTime(READINGS.with(index, found));
      const { verdict, checks, findings } = audit(rows);
      expect([verdict, checks.readingsRoot, checks.count]).toEqual(["tampered", false, true]);
      expect(findings).toEqual([{ type: "changed", index, found, shouldBe }]);
    }),
    { numRuns: 30 },
  );
  const found = { ...at(500), value: at(500).value ^ 64 };
  expect(audit(READINGS.with(500, found), "no leaves").findings).toEqual([
    { type: "changed", index: 500, found, shouldBe: at(500) },
  ]);
});

test("values changed at will are each located; what should have been there comes from a copy, or by trying what is near", () => {
  const rows = READINGS.with(3, { ...at(3), value: 9_000_000 }).with(4, { ...at(4), value: 1 });
  const changed = (index: number, value: number, shouldBe: Measured | undefined) => ({
    type: "changed",
    index,
    found: { ...at(index), value },
    shouldBe,
  });
  expect(audit(rows).findings).toEqual([changed(3, 9_000_000, at(3)), changed(4, 1, at(4))]);
  const jump = { ...at(700), value: 77_000_000 };
  const { sealed, leaves } = seal(READINGS.with(700, jump));
  const known = (copies: readonly Measured[]) =>
    auditInterval(sealed, KEYS, READINGS, { leaves, copiesAt: () => copies }).findings;
  expect(known([])).toEqual([{ type: "changed", index: 700, found: at(700), shouldBe: undefined }]);
  expect(known([jump])).toEqual([{ type: "changed", index: 700, found: at(700), shouldBe: jump }]);
});

test("readings that are missing are named with what they were, at the start, in the middle and at the end", () => {
  for (const [from, count] of [
    [0, 1],
    [0, 3],
    [350, 1],
    [350, 5],
    [717, 3],
  ] as const) {
    const { findings, checks } = audit(READINGS.toSpliced(from, count));
    expect(checks.count).toBe(false);
    expect(findings).toEqual(
      Array.from({ length: count }, (_, i) => ({ type: "missing", index: from + i, shouldBe: at(from + i) })),
    );
  }
});

test("readings that were added are named", () => {
  const more = { value: 1500, timestampMs: at(10).timestampMs + 1 };
  for (const leaves of [LEAVES, "no leaves"] as const)
    expect(audit(byTime([...READINGS, more]), leaves).findings).toEqual([{ type: "added", found: more }]);
});

test("two readings that were exchanged are two that changed", () => {
  const [a, b] = [at(100), at(600)];
  const rows = READINGS.with(100, { ...a, value: b.value }).with(600, { ...b, value: a.value });
  expect(audit(rows).findings).toEqual([
    { type: "changed", index: 100, found: rows[100], shouldBe: a },
    { type: "changed", index: 600, found: rows[600], shouldBe: b },
  ]);
});

test("everything gone is everything missing", () => {
  const { findings, verdict } = audit([]);
  expect([verdict, findings.length]).toEqual(["tampered", READINGS.length]);
});

test("a leaf that was damaged does not accuse the reading, and a reading is located although a leaf is damaged too", () => {
  const damaged = Uint8Array.from(LEAVES);
  damaged[32 * 77 + 5]! ^= 1;
  expect(audit(READINGS, damaged)).toMatchObject({
    verdict: "tampered",
    checks: { readingsRoot: true },
    findings: [{ type: "leaf-damaged", index: 77 }],
  });
  const found = { ...at(400), value: 0 };
  expect(audit(READINGS.with(400, found), damaged).findings).toEqual([
    { type: "changed", index: 400, found, shouldBe: at(400) },
    { type: "leaf-damaged", index: 77 },
  ]);
});

test("after an erasure the rest is proved still, and a tombstone that was changed is named", () => {
  const tombstone = (index: number): AuditRow => ({
    leafHash: LEAVES.subarray(32 * index, 32 * index + 32),
    timestampMs: at(index).timestampMs,
  });
  const rows: readonly AuditRow[] = (READINGS as readonly AuditRow[]).with(5, tombstone(5)).with(719, tombstone(719));
  expect(audit(rows)).toEqual({
    verdict: "erased",
    checks: { count: true, readingsRoot: true, fingerprint: undefined, sum: undefined },
    findings: [],
    erased: 2,
  });
  const other = { leafHash: new Uint8Array(32).fill(9), timestampMs: at(5).timestampMs };
  expect(audit(rows.with(5, other)).findings).toEqual([
    { type: "tombstone-changed", index: 5, timestampMs: at(5).timestampMs },
  ]);
  const found = { ...at(6), value: 12 };
  expect(audit(rows.with(6, found)).findings).toEqual([{ type: "changed", index: 6, found, shouldBe: at(6) }]);
});

test("several changes without leaves are found and not located, which is said", () => {
  const rows = READINGS.with(1, { ...at(1), value: 0 }).with(2, { ...at(2), value: 0 });
  expect(audit(rows, "no leaves")).toMatchObject({ verdict: "tampered", findings: [{ type: "unlocated", rows: 720 }] });
});

test("keys of another meter are told from tampering", () => {
  const keys = { ...KEYS, saltOf: readingSalts(new Uint8Array(32).fill(9)) };
  const { verdict } = auditInterval(SEALED, keys, READINGS.slice(0), { leaves: LEAVES, copiesAt: () => [] });
  expect(verdict).toBe("other-key");
});

test("a sealed sum or fingerprint that is not that of the readings is said, although their root is", () => {
  const other = { ...SEALED, energy: { sum: 5n } };
  expect(auditInterval(other, KEYS, READINGS)).toMatchObject({ verdict: "tampered", checks: { sum: false } });
  const wrong = { ...SEALED, fingerprint: new Uint8Array(32) };
  expect(auditInterval(wrong, KEYS, READINGS)).toMatchObject({ checks: { fingerprint: false, readingsRoot: true } });
});

test("whatever is done to the rows, the findings say exactly what differs", () => {
  const few = measure(40);
  const { sealed, leaves } = seal(few);
  const edit = fc.oneof(
    fc.record({
      type: fc.constant("change" as const),
      at: fc.nat({ max: 39 }),
      value: fc.integer({ min: 0, max: 9999 }),
    }),
    fc.record({ type: fc.constant("remove" as const), at: fc.nat({ max: 39 }) }),
    fc.record({ type: fc.constant("add" as const), at: fc.nat({ max: 39 }), value: fc.integer({ min: 0, max: 9999 }) }),
  );
  fc.assert(
    fc.property(fc.uniqueArray(edit, { maxLength: 5, selector: ({ at: index }) => index }), (edits) => {
      let rows: readonly Measured[] = few;
      const expected: Finding[] = [];
      for (const { at: index, ...change } of edits) {
        const shouldBe = few[index] as Measured;
        if (change.type === "change") {
          if (change.value === shouldBe.value) continue;
          const found = { ...shouldBe, value: change.value };
          rows = rows.map((row) => (row === shouldBe ? found : row));
          expected.push({ type: "changed", index, found, shouldBe });
        } else if (change.type === "remove") {
          rows = rows.filter((row) => row !== shouldBe);
          expected.push({ type: "missing", index, shouldBe });
        } else {
          const found = { value: change.value, timestampMs: shouldBe.timestampMs + 1 };
          rows = byTime([...rows, found]);
          expected.push({ type: "added", found });
        }
      }
      const { findings, verdict } = auditInterval(sealed, KEYS, rows, { leaves, copiesAt: () => [] });
      expect(verdict).toBe(expected.length === 0 ? "intact" : "tampered");
      // What is missing beside what was added may be told as one that changed: the number of readings that are wrong is the same.
      const wrong = (list: readonly Finding[]) =>
        list.flatMap((each) => ("index" in each ? [each.index] : [])).toSorted((a, b) => a - b);
      expect(wrong(findings)).toEqual(wrong(expected));
    }),
    { numRuns: 100 },
  );
});
