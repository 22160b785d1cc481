import { expect, test } from "vitest";
import { cometBft, fromHex, toHex } from "./cometbftVectors.ts";
import {
  ABSENT_COMMIT_SIG,
  commitSignBytes,
  decodeCommit,
  EMPTY_COMMIT,
  encodeCommit,
  encodeCommitSig,
  hashCommit,
} from "./commit.ts";
import { verifyCommit } from "./commitVerify.ts";
import { decodeValidatorSet } from "./validatorSet.ts";

test("commits encode, decode, hash and sign as in Go, with absent and nil votes", () => {
  for (const vector of cometBft.commits) {
    const commit = decodeCommit(fromHex(vector.bytes));
    expect(toHex(encodeCommit(commit))).toBe(vector.bytes);
    expect(toHex(hashCommit(commit))).toBe(vector.hash);
    const signBytes = commit.signatures.map((signature, i) =>
      signature.blockIdFlag === "absent" ? "" : toHex(commitSignBytes(commit, i, cometBft.chainId)),
    );
    expect(signBytes).toEqual(vector.signBytes ?? []);
  }
});

test("commits verify exactly when Go verifies them", () => {
  const verdicts = cometBft.commits.flatMap(({ bytes, validatorSet, verifyCommit: expected }) => {
    if (expected === undefined) return [];
    const commit = decodeCommit(fromHex(bytes));
    const set = decodeValidatorSet(fromHex(validatorSet));
    return [[verifyCommit(cometBft.chainId, set, commit.blockId, commit.height, commit).accepted, expected]];
  });
  expect(verdicts.length).toBe(3);
  for (const [ours, theirs] of verdicts) expect(ours).toBe(theirs);
});

test("an absent signature and the empty commit have their known bytes", () => {
  expect(toHex(encodeCommitSig(ABSENT_COMMIT_SIG))).toBe("08011a0b088092b8c398feffffff01");
  expect(toHex(encodeCommit(EMPTY_COMMIT))).toBe("1a021200");
});
