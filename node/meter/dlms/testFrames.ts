import { createCipheriv } from "node:crypto";
import { fcs16 } from "./fcs.ts";
import { sumOf } from "./mbus.ts";

/** An HDLC frame with right check sequences around `information`. */
export function hdlcFrame(information: Buffer, { isSegmented = false, addresses = "010201" } = {}): Buffer {
  const address = Buffer.from(addresses, "hex");
  const hasInformation = information.length > 0;
  const length = 2 + address.length + 1 + (hasInformation ? 2 + information.length : 0) + 2;
  const head = Buffer.concat([
    Buffer.of(0xa0 | (isSegmented ? 8 : 0) | (length >> 8), length & 0xff),
    address,
    Buffer.of(0x13),
  ]);
  const inner = hasInformation ? Buffer.concat([head, checkOf(head), information]) : head;
  return Buffer.concat([Buffer.of(0x7e), inner, checkOf(inner), Buffer.of(0x7e)]);
}

function checkOf(bytes: Buffer): Buffer {
  const check = Buffer.alloc(2);
  check.writeUInt16LE(fcs16(bytes));
  return check;
}

export const LLC = Buffer.from("e6e700", "hex");

/** As the 2 s list of Kaifa: its local time, and what is taken in W. */
export function kaifaShort(local: string, powerW: number): Buffer {
  return Buffer.from(`e6e7000f40000000090c${cosemTime(local)}0201${uint32(powerW)}`, "hex");
}

/** The 10 s list of Kaifa, which names the meter. */
export function kaifaLong(local: string, powerW: number, id = "6970631401753985"): Buffer {
  const values = [powerW, 0, 0, 129, 1746, 4565, 4712, 2400, 0, 2402].map(uint32).join("");
  return Buffer.from(
    `e6e7000f40000000090c${cosemTime(local)}020d${octets("KFM_001")}${octets(id)}${octets("MA304H3E")}${values}`,
    "hex",
  );
}

/** "2017-09-12T23:18:42" as date-time; deviation in minutes, undefined: not specified. */
export function cosemTime(local: string, deviation?: number, status = 0): string {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = local.split(/[-T:]/).map(Number);
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(year);
  bytes.set([month, day, 0xff, hour, minute, second, 0xff], 2);
  bytes.writeInt16BE(deviation ?? -0x8000, 9);
  bytes[11] = status;
  return bytes.toString("hex");
}

export function uint32(value: number): string {
  return `06${value.toString(16).padStart(8, "0")}`;
}

export function octets(text: string): string {
  return `09${text.length.toString(16).padStart(2, "0")}${Buffer.from(text, "latin1").toString("hex")}`;
}

export function octetsOfHex(hex: string): string {
  return `09${(hex.length / 2).toString(16).padStart(2, "0")}${hex}`;
}

/** "1-0:1.7.0" as six octets. */
export function obis(code: string): string {
  const groups = code.split(/[-:.]/).map(Number);
  return octetsOfHex(Buffer.of(...groups, ...(groups.length === 5 ? [255] : [])).toString("hex"));
}

export interface PushedObject {
  readonly code: string;
  readonly classId: number;
  /** A-XDR as hex. */
  readonly value: string;
}

/** data-notification of a list that describes itself, as Iskra and L+G push: the list of what is in it, then the values. */
export function pushList(objects: readonly PushedObject[], time: string | undefined, invokeId = 1075): Buffer {
  const described = [{ code: "0-6:25.9.0", classId: 40, value: "" }, ...objects];
  const count = described.length.toString(16).padStart(2, "0");
  const list = described
    .map(({ code, classId }) => `020412${classId.toString(16).padStart(4, "0")}${obis(code)}0f02120000`)
    .join("");
  const head = `0f${invokeId.toString(16).padStart(8, "0")}${time === undefined ? "00" : `0c${time}`}`;
  return Buffer.from(`${head}02${count}01${count}${list}${objects.map(({ value }) => value).join("")}`, "hex");
}

/** Segments of one message, as Iskra sends them: the LLC header in the first only. */
export function segmentsOf(apdu: Buffer, bytes: number): Buffer[] {
  const pdu = Buffer.concat([LLC, apdu]);
  const starts = Array.from({ length: Math.ceil(pdu.length / bytes) }, (_, index) => index * bytes);
  return starts.map((at) => hdlcFrame(pdu.subarray(at, at + bytes), { isSegmented: at + bytes < pdu.length }));
}

/** Blocks of one message, each in a frame of its own, as L+G sends them: the LLC header in the first only. */
export function blocksOf(apdu: Buffer, bytes: number): Buffer[] {
  const starts = Array.from({ length: Math.ceil(apdu.length / bytes) }, (_, index) => index * bytes);
  return starts.map((at, index) => {
    const part = apdu.subarray(at, at + bytes);
    const isLast = at + bytes >= apdu.length;
    const head = Buffer.of(0xe0, isLast ? 0xc0 : 0x40, 0, index + 1, 0, 0, part.length);
    return hdlcFrame(Buffer.concat([index === 0 ? LLC : Buffer.alloc(0), head, part]));
  });
}

/** Frames of the wired M-Bus with right sums, of at most `bytes` of the message each. */
export function mbusFrames(apdu: Buffer, bytes = 245): Buffer[] {
  const count = Math.ceil(apdu.length / bytes);
  return Array.from({ length: count }, (_, index) => {
    const control = index | (index === count - 1 ? 0x10 : 0);
    const part = apdu.subarray(index * bytes, (index + 1) * bytes);
    const body = Buffer.concat([Buffer.of(0x53, 0xff, control, 0x01, 0x67), part]);
    const length = body.length & 0xff;
    return Buffer.concat([Buffer.of(0x68, length, length, 0x68), body, Buffer.of(sumOf(body), 0x16)]);
  });
}

export interface ScaledValue {
  readonly code: string;
  /** A-XDR as hex. */
  readonly value: string;
  readonly scaler: number;
  readonly unit: number;
}

/** As Austria's customer interface: the clock, each value with its scale, the number of the meter at the end. */
export function scaledList(time: string, values: readonly ScaledValue[], meterNumber = "181220000009"): Buffer {
  const items = values.map(
    ({ code, value, scaler, unit }) => `${obis(code)}${value}02020f${byte(scaler)}16${byte(unit)}`,
  );
  const count = values.length * 3 + 1 + (meterNumber === "" ? 0 : 1);
  const number = meterNumber === "" ? "" : octets(meterNumber);
  return Buffer.from(`0f800000040c${time}02${byte(count)}${octetsOfHex(time)}${items.join("")}${number}`, "hex");
}

function byte(value: number): string {
  return (value & 0xff).toString(16).padStart(2, "0");
}

export function uint16(value: number): string {
  return `12${value.toString(16).padStart(4, "0")}`;
}

export const KEY = "101112131415161718191a1b1c1d1e1f";
export const AUTHENTICATION_KEY = "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf";

/** general-glo-ciphering; control 0x20 ciphers, 0x30 ciphers and authenticates. */
export function cipheredOf(plain: Buffer, control = 0x20): Buffer {
  const title = Buffer.from("LGZgt b\x95", "latin1");
  const counter = Buffer.from("00002476", "hex");
  const gcm = createCipheriv("aes-128-gcm", Buffer.from(KEY, "hex"), Buffer.concat([title, counter]), {
    authTagLength: 12,
  });
  const isAuthenticated = (control & 0x10) !== 0;
  if (isAuthenticated) gcm.setAAD(Buffer.concat([Buffer.of(control), Buffer.from(AUTHENTICATION_KEY, "hex")]));
  const sealed = Buffer.concat([gcm.update(plain), gcm.final()]);
  const body = Buffer.concat([
    Buffer.of(control),
    counter,
    sealed,
    isAuthenticated ? gcm.getAuthTag() : Buffer.alloc(0),
  ]);
  const length = Buffer.alloc(3);
  length[0] = 0x82;
  length.writeUInt16BE(body.length, 1);
  return Buffer.concat([Buffer.of(0xdb, 8), title, length, body]);
}
