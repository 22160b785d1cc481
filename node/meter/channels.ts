import { MAX_METER_ID_CHARS } from "#storage/limits.ts";
import { retentionBy } from "#storage/offchain/retention.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { isAhead, MAX_DRIFT_MS } from "./ahead.ts";
import { type DeviceRule, registerRules, ruleOf, treatmentOf } from "./deviceRules.ts";
import { RegisterDeltas, type RegisterVerdict } from "./registerDeltas.ts";
import { SeenValues } from "./seenValues.ts";
import { isCounted, splitMeterId, suffixOf } from "./series.ts";
import type { RejectionReason } from "./source.ts";

/** What became of a reading of a device. `kept` goes to the log, under the id of its ledger meter. */
export type ChannelOutcome =
  | { readonly type: "kept"; readonly reading: Reading; readonly verdict: ChannelVerdict }
  | { readonly type: "duplicate"; readonly meterId: string; readonly timestampMs: number }
  | { readonly type: "rejected"; readonly reason: RejectionReason; readonly text: string };

/** value: kept as it came. */
export type ChannelVerdict = RegisterVerdict | "value";

/** Of this process, by verdict. */
export type ChannelCounts = Readonly<Record<ChannelVerdict, number>>;

export interface Channels {
  take(reading: Reading): ChannelOutcome;
  /** A reading that `take` kept, from the log: in the order it was kept, before the first `take`. */
  restore(reading: Reading): void;
  /** Whether a kept reading is in an interval of its meter. It follows from the reading and meters.json alone. */
  isSealed(reading: Reading): boolean;
  latenessOf(meterId: string): number;
  /** Of class raw: it may be removed once everything of its device up to its time is in closed intervals. */
  isRaw(reading: Reading): boolean;
  /** Ledger meters of the same device whose intervals are sealed. */
  sealedBeside(meterId: string): readonly string[];
  counts(): ChannelCounts;
}

/** A series of a device, under the id of its ledger meter. */
interface Channel {
  readonly meterId: string;
  readonly rule: DeviceRule;
  readonly deltas: RegisterDeltas;
  /** Values that are no registers. */
  readonly seen: SeenValues;
  newestMs: number;
}

/**
 * From the series of devices to meters of the ledger: `<device id>/<suffix>`. A quantity that is counted comes as a register or as the energy of periods;
 * the form that is there first feeds the meter, and the other one is kept beside it (`import.register`, `import.interval`) and sealed nowhere, or the
 * same energy would be counted twice. Everything that is not refused is kept in exactly one reading.
 */
export function createChannels(rules: readonly DeviceRule[]): Channels {
  const channels = new Map<string, Channel>();
  const devices = new Map<string, DeviceRule | undefined>();
  /** What feeds the meter of a counted series. */
  const forms = new Map<string, "register" | "interval">();
  /** By device. */
  const sealed = new Map<string, string[]>();
  const retention = retentionBy(
    rules.flatMap(({ device, retention: given }) =>
      given === undefined ? [] : [{ meterId: device.endsWith("*") ? device : `${device}/*`, retention: given }],
    ),
  );
  const counts: Record<ChannelVerdict, number> = {
    value: 0,
    delta: 0,
    clamped: 0,
    rollover: 0,
    reset: 0,
    baseline: 0,
    "over-limit": 0,
    decrease: 0,
    late: 0,
    conflict: 0,
    ahead: 0,
  };

  function ruleFor(device: string): DeviceRule | undefined {
    if (!devices.has(device)) {
      // An input that makes up ids must not fill the memory.
      if (devices.size >= MAX_DEVICES) devices.clear();
      devices.set(device, ruleOf(rules, device));
    }
    return devices.get(device);
  }

  function channelOf(meterId: string, rule: DeviceRule, { quantity }: Reading): Channel {
    let channel = channels.get(meterId);
    if (channel === undefined) {
      const deltas = new RegisterDeltas(registerRules(rule, splitMeterId(meterId).suffix, quantity));
      channel = { meterId, rule, deltas, seen: new SeenValues(), newestMs: -1 };
      channels.set(meterId, channel);
    }
    return channel;
  }

  /** The ledger meter of the reading's series; the form that is not the meter's own has one beside it. */
  function meterIdOf(reading: Reading): string {
    const meterId = `${reading.meterId}/${suffixOf(reading)}`;
    if (!isCounted(reading)) return meterId;
    const own = forms.get(meterId);
    return own === undefined || own === reading.kind ? meterId : `${meterId}.${reading.kind}`;
  }

  /** Of what is in the log, or will be. */
  function note(channel: Channel, reading: Reading): void {
    const { meterId, kind, timestampMs } = reading;
    if (!isAhead(reading)) channel.newestMs = Math.max(channel.newestMs, timestampMs);
    if (!isMain(reading) || forms.has(meterId)) return;
    forms.set(meterId, kind as "register" | "interval");
    const { device, suffix } = splitMeterId(meterId);
    if (treatmentOf(channel.rule, suffix) === "sealed") sealed.set(device, [...(sealed.get(device) ?? []), meterId]);
  }

  function kept(reading: Reading, verdict: ChannelVerdict): ChannelOutcome {
    counts[verdict] += 1;
    return { type: "kept", reading, verdict };
  }

  /** Energy of a period, or a momentary value. */
  function takeValue(channel: Channel, reading: Reading): ChannelOutcome {
    const { meterId, timestampMs, value, periodMs } = reading;
    if (isCounted(reading)) {
      if (value < 0) return rejected("negative", reading);
      if (value > channel.deltas.mostIn(periodMs)) {
        counts["over-limit"] += 1;
        return rejected("over-limit", reading);
      }
    }
    if (isAhead(reading)) return kept(reading, "ahead");
    const seen = channel.seen.add(timestampMs, value);
    if (seen === "duplicate") return { type: "duplicate", meterId, timestampMs };
    if (seen === "conflict") return kept({ ...reading, quality: reading.quality | QUALITY.REPLACED }, "conflict");
    return kept(reading, "value");
  }

  function takeRegister(channel: Channel, reading: Reading): ChannelOutcome {
    if (reading.value < 0) return rejected("negative", reading);
    const outcome = channel.deltas.take(reading);
    if ("reading" in outcome) return kept(outcome.reading, outcome.verdict);
    return { type: "duplicate", meterId: reading.meterId, timestampMs: reading.timestampMs };
  }

  return {
    take(raw) {
      const rule = ruleFor(raw.meterId);
      if (rule === undefined) return rejected("unknown-meter", raw);
      const suffix = suffixOf(raw);
      if (treatmentOf(rule, suffix) === "ignored") return rejected("ignored", raw);
      const meterId = meterIdOf(raw);
      if (meterId.length > MAX_METER_ID_CHARS) return rejected("bad-meter-id", raw);
      if (channels.size >= MAX_CHANNELS && !channels.has(meterId)) return rejected("unknown-meter", raw);
      const reading = { ...raw, ...drift(raw), meterId, quality: raw.quality & ~QUALITY.LATE & ~QUALITY.REPLACED };
      const channel = channelOf(meterId, rule, reading);
      // What is left out of a register is in the next one; what is left out of periods would be lost.
      const isSpaced = reading.kind === "interval" || reading.timestampMs <= channel.newestMs;
      if (!isSpaced && channel.newestMs >= 0 && reading.timestampMs < channel.newestMs + rule.everyMs)
        return rejected("sampled-out", reading);
      const isRegister = isCounted(reading) && reading.kind === "register";
      const outcome = isRegister ? takeRegister(channel, reading) : takeValue(channel, reading);
      // What is refused is not in the log, and so leaves nothing behind.
      if (outcome.type === "kept") note(channel, reading);
      return outcome;
    },

    restore(reading) {
      const { meterId, timestampMs, value } = reading;
      const { device, suffix } = splitMeterId(meterId);
      const rule = ruleFor(device);
      if (rule === undefined) return;
      const channel = channelOf(meterId, rule, reading);
      // The first that a register leaves in the log is of kind register.
      note(channel, reading);
      const ofRegister = isMain(reading) ? forms.get(meterId) === "register" : suffix.endsWith(".register");
      if (ofRegister) channel.deltas.restore(reading);
      else if (!isAhead(reading)) channel.seen.add(timestampMs, value);
    },

    isSealed(reading) {
      const { device, suffix } = splitMeterId(reading.meterId);
      const rule = ruleFor(device);
      if (rule === undefined || reading.kind !== "interval" || (reading.quality & QUALITY.REPLACED) !== 0) return false;
      return isMain(reading) && treatmentOf(rule, suffix) === "sealed";
    },

    latenessOf: (meterId) => ruleFor(splitMeterId(meterId).device)?.latenessMs ?? 0,
    isRaw(reading) {
      const { device, suffix } = splitMeterId(reading.meterId);
      const rule = ruleFor(device);
      // What feeds a sealed meter is what its bills and proofs are made of.
      if (rule !== undefined && isMain(reading) && treatmentOf(rule, suffix) === "sealed") return false;
      return retention(reading) === "raw";
    },

    sealedBeside: (meterId) => sealed.get(splitMeterId(meterId).device) ?? [],
    counts: () => ({ ...counts }),
  };
}

/** Ids of which it is remembered which rule is theirs. */
const MAX_DEVICES = 100_000;

/** Series, about 2 KB each: with a `*` in meters.json whoever makes up ids could make up as many as there is memory. */
const MAX_CHANNELS = 200_000;

/** Of the series that feeds a counted meter, not of the form beside it. */
function isMain(reading: Reading): boolean {
  return isCounted(reading) && splitMeterId(reading.meterId).suffix === suffixOf(reading);
}

function drift({ timestampMs, receivedMs, timeQuality }: Reading): Partial<Reading> {
  return timeQuality === "synced" && timestampMs > receivedMs + MAX_DRIFT_MS ? { timeQuality: "drifting" } : {};
}

function rejected(reason: RejectionReason, { meterId, quantity, value, timestampMs }: Reading): ChannelOutcome {
  return { type: "rejected", reason, text: `${meterId} ${quantity} ${value} at ${timestampMs}` };
}
