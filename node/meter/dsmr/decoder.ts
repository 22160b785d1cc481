import { sha256 } from "#storage/crypto/hash.ts";
import { decipher, GENERAL_GLO_CIPHERING } from "../dlms/ciphering.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import { OptionReader } from "../inputOptions.ts";
import { ReadingCollector } from "../readingCollector.ts";
import { DSMR_DECODER_OPTIONS, type DsmrDecoderOptions, type DsmrMeter, readDsmrMeter } from "./dsmrOptions.ts";
import { electricityObjects } from "./electricity.ts";
import { subMeterObjects } from "./subMeters.ts";
import { MAX_TELEGRAM_BYTES, readTelegram, type Telegram } from "./telegram.ts";
import { contextOf } from "./telegramContext.ts";
import { readTelegramTime } from "./telegramTime.ts";

/** Of the CRC and of line ends around a telegram. */
const LINE_END_BYTES = 16;

export interface DsmrDecoder {
  /** One whole telegram, "/" to the CRC, or one ciphered frame. Pure, and never throws. receivedMs: Unix ms. */
  decode(bytes: Uint8Array, receivedMs: number): DecodedFrame;
}

/** @throws MeterSourceError METER_OPTION_INVALID */
export function createDsmrDecoder(options: DsmrDecoderOptions = {}): DsmrDecoder {
  const meter = readDsmrMeter(new OptionReader(options, "dsmr", DSMR_DECODER_OPTIONS));
  return { decode: (bytes, receivedMs) => decodeFrame(meter, bytes, receivedMs) };
}

export function decodeFrame(meter: DsmrMeter, bytes: Uint8Array, receivedMs: number): DecodedFrame {
  const isCiphered = bytes[0] === GENERAL_GLO_CIPHERING;
  const shown = Buffer.from(bytes.subarray(0, 64)).toString(isCiphered ? "hex" : "latin1");
  if (bytes.length > MAX_TELEGRAM_BYTES + LINE_END_BYTES)
    return rejectedFrame("too-long", `${bytes.length} bytes: ${shown}`);
  // A meter that ciphers does so always: what comes in the clear is not from it.
  if (!isCiphered && meter.keys !== undefined) return rejectedFrame("unknown-format", `not ciphered: ${shown}`);
  const deciphered = isCiphered ? decipher(bytes, meter.keys) : { plain: bytes };
  if ("rejected" in deciphered) return rejectedFrame(deciphered.rejected, shown);

  const telegram = readTelegram(deciphered.plain);
  if ("fault" in telegram) return rejectedFrame(telegram.fault.reason, telegram.fault.text);
  const clockObject = telegram.objects.find(({ a, b, c, d }) => a === 0 && b === 0 && c === 1 && d === 0);
  if (telegram.crc === "absent") {
    if (!meter.profile.mayLackCrc || clockObject !== undefined)
      return rejectedFrame("crc-wrong", `no CRC: /${telegram.ident}`);
    const twice = repeatedLine(telegram);
    if (twice !== undefined) return rejectedFrame("truncated", `two telegrams in one: ${twice}`);
  }

  const collector = new ReadingCollector(meter);
  for (const line of telegram.unknownLines) collector.reject("unknown-format", line);
  const time = clockObject === undefined ? undefined : readTelegramTime(clockObject.values[0] as string, meter.zone);
  if (clockObject !== undefined && time !== undefined && "rejected" in time)
    collector.reject(time.rejected, clockObject.text);
  const known = time === undefined || "rejected" in time ? undefined : time;
  const context = contextOf({ telegram, meter, collector, time: known, receivedMs, rawHash: sha256(bytes) });
  electricityObjects(context);
  subMeterObjects(context);
  return collector.frame();
}

/** Without a CRC it is the only sign that the end of one telegram was put behind the beginning of another. */
function repeatedLine({ objects }: Telegram): string | undefined {
  const seen = new Set<string>();
  for (const { a, b, c, d, e, f, text } of objects) {
    const code = [a, b, c, d, e, f].join(".");
    if (seen.has(code)) return text;
    seen.add(code);
  }
  return undefined;
}
