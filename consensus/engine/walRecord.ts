import type { TimeoutStep } from "../tendermint/state.ts";

/** One input of the consensus of a height, as it is kept in the write-ahead log. */
export type WalRecord =
  /** `message` as received and accepted; `peer` is empty for our own. */
  | { readonly type: "message"; readonly peer: string; readonly message: Uint8Array }
  | { readonly type: "timeout"; readonly height: number; readonly step: TimeoutStep; readonly round: number }
  /** The height's first round began by our own decision. */
  | { readonly type: "start"; readonly height: number };

const STEPS: readonly TimeoutStep[] = ["propose", "prevote", "precommit"];

/** Tag, then: message: length of the peer's name (2 bytes), name, message; timeout: step, round (4), height (8); start: height (8). */
export function encodeWalRecord(record: WalRecord): Uint8Array {
  if (record.type === "message") {
    const peer = Buffer.from(record.peer, "utf8");
    const head = Buffer.from([1, peer.length >> 8, peer.length & 255]);
    return Buffer.concat([head, peer, record.message]);
  }
  if (record.type === "timeout") {
    const bytes = Buffer.alloc(14);
    bytes[0] = 2;
    bytes[1] = STEPS.indexOf(record.step);
    bytes.writeUInt32BE(record.round, 2);
    bytes.writeBigUInt64BE(BigInt(record.height), 6);
    return bytes;
  }
  const bytes = Buffer.alloc(9);
  bytes[0] = 3;
  bytes.writeBigUInt64BE(BigInt(record.height), 1);
  return bytes;
}

/** Undefined for bytes that encodeWalRecord does not make; the log's checksums make that a version difference, not damage. */
export function decodeWalRecord(payload: Uint8Array): WalRecord | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (bytes[0] === 1 && bytes.length >= 3) {
    const end = 3 + bytes.readUInt16BE(1);
    const peer = bytes.toString("utf8", 3, end);
    if (end > bytes.length || Buffer.compare(Buffer.from(peer, "utf8"), bytes.subarray(3, end)) !== 0) return undefined;
    return { type: "message", peer, message: bytes.subarray(end) };
  }
  const step = STEPS[bytes[1] ?? -1];
  const height = heightAt(bytes, bytes[0] === 2 ? 6 : 1);
  if (height === undefined) return undefined;
  if (bytes[0] === 2 && bytes.length === 14 && step !== undefined)
    return { type: "timeout", step, round: bytes.readUInt32BE(2), height };
  if (bytes[0] === 3 && bytes.length === 9) return { type: "start", height };
  return undefined;
}

function heightAt(bytes: Buffer, offset: number): number | undefined {
  if (offset + 8 > bytes.length) return undefined;
  const height = Number(bytes.readBigUInt64BE(offset));
  return Number.isSafeInteger(height) ? height : undefined;
}
