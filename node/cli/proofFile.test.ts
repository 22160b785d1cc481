import { expect, test } from "vitest";
import { createTestChain, signTestHeader } from "#consensus/light/testChain.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { merkleRoot, proveAll } from "#storage/crypto/merkle.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import {
  firstFailed,
  formatProofFile,
  makeProofFile,
  PROOF_CHECKS,
  type ProofFile,
  parseProofFile,
  pathRoot,
  pathSides,
  verifyProof,
  verifyProofFile,
} from "#storage/types/proofFile.ts";
import { MAX_PROOF_FILE_CHARS } from "#storage/types/proofFileJson.ts";

const POWERS = { 0: 10, 1: 10, 2: 10, 3: 10 };
const TXS = ["a", "b", "c", "d", "e"].map((text) => new Uint8Array(Buffer.from(`transaction ${text}`)));

/** Proof of TXS[2] in the second block of a chain of four validators, one of whom did not sign. */
function sample(): { proof: ProofFile; text: string; trustedHash: Uint8Array; block: LightBlock } {
  const chain = createTestChain({ chainId: "edream-proof", initialPowers: POWERS });
  chain.append();
  const block = chain.append({ txs: TXS, absent: [3] });
  const proof = proofIn(block, 2);
  return { proof, text: formatProofFile(proof), trustedHash: hashHeader(block.signedHeader.header), block };
}

function proofIn({ signedHeader: { header, commit }, validatorSet }: LightBlock, index: number): ProofFile {
  const merkle = proveAll(TXS.map(sha256))[index];
  if (merkle === undefined) throw new RangeError(`no transaction ${index}`);
  return makeProofFile({ tx: TXS[index] as Uint8Array, merkle, header, commit, validatorSet });
}

function failedCheck(text: string, trustedHash: Uint8Array): [name: string, code: string] | undefined {
  const failed = firstFailed(verifyProofFile(text, trustedHash));
  return failed && [failed.name, failed.verdict.accepted ? "" : failed.verdict.code];
}

test("a proof of every transaction of a block passes all checks in order", () => {
  const { block, trustedHash } = sample();
  for (const index of TXS.keys()) {
    const checks = verifyProofFile(formatProofFile(proofIn(block, index)), trustedHash);
    expect(checks.map((check) => check.name)).toEqual(PROOF_CHECKS);
    expect(firstFailed(checks)).toBeUndefined();
  }
});

test("half a character in the place of U+FFFD, which hashes alike, makes a file that is refused", () => {
  const block = createTestChain({ chainId: "edream-\ufffd", initialPowers: POWERS }).append({ txs: TXS });
  const text = formatProofFile(proofIn(block, 0));
  const hash = hashHeader(block.signedHeader.header);
  expect(failedCheck(text, hash)).toBeUndefined();
  expect(failedCheck(text.replaceAll("\ufffd", "\\ud800"), hash)).toEqual(["format", "PROOF_MALFORMED"]);
});

test("a file with any one byte changed is never accepted", () => {
  const { text, trustedHash } = sample();
  const bytes = Buffer.from(text);
  const failures = new Map<string, number>();
  for (let position = 0; position < bytes.length; position++) {
    const original = bytes[position] as number;
    // A neighbouring character, letter case, and another digit: the changes that leave a text plausible.
    for (const changed of [original ^ 1, original ^ 0x20, original ^ 4]) {
      bytes[position] = changed;
      const failed = failedCheck(bytes.toString("utf8"), trustedHash);
      if (failed === undefined) expect.fail(`byte ${position}, ${original} → ${changed} is accepted`);
      failures.set(failed[0], (failures.get(failed[0]) ?? 0) + 1);
    }
    bytes[position] = original;
  }
  expect(failedCheck(bytes.toString("utf8"), trustedHash)).toBeUndefined();
  // Each check has caught something, so none of them is there for nothing.
  expect([...failures.keys()].sort()).toEqual([...PROOF_CHECKS].sort());
});

test("a cut or lengthened file is not accepted", () => {
  const { text, trustedHash } = sample();
  for (let length = 0; length < text.length; length += 7)
    expect(failedCheck(text.slice(0, length), trustedHash)?.[0]).toBe("format");
  expect(failedCheck(`${text} `, trustedHash)).toEqual(["format", "PROOF_NOT_CANONICAL"]);
  expect(failedCheck(`\ufeff${text}`, trustedHash)).toEqual(["format", "PROOF_MALFORMED"]);
  expect(failedCheck("x".repeat(MAX_PROOF_FILE_CHARS + 1), trustedHash)).toEqual(["format", "PROOF_MALFORMED"]);
});

test("texts that say the same in another way are refused", () => {
  const { text, trustedHash } = sample();
  const json = JSON.parse(text) as Record<string, unknown>;
  const others = [
    JSON.stringify(json),
    `${JSON.stringify({ ...json, extra: 1 }, null, 2)}\n`,
    `${JSON.stringify(Object.fromEntries(Object.entries(json).reverse()), null, 2)}\n`,
    text.replace('"height": 2', '"height": 2.0'),
    text.replace(/"txId": "(\w+)"/, (_, id: string) => `"txId": "${id.toUpperCase()}"`),
    text.replace('"power": "10"', '"power": "010"'),
  ];
  for (const other of others) expect(failedCheck(other, trustedHash)?.[0], other.slice(0, 40)).toBe("format");
});

test("each lie is named by its own check", () => {
  const { proof, trustedHash, block } = sample();
  const other = createTestChain({ chainId: "edream-proof", initialPowers: { 7: 10 } }).append({ txs: TXS });
  const { header } = block.signedHeader;
  const minority = signTestHeader(header, POWERS, [1, 2]).signedHeader.commit;
  const foreign = signTestHeader({ ...header, appHash: new Uint8Array(32) }, POWERS).signedHeader.commit;
  const given = proof.commit.signatures
    .filter(({ blockIdFlag }) => blockIdFlag === "commit")
    .map((item) => item.signature);
  const swapped = proof.commit.signatures.map((item) => {
    const next = given[(given.indexOf(item.signature) + 1) % given.length] as Uint8Array;
    return item.blockIdFlag === "commit" ? { ...item, signature: next } : item;
  });
  const cases: [name: string, changed: Partial<ProofFile>, check: string, code: string][] = [
    ["another chain id", { chainId: "other" }, "chain id", "PROOF_CHAIN_ID_MISMATCH"],
    ["another id", { txId: new Uint8Array(32) }, "transaction id", "PROOF_TX_ID_MISMATCH"],
    [
      "another transaction",
      { tx: new Uint8Array(3), txId: sha256(new Uint8Array(3)) },
      "merkle path",
      "PROOF_ROOT_MISMATCH",
    ],
    ["a shorter path", { path: proof.path.slice(1) }, "merkle path", "PROOF_ROOT_MISMATCH"],
    ["another header", { header: { ...header, appHash: new Uint8Array(32) } }, "block hash", "PROOF_BLOCK_UNTRUSTED"],
    ["other validators", { validators: proofIn(other, 2).validators }, "validator set", "PROOF_VALIDATORS_MISMATCH"],
    [
      "validators in another order",
      { validators: proof.validators.toReversed() },
      "validator set",
      "PROOF_VALIDATORS_MISMATCH",
    ],
    ["a commit for another block", { commit: foreign }, "commit block", "PROOF_COMMIT_OTHER_BLOCK"],
    ["half of the power", { commit: minority }, "commit signatures", "COMMIT_POWER_INSUFFICIENT"],
    [
      "swapped signatures",
      { commit: { ...proof.commit, signatures: swapped } },
      "commit signatures",
      "COMMIT_SIGNATURE_INVALID",
    ],
  ];
  for (const [name, changed, check, code] of cases)
    expect(failedCheck(formatProofFile({ ...proof, ...changed }), trustedHash), name).toEqual([check, code]);
  expect(failedCheck(formatProofFile(proof), new Uint8Array(32))).toEqual(["block hash", "PROOF_BLOCK_UNTRUSTED"]);
  expect(failedCheck(formatProofFile(proof), new Uint8Array(0))).toEqual(["block hash", "PROOF_BLOCK_UNTRUSTED"]);
});

test("the largest transaction fits into a proof file, a larger one does not", () => {
  const { proof } = sample();
  const text = formatProofFile({ ...proof, tx: new Uint8Array(MAX_TX_BYTES) });
  expect(parseProofFile(text)).toHaveProperty("proof");
  const beyond = formatProofFile({ ...proof, tx: new Uint8Array(MAX_TX_BYTES + 1) });
  expect(parseProofFile(beyond)).toMatchObject({ accepted: false, code: "PROOF_MALFORMED" });
});

test("a path's sides lead every item of trees of all shapes to the root", () => {
  for (let total = 1; total <= 40; total++) {
    const items = Array.from({ length: total }, (_, index) => Uint8Array.of(index));
    const root = merkleRoot(items);
    for (const [index, { aunts }] of proveAll(items).entries()) {
      const sides = pathSides(index, total);
      expect(sides).toHaveLength(aunts.length);
      const path = aunts.map((hash, level) => ({ side: sides[level] ?? ("left" as const), hash }));
      expect(pathRoot(items[index] as Uint8Array, path)).toEqual(root);
    }
  }
});

test("a proof that never was text is checked the same way", () => {
  const { proof, trustedHash } = sample();
  expect(firstFailed(verifyProof(proof, trustedHash))).toBeUndefined();
  expect(verifyProof(proof, trustedHash).map((check) => check.name)).toEqual(PROOF_CHECKS.slice(1));
});
