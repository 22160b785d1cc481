import { expect, test } from "vitest";
import type { Verdict } from "#storage/error.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import { ABSENT_COMMIT_SIG } from "#storage/types/commit.ts";
import type { Header } from "#storage/types/header.ts";
import { decodeLightBlock, encodeLightBlock, type LightBlock } from "#storage/types/lightBlock.ts";
import { addMs, timestampToMs } from "#storage/types/time.ts";
import { createTestChain, signTestHeader, testValidatorSet } from "./testChain.ts";
import {
  DEFAULT_LIGHT_RULES,
  type LightRules,
  verify,
  verifyAdjacent,
  verifyBackwards,
  verifyConsistent,
  verifyNonAdjacent,
} from "./verify.ts";

const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };
const rules: LightRules = { ...DEFAULT_LIGHT_RULES, trustingPeriodMs: 3_600_000 };
const chain = createTestChain({ initialPowers: FOUR });
for (let i = 0; i < 10; i++) chain.append();
const trusted = chain.lightBlock(1);
const next = chain.lightBlock(2);
const far = chain.lightBlock(10);
const nowMs = timestampToMs(far.signedHeader.header.time) + 1_000;

const codeOf = (verdict: Verdict) => (verdict.accepted ? "accepted" : verdict.code);
const from = (block: LightBlock, candidate: LightBlock, at = nowMs, with_ = rules) =>
  codeOf(verify(block, candidate, with_, at));

/** The block with its header changed and signed anew by everybody: only the check in question can refuse it. */
function resigned(block: LightBlock, change: Partial<Header>, powers: Record<number, number> = FOUR): LightBlock {
  return signTestHeader({ ...block.signedHeader.header, ...change }, powers);
}

test("the next block and one far ahead are accepted, after a trip over the wire too", () => {
  for (const block of [next, far]) {
    expect(from(trusted, block)).toBe("accepted");
    expect(from(trusted, decodeLightBlock(encodeLightBlock(block)))).toBe("accepted");
  }
  expect(codeOf(verifyAdjacent(trusted.signedHeader, far, rules, nowMs))).toBe("LIGHT_NOT_ADJACENT");
  expect(codeOf(verifyNonAdjacent(trusted, next, rules, nowMs))).toBe("LIGHT_ADJACENT");
});

test("trust expires exactly at the end of its period, whatever the new block is", () => {
  const endMs = timestampToMs(trusted.signedHeader.header.time) + rules.trustingPeriodMs;
  for (const block of [next, far]) {
    expect(from(trusted, block, endMs - 1)).toBe("accepted");
    expect(from(trusted, block, endMs)).toBe("LIGHT_TRUSTED_EXPIRED");
  }
});

test("a block from the future is refused beyond the clock drift", () => {
  const headerMs = timestampToMs(next.signedHeader.header.time);
  expect(from(trusted, next, headerMs - rules.maxClockDriftMs)).toBe("LIGHT_TIME_FROM_FUTURE");
  expect(from(trusted, next, headerMs - rules.maxClockDriftMs + 1)).toBe("accepted");
});

test("every check of a new block has its code, for adjacent and distant blocks alike", () => {
  const fewer = { 0: 10, 1: 10, 2: 10 };
  for (const block of [next, far]) {
    const { header, commit } = block.signedHeader;
    const withHeader = (change: Partial<Header>): LightBlock => {
      return { ...block, signedHeader: { header: { ...header, ...change }, commit } };
    };
    const withCommit = (change: Partial<typeof commit>): LightBlock => {
      return { ...block, signedHeader: { header, commit: { ...commit, ...change } } };
    };
    expect(from(trusted, withHeader({ version: { block: 10n, app: 1n } }))).toBe("LIGHT_HEADER_MALFORMED");
    expect(from(trusted, withHeader({ dataHash: new Uint8Array(31) }))).toBe("LIGHT_HEADER_MALFORMED");
    expect(from(trusted, withCommit({ signatures: [] }))).toBe("LIGHT_COMMIT_MALFORMED");
    expect(from(trusted, withCommit({ blockId: NIL_BLOCK_ID }))).toBe("LIGHT_COMMIT_MALFORMED");
    expect(from(trusted, resigned(block, { chainId: "another" }))).toBe("LIGHT_CHAIN_ID_MISMATCH");
    expect(from(trusted, withCommit({ height: header.height + 1 }))).toBe("LIGHT_COMMIT_HEIGHT_MISMATCH");
    expect(from(trusted, withHeader({ appHash: new Uint8Array(32) }))).toBe("LIGHT_COMMIT_HASH_MISMATCH");
    expect(from(trusted, resigned(block, { time: trusted.signedHeader.header.time }))).toBe("LIGHT_TIME_NOT_AFTER");
    expect(from(trusted, { ...block, validatorSet: testValidatorSet(fewer) })).toBe("LIGHT_VALIDATORS_HASH_MISMATCH");
    const short = { ...commit, signatures: commit.signatures.map((sig, i) => (i < 2 ? ABSENT_COMMIT_SIG : sig)) };
    expect(from(trusted, withCommit(short))).toBe("COMMIT_POWER_INSUFFICIENT");
    const forged = commit.signatures.map((sig) => ({ ...sig, signature: new Uint8Array(64) }));
    expect(from(trusted, withCommit({ signatures: forged }))).toBe("COMMIT_SIGNATURE_INVALID");
  }
  expect(from(far, next)).toBe("LIGHT_HEIGHT_NOT_GREATER");
  expect(from(far, far)).toBe("LIGHT_HEIGHT_NOT_GREATER");
});

test("a set the trusted header did not announce is refused next to it, and far away without 1/3 of the old one", () => {
  const strangers = { 10: 10, 11: 10, 12: 10, 13: 10 };
  const validatorsHash = createTestChain({ initialPowers: strangers }).append().signedHeader.header.validatorsHash;
  expect(from(trusted, resigned(next, { validatorsHash }, strangers))).toBe("LIGHT_NEXT_VALIDATORS_MISMATCH");
  expect(from(trusted, resigned(far, { validatorsHash }, strangers))).toBe("LIGHT_TRUST_INSUFFICIENT");
});

test("a distant set needs more than 1/3 of the trusted power", () => {
  const reach = (powers: Record<number, number>) => {
    const validatorsHash = createTestChain({ initialPowers: powers }).append().signedHeader.header.validatorsHash;
    return from(trusted, resigned(far, { validatorsHash }, powers));
  };
  expect(reach({ 0: 1, 7: 1, 8: 1 })).toBe("LIGHT_TRUST_INSUFFICIENT");
  expect(reach({ 0: 1, 1: 1, 8: 1 })).toBe("accepted");
});

test("going backwards needs the hash the newer header names", () => {
  const header = (height: number) => chain.lightBlock(height).signedHeader.header;
  const back = (older: Header) => codeOf(verifyBackwards(older, header(5)));
  expect(back(header(4))).toBe("accepted");
  expect(back(header(3))).toBe("LIGHT_LAST_BLOCK_MISMATCH");
  expect(back({ ...header(4), appHash: new Uint8Array(32) })).toBe("LIGHT_LAST_BLOCK_MISMATCH");
  expect(back({ ...header(4), chainId: "other" })).toBe("LIGHT_CHAIN_ID_MISMATCH");
  expect(back({ ...header(4), time: addMs(header(5).time, 0) })).toBe("LIGHT_TIME_NOT_BEFORE");
  expect(back({ ...header(4), height: 0 })).toBe("LIGHT_HEADER_MALFORMED");
});

test("a light block that contradicts itself is not consistent", () => {
  expect(codeOf(verifyConsistent(far, "test-chain"))).toBe("accepted");
  expect(codeOf(verifyConsistent(far, "other"))).toBe("LIGHT_CHAIN_ID_MISMATCH");
  const foreign = { ...far, validatorSet: testValidatorSet({ 0: 1 }) };
  expect(codeOf(verifyConsistent(foreign, "test-chain"))).toBe("LIGHT_VALIDATORS_HASH_MISMATCH");
});
