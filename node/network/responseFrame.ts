import { MAX_ERROR_FRAME_BYTES } from "./limits.ts";

/** An answer's frame starts with one byte: 0, then the answer; or 1, then a JSON object with code and reason. */
const ANSWER = 0;
const REFUSAL = 1;

/** Bytes that the kind takes from the frame. */
export const RESPONSE_HEAD_BYTES = 1;

export type ResponseFrame =
  | { readonly refused: false; readonly bytes: Uint8Array }
  | { readonly refused: true; readonly code: string; readonly reason: string };

export function encodeAnswer(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(RESPONSE_HEAD_BYTES + bytes.length);
  frame[0] = ANSWER;
  frame.set(bytes, RESPONSE_HEAD_BYTES);
  return frame;
}

export function encodeRefusal(code: string, reason: string): Uint8Array {
  // Four bytes a character at most, so that the frame keeps its limit.
  const maxChars = MAX_ERROR_FRAME_BYTES / 8;
  const text = JSON.stringify({ code: code.slice(0, maxChars), reason: reason.slice(0, maxChars) });
  const bytes = encodeAnswer(new TextEncoder().encode(text));
  bytes[0] = REFUSAL;
  return bytes;
}

/** Undefined for bytes that are neither. */
export function decodeResponse(frame: Uint8Array): ResponseFrame | undefined {
  const bytes = frame.subarray(RESPONSE_HEAD_BYTES);
  if (frame[0] === ANSWER) return { refused: false, bytes };
  if (frame[0] !== REFUSAL || bytes.length > MAX_ERROR_FRAME_BYTES) return undefined;
  try {
    const { code, reason } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return typeof code === "string" && typeof reason === "string" ? { refused: true, code, reason } : undefined;
  } catch {
    return undefined;
  }
}
