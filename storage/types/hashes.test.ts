import { expect, test } from "vitest";
import { cometBft, fromHex, timeOf, toHex } from "./cometbftVectors.ts";
import { ABSENT_COMMIT_SIG, type Commit, decodeCommit } from "./commit.ts";
import { hashHeader } from "./header.ts";
import { decodeLightBlock, encodeLightBlock } from "./lightBlock.ts";
import { medianTime } from "./medianTime.ts";
import {
  COMETBFT_CONSENSUS_PARAMS,
  type ConsensusParams,
  DEFAULT_CONSENSUS_PARAMS,
  decodeConsensusParams,
  encodeConsensusParams,
  hashConsensusParams,
  validateConsensusParams,
} from "./params.ts";
import { hashResults } from "./results.ts";
import { decodeValidatorSet } from "./validatorSet.ts";

test("results hash as in Go, without log, codespace and events", () => {
  for (const { results, hash } of cometBft.results) {
    const ours = (results ?? []).map(({ code, data, gasWanted, gasUsed }) => {
      return { code, data: fromHex(data), gasWanted: BigInt(gasWanted), gasUsed: BigInt(gasUsed) };
    });
    expect(toHex(hashResults(ours))).toBe(hash);
  }
});

test("consensus parameters encode, decode and hash as in Go", () => {
  for (const { maxBytes, maxGas, hash, bytes } of cometBft.params) {
    const params = { ...COMETBFT_CONSENSUS_PARAMS, block: { maxBytes, maxGas } };
    expect(toHex(hashConsensusParams(params))).toBe(hash);
    expect(toHex(encodeConsensusParams(params))).toBe(bytes);
    expect(decodeConsensusParams(fromHex(bytes))).toEqual(params);
  }
  expect(toHex(hashConsensusParams(COMETBFT_CONSENSUS_PARAMS)).toUpperCase()).toBe(
    "048091BC7DDC283F77BFBF91D73C44DA58C3DF8A9CBC867405D8B7F3DAADA22F",
  );
});

test("parameters no network can run with are refused, each kind with its code", () => {
  const base = DEFAULT_CONSENSUS_PARAMS;
  expect(validateConsensusParams(base).accepted).toBe(true);
  const { block, evidence } = base;
  const cases: [Partial<ConsensusParams>, string][] = [
    [{ block: { ...block, maxBytes: 0 } }, "PARAMS_BLOCK_BYTES"],
    [{ block: { ...block, maxBytes: 100 * 1024 * 1024 + 1 } }, "PARAMS_BLOCK_BYTES"],
    [{ block: { ...block, maxBytes: 1.5 } }, "PARAMS_NOT_INTEGER"],
    [{ block: { ...block, maxGas: -2 } }, "PARAMS_BLOCK_GAS"],
    [{ evidence: { ...evidence, maxAgeNumBlocks: 0 } }, "PARAMS_EVIDENCE_AGE"],
    [{ evidence: { ...evidence, maxAgeDurationMs: 0 } }, "PARAMS_EVIDENCE_AGE"],
    [{ evidence: { ...evidence, maxBytes: block.maxBytes + 1 } }, "PARAMS_EVIDENCE_BYTES"],
    [{ version: { app: -1 } }, "PARAMS_APP_VERSION"],
    [{ validator: { pubKeyTypes: [] } }, "PARAMS_KEY_TYPES"],
    [{ validator: { pubKeyTypes: ["bls12_381"] } }, "PARAMS_KEY_TYPES"],
    [{ abci: { voteExtensionsEnableHeight: 1 } }, "PARAMS_VOTE_EXTENSIONS"],
  ];
  for (const [change, code] of cases) expect(validateConsensusParams({ ...base, ...change })).toMatchObject({ code });
});

test("the median time is Go's when nil votes count, and leaves them out when they do not (#5901)", () => {
  let different = 0;
  for (const vector of cometBft.medianTimes) {
    const commit = decodeCommit(fromHex(vector.commit));
    const set = decodeValidatorSet(fromHex(vector.validatorSet));
    const median = medianTime(commit, set, { countNil: true });
    expect(median).toEqual(timeOf(vector.medianNilCounted));
    const withoutNil: Commit = {
      ...commit,
      signatures: commit.signatures.map((sig) => (sig.blockIdFlag === "nil" ? ABSENT_COMMIT_SIG : sig)),
    };
    const strict = medianTime(commit, set, { countNil: false });
    expect(strict).toEqual(medianTime(withoutNil, set, { countNil: true }));
    if (strict.seconds !== median.seconds) different += 1;
  }
  expect(different).toBeGreaterThan(0);
});

test("a signature weighs only with the power of the validator at its own index (GHSA-c32p-wcqj-j677)", () => {
  const vector = cometBft.medianTimes[0] as (typeof cometBft.medianTimes)[number];
  const commit = decodeCommit(fromHex(vector.commit));
  const set = decodeValidatorSet(fromHex(vector.validatorSet));
  const [first, second, ...rest] = commit.signatures as [Commit["signatures"][0], Commit["signatures"][0]];
  const spoofed = { ...second, validatorAddress: first.validatorAddress };
  const run = (signatures: Commit["signatures"]) => () =>
    medianTime({ ...commit, signatures }, set, { countNil: false });
  expect(run([first, spoofed, ...rest])).toThrow("MEDIAN_TIME_ADDRESS_MISMATCH index=1");
  expect(run([second, first, ...rest])).toThrow("MEDIAN_TIME_ADDRESS_MISMATCH index=0");
  expect(run([first])).toThrow("MEDIAN_TIME_SIZE_MISMATCH");
  expect(run(commit.signatures.map(() => ABSENT_COMMIT_SIG))).toThrow("MEDIAN_TIME_NO_VOTES");
});

test("light blocks encode and decode as in Go", () => {
  for (const { bytes, hash } of cometBft.lightBlocks) {
    const block = decodeLightBlock(fromHex(bytes));
    expect(toHex(encodeLightBlock(block))).toBe(bytes);
    expect(toHex(hashHeader(block.signedHeader.header))).toBe(hash);
  }
});
