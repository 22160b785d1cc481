import { crc32c } from "./crc32c.ts";
import type { FileSystem } from "./fileSystem.ts";
import { SignStateError } from "./signStateError.ts";

/** Where in a height a signature belongs, in the order they are given: CometBFT's privval step numbers. */
export const SIGN_STEPS = { propose: 1, prevote: 2, precommit: 3 } as const;
export type SignStep = keyof typeof SIGN_STEPS;

export interface SignRecord {
  readonly height: number;
  readonly round: number;
  /** 0 before the first signature, else a number of SIGN_STEPS. */
  readonly step: number;
  /** What was signed, and the signature; empty before the first one. */
  readonly signBytes: Uint8Array;
  readonly signature: Uint8Array;
}

export const NEVER_SIGNED: SignRecord = {
  height: 0,
  round: 0,
  step: 0,
  signBytes: new Uint8Array(0),
  signature: new Uint8Array(0),
};

/** The file has some 500 characters. */
const MAX_FILE_BYTES = 16_384;
const MALFORMED_NEXT =
  "Do not delete it: without it this validator could sign twice. Restore it from a backup no older than its last signature, or retire the key.";

/**
 * CometBFT's priv_validator_state.json, with a checksum (crc32c of the other members' values) that CometBFT ignores; a file without one,
 * as CometBFT writes it, is accepted.
 */
export function formatSignRecord(record: SignRecord): string {
  const members: Record<string, unknown> = { height: String(record.height), round: record.round, step: record.step };
  if (record.signature.length > 0) members.signature = Buffer.from(record.signature).toString("base64");
  if (record.signBytes.length > 0) members.signbytes = Buffer.from(record.signBytes).toString("hex").toUpperCase();
  members.checksum = checksumOf(members);
  return `${JSON.stringify(members, undefined, 2)}\n`;
}

/** @throws SignStateError SIGN_STATE_MALFORMED */
export function parseSignRecord(path: string, bytes: Uint8Array): SignRecord {
  const malformed = (reason: string, cause?: unknown) =>
    new SignStateError({ code: "SIGN_STATE_MALFORMED", path, reason, next: MALFORMED_NEXT }, { cause });
  if (bytes.length > MAX_FILE_BYTES) throw malformed("it is too large");
  let members: Record<string, unknown>;
  try {
    members = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed("it is not JSON", error);
  }
  if (typeof members !== "object" || members === null) throw malformed("it is not a JSON object");
  const { height, round, step, signature = "", signbytes = "", checksum, ...others } = members;
  if (Object.keys(others).length > 0) throw malformed(`it has an unknown member ${Object.keys(others)[0]}`);
  if (typeof height !== "string" || !/^(0|[1-9]\d{0,15})$/.test(height) || !isCount(Number(height)))
    throw malformed("its height is not a number up to 2^53 - 1");
  if (!isCount(round) || !isCount(step) || step > SIGN_STEPS.precommit) throw malformed("its round or step is not one");
  if (typeof signature !== "string" || Buffer.from(signature, "base64").toString("base64") !== signature)
    throw malformed("its signature is not base64");
  if (typeof signbytes !== "string" || !/^([0-9A-F]{2})*$/.test(signbytes))
    throw malformed("its signbytes are not hex");
  if (checksum !== undefined && checksum !== checksumOf(members)) throw malformed("its checksum is wrong");
  return {
    height: Number(height),
    round,
    step,
    signature: Uint8Array.from(Buffer.from(signature, "base64")),
    signBytes: Uint8Array.from(Buffer.from(signbytes, "hex")),
  };
}

/**
 * Replaces the file so that after any crash it holds the old record or the new one: a temporary file with the new one is on disk before
 * it takes the name, and the name is on disk before this returns.
 */
export function saveSignRecord(fileSystem: FileSystem, path: string, record: SignRecord): void {
  const temporary = `${path}.tmp`;
  const file = fileSystem.open(temporary, "create");
  try {
    file.append(Buffer.from(formatSignRecord(record), "utf8"));
    file.sync();
  } finally {
    file.close();
  }
  fileSystem.rename(temporary, path);
  fileSystem.syncDirectory(directoryOf(path));
}

/** The part of a path before its last slash. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash);
}

function checksumOf(members: Record<string, unknown>): string {
  const { height, round, step, signature = "", signbytes = "" } = members;
  const text = [height, round, step, signature, signbytes].join("\n");
  return crc32c(Buffer.from(text, "utf8")).toString(16).padStart(8, "0");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
