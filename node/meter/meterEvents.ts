import type { Logger } from "pino";
import type { MeterEvent } from "./channelSource.ts";

/** Of one kind and meter, a line is written this often, with how many there were. */
const REPEAT_MS = 60_000;

/** Kinds and meters remembered: one that makes up ids must not fill the memory. */
const MAX_REMEMBERED = 10_000;

/** What the owner set up, and what most meters send without a use for it here (reactive power): counted, and no news. */
const EXPECTED: ReadonlySet<string> = new Set(["ignored", "sampled-out", "unknown-quantity"]);

const MEANING: Readonly<Record<string, string>> = {
  "over-limit": "More energy than the fuse lets through: a fault, or somebody at the meter",
  decrease: "A register went back; the next reading says whether it began anew",
  reset: "A register began anew; nothing is counted across it",
  rollover: "A register went over its width",
  conflict: "Two values for the same time; the first stays",
  ahead: "A meter's clock is an hour ahead or more; its readings are in no interval",
  "unknown-meter":
    "A device that meters.json does not name: add it with `energy-ledger meter add`, or remove its input",
  negative: "Energy below zero",
};

interface Repeats {
  writtenMs: number;
  since: number;
}

/** Security events (over the limit, conflicts, resets) and refusals as log lines, few enough to be read. */
export function createEventLog({ nowMs, log }: { readonly nowMs: () => number; readonly log: Logger }): {
  readonly note: (event: MeterEvent) => void;
} {
  const remembered = new Map<string, Repeats>();
  return {
    note({ what, meterId, text }) {
      if (EXPECTED.has(what)) return;
      const key = `${what} ${meterId}`;
      const repeats = remembered.get(key);
      const now = nowMs();
      if (repeats !== undefined && now - repeats.writtenMs < REPEAT_MS) {
        repeats.since += 1;
        return;
      }
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      remembered.set(key, { writtenMs: now, since: 0 });
      const fields = {
        event: what,
        ...(meterId === "" ? {} : { meter: meterId }),
        text,
        repeated: repeats?.since ?? 0,
      };
      const message = MEANING[what] ?? "A part of what a meter sent is no reading";
      if (what === "over-limit") log.error({ ...fields, security: true }, message);
      else log.warn(fields, message);
    },
  };
}
