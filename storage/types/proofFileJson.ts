import { LedgerError, rejected, type Verdict } from "../error.ts";
import { MAX_PROOF_AUNTS, MAX_TX_BYTES, MAX_VALIDATORS } from "../limits.ts";
import type { BlockId } from "./blockId.ts";
import type { Commit, CommitSig } from "./commit.ts";
import type { Header } from "./header.ts";
import type { PathStep, ProofFile, ProofValidator } from "./proofFile.ts";
import { formatTimestamp, type Timestamp, ZERO_TIME } from "./time.ts";

export const PROOF_FORMAT = "energy-ledger-proof/1";

/** The largest transaction in base64, 100 validators with their signatures, and the header. */
export const MAX_PROOF_FILE_CHARS = Math.ceil((MAX_TX_BYTES * 4) / 3) + MAX_VALIDATORS * 600 + 32_768;

/** The one text of a proof: JSON indented by 2 with the keys in this order, and a line feed at the end. */
export function formatProofFile(proof: ProofFile): string {
  const json = {
    format: PROOF_FORMAT,
    chainId: proof.chainId,
    txId: hex(proof.txId),
    tx: base64(proof.tx),
    path: proof.path.map(({ side, hash }) => ({ side, hash: hex(hash) })),
    header: headerToJson(proof.header),
    commit: {
      height: proof.commit.height,
      round: proof.commit.round,
      blockId: blockIdToJson(proof.commit.blockId),
      signatures: proof.commit.signatures.map(commitSigToJson),
    },
    validators: proof.validators.map(({ publicKey, power }) => ({
      type: publicKey.type,
      publicKey: hex(publicKey.bytes),
      power: power.toString(),
    })),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * Reads a proof file strictly: PROOF_MALFORMED for anything that is not a proof, PROOF_NOT_CANONICAL for a text that says the same as
 * another one (spaces, key order, upper-case hex, numbers written differently, unknown keys).
 */
export function parseProofFile(text: string): { readonly proof: ProofFile } | (Verdict & { readonly accepted: false }) {
  if (text.length > MAX_PROOF_FILE_CHARS) return malformed(`longer than ${MAX_PROOF_FILE_CHARS} characters`);
  let proof: ProofFile;
  try {
    proof = proofFromJson(JSON.parse(text));
  } catch (error) {
    if (error instanceof ProofFieldError) return malformed(`${error.details.field} must be ${error.details.expected}`);
    if (error instanceof SyntaxError) return malformed("not JSON");
    throw error;
  }
  if (formatProofFile(proof) !== text)
    return asRejected(rejected("PROOF_NOT_CANONICAL", "the text is not the canonical form of what it says"));
  return { proof };
}

export class ProofFieldError extends LedgerError<{ code: "PROOF_FIELD_INVALID"; field: string; expected: string }> {}

export function malformed(reason: string): Verdict & { readonly accepted: false } {
  return asRejected(rejected("PROOF_MALFORMED", reason));
}

export function asRejected(verdict: Verdict): Verdict & { readonly accepted: false } {
  return verdict as Verdict & { readonly accepted: false };
}

function proofFromJson(json: unknown): ProofFile {
  const file = new Fields(json, "file");
  if (file.text("format") !== PROOF_FORMAT) throw invalid("format", PROOF_FORMAT);
  return {
    chainId: file.text("chainId"),
    txId: file.hex("txId", 32),
    tx: file.base64("tx", MAX_TX_BYTES),
    path: file.list("path", 0, MAX_PROOF_AUNTS).map(pathStepFromJson),
    header: headerFromJson(file.object("header")),
    commit: commitFromJson(file.object("commit")),
    validators: file.list("validators", 1, MAX_VALIDATORS).map(validatorFromJson),
  };
}

export function pathStepFromJson(step: Fields): PathStep {
  const side = step.text("side");
  if (side !== "left" && side !== "right") throw invalid("side", "left or right");
  return { side, hash: step.hex("hash", 32) };
}

function validatorFromJson(validator: Fields): ProofValidator {
  const type = validator.text("type");
  if (type !== "ed25519" && type !== "secp256k1") throw invalid("type", "ed25519 or secp256k1");
  const bytes = validator.hex("publicKey", type === "ed25519" ? 32 : 33);
  return { publicKey: { type, bytes }, power: validator.decimal("power") };
}

export function headerToJson(header: Header): object {
  return {
    version: { block: header.version.block.toString(), app: header.version.app.toString() },
    chainId: header.chainId,
    height: header.height,
    time: formatTimestamp(header.time),
    lastBlockId: blockIdToJson(header.lastBlockId),
    lastCommitHash: hex(header.lastCommitHash),
    dataHash: hex(header.dataHash),
    validatorsHash: hex(header.validatorsHash),
    nextValidatorsHash: hex(header.nextValidatorsHash),
    consensusHash: hex(header.consensusHash),
    appHash: hex(header.appHash),
    lastResultsHash: hex(header.lastResultsHash),
    evidenceHash: hex(header.evidenceHash),
    proposerAddress: hex(header.proposerAddress),
  };
}

export function headerFromJson(header: Fields): Header {
  const version = header.object("version");
  return {
    version: { block: version.decimal("block"), app: version.decimal("app") },
    chainId: header.text("chainId"),
    height: header.number("height"),
    time: header.time("time"),
    lastBlockId: blockIdFromJson(header.object("lastBlockId")),
    lastCommitHash: header.hex("lastCommitHash", 32, 0),
    dataHash: header.hex("dataHash", 32, 0),
    validatorsHash: header.hex("validatorsHash", 32),
    nextValidatorsHash: header.hex("nextValidatorsHash", 32),
    consensusHash: header.hex("consensusHash", 32),
    // The application chooses its hash; CometBFT does not bound its length, ours is 32.
    appHash: header.hex("appHash", 32, 0),
    lastResultsHash: header.hex("lastResultsHash", 32, 0),
    evidenceHash: header.hex("evidenceHash", 32, 0),
    proposerAddress: header.hex("proposerAddress", 20),
  };
}

function blockIdToJson(blockId: BlockId): object {
  const { total, hash } = blockId.partSetHeader;
  return { hash: hex(blockId.hash), partSetHeader: { total, hash: hex(hash) } };
}

function blockIdFromJson(blockId: Fields): BlockId {
  const parts = blockId.object("partSetHeader");
  return {
    hash: blockId.hex("hash", 32, 0),
    partSetHeader: { total: parts.number("total"), hash: parts.hex("hash", 32, 0) },
  };
}

export function commitFromJson(commit: Fields): Commit {
  return {
    height: commit.number("height"),
    round: commit.number("round"),
    blockId: blockIdFromJson(commit.object("blockId")),
    signatures: commit.list("signatures", 1, MAX_VALIDATORS).map(commitSigFromJson),
  };
}

/** An absent signature has nothing but its flag, so that there are no bytes in it that no check would look at. */
function commitSigToJson(signature: CommitSig): object {
  const { blockIdFlag, validatorAddress, timestamp } = signature;
  if (blockIdFlag === "absent") return { blockIdFlag };
  return {
    blockIdFlag,
    validatorAddress: hex(validatorAddress),
    timestamp: formatTimestamp(timestamp),
    signature: base64(signature.signature),
  };
}

function commitSigFromJson(signature: Fields): CommitSig {
  const blockIdFlag = signature.text("blockIdFlag");
  if (blockIdFlag === "absent") return { blockIdFlag, validatorAddress: EMPTY, timestamp: ZERO_TIME, signature: EMPTY };
  if (blockIdFlag !== "commit" && blockIdFlag !== "nil") throw invalid("blockIdFlag", "absent, commit or nil");
  return {
    blockIdFlag,
    validatorAddress: signature.hex("validatorAddress", 20),
    timestamp: signature.time("timestamp"),
    signature: signature.base64("signature", 64),
  };
}

const EMPTY = new Uint8Array(0);
const MAX_INT64 = 2n ** 63n - 1n;

/** Typed access to the fields of one untrusted JSON object. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;

  constructor(json: unknown, name: string) {
    if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid(name, "an object");
    this.#object = json as Record<string, unknown>;
  }

  object(name: string): Fields {
    return new Fields(this.#object[name], name);
  }

  list(name: string, min: number, max: number): Fields[] {
    const list = this.#object[name];
    if (!Array.isArray(list) || list.length < min || list.length > max) throw invalid(name, `${min} to ${max} items`);
    return list.map((item) => new Fields(item, name));
  }

  text(name: string): string {
    const value = this.#object[name];
    // Half a character would be hashed like the character U+FFFD: two texts for one proof.
    if (typeof value !== "string" || !value.isWellFormed()) throw invalid(name, "a text");
    return value;
  }

  number(name: string): number {
    const value = this.#object[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw invalid(name, "a whole number");
    return value;
  }

  decimal(name: string): bigint {
    const text = this.text(name);
    if (!/^\d{1,19}$/.test(text) || BigInt(text) > MAX_INT64) throw invalid(name, "a whole number as a text");
    return BigInt(text);
  }

  hex(name: string, ...lengths: readonly number[]): Uint8Array {
    const text = this.text(name);
    if (!/^[0-9a-f]*$/.test(text) || !lengths.some((length) => text.length === 2 * length))
      throw invalid(name, `${lengths.join(" or ")} bytes in hex`);
    return new Uint8Array(Buffer.from(text, "hex"));
  }

  base64(name: string, maxBytes: number): Uint8Array {
    const bytes = Buffer.from(this.text(name), "base64");
    if (bytes.length > maxBytes) throw invalid(name, `at most ${maxBytes} bytes in base64`);
    return new Uint8Array(bytes);
  }

  time(name: string): Timestamp {
    const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(this.text(name));
    const ms = match === null ? Number.NaN : Date.parse(`${match[1]}Z`);
    if (match === null || Number.isNaN(ms)) throw invalid(name, "a time such as 2026-01-31T12:00:00.5Z");
    return { seconds: BigInt(ms / 1000), nanos: Number((match[2] ?? "").padEnd(9, "0")) };
  }
}

export function invalid(field: string, expected: string): ProofFieldError {
  return new ProofFieldError({ code: "PROOF_FIELD_INVALID", field, expected });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
