import { testReading } from "#storage/offchain/testReadings.ts";
import type { Reading } from "#storage/types/reading.ts";
import { SEED_PERIOD_MS } from "../light/meterKeys.ts";
import { type ClosedInterval, IntervalBuilder } from "../meter/intervalBuilder.ts";
import { keysOfSecret } from "./auditKeys.ts";
import type { AuditItem } from "./auditRows.ts";
import type { AuditedItem } from "./meterAudit.ts";

/** The verification workload: a meter-month at W1, a reading every 5 s, sealed every 15 minutes. */
export const MONTH_READINGS = 518_400;
export const MONTH_READING_MS = 5000;
export const MONTH_INTERVAL_MS = 15 * 60_000;
export const MONTH_START_MS = 1_748_736_000_000;
export const MONTH_METER = "sim:H0001/import";
const OWNER = { ledgerId: "month", meterId: MONTH_METER, secret: new Uint8Array(32).fill(3) };
export const monthKeys = keysOfSecret(OWNER, SEED_PERIOD_MS);

export function monthReading(i: number): Reading {
  return template(MONTH_START_MS + MONTH_READING_MS * (i + 1), 1400 + ((i * 7919) % 900));
}

const TEMPLATE = testReading(MONTH_START_MS, { meterId: MONTH_METER, periodMs: MONTH_READING_MS });
const template = (timestampMs: number, value: number): Reading => ({
  ...TEMPLATE,
  timestampMs,
  value,
  receivedMs: timestampMs + 50,
});

export function sealMonth(): readonly AuditedItem[] {
  const builder = new IntervalBuilder(OWNER, {
    intervalMs: MONTH_INTERVAL_MS,
    periodMs: SEED_PERIOD_MS,
    closedUntilMs: 0,
  });
  const closed: ClosedInterval[] = [];
  for (let i = 0; i < MONTH_READINGS; i++) closed.push(...builder.add(monthReading(i)));
  closed.push(...builder.end());
  return closed.map((interval) => ({
    ...interval,
    ...{ amendment: 0, previousFingerprint: undefined, txId: "", height: 1, timestampsMs: undefined },
    leaves: interval.leaves,
    energy: { commitment: interval.commitment },
  }));
}

export async function* monthRows(change: (reading: Reading, i: number) => Reading): AsyncGenerator<AuditItem> {
  for (let i = 0; i < MONTH_READINGS; i++) yield { type: "reading", reading: change(monthReading(i), i) };
}
