import { expect, test } from "vitest";
import { publicKeyOf, sign } from "../crypto/keys.ts";
import type { Verdict } from "../error.ts";
import { type BlockId, NIL_BLOCK_ID } from "./blockId.ts";
import { ABSENT_COMMIT_SIG, type BlockIdFlag, type Commit, type CommitSig } from "./commit.ts";
import { verifyCommit, verifyCommitLight, verifyCommitLightTrusting } from "./commitVerify.ts";
import { newValidatorSet, type Validator, type ValidatorSet } from "./validatorSet.ts";
import { voteSignBytes } from "./vote.ts";

const CHAIN = "commit-test";
const BLOCK_ID: BlockId = {
  hash: new Uint8Array(32).fill(1),
  partSetHeader: { total: 1, hash: new Uint8Array(32).fill(2) },
};
const OTHER_ID: BlockId = { ...BLOCK_ID, hash: new Uint8Array(32).fill(3) };

const keys = new Map(
  Array.from({ length: 8 }, (_, i) => {
    const privateKey = { type: "ed25519", bytes: new Uint8Array(32).fill(i + 1) } as const;
    const publicKey = publicKeyOf(privateKey);
    return [Buffer.from(publicKey.bytes).toString("hex"), { privateKey, publicKey }] as const;
  }),
);

function setOf(powers: readonly number[], from = 0): ValidatorSet {
  const all = [...keys.values()];
  return newValidatorSet(
    powers.map((power, i) => ({ publicKey: (all[from + i] as (typeof all)[0]).publicKey, power: BigInt(power) })),
  );
}

function signed(validator: Validator, blockId: BlockId, flag: BlockIdFlag, height = 5): CommitSig {
  const key = keys.get(Buffer.from(validator.publicKey.bytes).toString("hex"));
  if (key === undefined) throw new Error("no such key");
  const timestamp = { seconds: 1_700_000_000n, nanos: 5 };
  const message = voteSignBytes({ type: "precommit", height, round: 2, blockId, timestamp }, CHAIN);
  return {
    blockIdFlag: flag,
    validatorAddress: validator.address,
    timestamp,
    signature: sign(key.privateKey, message),
  };
}

/** One letter per validator: c for the block, n nil, a absent. */
function commitOf(set: ValidatorSet, flags: string): Commit {
  const signatures = set.validators.map((validator, i) => {
    if (flags[i] === "a") return ABSENT_COMMIT_SIG;
    return flags[i] === "n" ? signed(validator, NIL_BLOCK_ID, "nil") : signed(validator, BLOCK_ID, "commit");
  });
  return { height: 5, round: 2, blockId: BLOCK_ID, signatures };
}

function replaced(commit: Commit, index: number, change: Partial<CommitSig>): Commit {
  return { ...commit, signatures: commit.signatures.map((sig, i) => (i === index ? { ...sig, ...change } : sig)) };
}

const codeOf = (verdict: Verdict) => (verdict.accepted ? "accepted" : verdict.code);
const full = (set: ValidatorSet, commit: Commit) => codeOf(verifyCommit(CHAIN, set, BLOCK_ID, 5, commit));
const light = (set: ValidatorSet, commit: Commit) => codeOf(verifyCommitLight(CHAIN, set, BLOCK_ID, 5, commit));

const four = setOf([1, 1, 1, 1]);

test("exactly 2/3 is not enough, one more is", () => {
  const three = setOf([1, 1, 1]);
  for (const verify of [full, light]) {
    expect(verify(four, commitOf(four, "cccc"))).toBe("accepted");
    expect(verify(four, commitOf(four, "ccca"))).toBe("accepted");
    expect(verify(four, commitOf(four, "ccaa"))).toBe("COMMIT_POWER_INSUFFICIENT");
    expect(verify(three, commitOf(three, "cca"))).toBe("COMMIT_POWER_INSUFFICIENT");
    expect(verify(three, commitOf(three, "ccc"))).toBe("accepted");
  }
});

test("votes for nil are checked and count for nothing", () => {
  expect(full(four, commitOf(four, "cccn"))).toBe("accepted");
  expect(full(four, commitOf(four, "ccnn"))).toBe("COMMIT_POWER_INSUFFICIENT");
  const badNil = replaced(commitOf(four, "cccn"), 3, { signature: new Uint8Array(64) });
  expect(full(four, badNil)).toBe("COMMIT_SIGNATURE_INVALID");
  expect(light(four, badNil)).toBe("accepted");
});

test("a false witness after the first 2/3 is found when a block is executed (Tendermint 0.33.6)", () => {
  const commit = replaced(commitOf(four, "cccc"), 3, { signature: new Uint8Array(64).fill(1) });
  expect(full(four, commit)).toBe("COMMIT_SIGNATURE_INVALID");
  expect(light(four, commit)).toBe("accepted");
});

test("a precommit for another block cannot be passed off as one for this block (Tendermint 0.33.6)", () => {
  const one = setOf([10]);
  const [validator] = one.validators as [Validator];
  const commit = { ...commitOf(one, "c"), signatures: [signed(validator, OTHER_ID, "commit")] };
  expect(full(one, commit)).toBe("COMMIT_SIGNATURE_INVALID");
  expect(codeOf(verifyCommit(CHAIN, one, OTHER_ID, 5, commitOf(one, "c")))).toBe("COMMIT_BLOCK_ID_MISMATCH");
  const nilAsCommit = { ...commit, signatures: [signed(validator, NIL_BLOCK_ID, "commit")] };
  expect(full(one, nilAsCommit)).toBe("COMMIT_SIGNATURE_INVALID");
});

test("a signature counts only for the validator at its index (GHSA-c32p-wcqj-j677, GHSA-6jrf-4jv4-r9mw)", () => {
  const set = setOf([10, 1, 1, 1]);
  const [big, small] = set.validators as [Validator, Validator];
  // The small validator signs but claims the address of the big one, and the other way round.
  const spoofed = replaced(commitOf(set, "accc"), 1, { validatorAddress: big.address });
  const renamed = replaced(commitOf(set, "cccc"), 0, { validatorAddress: small.address });
  for (const verify of [full, light]) {
    expect(verify(set, spoofed)).toBe("COMMIT_ADDRESS_MISMATCH");
    expect(verify(set, renamed)).toBe("COMMIT_ADDRESS_MISMATCH");
  }
  const signatures = commitOf(set, "cccc").signatures.map(() => signed(big, BLOCK_ID, "commit"));
  expect(full(set, { ...commitOf(set, "cccc"), signatures })).toBe("COMMIT_ADDRESS_MISMATCH");
  // Trusting verification looks up by address, and then checks with that validator's own key.
  const trusting = verifyCommitLightTrusting(CHAIN, set, spoofed);
  expect(codeOf(trusting)).toBe("COMMIT_SIGNATURE_INVALID");
});

test("height, size, nil block and malformed signatures have their codes", () => {
  const commit = commitOf(four, "cccc");
  for (const verify of [full, light]) {
    expect(verify(four, { ...commit, height: 6 })).toBe("COMMIT_HEIGHT_MISMATCH");
    expect(verify(four, { ...commit, signatures: commit.signatures.slice(1) })).toBe("COMMIT_SIZE_MISMATCH");
    expect(verify(four, { ...commit, signatures: [] })).toBe("COMMIT_SIZE_MISMATCH");
    expect(verify(four, { ...commit, blockId: OTHER_ID })).toBe("COMMIT_BLOCK_ID_MISMATCH");
    expect(verify(four, { ...commit, round: 3 })).toBe("COMMIT_SIGNATURE_INVALID");
    expect(verify(four, replaced(commit, 0, { signature: new Uint8Array(0) }))).toBe("COMMIT_SIGNATURE_MALFORMED");
    expect(verify(four, replaced(commit, 0, { signature: new Uint8Array(65) }))).toBe("COMMIT_SIGNATURE_MALFORMED");
    expect(verify(four, replaced(commit, 0, { validatorAddress: new Uint8Array(19) }))).toBe(
      "COMMIT_SIGNATURE_MALFORMED",
    );
  }
  expect(full(four, replaced(commit, 3, { blockIdFlag: "absent" }))).toBe("COMMIT_SIGNATURE_MALFORMED");
  const nil = { ...commit, blockId: NIL_BLOCK_ID };
  expect(codeOf(verifyCommit(CHAIN, four, NIL_BLOCK_ID, 5, nil))).toBe("COMMIT_BLOCK_ID_NIL");
  expect(codeOf(verifyCommitLightTrusting(CHAIN, four, nil))).toBe("COMMIT_BLOCK_ID_NIL");
  expect(codeOf(verifyCommit("another", four, BLOCK_ID, 5, commit))).toBe("COMMIT_SIGNATURE_INVALID");
});

test("a set without power commits nothing", () => {
  const powerless = { ...four, validators: four.validators.map((validator) => ({ ...validator, votingPower: 0n })) };
  expect(full(powerless, commitOf(four, "cccc"))).toBe("COMMIT_POWER_INSUFFICIENT");
  expect(codeOf(verifyCommitLightTrusting(CHAIN, powerless, commitOf(four, "cccc")))).toBe("COMMIT_POWER_INSUFFICIENT");
  // A total that understates the validators' sum does not lower the bar.
  expect(full({ ...four, totalVotingPower: 1n }, commitOf(four, "ccaa"))).toBe("COMMIT_POWER_INSUFFICIENT");
});

test("trusting verification needs more than the level of the old set, whatever the new set is", () => {
  const newer = setOf([1, 1, 1, 1], 2);
  const commit = commitOf(newer, "cccc");
  const trust = (numerator: number, denominator: number, of = commit) =>
    codeOf(verifyCommitLightTrusting(CHAIN, four, of, { numerator, denominator }));
  expect(trust(1, 3)).toBe("accepted");
  expect(trust(1, 2)).toBe("COMMIT_POWER_INSUFFICIENT");
  const disjoint = setOf([1, 1, 1, 1], 4);
  expect(trust(1, 3, commitOf(disjoint, "cccc"))).toBe("COMMIT_POWER_INSUFFICIENT");
  for (const [numerator, denominator] of [
    [1, 4],
    [4, 3],
    [1, 0],
    [0, 0],
    [-1, -2],
    [1.5, 3],
  ] as const) {
    expect(trust(numerator, denominator)).toBe("COMMIT_TRUST_LEVEL_INVALID");
  }
});

test("one trusted validator who signs twice is refused, not counted twice", () => {
  const trusted = setOf([2, 2, 2, 1]);
  const [first] = trusted.validators as [Validator];
  const twice = {
    ...commitOf(four, "cccc"),
    signatures: Array.from({ length: 4 }, () => signed(first, BLOCK_ID, "commit")),
  };
  expect(codeOf(verifyCommitLightTrusting(CHAIN, trusted, twice))).toBe("COMMIT_DOUBLE_VOTE");
});

test("signatures are checked last, and only as many as are needed", () => {
  let checks = 0;
  const counting = () => {
    checks += 1;
    return true;
  };
  verifyCommit(CHAIN, four, BLOCK_ID, 5, commitOf(four, "ccaa"), counting);
  expect(checks).toBe(0);
  verifyCommitLight(CHAIN, four, BLOCK_ID, 5, commitOf(four, "cccc"), counting);
  expect(checks).toBe(3);
  verifyCommit(CHAIN, four, BLOCK_ID, 5, commitOf(four, "cccn"), counting);
  expect(checks).toBe(7);
});
