import { type ExactJson, isList, isObject, JsonNumber, parseExactJson } from "../exactJson.ts";

export const OCPP_VERSIONS = ["ocpp1.6", "ocpp2.0.1"] as const;
/** The WebSocket subprotocol. */
export type OcppVersion = (typeof OCPP_VERSIONS)[number];

/** OCPP-J 1.6 §4.1.4: at most 36 characters; some chargers send more. */
const MAX_MESSAGE_ID_CHARS = 64;
const CALL = 2;
const CALL_RESULT = 3;
const CALL_ERROR = 4;

export type OcppMessage =
  | { readonly type: "call"; readonly id: string; readonly action: string; readonly payload: ExactJson }
  /** Answers to calls, of which we make none. */
  | { readonly type: "answer" }
  /** id: of the message where it can be read. */
  | { readonly type: "malformed"; readonly id: string };

/** OCPP-J: `[2, id, action, payload]`. Never throws. */
export function parseOcppMessage(text: string): OcppMessage {
  const json = parseExactJson(text);
  const [type, id, action, payload] = isList(json) ? json : [];
  const kind = type instanceof JsonNumber ? Number(type.text) : undefined;
  const shownId = typeof id === "string" && id.length <= MAX_MESSAGE_ID_CHARS ? id : "-1";
  if (kind === CALL_RESULT || kind === CALL_ERROR) return { type: "answer" };
  if (kind !== CALL || typeof id !== "string" || shownId !== id || typeof action !== "string" || !isObject(payload))
    return { type: "malformed", id: shownId };
  return { type: "call", id, action, payload };
}

export function callResult(id: string, payload: object): string {
  return JSON.stringify([CALL_RESULT, id, payload]);
}

/** Codes of OCPP-J that both versions have, and the one in which they differ. */
export type OcppErrorCode = "NotImplemented" | "InternalError" | "FormationViolation" | "FormatViolation";

export function callError(id: string, code: OcppErrorCode, description: string): string {
  return JSON.stringify([CALL_ERROR, id, code, description, {}]);
}
