import { countOf, type ExactJson, isList, isObject, member, parseExactJson, textOf } from "../exactJson.ts";

/** Signed records in a message of a vendor's own. */
export interface SignedTransfer {
  /** Connector or EVSE, where the message says it. */
  readonly socket: number | undefined;
  readonly transaction: string | undefined;
  /** "OCMF|…" */
  readonly records: readonly string[];
}

/** Records of one message: begin, end, and what was kept back. */
const MAX_RECORDS = 64;
/** JSON texts within JSON texts: `data` is a text in 1.6, and its fields may hold one again. */
const MAX_UNWRAPS = 3;

const SOCKET_NAMES = ["connectorId", "connector", "evseId"];

/**
 * Signed meter values that a charger wraps into DataTransfer, as chargers do whose firmware is older than `signedMeterValue` of OCPP 2.0.1: `data` is a
 * record itself, or JSON (in 1.6 as a text) in which records stand as texts, plain or in base64, with `connectorId` or `transactionId` beside them.
 * Vendor and message id are of each maker's choice and not looked at. undefined: no record is in it.
 */
export function readSignedTransfer(payload: ExactJson): SignedTransfer | undefined {
  const found = { socket: undefined as number | undefined, transaction: undefined as string | undefined };
  const records: string[] = [];
  const look = (value: ExactJson | undefined, unwraps: number): void => {
    if (records.length >= MAX_RECORDS) return;
    if (typeof value === "string") {
      const record = recordOf(value);
      const inner = record === undefined && unwraps > 0 && /^\s*[[{"]/.test(value) ? parseExactJson(value) : undefined;
      if (record !== undefined) records.push(record);
      else if (inner !== undefined) look(inner, unwraps - 1);
    } else if (isList(value)) for (const each of value) look(each, unwraps);
    else if (isObject(value)) {
      for (const name of SOCKET_NAMES) found.socket ??= countOf(value, name) ?? countOf(member(value, "evse"), "id");
      found.transaction ??= (countOf(value, "transactionId")?.toString() ?? textOf(value, "transactionId"))?.slice(
        0,
        64,
      );
      for (const each of Object.values(value)) look(each, unwraps);
    }
  };
  look(member(payload, "data"), MAX_UNWRAPS);
  return records.length === 0 ? undefined : { ...found, records };
}

/** A record as it is, or in base64: its first letters are "OCMF|". */
export function recordOf(text: string): string | undefined {
  if (text.startsWith("OCMF|")) return text;
  if (!text.startsWith("T0NNR")) return undefined;
  const decoded = Buffer.from(text, "base64").toString("utf8");
  return decoded.startsWith("OCMF|") ? decoded : undefined;
}
