import type { Reading } from "#storage/types/reading.ts";
import type { Channels, ChannelVerdict } from "./channels.ts";
import { type MeterSource, type RejectionReason, type SourceItem, SourceTally } from "./source.ts";

/** What somebody should look at: `rejected` and the doubtful among the kept. */
export interface MeterEvent {
  readonly what: ChannelVerdict | RejectionReason;
  readonly meterId: string;
  readonly text: string;
}

const NOTABLE: ReadonlySet<ChannelVerdict> = new Set<ChannelVerdict>([
  "over-limit",
  "decrease",
  "reset",
  "rollover",
  "conflict",
  "ahead",
]);

/** The readings of devices, as those of the ledger's meters. The account is that of what comes out; its energy is what is sealed. */
export function createChannelSource(
  source: MeterSource,
  channels: Channels,
  onEvent: (event: MeterEvent) => void,
): MeterSource {
  const tally = new SourceTally();
  const meters = new Set<string>();

  function itemOf(device: Reading, durable: (() => void) | undefined): SourceItem {
    const told = durable === undefined ? {} : { durable };
    const outcome = channels.take(device);
    switch (outcome.type) {
      case "kept": {
        const { reading, verdict } = outcome;
        const isSealed = channels.isSealed(reading);
        tally.accept(isSealed ? reading.value : 0);
        if (isSealed) meters.add(reading.meterId);
        if (NOTABLE.has(verdict)) onEvent({ what: verdict, meterId: reading.meterId, text: textOf(device) });
        return { type: "reading", reading, ...told };
      }
      case "duplicate": {
        const { meterId, timestampMs } = outcome;
        tally.duplicate();
        return { type: "duplicate", row: tally.rows, meterId, timestampMs, ...told };
      }
      case "rejected": {
        const { reason, text } = outcome;
        tally.reject(reason);
        onEvent({ what: reason, meterId: device.meterId, text });
        // Refused for good: to send it again would not help its sender.
        durable?.();
        return { type: "rejected", row: tally.rows, reason, text };
      }
    }
  }

  return {
    async *readings(signal) {
      for await (const item of source.readings(signal)) {
        if (item.type === "reading") yield itemOf(item.reading, item.durable);
        else {
          if (item.type === "rejected") {
            tally.reject(item.reason);
            onEvent({ what: item.reason, meterId: "", text: item.text });
          }
          if (item.type === "duplicate") tally.duplicate();
          yield item;
        }
      }
    },
    account: () => tally.account({ gaps: 0, meters: meters.size }),
  };
}

function textOf({ kind, value, timestampMs, receivedMs }: Reading): string {
  return `${kind} ${value} at ${timestampMs}, received ${receivedMs}`;
}
