import { expect, test } from "vitest";
import { NIL_BLOCK_ID } from "./blockId.ts";
import { cometBft, fromHex, toHex } from "./cometbftVectors.ts";
import { makeDuplicateVoteEvidence, verifyDuplicateVote } from "./duplicateVote.ts";
import {
  type DuplicateVoteEvidence,
  decodeEvidence,
  encodeEvidence,
  encodeEvidenceList,
  evidenceBytes,
  hashEvidence,
  hashEvidenceList,
  readEvidenceList,
} from "./evidence.ts";
import { decodeValidatorSet } from "./validatorSet.ts";

const { duplicateVotes, lightClientAttack, listBytes, listHash } = cometBft.evidence;
const list = readEvidenceList(fromHex(listBytes));
const set = decodeValidatorSet(fromHex(cometBft.evidence.validatorSet));
const double = list[0] as DuplicateVoteEvidence;

function codeOf(evidence: DuplicateVoteEvidence, chainId = cometBft.chainId, time = double.timestamp): string {
  const verdict = verifyDuplicateVote(evidence, chainId, set, time);
  return verdict.accepted ? "accepted" : verdict.code;
}

test("evidence encodes, decodes and hashes as in Go, alone and in a block's list", () => {
  expect(list.map((evidence) => toHex(evidenceBytes(evidence)))).toEqual(
    [...duplicateVotes, lightClientAttack].map((vector) => vector.bytes),
  );
  expect(list.map((evidence) => toHex(hashEvidence(evidence)))).toEqual(
    [...duplicateVotes, lightClientAttack].map((vector) => vector.hash),
  );
  expect(toHex(encodeEvidenceList(list))).toBe(listBytes);
  expect(toHex(hashEvidenceList(list))).toBe(listHash);
  for (const evidence of list) expect(decodeEvidence(encodeEvidence(evidence))).toEqual(evidence);
});

test("the evidence of CometBFT's TestEvidenceVectors has its bytes", () => {
  const expected =
    "0a85020a82020a79080210031802224a0a208b01023386c371778ecb6368573e539afc3cc860ec3a2f614e54fe5652f4fc80122608c0843d122072db3d959635dff1bb567bedaa70573392c5159666a3f8caf11e413aac52207a2a0b08b1d381d20510809dca6f32146af1f4111082efb388211bc72c55bcd61e9ac3d538d5bb031279080110031802224a0a208b01023386c371778ecb6368573e539afc3cc860ec3a2f614e54fe5652f4fc80122608c0843d122072db3d959635dff1bb567bedaa70573392c5159666a3f8caf11e413aac52207a2a0b08b1d381d20510809dca6f32146af1f4111082efb388211bc72c55bcd61e9ac3d538d5bb03180a200a2a060880dbaae105";
  expect(toHex(encodeEvidenceList(readEvidenceList(fromHex(expected))))).toBe(expected);
});

test("two conflicting votes make the same evidence in either order, and Go's is accepted", () => {
  for (const item of list) {
    if (item.type !== "duplicateVote") continue;
    expect(makeDuplicateVoteEvidence(item.voteA, item.voteB, item.timestamp, set)).toEqual(item);
    expect(makeDuplicateVoteEvidence(item.voteB, item.voteA, item.timestamp, set)).toEqual(item);
    expect(codeOf(item, cometBft.chainId, item.timestamp)).toBe("accepted");
  }
  const stranger = { ...double.voteA, validatorAddress: new Uint8Array(20) };
  expect(() => makeDuplicateVoteEvidence(stranger, double.voteB, double.timestamp, set)).toThrow(
    "EVIDENCE_VALIDATOR_UNKNOWN",
  );
});

test("evidence that proves nothing is refused, each kind with its code", () => {
  const { voteA, voteB } = double;
  const stranger = new Uint8Array(20);
  expect(codeOf({ ...double, voteB: { ...voteB, height: voteB.height + 1 } })).toBe("EVIDENCE_VOTES_UNRELATED");
  expect(codeOf({ ...double, voteB: { ...voteB, round: voteB.round + 1 } })).toBe("EVIDENCE_VOTES_UNRELATED");
  expect(codeOf({ ...double, voteB: { ...voteB, type: "prevote" } })).toBe("EVIDENCE_VOTES_UNRELATED");
  expect(codeOf({ ...double, voteB: { ...voteB, validatorAddress: stranger } })).toBe("EVIDENCE_VALIDATOR_MISMATCH");
  // No signature covers the index: with another one the same two votes would be new evidence, and so on without end.
  for (const changed of [{ voteA: { ...voteA, validatorIndex: 77 } }, { voteB: { ...voteB, validatorIndex: 77 } }])
    expect(codeOf({ ...double, ...changed })).toBe("EVIDENCE_VALIDATOR_MISMATCH");
  const both = { voteA: { ...voteA, validatorAddress: stranger }, voteB: { ...voteB, validatorAddress: stranger } };
  expect(codeOf({ ...double, ...both })).toBe("EVIDENCE_VALIDATOR_UNKNOWN");
  expect(codeOf({ ...double, voteB: voteA })).toBe("EVIDENCE_ORDER");
  expect(codeOf({ ...double, voteA: voteB, voteB: voteA })).toBe("EVIDENCE_ORDER");
  expect(codeOf({ ...double, validatorPower: 1n })).toBe("EVIDENCE_POWER_MISMATCH");
  expect(codeOf({ ...double, totalVotingPower: 1n })).toBe("EVIDENCE_POWER_MISMATCH");
  expect(codeOf(double, cometBft.chainId, { seconds: 1n, nanos: 0 })).toBe("EVIDENCE_TIME_MISMATCH");
  expect(codeOf(double, "another-chain")).toBe("EVIDENCE_SIGNATURE_INVALID");
  expect(codeOf({ ...double, voteA: { ...voteA, blockId: NIL_BLOCK_ID } })).toBe("EVIDENCE_SIGNATURE_INVALID");
});
