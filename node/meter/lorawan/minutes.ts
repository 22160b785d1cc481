import { QUALITY } from "#storage/types/reading.ts";
import type { RejectionReason } from "../source.ts";
import { type LoraCodec, secondsTime, shownHex } from "./codec.ts";
import { decodeMinutePackage, type MinutePackageFault, type MinuteQuantity } from "./minutePackage.ts";

const MINUTE_MS = 60_000;

/** From the unit of the package to the ledger's: Wh to mWh, L to mL, kJ. */
const FACTOR: Readonly<Record<MinuteQuantity, number>> = {
  activeEnergyImport: 1000,
  activeEnergyExport: 1000,
  gasVolume: 1000,
  waterVolume: 1000,
  heat: 1,
};

const REASON: Readonly<Record<MinutePackageFault, RejectionReason>> = {
  "unknown-version": "unknown-format",
  "unknown-flags": "unknown-format",
  "length-wrong": "truncated",
  "padding-wrong": "unknown-format",
  "time-wrong": "bad-timestamp",
};

/**
 * Our own package of one-minute values (minutePackage.ts): an interval reading for each minute, with the register at its end as far back as no minute is
 * missing, and the register itself, which tells of packages that were lost. Without a clock of its own the last minute ends with the network's.
 */
export const decodeMinutes: LoraCodec = (frame, { uplink, meterId, networkTime, receivedMs }) => {
  const minutes = decodeMinutePackage(uplink.payload);
  if ("fault" in minutes) {
    frame.reject(REASON[minutes.fault], `${minutes.fault} ${shownHex(uplink.payload)}`);
    return;
  }
  const { quantity, endMinute, isReset, register, values } = minutes;
  const networkMinuteMs = Math.floor(networkTime.timestampMs / MINUTE_MS) * MINUTE_MS;
  const time =
    endMinute === undefined
      ? { ...networkTime, timestampMs: networkMinuteMs }
      : secondsTime(endMinute * 60, receivedMs);
  if ("rejected" in time) {
    frame.reject(time.rejected, time.text);
    return;
  }
  const factor = FACTOR[quantity];
  const quality = isReset ? QUALITY.RESET : 0;
  // From the last minute backwards: where one is missing, or the register began anew, what it showed before is not known.
  let known: number | undefined = register;
  const intervals = values.map((value, index) => ({
    value,
    endMs: time.timestampMs - (values.length - 1 - index) * MINUTE_MS,
  }));
  const registers = intervals.toReversed().map(({ value }) => {
    const atEnd = known;
    known = value === undefined || known === undefined || known < value || isReset ? undefined : known - value;
    return atEnd;
  });
  for (const [index, { value, endMs }] of intervals.entries()) {
    const at = { ...time, timestampMs: endMs };
    const spec = { quantity, kind: "interval", periodMs: MINUTE_MS } as const;
    const atEnd = registers[intervals.length - 1 - index];
    if (value === undefined) frame.reject("null-value", `minute ${index} of ${values.length}`);
    else
      frame.addInteger(
        meterId,
        at,
        spec,
        `minute ${index}`,
        value * factor,
        atEnd === undefined ? undefined : atEnd * factor,
      );
  }
  frame.addInteger(meterId, time, { quantity, kind: "register", quality }, "register", register * factor);
};
