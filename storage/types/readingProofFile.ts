import { sha256 } from "../crypto/hash.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { FormatError } from "./formatError.ts";
import { type Header, hashHeader } from "./header.ts";
import { type PathStep, pathRoot } from "./proofFile.ts";
import { parseReadingProofFile } from "./readingProofFileJson.ts";
import { type ReadingProof, verifyReading } from "./readingsRoot.ts";
import { decodeTransaction } from "./transaction.ts";
import { FieldReader } from "./wire.ts";

/**
 * The proof that a meter measured something, for someone who has nothing but this file and a block hash they trust. It shows one reading, and of the
 * others of its interval only hashes. The trusted hash is that of the block AFTER the one with the seal: only its header says that the seal took
 * effect. As in a ProofFile every byte of the text is bound: by its canonical form, and by the checks.
 */
export interface ReadingProofFile {
  readonly chainId: string;
  readonly meterId: string;
  /** The interval, (startMs, endMs]. */
  readonly startMs: number;
  readonly endMs: number;
  /** 0: the reading is in the interval itself; else in its amendment of this number. */
  readonly amendment: number;
  readonly reading: ReadingProof;
  /** TxRaw of the transaction that seals it. */
  readonly tx: Uint8Array;
  /** From the leaf SHA256(0x00 ‖ SHA256(tx)) to the header's data hash. */
  readonly path: readonly PathStep[];
  readonly header: Header;
  /** tendermint.abci.ExecTxResult, deterministic fields. */
  readonly result: Uint8Array;
  /** From the leaf SHA256(0x00 ‖ result) to the next header's results hash. */
  readonly resultPath: readonly PathStep[];
  readonly nextHeader: Header;
}

export const READING_PROOF_CHECKS = [
  "format",
  "block hash",
  "chain id",
  "next block",
  "merkle path",
  "result",
  "seal",
  "reading",
] as const;

export interface ReadingProofCheck {
  readonly name: (typeof READING_PROOF_CHECKS)[number];
  readonly verdict: Verdict;
}

/**
 * Runs the checks in order; the file proves its reading only if all are accepted.
 * a) format: the text is the canonical form of such a file (PROOF_MALFORMED, PROOF_NOT_CANONICAL); without it nothing else is checked
 * b) block hash: that of the next header is the trusted one (PROOF_BLOCK_UNTRUSTED)
 * c) chain id: both headers are of the named chain (PROOF_CHAIN_ID_MISMATCH)
 * d) next block: it is the one behind the block with the seal, and names it (PROOF_HEADERS_APART)
 * e) merkle path: it leads from the transaction to the header's data hash (PROOF_ROOT_MISMATCH)
 * f) result: its path is beside the transaction's and leads to the next header's results (PROOF_RESULT_MISMATCH), and its code is 0 (PROOF_SEAL_REFUSED)
 * g) seal: the transaction seals this interval or amendment of this meter, once (PROOF_SEAL_MISSING)
 * h) reading: it is under the sealed root, within the interval (PROOF_READING_OUTSIDE, READING_PROOF_MALFORMED, READING_PROOF_MISMATCH)
 */
export function verifyReadingProofFile(text: string, trustedBlockHash: Uint8Array): readonly ReadingProofCheck[] {
  const parsed = parseReadingProofFile(text);
  if ("code" in parsed) return [{ name: "format", verdict: parsed }];
  return [{ name: "format", verdict: ACCEPTED }, ...verifyReadingProof(parsed.proof, trustedBlockHash)];
}

/** Checks b) to h) on a proof that did not come as text. */
export function verifyReadingProof(
  proof: ReadingProofFile,
  trustedBlockHash: Uint8Array,
): readonly ReadingProofCheck[] {
  const { header, nextHeader, chainId } = proof;
  const check = (holds: boolean, code: string, reason: string): Verdict => (holds ? ACCEPTED : rejected(code, reason));
  const isTrusted = trustedBlockHash.length === 32 && equal(hashHeader(nextHeader), trustedBlockHash);
  const isOne = header.chainId === chainId && nextHeader.chainId === chainId;
  const isBehind = nextHeader.height === header.height + 1 && equal(nextHeader.lastBlockId.hash, hashHeader(header));
  const isInBlock = equal(pathRoot(sha256(proof.tx), proof.path), header.dataHash);
  return [
    {
      name: "block hash",
      verdict: check(isTrusted, "PROOF_BLOCK_UNTRUSTED", "the next header is not that of the trusted block"),
    },
    { name: "chain id", verdict: check(isOne, "PROOF_CHAIN_ID_MISMATCH", "a header is of another chain") },
    { name: "next block", verdict: check(isBehind, "PROOF_HEADERS_APART", "the headers are not one behind the other") },
    {
      name: "merkle path",
      verdict: check(isInBlock, "PROOF_ROOT_MISMATCH", "the path does not lead to the block's transactions"),
    },
    { name: "result", verdict: checkResult(proof) },
    ...checkReading(proof),
  ];
}

function checkResult({ result, resultPath, path, nextHeader }: ReadingProofFile): Verdict {
  const sides = (steps: readonly PathStep[]) => steps.map(({ side }) => side).join();
  if (sides(resultPath) !== sides(path) || !equal(pathRoot(result, resultPath), nextHeader.lastResultsHash))
    return rejected("PROOF_RESULT_MISMATCH", "it is not the result of this transaction");
  const code = codeOf(result);
  return code === 0
    ? ACCEPTED
    : rejected("PROOF_SEAL_REFUSED", `the ledger answered the transaction with code ${code}`);
}

/** code = 1 of the result; undefined for bytes that are none. */
function codeOf(result: Uint8Array): number | undefined {
  try {
    const reader = new FieldReader("result", result);
    // Fields come in order, and a code of 0 is left out.
    return reader.next() && reader.number === 1 ? reader.count("result.code") : 0;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function checkReading(proof: ReadingProofFile): readonly ReadingProofCheck[] {
  const seals = sealsIn(proof);
  const [seal] = seals;
  if (seal === undefined || seals.length > 1) {
    const reason = `the transaction seals this ${seals.length} times`;
    return [{ name: "seal", verdict: rejected("PROOF_SEAL_MISSING", reason) }];
  }
  const { timestampMs } = proof.reading;
  const isWithin = timestampMs > proof.startMs && timestampMs <= proof.endMs;
  const verdict = isWithin
    ? verifyReading({ root: seal.readingsRoot, count: seal.readingCount }, proof.reading)
    : rejected("PROOF_READING_OUTSIDE", "the reading is of another time than the interval");
  return [
    { name: "seal", verdict: ACCEPTED },
    { name: "reading", verdict },
  ];
}

function sealsIn({ tx, meterId, startMs, endMs, amendment }: ReadingProofFile) {
  const decoded = decodeTransaction(tx);
  if (!decoded.accepted) return [];
  return decoded.tx.messages.flatMap(({ name, value }) => {
    if (name !== "MsgSealInterval" && name !== "MsgAmendInterval") return [];
    const number = name === "MsgAmendInterval" ? value.amendment : 0;
    const isThis = value.meterId === meterId && number === amendment;
    return isThis && Number(value.intervalStartMs) === startMs && Number(value.intervalEndMs) === endMs ? [value] : [];
  });
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
