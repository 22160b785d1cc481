import { test } from "vitest";
import { fuzzCase } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS } from "#storage/fuzz/runs.ts";
import { cometBft, fromHex } from "#storage/types/cometbftVectors.ts";
import { decodeCommit } from "#storage/types/commit.ts";
import { readEvidenceList } from "#storage/types/evidence.ts";
import { makePartSet } from "#storage/types/partSet.ts";
import { decodeProposal } from "#storage/types/proposal.ts";
import { decodeVote } from "#storage/types/vote.ts";
import type { ConsensusMessage } from "./messages.ts";
import { decodeMessage, encodeMessage } from "./messages.ts";
import { decodeWalRecord, encodeWalRecord, type WalRecord } from "./walRecord.ts";

const { header, parts } = makePartSet(new Uint8Array(70_000).fill(3));
const have = Uint8Array.of(5, 1);

const MESSAGES: readonly ConsensusMessage[] = [
  {
    type: "status",
    status: {
      height: 2 ** 40,
      base: 7,
      round: 3,
      hasProposal: true,
      parts: [{ partSetHash: header.hash, have }],
      votes: [
        { round: 3, type: "prevote", valueTag: header.hash.subarray(0, 8), have },
        { round: 0, type: "precommit", valueTag: new Uint8Array(0), have },
      ],
      lastCommit: have,
    },
  },
  ...cometBft.votes.map(({ bytes }): ConsensusMessage => ({ type: "vote", vote: decodeVote(fromHex(bytes)) })),
  ...cometBft.proposals.map(
    ({ bytes }): ConsensusMessage => ({ type: "proposal", proposal: decodeProposal(fromHex(bytes)) }),
  ),
  ...cometBft.commits.map(({ bytes }): ConsensusMessage => ({ type: "commit", commit: decodeCommit(fromHex(bytes)) })),
  ...readEvidenceList(fromHex(cometBft.evidence.listBytes)).map(
    (evidence): ConsensusMessage => ({ type: "evidence", evidence }),
  ),
];

/** Behind the tag, and for a part behind its height and the root of its set. */
const decode = decodeMessage;
const encode = encodeMessage;
const CASES = [
  fuzzCase({ name: "message", samples: MESSAGES.map(encodeMessage), prefixBytes: 1, decode, encode, errors: [] }),
  fuzzCase({
    name: "part message",
    samples: parts.map((part) => encodeMessage({ type: "part", height: 9, partSetHash: header.hash, part })),
    prefixBytes: 41,
    decode,
    encode,
    errors: [],
  }),
];

test.each(CASES)(
  "a changed $name is refused with a verdict, or is the one encoding of another",
  ({ fuzz }) => {
    fuzz(800);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed record of the write-ahead log is no record, or the one encoding of another",
  () => {
    const records: readonly WalRecord[] = [
      { type: "message", peer: "12D3KooW", message: Buffer.from(encodeMessage(MESSAGES[1] as ConsensusMessage)) },
      { type: "message", peer: "", message: Buffer.of(1) },
      { type: "timeout", height: 2 ** 40, round: 2 ** 31, step: "precommit" },
      { type: "start", height: 9 },
    ];
    fuzzCase({
      name: "record of the write-ahead log",
      samples: records.map(encodeWalRecord),
      decode: (bytes) => decodeWalRecord(bytes) ?? ({ accepted: false, code: "NO_RECORD" } as const),
      encode: encodeWalRecord,
      errors: [],
    }).fuzz(500);
  },
  FUZZ_TIMEOUT_MS,
);
