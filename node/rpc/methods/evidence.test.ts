import { expect, test } from "vitest";
import { MAX_VALIDATORS } from "#storage/limits.ts";
import { decodeEvidence, type Evidence, hashEvidence } from "#storage/types/evidence.ts";
import { COMETBFT_VECTORS } from "../cometbftVectors.ts";
import { createTestMethods } from "../testPorts.ts";

const { fixtures, evidence: TEXTS } = COMETBFT_VECTORS;
const bytesOf = (name: string) => new Uint8Array(Buffer.from(fixtures[name] ?? "", "hex"));
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );

test.each(Object.entries(TEXTS))("%s as Go's JSON writes it is read for what it is", async (name, text) => {
  const received: Evidence[] = [];
  const { call } = await createTestMethods(0, {
    consensus: {
      async addEvidence(found) {
        received.push(found);
        return { accepted: true };
      },
    },
  });
  const evidence = decodeEvidence(bytesOf(name));
  const answer = await call("broadcast_evidence", { evidence: JSON.parse(text) });
  expect(received).toEqual([evidence]);
  expect(answer).toEqual({ hash: Buffer.from(hashEvidence(evidence)).toString("base64") });
});

test("evidence that consensus does not take is refused with its code", async () => {
  const { call } = await createTestMethods(0, {
    consensus: { addEvidence: async () => ({ accepted: false, code: "EVIDENCE_EXPIRED", reason: "height 1" }) },
  });
  const evidence: unknown = JSON.parse(TEXTS.duplicateVote ?? "");
  expect(await refusal(call("broadcast_evidence", { evidence }))).toBe(
    "failed to add evidence: EVIDENCE_EXPIRED: height 1",
  );
});

type Json = Record<string, unknown>;

/** The evidence `name` with the field at `path` changed. */
function changed(name: string, path: readonly string[], value: unknown): unknown {
  const evidence = JSON.parse(TEXTS[name] ?? "") as { value: Json };
  let at: Json = evidence.value;
  for (const field of path.slice(0, -1)) at = at[field] as Json;
  at[path.at(-1) ?? ""] = value;
  return evidence;
}

const SIGNED = ["ConflictingBlock", "signed_header"];

const CASES: readonly (readonly [name: string, path: readonly string[], value: unknown, reason: string])[] = [
  [
    "duplicateVote",
    ["vote_a"],
    null,
    "evidence.ValidateBasic failed: one or both of the votes are empty nil-Vote, Vote",
  ],
  ["duplicateVote", ["vote_a"], 5, "cannot unmarshal number into Go value of type vote_a"],
  ["duplicateVote", ["vote_a", "type"], 32, "a vote of type 32"],
  ["duplicateVote", ["vote_a", "height"], 7, 'invalid 64-bit integer encoding "7", expected string'],
  ["duplicateVote", ["vote_a", "height"], "-7", "evidence.ValidateBasic failed: FORMAT_"],
  ["duplicateVote", ["vote_a", "height"], "9223372036854775807", "cannot unmarshal number"],
  ["duplicateVote", ["vote_a", "height"], "9223372036854775808", "cannot unmarshal number"],
  ["duplicateVote", ["vote_a", "round"], 1.5, "cannot unmarshal number 1.5 into Go value of type int32"],
  ["duplicateVote", ["vote_a", "signature"], "%%", "not base64"],
  ["duplicateVote", ["vote_a", "signature"], "AAAA".repeat(30), "evidence.ValidateBasic failed: FORMAT_FIELD_LENGTH"],
  ["duplicateVote", ["vote_a", "validator_address"], "00", "evidence.ValidateBasic failed: FORMAT_FIELD_LENGTH"],
  ["duplicateVote", ["vote_a", "timestamp"], "yesterday", "FORMAT_FIELD_RANGE"],
  ["duplicateVote", ["vote_a", "block_id"], [], "cannot unmarshal array"],
  ["duplicateVote", ["TotalVotingPower"], "9223372036854775808", "cannot unmarshal number"],
  ["lightClientAttack", ["ConflictingBlock"], null, "conflicting block is nil"],
  ["lightClientAttack", SIGNED, null, "conflicting block missing signed header"],
  ["lightClientAttack", [...SIGNED, "header"], null, "conflicting block missing header"],
  ["lightClientAttack", [...SIGNED, "commit"], null, "missing commit"],
  ["lightClientAttack", ["ConflictingBlock", "validator_set"], null, "missing validator set"],
  ["lightClientAttack", [...SIGNED, "commit", "signatures"], [{ block_id_flag: 9 }], "unknown BlockIDFlag: 9"],
  ["lightClientAttack", [...SIGNED, "commit", "signatures"], Array(MAX_VALIDATORS + 1).fill({}), "signatures has"],
  ["lightClientAttack", ["ByzantineValidators"], [{}], "pub_key"],
  ["lightClientAttack", ["ConflictingBlock", "validator_set", "validators"], [], "VALIDATOR_SET_EMPTY"],
];

test.each(CASES)("%s with %j as %j is refused", async (name, path, value, reason) => {
  const { call } = await createTestMethods(0, { consensus: { addEvidence: () => expect.unreachable() } });
  expect(await refusal(call("broadcast_evidence", { evidence: changed(name, path, value) }))).toContain(reason);
});
