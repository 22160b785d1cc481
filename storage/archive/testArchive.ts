import { sha256 } from "../crypto/hash.ts";
import type { StoredReading } from "../offchain/readingStore.ts";
import type { Reading } from "../types/reading.ts";
import type { ArchivePeriod } from "./archivePeriods.ts";
import { ArchiveWriter } from "./archiveWriter.ts";

/** For tests: one-minute energy readings as a LoRaWAN meter sends them, twenty to a frame, with small irregularities. */
export function minuteReadings(meterId: string, { fromMs }: ArchivePeriod, count: number): readonly Reading[] {
  return Array.from({ length: count }, (_, index) => {
    const timestampMs = fromMs + (index + 1) * 60_000;
    const frame = Math.floor(index / 20);
    return {
      meterId,
      quantity: "activeEnergyImport",
      kind: "interval",
      phase: 0,
      tariff: 0,
      value: 2_000_000 + ((index * 7919) % 9973) * 1000,
      timestampMs,
      periodMs: 60_000,
      receivedMs: fromMs + (frame + 1) * 1_200_000 + ((frame * 31) % 1700),
      timeSource: "meter",
      timeQuality: "synced",
      seq: frame,
      quality: index % 997 === 0 ? 2 : 0,
      rawHash: new Uint8Array(sha256(Buffer.from(`${meterId} ${frame}`))),
    };
  });
}

export function archiveOf(
  meterId: string,
  period: ArchivePeriod,
  items: Iterable<Reading | StoredReading>,
  ledgerId = "grid-1",
): Uint8Array {
  const writer = new ArchiveWriter({ ledgerId, meterId }, period);
  for (const item of items) writer.add("type" in item ? item : { type: "reading", reading: item });
  return writer.finish();
}
