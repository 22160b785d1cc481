import { QUALITY } from "#storage/types/reading.ts";
import { bothTimes, type ClockVerdict, judgeClock } from "../meterClock.ts";
import type { MeasuredObject, ReadingCollector, ReadingStamp } from "../readingCollector.ts";
import type { DsmrMeter } from "./dsmrOptions.ts";
import type { Telegram, TelegramObject } from "./telegram.ts";
import type { TelegramTime } from "./telegramTime.ts";

/** What the objects of one telegram share while they become readings. */
export interface TelegramContext {
  readonly telegram: Telegram;
  readonly meter: DsmrMeter;
  readonly collector: ReadingCollector;
  /** Of the electricity meter at the time of the telegram. */
  readonly stamp: ReadingStamp;
  /** Adds an object of the telegram's own time. */
  readonly add: (object: MeasuredObject) => void;
  /** Adds an object that was measured at a time of its own, by the same clock. */
  readonly addAt: (object: MeasuredObject, time: TelegramTime, stamp: ReadingStamp) => void;
}

interface ContextParts extends Pick<TelegramContext, "telegram" | "meter" | "collector"> {
  readonly time: TelegramTime | undefined;
  readonly receivedMs: number;
  readonly rawHash: Uint8Array;
}

/** Without a clock of its own (before DSMR 4, D0) a telegram is as old as its arrival. */
export function contextOf({ telegram, meter, collector, time, receivedMs, rawHash }: ContextParts): TelegramContext {
  const { maxClockSkewMs } = meter;
  const clock: ClockVerdict =
    time === undefined ? { isDrifting: false } : judgeClock(time.utcMs, receivedMs, maxClockSkewMs);
  const isDrifting = "isDrifting" in clock && clock.isDrifting;
  const id = deviceIdOf(telegram) ?? meter.meterId;
  const stamp: ReadingStamp = {
    meterId: id === undefined ? "" : `dsmr:${id}`,
    timestampMs: time?.utcMs ?? receivedMs,
    receivedMs,
    timeSource: time === undefined ? "receiver" : "meter",
    timeQuality: isDrifting ? "drifting" : (time?.quality ?? "synced"),
    quality:
      (telegram.crc === "absent" ? QUALITY.CRC_ABSENT : 0) | (time?.contradictsZone === true ? QUALITY.SUSPECT : 0),
    rawHash,
  };

  function refused(object: MeasuredObject, verdict: ClockVerdict, atMs: number): boolean {
    if (!("rejected" in verdict) || object.value === undefined) return false;
    collector.reject(verdict.rejected, `${object.text} ${bothTimes(atMs, receivedMs)}`);
    return true;
  }

  return {
    telegram,
    meter,
    collector,
    stamp,
    add(object) {
      if (!refused(object, clock, stamp.timestampMs)) collector.add(object, stamp);
    },
    addAt(object, { utcMs, quality, contradictsZone }, base) {
      if (refused(object, clock, stamp.timestampMs)) return;
      // How old it may be is not known: gas meters answer once an hour, and a peak was reached when it was reached.
      const ahead = judgeClock(Math.max(utcMs, receivedMs), receivedMs, maxClockSkewMs);
      if (refused(object, ahead, utcMs)) return;
      const drifts = isDrifting || ("isDrifting" in ahead && ahead.isDrifting);
      collector.add(object, {
        ...base,
        timestampMs: utcMs,
        timeSource: "meter",
        timeQuality: drifts ? "drifting" : quality,
        quality: base.quality | (contradictsZone ? QUALITY.SUSPECT : 0),
      });
    },
  };
}

/** Where a telegram may name the meter, as A-B:C.D.E: what it has of these first. */
const DEVICE_IDS = ["0-0:96.1.1", "0-0:96.1.0", "1-0:96.1.0", "0-0:96.1.255", "0-0:42.0.0", "1-0:0.0.0"];

/** The id as it is sent (P1 sends the hex of its letters); undefined when there is none, or only zeros. */
function deviceIdOf(telegram: Telegram): string | undefined {
  for (const code of DEVICE_IDS) {
    const id = telegram.objects.find((object) => codeOf(object) === code)?.values[0];
    if (id !== undefined && isDeviceId(id)) return id;
  }
  return undefined;
}

export function isDeviceId(id: string): boolean {
  return id !== "" && !/^0+$/.test(id);
}

function codeOf({ a, b, c, d, e }: TelegramObject): string {
  return `${a}-${b}:${c}.${d}.${e}`;
}
