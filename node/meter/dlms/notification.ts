import { type AxdrValue, readAxdr } from "./axdr.ts";
import { ByteReader } from "./byteReader.ts";
import { COSEM_TIME_BYTES, type CosemTime, readCosemTime } from "./cosemTime.ts";

const DATA_NOTIFICATION = 0x0f;
const OCTET_STRING = 9;
/** Of the long-invoke-id-and-priority: the id; the rest is flags. */
const INVOKE_ID_MASK = 0x00ff_ffff;

export interface DataNotification {
  readonly invokeIdAndPriority: number;
  readonly invokeId: number;
  /** undefined: none was sent. */
  readonly time: CosemTime | undefined;
  readonly body: AxdrValue;
}

/** data-notification (Green Book 9.3.10): tag, long-invoke-id-and-priority, date-time, one value. undefined: it is something else. */
export function readDataNotification(apdu: Buffer): DataNotification | undefined {
  const reader = new ByteReader(apdu);
  if (reader.uint8() !== DATA_NOTIFICATION) return undefined;
  const invokeIdAndPriority = reader.uint32();
  // An octet string without its tag; Kaifa sends the tag.
  if (reader.peek() === OCTET_STRING && reader.peek(1) === COSEM_TIME_BYTES) reader.uint8();
  const length = reader.length();
  if (length !== 0 && length !== COSEM_TIME_BYTES) return undefined;
  const time = length === 0 ? undefined : readCosemTime(reader.bytes(length));
  const body = readAxdr(reader);
  if (body === undefined || reader.left > 0) return undefined;
  return { invokeIdAndPriority, invokeId: invokeIdAndPriority & INVOKE_ID_MASK, time, body };
}
