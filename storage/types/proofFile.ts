import { sha256, sha256Concat } from "../crypto/hash.ts";
import { addressOf, type PublicKey } from "../crypto/keys.ts";
import type { MerkleProof } from "../crypto/merkle.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import type { Commit } from "./commit.ts";
import { verifyCommit } from "./commitVerify.ts";
import { type Header, hashHeader } from "./header.ts";
import { formatProofFile, parseProofFile } from "./proofFileJson.ts";
import { hashValidatorSet, type Validator, type ValidatorSet } from "./validatorSet.ts";

/**
 * The proof that a transaction is in a block, for someone who has nothing but this file and a block hash they trust. It proves that the
 * transaction was ordered; whether it took effect is in the results hash of the NEXT header, which is not part of this file.
 *
 * Every byte of the file's text is bound: texts have one canonical form (`parseProofFile` formats what it read and compares), and every value
 * is an input of one of the checks. That is why the path says left or right instead of "item i of n": RFC 6962 trees do not commit
 * to their size, so several (i, n) lead to the same root and such a file could be altered unnoticed.
 */
export interface ProofFile {
  readonly chainId: string;
  /** SHA256 of `tx`. */
  readonly txId: Uint8Array;
  /** TxRaw bytes. */
  readonly tx: Uint8Array;
  /** From the leaf SHA256(0x00 ‖ txId) to the header's data hash. */
  readonly path: readonly PathStep[];
  readonly header: Header;
  readonly commit: Commit;
  /** The validator set of the header's height, in its order. */
  readonly validators: readonly ProofValidator[];
}

/** The sibling at one level, and the side it stands on. */
export interface PathStep {
  readonly side: "left" | "right";
  readonly hash: Uint8Array;
}

export interface ProofValidator {
  readonly publicKey: PublicKey;
  readonly power: bigint;
}

export const PROOF_CHECKS = [
  "format",
  "chain id",
  "transaction id",
  "merkle path",
  "block hash",
  "validator set",
  "commit block",
  "commit signatures",
] as const;

export interface ProofCheck {
  readonly name: (typeof PROOF_CHECKS)[number];
  readonly verdict: Verdict;
}

/** merkle: proof of SHA256(tx) under `header.dataHash`; validatorSet: the one of `header.height`. */
export function makeProofFile(parts: {
  readonly tx: Uint8Array;
  readonly merkle: Pick<MerkleProof, "index" | "total" | "aunts">;
  readonly header: Header;
  readonly commit: Commit;
  readonly validatorSet: ValidatorSet;
}): ProofFile {
  const { tx, merkle, header, commit, validatorSet } = parts;
  const sides = pathSides(merkle.index, merkle.total);
  return {
    chainId: header.chainId,
    txId: sha256(tx),
    tx,
    path: merkle.aunts.map((hash, level) => ({ side: sides[level] ?? "left", hash })),
    header,
    commit,
    validators: validatorSet.validators.map(({ publicKey, votingPower }) => ({ publicKey, power: votingPower })),
  };
}

/**
 * Runs the checks in order; the file proves its transaction only if all are accepted (`firstFailed` is undefined).
 * a) format: the text is the canonical form of a proof file (PROOF_MALFORMED, PROOF_NOT_CANONICAL); without it nothing else is checked
 * b) chain id: the header is of the named chain (PROOF_CHAIN_ID_MISMATCH)
 * c) transaction id: it is the hash of the transaction (PROOF_TX_ID_MISMATCH)
 * d) merkle path: it leads from the transaction to the header's data hash (PROOF_ROOT_MISMATCH)
 * e) block hash: the header's hash is the trusted one (PROOF_BLOCK_UNTRUSTED)
 * f) validator set: its hash is the header's (PROOF_VALIDATORS_MISMATCH)
 * g) commit block: the commit is for this header (PROOF_COMMIT_OTHER_BLOCK)
 * h) commit signatures: all are valid and hold more than 2/3 of the power (codes of `verifyCommit`)
 */
export function verifyProofFile(text: string, trustedBlockHash: Uint8Array): readonly ProofCheck[] {
  const parsed = parseProofFile(text);
  if ("code" in parsed) return [{ name: "format", verdict: parsed }];
  return [{ name: "format", verdict: ACCEPTED }, ...verifyProof(parsed.proof, trustedBlockHash)];
}

/** Checks b) to h) on a proof that did not come as text. */
export function verifyProof(proof: ProofFile, trustedBlockHash: Uint8Array): readonly ProofCheck[] {
  const { header, commit } = proof;
  const blockHash = hashHeader(header) ?? new Uint8Array(0);
  const set = toValidatorSet(proof.validators);
  return [
    {
      name: "chain id",
      verdict: check(proof.chainId === header.chainId, "PROOF_CHAIN_ID_MISMATCH", "the header is of another chain"),
    },
    {
      name: "transaction id",
      verdict: check(equal(sha256(proof.tx), proof.txId), "PROOF_TX_ID_MISMATCH", "the transaction has another hash"),
    },
    {
      name: "merkle path",
      verdict: check(
        equal(pathRoot(sha256(proof.tx), proof.path), header.dataHash),
        "PROOF_ROOT_MISMATCH",
        "the path does not lead to the block's transactions",
      ),
    },
    {
      name: "block hash",
      verdict: check(
        trustedBlockHash.length === 32 && equal(blockHash, trustedBlockHash),
        "PROOF_BLOCK_UNTRUSTED",
        "the header is not that of the trusted block",
      ),
    },
    {
      name: "validator set",
      verdict: check(
        equal(hashValidatorSet(set), header.validatorsHash),
        "PROOF_VALIDATORS_MISMATCH",
        "the block was decided by other validators",
      ),
    },
    {
      name: "commit block",
      verdict: check(
        commit.height === header.height && equal(commit.blockId.hash, blockHash),
        "PROOF_COMMIT_OTHER_BLOCK",
        "the commit is for another block",
      ),
    },
    {
      name: "commit signatures",
      verdict: verifyCommit(proof.chainId, set, commit.blockId, header.height, commit),
    },
  ];
}

export function firstFailed(checks: readonly ProofCheck[]): ProofCheck | undefined {
  return checks.find((item) => !item.verdict.accepted);
}

/** The root that a path leads to from a leaf's item. O(path) hashes. */
export function pathRoot(item: Uint8Array, path: readonly PathStep[]): Uint8Array {
  let hash = sha256Concat(LEAF, item);
  for (const { side, hash: sibling } of path)
    hash = side === "left" ? sha256Concat(INNER, sibling, hash) : sha256Concat(INNER, hash, sibling);
  return hash;
}

/** On which side each aunt of item `index` of `total` stands, leaf to root (RFC 6962 §2.1: split at the largest power of 2 below the total). */
export function pathSides(index: number, total: number): readonly ("left" | "right")[] {
  const fromRoot: ("left" | "right")[] = [];
  let [start, size] = [index, total];
  while (size > 1) {
    const split = 2 ** (31 - Math.clz32(size - 1));
    const goesRight = start >= split;
    fromRoot.push(goesRight ? "left" : "right");
    [start, size] = goesRight ? [start - split, size - split] : [start, split];
  }
  return fromRoot.reverse();
}

const LEAF = Uint8Array.of(0);
const INNER = Uint8Array.of(1);

function toValidatorSet(list: readonly ProofValidator[]): ValidatorSet {
  const validators = list.map(
    ({ publicKey, power }): Validator => ({
      address: addressOf(publicKey),
      publicKey,
      votingPower: power,
      proposerPriority: 0n,
    }),
  );
  const totalVotingPower = validators.reduce((sum, validator) => sum + validator.votingPower, 0n);
  // Neither the set's hash nor a commit depends on the proposer; the reader has made sure that the list is not empty.
  return { validators, proposer: validators[0] as Validator, totalVotingPower };
}

function check(holds: boolean, code: string, reason: string): Verdict {
  return holds ? ACCEPTED : rejected(code, reason);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

export { formatProofFile, parseProofFile };
