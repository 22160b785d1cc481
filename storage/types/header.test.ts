import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { cometBft, fromHex, headerOf, toHex } from "./cometbftVectors.ts";
import { decodeHeader, encodeHeader, type Header, hashHeader } from "./header.ts";

const named = (name: string) => sha256(Buffer.from(name));

/** CometBFT types/block_test.go TestHeaderHash. */
const GO_TEST_HEADER: Header = {
  version: { block: 1n, app: 2n },
  chainId: "chainId",
  height: 3,
  time: { seconds: BigInt(Date.UTC(2019, 9, 13, 16, 14, 44) / 1000), nanos: 0 },
  lastBlockId: { hash: new Uint8Array(32), partSetHeader: { total: 6, hash: new Uint8Array(32) } },
  lastCommitHash: named("last_commit_hash"),
  dataHash: named("data_hash"),
  validatorsHash: named("validators_hash"),
  nextValidatorsHash: named("next_validators_hash"),
  consensusHash: named("consensus_hash"),
  appHash: named("app_hash"),
  lastResultsHash: named("last_results_hash"),
  evidenceHash: named("evidence_hash"),
  proposerAddress: named("proposer_address").subarray(0, 20),
};

test("the header of CometBFT's TestHeaderHash has the hash its test expects", () => {
  expect(toHex(hashHeader(GO_TEST_HEADER)).toUpperCase()).toBe(
    "F740121F553B5418C3EFBD343C2DBFE9E007BB67B0D020A0741374BAB65242A4",
  );
});

test("a header without validators hash has no hash", () => {
  expect(hashHeader({ ...GO_TEST_HEADER, validatorsHash: new Uint8Array(0) }).length).toBe(0);
});

test("headers encode, decode and hash as in Go", () => {
  for (const vector of cometBft.headers) {
    const header = headerOf(vector.header);
    expect(toHex(encodeHeader(header))).toBe(vector.bytes);
    expect(toHex(hashHeader(header))).toBe(vector.hash);
    expect(decodeHeader(fromHex(vector.bytes))).toEqual(header);
  }
});

test("every field of a header changes its hash", () => {
  const hash = toHex(hashHeader(GO_TEST_HEADER));
  const other = new Uint8Array(32).fill(7);
  const changes: Partial<Header>[] = [
    { version: { block: 1n, app: 3n } },
    { chainId: "chainid" },
    { height: 4 },
    { time: { ...GO_TEST_HEADER.time, nanos: 1 } },
    { lastBlockId: { hash: other, partSetHeader: GO_TEST_HEADER.lastBlockId.partSetHeader } },
    ...Object.keys(GO_TEST_HEADER)
      .filter((name) => name.endsWith("Hash") || name === "proposerAddress")
      .map((name) => ({ [name]: other })),
  ];
  expect(changes.length).toBe(14);
  for (const change of changes) expect(toHex(hashHeader({ ...GO_TEST_HEADER, ...change }))).not.toBe(hash);
});

test("what is decoded does not change when the input buffer is used again", () => {
  const input = Buffer.from(encodeHeader(GO_TEST_HEADER));
  const header = decodeHeader(input);
  input.fill(0);
  expect(toHex(encodeHeader(header))).toBe(toHex(encodeHeader(GO_TEST_HEADER)));
  expect(toHex(hashHeader(header))).toBe(toHex(hashHeader(GO_TEST_HEADER)));
});
