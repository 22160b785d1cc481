import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type AmendmentVector, generateAmendments } from "./amendmentVectors.ts";
import { averageOf, FingerprintChain } from "./interval.ts";
import { commitSum, periodHashClear, periodHashCommitted } from "./intervalHash.ts";
import { intervalSumSalt, periodSeed, readingSalt, readingSaltKey } from "./intervalSecrets.ts";
import { ReadingsRootStream } from "./readingsRoot.ts";
import { hex, hmac, rfc6962, sha256, uint } from "./testLayouts.ts";

const VECTORS = new URL("../testdata/fingerprint.json", import.meta.url);

type ReadingPair = readonly [value: number, timestampMs: number];
interface IntervalVector {
  name: string;
  startMs: number;
  endMs: number;
  readings: ReadingPair[];
  count: number;
  sum: string;
  average: string | null;
  saltKey: string;
  fingerprint: string;
  readingsRoot: string;
  sumSalt: string;
  sumCommitment: string;
  periodHashClear: string;
  periodHashCommitted: string;
}
interface PeriodVector {
  startMs: number;
  seed: string;
  /** SHA256(seed): what both chains of the period start from. */
  seedCommitment: string;
  intervals: IntervalVector[];
}
interface Vectors {
  about: string;
  ledgerId: string;
  meterId: string;
  secret: string;
  periods: PeriodVector[];
  amendments: AmendmentVector[];
}
const LEDGER_ID = "energy-vectors-1";
const METER_ID = "sim:H0001/import";
const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);

const PERIODS: readonly {
  startMs: number;
  intervals: readonly { name: string; readings: readonly ReadingPair[] }[];
}[] = [
  {
    startMs: START_MS,
    intervals: [
      { name: "60 one-minute readings", readings: minutes(0, (i) => 3000 + ((i * 7919) % 500) * 1000) },
      { name: "empty", readings: [] },
      { name: "one reading at the end", readings: [[219_000, START_MS + 3 * HOUR_MS]] },
    ],
  },
  {
    startMs: START_MS + DAY_MS,
    intervals: [
      { name: "negative readings", readings: minutes(24, (i) => (i % 2 === 0 ? -84_891 : 1)).slice(0, 7) },
      { name: "largest reading", readings: [[Number.MAX_SAFE_INTEGER, START_MS + DAY_MS + HOUR_MS + 1]] },
      { name: "smallest reading", readings: [[-Number.MAX_SAFE_INTEGER, START_MS + DAY_MS + 2 * HOUR_MS + 1]] },
      {
        name: "extremes that cancel, at one time",
        readings: [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 0].map((v) => [
          v,
          START_MS + DAY_MS + 4 * HOUR_MS,
        ]),
      },
    ],
  },
];

function minutes(hour: number, value: (index: number) => number): ReadingPair[] {
  return Array.from({ length: 60 }, (_, i) => [value(i), START_MS + hour * HOUR_MS + (i + 1) * 60_000]);
}

/** The vectors as this program computes them. */
function generate(): Vectors {
  const periods = generatePeriods();
  return {
    about:
      "Energy fingerprints; layouts in storage/types/interval.ts. Bytes are hex, sums decimal, readings [value, timestampMs].",
    ledgerId: LEDGER_ID,
    meterId: METER_ID,
    secret: hex(SECRET),
    periods,
    amendments: generateAmendments(
      { ledgerId: LEDGER_ID, meterId: METER_ID, secret: SECRET },
      Buffer.from(periods[0]?.seed ?? "", "hex"),
      periods[0]?.intervals ?? [],
    ),
  };
}

function generatePeriods(): PeriodVector[] {
  const owner = { ledgerId: LEDGER_ID, meterId: METER_ID, secret: SECRET };
  return PERIODS.map(({ startMs: periodStartMs, intervals }) => {
    const seed = periodSeed(owner, periodStartMs);
    const seedCommitment = createHash("sha256").update(seed).digest();
    let [clear, committed]: [Uint8Array, Uint8Array] = [seedCommitment, seedCommitment];
    return {
      startMs: periodStartMs,
      seed: hex(seed),
      seedCommitment: hex(seedCommitment),
      intervals: intervals.map(({ name, readings }, i) => {
        const [startMs, endMs] = [periodStartMs + i * HOUR_MS, periodStartMs + (i + 1) * HOUR_MS];
        const saltKey = readingSaltKey(owner, startMs, endMs);
        const chain = new FingerprintChain(seed);
        const root = new ReadingsRootStream();
        for (const [value, timestampMs] of readings) {
          root.append(readingSalt(saltKey, chain.count), value, timestampMs);
          chain.append(value, timestampMs);
        }
        const [sum, count, salt] = [BigInt(chain.sum), chain.count, intervalSumSalt(owner, startMs, endMs)];
        const commitment = commitSum({ sum, count, salt });
        clear = periodHashClear(chain.fingerprint(), sum, count, clear);
        committed = periodHashCommitted(chain.fingerprint(), commitment, count, committed);
        return {
          name,
          startMs,
          endMs,
          readings: readings.map(([value, timestampMs]): ReadingPair => [value, timestampMs]),
          count,
          sum: sum.toString(),
          average: averageOf(sum, count)?.toString() ?? null,
          saltKey: hex(saltKey),
          fingerprint: hex(chain.fingerprint()),
          readingsRoot: hex(root.root()),
          sumSalt: hex(salt),
          sumCommitment: hex(commitment),
          periodHashClear: hex(clear),
          periodHashCommitted: hex(committed),
        };
      }),
    };
  });
}

test("the published vectors are what this program computes", async () => {
  const text = JSON.stringify(generate(), null, 2).replace(/\[\s+(-?\d+),\s+(\d+)\s+\]/g, "[$1, $2]");
  await expect(`${text}\n`).toMatchFileSnapshot("../testdata/fingerprint.json");
});

// From here on nothing of this program is used: the documented layouts, node:crypto and bigints.

test("the published vectors follow from the documented layouts alone", () => {
  const vectors: Vectors = JSON.parse(readFileSync(VECTORS, "utf8"));
  const secret = Buffer.from(vectors.secret, "hex");
  const name = Buffer.concat(
    [vectors.ledgerId, vectors.meterId].flatMap((text) => [uint(1, text.length), Buffer.from(text)]),
  );
  expect(vectors.periods).toHaveLength(2);
  for (const period of vectors.periods) {
    const seed = hmac(secret, Buffer.of(0x14), name, uint(8, period.startMs));
    expect(period.seed).toBe(hex(seed));
    let [clear, committed] = [sha256(seed), sha256(seed)];
    expect(period.seedCommitment).toBe(hex(clear));
    for (const interval of period.intervals) {
      const bounds = Buffer.concat([uint(8, interval.startMs), uint(8, interval.endMs)]);
      const saltKey = hmac(secret, Buffer.of(0x15), name, bounds);
      let fingerprint: Buffer = seed;
      let sum = 0n;
      const leaves: Buffer[] = [];
      for (const [i, [value, timestampMs]] of interval.readings.entries()) {
        const measured = Buffer.concat([uint(8, value), uint(8, timestampMs)]);
        fingerprint = sha256(Buffer.of(0x10), measured, fingerprint);
        leaves.push(sha256(Buffer.of(0), hmac(saltKey, uint(4, i)), measured));
        sum += BigInt(value);
      }
      const count = uint(4, interval.readings.length);
      const salt = hmac(secret, Buffer.of(0x16), name, bounds);
      const commitment = sha256(Buffer.of(0x12), salt, uint(8, sum), count);
      clear = sha256(Buffer.of(0x11), fingerprint, uint(8, sum), count, clear);
      committed = sha256(Buffer.of(0x13), fingerprint, commitment, count, committed);
      const hexes = { saltKey, fingerprint, sumSalt: salt, sumCommitment: commitment, periodHashClear: clear };
      for (const [field, bytes] of Object.entries(hexes)) expect(interval).toHaveProperty(field, hex(bytes));
      expect(interval.readingsRoot).toBe(hex(rfc6962(leaves)));
      expect(interval.periodHashCommitted).toBe(hex(committed));
      expect([interval.count, interval.sum]).toStrictEqual([leaves.length, sum.toString()]);
    }
  }
});
