import { expect, test } from "vitest";
import { FingerprintChain } from "#storage/types/interval.ts";
import type { Reading } from "#storage/types/reading.ts";
import { auditMeter } from "./meterAudit.ts";
import { gatherRows } from "./rowSet.ts";
import {
  MONTH_INTERVAL_MS as INTERVAL_MS,
  monthKeys as keys,
  MONTH_METER as METER,
  monthRows as month,
  MONTH_READING_MS as READING_MS,
  MONTH_READINGS as READINGS,
  monthReading as readingOf,
  MONTH_START_MS as START_MS,
  sealMonth,
} from "./testMonth.ts";

test("one flipped bit anywhere in a month of readings every 5 s is found and located, and what should be there is said", async () => {
  const items = sealMonth();
  expect([items.length, items.reduce((sum, { count }) => sum + count, 0)]).toEqual([2880, READINGS]);
  const range = { meterId: METER, fromMs: START_MS, toMs: START_MS + READINGS * READING_MS, keys, erasures: [] };
  const place = 407_123;
  const shouldBe = { value: readingOf(place).value, timestampMs: readingOf(place).timestampMs };
  const found = { ...shouldBe, value: shouldBe.value ^ 4 };
  const rows = await gatherRows(
    month((reading, i) => (i === place ? { ...reading, value: found.value } : reading)),
    undefined,
  );
  const audit = auditMeter({ ...range, items, rows });
  const bad = audit.items.filter(({ verdict }) => verdict !== "intact");
  expect(bad).toMatchObject([
    {
      startMs: START_MS + Math.floor(place / 180) * INTERVAL_MS,
      findings: [{ type: "changed", index: place % 180, found, shouldBe }],
    },
  ]);
  expect(audit.items.length).toBe(2880);

  // Every bit of a value and of a time, each in another interval: one audit of the month finds all of them.
  const flips = [
    ...Array.from({ length: 53 }, (_, bit) => ({ field: "value" as const, bit })),
    ...Array.from({ length: 41 }, (_, bit) => ({ field: "timestampMs" as const, bit })),
  ].map((flip, n) => ({ ...flip, i: 180 * (29 * n) + ((n * 37) % 180) }));
  const byPlace = new Map(flips.map((flip) => [flip.i, flip]));
  const flipped = (reading: Reading, i: number): Reading => {
    const flip = byPlace.get(i);
    if (flip === undefined) return reading;
    const { field, bit } = flip;
    return { ...reading, [field]: Number(BigInt(reading[field]) ^ (1n << BigInt(bit))) };
  };
  const second = auditMeter({ ...range, items, rows: await gatherRows(month(flipped), undefined) });
  const located = second.items.flatMap(({ endMs, findings }) =>
    findings.map((finding) => ({ endMs, index: "index" in finding ? finding.index : undefined })),
  );
  for (const { i } of flips)
    expect(located).toContainEqual({ endMs: START_MS + (Math.floor(i / 180) + 1) * INTERVAL_MS, index: i % 180 });
});

test("the fingerprints of a month are recomputed as the verification workload asks", () => {
  const items = sealMonth();
  let wrong = 0;
  for (const [n, item] of items.entries()) {
    const chain = new FingerprintChain(keys.of(item)?.seed ?? new Uint8Array(32));
    for (let i = 180 * n; i < 180 * (n + 1); i++) {
      const { value, timestampMs } = readingOf(i);
      chain.append(value, timestampMs);
    }
    if (Buffer.compare(chain.fingerprint(), item.fingerprint) !== 0) wrong += 1;
  }
  expect(wrong).toBe(0);
});
