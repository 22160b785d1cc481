import type { Verdict } from "../error.ts";
import { rejected } from "../error.ts";
import { MAX_PROOF_AUNTS, MAX_TX_BYTES } from "../limits.ts";
import {
  asRejected,
  Fields,
  headerFromJson,
  headerToJson,
  invalid,
  MAX_PROOF_FILE_CHARS,
  malformed,
  ProofFieldError,
  pathStepFromJson,
} from "./proofFileJson.ts";
import type { ReadingProofFile } from "./readingProofFile.ts";

export const READING_PROOF_FORMAT = "energy-ledger-reading-proof/1";

/** Bytes of a result's deterministic fields. */
const MAX_RESULT_BYTES = 64 * 1024;

/** The one text of a proof: JSON indented by 2 with the keys in this order, and a line feed at the end. */
export function formatReadingProofFile(proof: ReadingProofFile): string {
  const { reading } = proof;
  const path = (steps: ReadingProofFile["path"]) => steps.map(({ side, hash }) => ({ side, hash: hex(hash) }));
  const json = {
    format: READING_PROOF_FORMAT,
    chainId: proof.chainId,
    meterId: proof.meterId,
    startMs: proof.startMs,
    endMs: proof.endMs,
    amendment: proof.amendment,
    reading: {
      value: reading.value.toString(),
      timestampMs: reading.timestampMs,
      index: reading.index,
      total: reading.total,
      salt: hex(reading.salt),
      aunts: reading.aunts.map((hash) => ({ hash: hex(hash) })),
    },
    tx: base64(proof.tx),
    path: path(proof.path),
    header: headerToJson(proof.header),
    result: base64(proof.result),
    resultPath: path(proof.resultPath),
    nextHeader: headerToJson(proof.nextHeader),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Reads such a file as strictly as `parseProofFile` reads its own. */
export function parseReadingProofFile(
  text: string,
): { readonly proof: ReadingProofFile } | (Verdict & { readonly accepted: false }) {
  if (text.length > MAX_PROOF_FILE_CHARS) return malformed(`longer than ${MAX_PROOF_FILE_CHARS} characters`);
  let proof: ReadingProofFile;
  try {
    proof = proofFromJson(JSON.parse(text));
  } catch (error) {
    if (error instanceof ProofFieldError) return malformed(`${error.details.field} must be ${error.details.expected}`);
    if (error instanceof SyntaxError) return malformed("not JSON");
    throw error;
  }
  if (formatReadingProofFile(proof) !== text)
    return asRejected(rejected("PROOF_NOT_CANONICAL", "the text is not the canonical form of what it says"));
  return { proof };
}

function proofFromJson(json: unknown): ReadingProofFile {
  const file = new Fields(json, "file");
  if (file.text("format") !== READING_PROOF_FORMAT) throw invalid("format", READING_PROOF_FORMAT);
  const reading = file.object("reading");
  const path = (name: string) => file.list(name, 0, MAX_PROOF_AUNTS).map(pathStepFromJson);
  return {
    chainId: file.text("chainId"),
    meterId: file.text("meterId"),
    startMs: file.number("startMs"),
    endMs: file.number("endMs"),
    amendment: file.number("amendment"),
    reading: {
      value: valueFrom(reading.text("value")),
      timestampMs: reading.number("timestampMs"),
      index: reading.number("index"),
      total: reading.number("total"),
      salt: reading.hex("salt", 32),
      aunts: reading.list("aunts", 0, MAX_PROOF_AUNTS).map((aunt) => aunt.hex("hash", 32)),
    },
    tx: file.base64("tx", MAX_TX_BYTES),
    path: path("path"),
    header: headerFromJson(file.object("header")),
    result: file.base64("result", MAX_RESULT_BYTES),
    resultPath: path("resultPath"),
    nextHeader: headerFromJson(file.object("nextHeader")),
  };
}

/** A text, because what a reading shows may be negative. */
function valueFrom(text: string): number {
  const value = Number(text);
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw invalid("value", "a whole number as a text");
  return value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
