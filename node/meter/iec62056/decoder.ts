import { sha256 } from "#storage/crypto/hash.ts";
import { QUALITY, type TimeQuality } from "#storage/types/reading.ts";
import { hasUnit, readMeasuredValue } from "../dsmr/measuredValue.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import type { LineMeter } from "../lineOptions.ts";
import { bothTimes, judgeClock } from "../meterClock.ts";
import { electricityMeaning } from "../obis.ts";
import { ReadingCollector, type ReadingStamp } from "../readingCollector.ts";
import type { RejectionReason } from "../source.ts";
import { isWallTime, type Zone } from "../zoneTime.ts";
import { type DataSet, type Identification, readDataSets } from "./readoutMessage.ts";

export interface Readout {
  readonly identification: Identification;
  /** What stands between STX and "!". */
  readonly block: string;
  /** The exact bytes of the identification and the data message. */
  readonly raw: Uint8Array;
  /** When its last byte came, Unix ms. */
  readonly receivedMs: number;
}

/** What is known of the meter at one address of the line. */
export interface ReadoutMeter extends LineMeter {
  /** "": whatever meter answers. */
  readonly address: string;
}

/** Where a readout may name the meter: what it has of these first. */
const DEVICE_IDS = ["0.0.0", "C.1.0", "0.0.1", "96.1.0", "0.0"];

/** Fatal error of the meter itself; zeros say that there is none. */
const ERROR = "F.F";

/** The readings of one data readout, each under `iec:<number of the meter>`. Pure, and never throws. */
export function decodeReadout(meter: ReadoutMeter, readout: Readout): DecodedFrame {
  const { identification, block, receivedMs } = readout;
  const data = readDataSets(block);
  if ("fault" in data) return rejectedFrame(data.fault, block);
  const { sets, unknown } = data;
  const named = DEVICE_IDS.map((code) => textOf(sets, code)).find((text) => text !== undefined && !/^0*$/.test(text));
  if (named !== undefined && !isOfAddress(named, meter.address))
    return rejectedFrame("wrong-device", `${named} answers to ${meter.address}`);
  const id = named ?? meter.meterId ?? (meter.address === "" ? undefined : meter.address);

  const collector = new ReadingCollector(meter);
  for (const line of unknown) collector.reject("unknown-format", line);
  const clock = clockOf(sets, meter.zone);
  if (clock !== undefined && "rejected" in clock) collector.reject(clock.rejected, clock.text);
  const time = clock === undefined || "rejected" in clock ? undefined : clock;
  const verdict = time === undefined ? { isDrifting: false } : judgeClock(time.utcMs, receivedMs, meter.maxClockSkewMs);
  const isDrifting = "isDrifting" in verdict && verdict.isDrifting;
  const hasFault = !/^0*$/.test(textOf(sets, ERROR) ?? "");
  const stamp: ReadingStamp = {
    meterId: id === undefined ? "" : `iec:${id}`,
    timestampMs: time?.utcMs ?? receivedMs,
    receivedMs,
    timeSource: time === undefined ? "receiver" : "meter",
    timeQuality: isDrifting ? "drifting" : (time?.quality ?? "synced"),
    quality: hasFault ? QUALITY.SUSPECT : 0,
    rawHash: sha256(readout.raw),
  };
  for (const set of sets) {
    const reason = measurement(set, (object) => {
      if (!("rejected" in verdict)) collector.add(object, stamp);
      else if (object.value !== undefined)
        collector.reject(verdict.rejected, `${object.text} ${bothTimes(stamp.timestampMs, receivedMs)}`);
    });
    if (reason !== undefined) collector.reject(reason, `${identification.maker} ${set.text}`);
  }
  return collector.frame();
}

function measurement(
  { code, period, values, text }: DataSet,
  add: (object: Parameters<ReadingCollector["add"]>[0]) => void,
): RejectionReason | undefined {
  // Ids, times, states, counters of resets and the like have no unit.
  if (!values.some(hasUnit)) return undefined;
  const [c = "", d = "", e = "0"] = code.split(".");
  const meaning = period === undefined ? electricityMeaning(Number(c), Number(d)) : undefined;
  // The highest power of a period has a time of its own in many forms, and is not read.
  if (meaning === undefined || meaning.kind === "max" || !/^\d+$/.test(e)) return "unknown-quantity";
  const [first = ""] = values;
  if (values.length !== 1) return "unknown-format";
  const value = readMeasuredValue(first, meaning.quantity);
  add({ meaning, tariff: Number(e), value: "value" in value ? value.value : undefined, text });
  return "rejected" in value ? value.rejected : undefined;
}

/** An address is the meter's number, or its end; leading zeros do not count. */
function isOfAddress(named: string, address: string): boolean {
  const [number, asked] = [named, address].map((text) => text.replace(/^[ 0]+/, "")) as [string, string];
  return address === "" || number.endsWith(asked) || asked.endsWith(number);
}

function textOf(sets: readonly DataSet[], code: string): string | undefined {
  const text = sets.find((set) => set.code === code && set.period === undefined)?.values[0]?.trim();
  return text === undefined || text === "" || hasUnit(text) ? undefined : text;
}

/** 0.9.1 hhmmss and 0.9.2 YYMMDD, with or without signs between them: the wall clock of the zone. undefined: the meter does not say both. */
function clockOf(
  sets: readonly DataSet[],
  zone: Zone,
):
  | { readonly utcMs: number; readonly quality: TimeQuality }
  | { readonly rejected: RejectionReason; readonly text: string }
  | undefined {
  const [timeText, dateText] = [textOf(sets, "0.9.1"), textOf(sets, "0.9.2")];
  if (timeText === undefined || dateText === undefined) return undefined;
  const text = `0.9.2(${dateText}) 0.9.1(${timeText})`;
  const time = /^(\d{2}):?(\d{2}):?(\d{2})$/.exec(timeText);
  const date = /^(?:20)?(\d{2})[-.]?(\d{2})[-.]?(\d{2})$/.exec(dateText);
  if (time === null || date === null) return { rejected: "bad-timestamp", text };
  const [hour = 0, minute = 0, second = 0] = time.slice(1).map(Number);
  const [year = 0, month = 0, day = 0] = date.slice(1).map(Number);
  const wall = { year: 2000 + year, month, day, hour, minute, second };
  if (!isWallTime(wall)) return { rejected: year + month + day === 0 ? "sentinel" : "bad-timestamp", text };
  const { utcMs, isAmbiguous } = zone.toUtc(wall);
  return { utcMs, quality: isAmbiguous ? "dst-ambiguous" : "no-zone" };
}
