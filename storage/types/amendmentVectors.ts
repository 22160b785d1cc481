import { amendmentSaltKey, amendmentSeed, amendmentSumSalt, amendmentsOrigin } from "./amendment.ts";
import { FingerprintChain } from "./interval.ts";
import { commitSum, periodHashClear, periodHashCommitted } from "./intervalHash.ts";
import { type IntervalOwner, readingSalt } from "./intervalSecrets.ts";
import { ReadingsRootStream } from "./readingsRoot.ts";
import { hex } from "./testLayouts.ts";

/** The vectors of amendments in storage/testdata/fingerprint.json, as this program computes them: for tests. */
type ReadingPair = readonly [value: number, timestampMs: number];

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);

export interface AmendmentVector {
  name: string;
  startMs: number;
  endMs: number;
  /** From 1. */
  amendment: number;
  readings: ReadingPair[];
  count: number;
  sum: string;
  previousFingerprint: string;
  seed: string;
  saltKey: string;
  fingerprint: string;
  readingsRoot: string;
  sumSalt: string;
  sumCommitment: string;
  /** Of all amendments of the interval so far, if all their sums are clear, and if all are committed. */
  amendmentsHashClear: string;
  amendmentsHashCommitted: string;
}

/** Late readings, batch by batch, of intervals above: of the first one twice, of the empty one once. */
const AMENDMENTS: readonly { name: string; hour: number; batches: readonly (readonly ReadingPair[])[] }[] = [
  {
    name: "60 one-minute readings",
    hour: 0,
    batches: [
      [
        [125_000, START_MS + 20 * 60_000 + 30_000],
        [-7, START_MS + 21 * 60_000],
      ],
      [[0, START_MS + HOUR_MS]],
    ],
  },
  { name: "empty", hour: 1, batches: [[[84_891, START_MS + HOUR_MS + 1]]] },
];

/** seed: of the period; intervals: its vectors, an hour each. */
export function generateAmendments(
  owner: IntervalOwner,
  seed: Uint8Array,
  intervals: readonly { readonly fingerprint: string }[],
): AmendmentVector[] {
  return AMENDMENTS.flatMap(({ name, hour, batches }) => {
    const [startMs, endMs] = [START_MS + hour * HOUR_MS, START_MS + (hour + 1) * HOUR_MS];
    const origin = amendmentsOrigin(owner.meterId, startMs, endMs);
    let [clear, committed]: [Uint8Array, Uint8Array] = [origin, origin];
    let previous: Uint8Array = Buffer.from(intervals[hour]?.fingerprint ?? "", "hex");
    return batches.map((readings, index) => {
      const position = { startMs, endMs, amendment: index + 1 };
      const amendmentSeedBytes = amendmentSeed(seed, position, previous);
      const saltKey = amendmentSaltKey(owner, position);
      const chain = new FingerprintChain(amendmentSeedBytes);
      const root = new ReadingsRootStream();
      for (const [value, timestampMs] of readings) {
        root.append(readingSalt(saltKey, chain.count), value, timestampMs);
        chain.append(value, timestampMs);
      }
      const [sum, count, salt] = [BigInt(chain.sum), chain.count, amendmentSumSalt(owner, position)];
      const commitment = commitSum({ sum, count, salt });
      clear = periodHashClear(chain.fingerprint(), sum, count, clear);
      committed = periodHashCommitted(chain.fingerprint(), commitment, count, committed);
      const vector = {
        name,
        ...position,
        readings: readings.map(([value, timestampMs]): ReadingPair => [value, timestampMs]),
        count,
        sum: sum.toString(),
        previousFingerprint: hex(previous),
        seed: hex(amendmentSeedBytes),
        saltKey: hex(saltKey),
        fingerprint: hex(chain.fingerprint()),
        readingsRoot: hex(root.root()),
        sumSalt: hex(salt),
        sumCommitment: hex(commitment),
        amendmentsHashClear: hex(clear),
        amendmentsHashCommitted: hex(committed),
      };
      previous = chain.fingerprint();
      return vector;
    });
  });
}
