import { sha256 } from "#storage/crypto/hash.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { type DecodedFrame, rejectedPart } from "../frame.ts";
import { OptionReader } from "../inputOptions.ts";
import { bothTimes, judgeClock } from "../meterClock.ts";
import { ReadingCollector, type ReadingStamp } from "../readingCollector.ts";
import type { AxdrValue } from "./axdr.ts";
import { type Deciphered, decipher, GENERAL_DED_CIPHERING, GENERAL_GLO_CIPHERING } from "./ciphering.ts";
import { type CosemList, type CosemObject, readCosemList } from "./cosemList.ts";
import { cosemReadings } from "./cosemReadings.ts";
import { type CosemInstant, cosemInstant, readCosemTime } from "./cosemTime.ts";
import { DLMS_DECODER_OPTIONS, type DlmsDecoderOptions, type DlmsMeter, readDlmsMeter } from "./dlmsOptions.ts";
import { createMbusReassembler } from "./mbusReassembly.ts";
import { type DataNotification, readDataNotification } from "./notification.ts";
import { type DlmsProfile, profileOf } from "./profiles.ts";
import { createReassembler, type DlmsMessage } from "./reassembly.ts";

export interface DlmsDecoder {
  /**
   * One HDLC frame, or the LLC PDU of one; with link "mbus" one frame of the M-Bus. A frame that is only a part of a message yields nothing yet. Frames have to come in the order of the
   * line: short lists do not name the meter, which is the one of the list before. Never throws. receivedMs: Unix ms.
   */
  decode(frame: Uint8Array, receivedMs: number): DecodedFrame;
  /** The line is silent: what was begun of a message is lost. */
  flush(): DecodedFrame;
}

/** What is known of the meter on the line from the lists that name it. */
interface Known {
  id: string | undefined;
  profile: DlmsProfile | undefined;
}

/** @throws MeterSourceError METER_OPTION_INVALID */
export function createDlmsDecoder(options: DlmsDecoderOptions = {}): DlmsDecoder {
  return createMeterDecoder(readDlmsMeter(new OptionReader(options, "dlms", DLMS_DECODER_OPTIONS)));
}

export function createMeterDecoder(meter: DlmsMeter): DlmsDecoder {
  const reassembler = meter.link === "mbus" ? createMbusReassembler() : createReassembler();
  const known: Known = { id: undefined, profile: undefined };
  return {
    decode(frame, receivedMs) {
      const { messages, rejected } = reassembler.push(Buffer.from(frame.buffer, frame.byteOffset, frame.length));
      const decoded = messages.map((message) => decodeMessage(meter, known, message, receivedMs));
      return {
        readings: decoded.flatMap(({ readings }) => readings),
        rejected: [...rejected, ...decoded.flatMap((each) => each.rejected)],
      };
    },
    flush: () => ({ readings: [], rejected: reassembler.flush() }),
  };
}

function decodeMessage(meter: DlmsMeter, known: Known, { apdu, raw }: DlmsMessage, receivedMs: number): DecodedFrame {
  const shown = apdu.toString("hex", 0, 60);
  const isCiphered = apdu[0] === GENERAL_GLO_CIPHERING || apdu[0] === GENERAL_DED_CIPHERING;
  // A meter that ciphers does so always: what comes in the clear is not from it.
  if (!isCiphered && meter.keys !== undefined) return refused("unknown-format", `not ciphered: ${shown}`);
  const deciphered = isCiphered ? decipher(apdu, meter.keys) : { plain: apdu, systemTitle: undefined };
  if ("rejected" in deciphered) return refused(deciphered.rejected, shown);
  const notification = readDataNotification(deciphered.plain);
  const list = notification === undefined ? undefined : readCosemList(notification.body);
  if (notification === undefined || list === undefined) return refused("unknown-format", shown);

  learn(known, list, deciphered.systemTitle);
  const id = known.id ?? meter.meterId;
  const collector = new ReadingCollector(meter);
  const time = timeOf(meter, notification, list);
  const verdict = time === undefined ? { isDrifting: false } : judgeClock(time.utcMs, receivedMs, meter.maxClockSkewMs);
  const isDrifting = "isDrifting" in verdict && verdict.isDrifting;
  const stamp: ReadingStamp = {
    meterId: id === undefined ? "" : `dlms:${id}`,
    timestampMs: time?.utcMs ?? receivedMs,
    receivedMs,
    timeSource: time === undefined ? "receiver" : "meter",
    timeQuality: isDrifting ? "drifting" : (time?.quality ?? "synced"),
    seq: notification.invokeId,
    // A clock that doubts itself and agrees with the receiver's is right: L+G sets the bit always.
    quality: isDrifting && time?.isDoubtful === true ? QUALITY.SUSPECT : 0,
    rawHash: sha256(raw),
  };
  const profile = meter.profile ?? known.profile ?? (list.form === "positional" ? profileOf(["KFM_"]) : undefined);
  cosemReadings(list.objects, { ...profile?.scales, ...meter.scales }, collector, (object) => {
    if (!("rejected" in verdict)) collector.add(object, stamp);
    else if (object.value !== undefined)
      collector.reject(verdict.rejected, `${object.text} ${bothTimes(stamp.timestampMs, receivedMs)}`);
  });
  return collector.frame();
}

/** Where a list names the meter: the logical device name, the number on its face; what it has of these first. */
const DEVICE_IDS = ["0-0:42.0.0.255", "0-0:96.1.0.255", "1-1:0.0.5.255", "0-0:96.1.1.255"];
const LIST_VERSION = "1-1:0.2.129.255";

function learn(known: Known, { objects }: CosemList, systemTitle: Deciphered["systemTitle"] | undefined): void {
  const id = DEVICE_IDS.map((code) => textOf(objects, code)).find((text) => text !== undefined && !/^0*$/.test(text));
  if (id !== undefined) known.id = id;
  const names = [textOf(objects, LIST_VERSION), id, systemTitle?.toString("latin1", 0, 3)];
  known.profile = profileOf(names.filter((text) => text !== undefined)) ?? known.profile;
}

/**
 * The clock object beside the values before the time of the notification: L+G pushes two seconds after it has read them. undefined: the frame has no
 * time that can be read, and is as old as its arrival.
 */
function timeOf(meter: DlmsMeter, { time }: DataNotification, { objects }: CosemList): CosemInstant | undefined {
  const clock = objects.find(({ obis }) => /^0-[01]:1\.0\.0\.255$/.test(obis))?.value;
  const own = clock?.type === "octets" ? readCosemTime(clock.bytes) : undefined;
  const best = own ?? time;
  return best === undefined ? undefined : cosemInstant(best, meter.zone, meter.deviation);
}

function textOf(objects: readonly CosemObject[], code: string): string | undefined {
  const value: AxdrValue | undefined = objects.find(({ obis }) => obis === code)?.value;
  if (value?.type === "text") return value.text;
  return value?.type === "octets" ? value.bytes.toString("latin1") : undefined;
}

function refused(reason: Parameters<typeof rejectedPart>[0], text: string): DecodedFrame {
  return { readings: [] as Reading[], rejected: [rejectedPart(reason, text)] };
}
