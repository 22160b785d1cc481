import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { type ExactJson, isList, member, parseExactJson, scaledInteger, showJson, textOf } from "../exactJson.ts";
import { type DecodedFrame, type RejectedPart, rejectedFrame, rejectedPart } from "../frame.ts";
import { parseIsoTime } from "../isoTime.ts";
import type { RejectionReason } from "../source.ts";
import { unitExponent } from "../units.ts";

/** Of the signature algorithms of OCMF those over curves that OpenSSL has and nobody has given up. */
const CURVES: Readonly<Record<string, string>> = {
  "ECDSA-secp256r1-SHA256": "prime256v1",
  "ECDSA-secp256k1-SHA256": "secp256k1",
};
const DEFAULT_ALGORITHM = "ECDSA-secp256r1-SHA256";

/** Characters of one record; the longest seen has 1 200. */
export const MAX_OCMF_CHARS = 64 * 1024;
/** Readings of one record: begin, end, and exceptions between them. */
const MAX_OCMF_READINGS = 500;

export interface OcmfContext {
  readonly meterId: string;
  readonly receivedMs: number;
  /** Of the message in which the record came. */
  readonly rawHash: Uint8Array;
  /** The meter's key, known from elsewhere; a key inside a message proves nothing and is not read. Without one the record is unchecked. */
  readonly publicKey: KeyObject | undefined;
}

/**
 * Whether the signature of a record holds over the exact bytes of its payload. unchecked: there is no key. undefined: no OCMF record.
 * OCMF 1.x: `OCMF|payload|signature`, both JSON.
 */
export function verifyOcmf(
  text: string,
  publicKey: KeyObject | undefined,
): "valid" | "wrong" | "unchecked" | undefined {
  const parts = splitOcmf(text);
  if (parts === undefined) return undefined;
  if (publicKey === undefined) return "unchecked";
  const { payload, signature } = parts;
  const algorithm = textOf(signature, "SA") ?? DEFAULT_ALGORITHM;
  const encoding = (textOf(signature, "SE") ?? "hex") === "base64" ? "base64" : "hex";
  const bytes = Buffer.from(textOf(signature, "SD") ?? "", encoding);
  if (CURVES[algorithm] === undefined || publicKey.asymmetricKeyDetails?.namedCurve !== CURVES[algorithm])
    return "wrong";
  try {
    return verify("sha256", Buffer.from(payload, "utf8"), { key: publicKey, dsaEncoding: "der" }, bytes)
      ? "valid"
      : "wrong";
  } catch {
    return "wrong";
  }
}

/**
 * The readings of a signed record. Its registers are accepted when the signature holds; with `signature-wrong` none of them is. Without a key they
 * are SUSPECT: a claim to be signed that nobody has checked. Never throws.
 */
export function decodeOcmf(text: string, context: OcmfContext): DecodedFrame {
  const verdict = verifyOcmf(text, context.publicKey);
  const payload = splitOcmf(text)?.payload;
  if (verdict === undefined || payload === undefined) return rejectedFrame("unknown-format", text);
  if (verdict === "wrong") return rejectedFrame("signature-wrong", text);
  const record = parseExactJson(payload);
  const list = member(record, "RD");
  if (!isList(list) || list.length === 0) return rejectedFrame("unknown-format", text);
  if (list.length > MAX_OCMF_READINGS) return rejectedFrame("too-long", text);
  const seq = Number(/^[A-Z]?(\d{1,15})$/.exec(textOf(record, "PG") ?? "")?.[1] ?? Number.NaN);
  const common = {
    ...context,
    quality: verdict === "valid" ? 0 : QUALITY.SUSPECT,
    ...(Number.isNaN(seq) ? {} : { seq }),
  };
  const readings: Reading[] = [];
  const rejected: RejectedPart[] = [];
  /** What stays the same from one reading to the next may be left out. */
  let before = new Map<string, ExactJson>();
  for (const json of list) {
    const fields = new Map([...before, ...Object.entries(json ?? {})]);
    before = new Map([...fields].filter(([name]) => name !== "RV"));
    const reading = readOne((name) => fields.get(name), common);
    if (typeof reading === "string") rejected.push(rejectedPart(reading, showJson(json)));
    else readings.push(reading);
  }
  return { readings, rejected };
}

function readOne(
  field: (name: string) => ExactJson | undefined,
  common: Omit<OcmfContext, "publicKey"> & { readonly quality: number; readonly seq?: number },
): Reading | RejectionReason {
  const text = (name: string): string => {
    const value = field(name);
    return typeof value === "string" ? value : "";
  };
  const time = parseTime(text("TM"));
  if (time === undefined) return "bad-timestamp";
  // OBIS 1.8.0 and 2.8.0; B and the C's own code of a charger stand for the socket.
  const direction = /^1-[0-9a-z]{1,2}:([12])\.8\.0(\*\w+)?$/i.exec(text("RI"))?.[1];
  if (direction === undefined) return "unknown-quantity";
  const state = field("ST");
  // G: fine. Anything else (not present, timeout, manipulated, exchanged ...) is no measured value.
  if (state !== undefined && state !== "G") return "meter-fault";
  // E: the energy is disturbed; t: the clock is.
  const errors = text("EF");
  if (errors.includes("E")) return "meter-fault";
  const quantity = direction === "1" ? "activeEnergyImport" : "activeEnergyExport";
  const exponent = unitExponent(quantity, text("RU"));
  if (exponent === undefined) return "unknown-unit";
  const result = scaledInteger(field("RV"), exponent);
  if ("reason" in result) return result.reason;
  if (result.value < 0) return "negative";
  const { meterId, receivedMs, rawHash, quality, seq } = common;
  return {
    meterId,
    quantity,
    kind: "register",
    phase: 0,
    tariff: 0,
    value: result.value,
    timestampMs: time.ms,
    periodMs: 0,
    receivedMs,
    timeSource: "meter",
    timeQuality: errors.includes("t") || !time.isSynchronised ? "drifting" : "synced",
    quality,
    rawHash,
    ...(seq === undefined ? {} : { seq }),
  };
}

/** "2019-08-13T10:03:15,000+0000 S": S and R follow a clock that was set, I and U say nothing of it. */
function parseTime(text: string): { readonly ms: number; readonly isSynchronised: boolean } | undefined {
  const [, iso = "", state = ""] = /^(\S+) ([USIR])$/.exec(text) ?? [];
  const time = parseIsoTime(iso);
  return time?.hasZone === true ? { ms: time.ms, isSynchronised: state === "S" || state === "R" } : undefined;
}

function splitOcmf(text: string): { readonly payload: string; readonly signature: ExactJson } | undefined {
  const end = text.lastIndexOf("|");
  if (!text.startsWith("OCMF|") || end < 5 || text.length > MAX_OCMF_CHARS) return undefined;
  const signature = parseExactJson(text.slice(end + 1));
  return signature === undefined ? undefined : { payload: text.slice(5, end), signature };
}

/** A SubjectPublicKeyInfo in hex or base64, on a curve of CURVES; undefined for anything else. */
export function parsePublicKey(text: string): KeyObject | undefined {
  try {
    const der = Buffer.from(text, /^[0-9a-f]+$/i.test(text) ? "hex" : "base64");
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    return Object.values(CURVES).includes(key.asymmetricKeyDetails?.namedCurve ?? "") ? key : undefined;
  } catch {
    return undefined;
  }
}
