import { expect, test } from "vitest";
import type { RoundState } from "#consensus/engine/roundState.ts";
import { blockKey } from "#consensus/tendermint/value.ts";
import type { RoundVotes } from "#consensus/tendermint/voteKeeper.ts";
import { addToVoteSet, EMPTY_VOTE_SET, type VoteSet } from "#consensus/tendermint/voteSet.ts";
import { merkleRoot, proveMerkle } from "#storage/crypto/merkle.ts";
import { decodeBlockResults } from "#storage/db/blockResults.ts";
import { decodeBlock, txId } from "#storage/types/block.ts";
import { readBlockId } from "#storage/types/blockId.ts";
import { decodeCommit } from "#storage/types/commit.ts";
import { decodeEvidence, hashEvidence } from "#storage/types/evidence.ts";
import { decodeHeader } from "#storage/types/header.ts";
import { decodeConsensusParams } from "#storage/types/params.ts";
import { decodeProposal } from "#storage/types/proposal.ts";
import { parseTimestamp, timestampToMs } from "#storage/types/time.ts";
import { decodeValidatorSet } from "#storage/types/validatorSet.ts";
import { decodeVote } from "#storage/types/vote.ts";
import { COMETBFT_VECTORS } from "../cometbftVectors.ts";
import { blockJson, blockMetaJson, blockResultJson } from "./blocks.ts";
import * as events from "./events.ts";
import { evidenceJson } from "./evidence.ts";
import { goJson, RawJson, resultText, URI_ID } from "./goJson.ts";
import { blockIdJson, commitJson, headerJson } from "./headers.ts";
import { NO_BLOCK, type NodeInfo, netInfoJson, statusJson } from "./nodeInfo.ts";
import { consensusParamsJson } from "./params.ts";
import { base64, hex, int64 } from "./primitives.ts";
import * as results from "./results.ts";
import { peerStateJson, proposerJson, roundStateJson, roundStateSimpleJson } from "./roundState.ts";
import { txJson } from "./transactions.ts";
import { validatorJson } from "./validators.ts";

const { fixtures, responses } = COMETBFT_VECTORS;
const bytesOf = (name: string) => new Uint8Array(Buffer.from(fixtures[name] ?? "", "hex"));
const ascending = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => first + i);

const MOMENT = parseTimestamp("2026-11-21T06:50:01.1200003Z");
const block = decodeBlock(bytesOf("block"));
const first = decodeBlock(bytesOf("firstBlock"));
const blockId = readBlockId(bytesOf("blockId"));
const header = decodeHeader(bytesOf("header"));
const commit = decodeCommit(bytesOf("commit"));
const set = decodeValidatorSet(bytesOf("validators"));
const full = decodeBlockResults(bytesOf("results"));
const none = decodeBlockResults(bytesOf("noResults"));
const evidence = decodeEvidence(bytesOf("duplicateVote"));
if (evidence.type !== "duplicateVote") throw new Error("another evidence");
const [good, bad] = full.txResults;
const [validator] = set.validators;
if (good === undefined || bad === undefined || validator === undefined) throw new Error("fixtures are incomplete");
const two = Buffer.from("two");
const one = Buffer.from("one");
const found = { hash: txId(two), height: 7, index: 1, tx: two, proof: undefined };
const proofIn = (txs: readonly Uint8Array[], index: number) => ({
  rootHash: merkleRoot(txs.map(txId)),
  proof: proveMerkle(txs.map(txId), index),
});
const refused = { code: 7, codespace: "edream", log: "ROLE_FORBIDDEN: <no>", gasWanted: 0n };
const accepted = { code: 0, codespace: "", log: "", gasWanted: 0n };
const query = {
  code: 0,
  codespace: "",
  log: "",
  key: Buffer.from("key"),
  value: Buffer.from("value"),
  proof: new Uint8Array(0),
  height: 7,
};
const nodeInfo: NodeInfo = {
  id: "0102",
  listenAddress: "tcp://127.0.0.1:26656",
  network: "a<chain>&",
  version: "0.38.25",
  appVersion: 1,
  channels: ascending(2, 0x20),
  moniker: "node0",
  txIndex: "on",
  rpcAddress: "tcp://127.0.0.1:26657",
};
const event = (data: object, happened: object, text = "q") => ({ query: text, data, events: happened });

function votesOf(type: 1 | 2, round: number, height = 7): VoteSet {
  let votes = EMPTY_VOTE_SET;
  for (const name of Object.keys(fixtures).filter((text) => text.startsWith(`vote ${height} ${type} ${round} `))) {
    const vote = decodeVote(bytesOf(name));
    const power = set.validators[vote.validatorIndex]?.votingPower ?? 0n;
    votes = addToVoteSet(votes, vote, blockKey(vote.blockId), power, set.totalVotingPower);
  }
  return votes;
}
const roundVotes = (round: number): RoundVotes => ({
  prevotes: votesOf(1, round),
  precommits: votesOf(2, round),
  weight: 0n,
});
const deciding: RoundState = {
  height: 7,
  round: 1,
  step: "prevote",
  enteredMs: timestampToMs(MOMENT),
  validators: set,
  proposal: decodeProposal(bytesOf("proposal")),
  proposalBlock: { parts: [true], block },
  lockedRound: -1,
  lockedBlock: undefined,
  validRound: -1,
  validBlock: undefined,
  votes: [roundVotes(0), roundVotes(1)],
  lastCommit: votesOf(2, 2, 6),
  lastValidators: set,
  isWaitingForPrevotes: false,
  isWaitingForPrecommits: false,
};
const waiting: RoundState = {
  ...deciding,
  round: 0,
  step: "idle",
  proposal: undefined,
  proposalBlock: undefined,
  votes: [{ prevotes: EMPTY_VOTE_SET, precommits: EMPTY_VOTE_SET, weight: 0n }],
  lastCommit: EMPTY_VOTE_SET,
  lastValidators: undefined,
};
/** The times of a height are our clock's, in whole milliseconds. */
const MS_TEXT = /2026-11-21T06:50:01\.12(?!0)Z/g;
const withMoment = (json: object) => new RawJson(goJson(json).replace(MS_TEXT, "2026-11-21T06:50:01.1200003Z"));

const OURS: Readonly<Record<string, object>> = {
  block: blockResultJson({ blockId, block }),
  "block first": blockResultJson({ blockId, block: first }),
  "block none": blockResultJson(undefined),
  block_search: { blocks: [blockResultJson({ blockId, block: first })], total_count: int64(31) },
  "block_search none": { blocks: [], total_count: int64(0) },
  header: { header: headerJson(header) },
  "header none": { header: null },
  commit: { signed_header: { header: headerJson(header), commit: commitJson(commit) }, canonical: true },
  blockchain: {
    last_height: int64(7),
    block_metas: [blockMetaJson({ blockId, blockBytes: 12345, header, txs: 2 })],
  },
  validators: {
    block_height: int64(7),
    validators: set.validators.slice(1).map(validatorJson),
    count: int64(2),
    total: int64(3),
  },
  consensus_params: {
    block_height: int64(8),
    consensus_params: consensusParamsJson(decodeConsensusParams(bytesOf("params"))),
  },
  "block_results results": results.blockResultsJson(7, full),
  "block_results noResults": results.blockResultsJson(7, none),
  tx: txJson({ ...found, result: bad }),
  "tx proved": txJson({ ...found, result: good, proof: proofIn(block.txs, 1) }),
  "tx alone proved": txJson({ hash: txId(one), height: 7, index: 0, tx: one, result: bad, proof: proofIn([one], 0) }),
  tx_search: { txs: [txJson({ ...found, result: bad })], total_count: int64(5) },
  "tx_search none": { txs: [], total_count: int64(0) },
  broadcast_tx_sync: { code: 7, data: "", log: refused.log, codespace: "edream", hash: hex(found.hash) },
  broadcast_tx_commit: {
    check_tx: results.checkTxJson(accepted),
    tx_result: results.txResultJson(good),
    hash: hex(found.hash),
    height: int64(7),
  },
  "broadcast_tx_commit refused": {
    check_tx: results.checkTxJson(refused),
    tx_result: results.txResultJson(results.EMPTY_TX_RESULT),
    hash: hex(found.hash),
    height: int64(0),
  },
  check_tx: results.checkTxJson(accepted),
  "check_tx refused": results.checkTxJson(refused),
  broadcast_evidence: { hash: base64(hashEvidence(evidence)) },
  abci_info: results.abciInfoJson({
    data: "energy-ledger",
    version: "0.1.0",
    appVersion: 1,
    lastBlockHeight: 7,
    lastBlockAppHash: ascending(32, 62),
  }),
  "abci_info first": results.abciInfoJson({
    data: "energy-ledger",
    version: "0.1.0",
    appVersion: 1,
    lastBlockHeight: 0,
    lastBlockAppHash: new Uint8Array(0),
  }),
  abci_query: results.abciQueryJson(query, []),
  "abci_query proved": results.abciQueryJson(query, [
    { type: "edream:state", key: query.key, data: Buffer.from("proof") },
  ]),
  "abci_query refused": results.abciQueryJson(
    {
      ...query,
      code: 102,
      codespace: "edream",
      log: "QUERY_NOT_FOUND: x",
      key: new Uint8Array(0),
      value: new Uint8Array(0),
    },
    [],
  ),
  unconfirmed_txs: { n_txs: int64(1), total: int64(2), total_bytes: int64(6), txs: [base64(one)] },
  "unconfirmed_txs none": { n_txs: int64(0), total: int64(0), total_bytes: int64(0), txs: [] },
  num_unconfirmed_txs: { n_txs: int64(2), total: int64(2), total_bytes: int64(6), txs: null },
  health: {},
  subscribe: {},
  genesis_chunked: { chunk: int64(0), total: int64(1), data: "e30=" },
  status: statusJson({
    nodeInfo,
    latest: { hash: ascending(32, 1), appHash: ascending(32, 2), height: 7, time: MOMENT },
    earliest: { hash: ascending(32, 3), appHash: ascending(32, 4), height: 1, time: MOMENT },
    catchingUp: true,
    validator: { ...validator, power: 30n },
  }),
  "status first": statusJson({
    nodeInfo,
    latest: NO_BLOCK,
    earliest: NO_BLOCK,
    catchingUp: false,
    validator: { ...validator, power: 0n },
  }),
  net_info: netInfoJson(
    ["Listener(@)"],
    [
      {
        nodeInfo,
        isOutbound: true,
        remoteIp: "127.0.0.1",
        connectedSince: MOMENT,
        connectedMs: 5000,
        receivedBytes: 77,
      },
    ],
  ),
  "net_info alone": netInfoJson(["Listener(@)"], []),
  consensus_state: withMoment({ round_state: roundStateSimpleJson(deciding, 0) }),
  "consensus_state waiting": withMoment({ round_state: roundStateSimpleJson(waiting, 0) }),
  dump_consensus_state: withMoment({
    round_state: roundStateJson(deciding, 0),
    peers: [peerStateJson({ address: "0102@127.0.0.1:26656", height: 7, round: 1 })],
  }),
  "dump_consensus_state waiting": withMoment({ round_state: roundStateJson(waiting, 0), peers: [] }),
  "event NewBlock results": event(
    events.newBlockJson(first, blockId, full),
    { "tm.event": ["NewBlock"] },
    "tm.event='NewBlock'",
  ),
  "event NewBlock noResults": event(
    events.newBlockJson(first, blockId, none),
    { "tm.event": ["NewBlock"] },
    "tm.event='NewBlock'",
  ),
  "event NewBlockEvents results": event(events.newBlockEventsJson(7, full.events, 2), { "a.b": ["1", "2"] }),
  "event NewBlockEvents noResults": event(events.newBlockEventsJson(7, [], 0), { "a.b": ["1", "2"] }),
  "event NewBlockHeader": event(events.newBlockHeaderJson(header), { "tm.event": ["NewBlockHeader"] }),
  "event NewEvidence": event(events.newEvidenceJson(7, evidence), { "tm.event": ["NewEvidence"] }),
  "event Tx": event(events.txEventJson({ height: 7, index: 1 }, two, bad), { "tm.event": ["Tx"] }),
  "event Tx first": event(events.txEventJson({ height: 7, index: 0 }, one, good), { "tm.event": ["Tx"] }),
  "event ValidatorSetUpdates": event(events.validatorSetUpdatesJson([{ publicKey: validator.publicKey, power: 9n }]), {
    "tm.event": ["ValidatorSetUpdates"],
  }),
  "event Vote": event(events.voteEventJson(evidence.voteA), { "tm.event": ["Vote"] }),
  "event RoundState": event(events.roundStateEventJson({ height: 7, round: 1, step: "RoundStepPropose" }), {
    "tm.event": ["Lock"],
  }),
  "event NewRound": event(
    events.newRoundJson(
      { height: 7, round: 1, step: "RoundStepNewRound" },
      proposerJson(set, set.validators[1]?.address ?? new Uint8Array(0)),
    ),
    { "tm.event": ["NewRound"] },
  ),
  "event CompleteProposal": event(
    events.completeProposalJson({ height: 7, round: 1, step: "RoundStepPropose" }, blockId),
    { "tm.event": ["CompleteProposal"] },
  ),
};

test.each(Object.entries(responses))("%s is answered in Go's very text", (name, text) => {
  const ours = OURS[name];
  expect(ours, `${name} has no counterpart here`).toBeDefined();
  expect(resultText(URI_ID, ours ?? {})).toBe(text);
});

test("every counterpart has a vector", () => {
  expect(Object.keys(OURS).filter((name) => responses[name] === undefined)).toEqual([]);
});

test("evidence is written as Go's types write it", () => {
  for (const [name, text] of Object.entries(COMETBFT_VECTORS.evidence))
    expect(goJson(evidenceJson(decodeEvidence(bytesOf(name))))).toBe(text);
  expect(goJson(blockJson(block))).toContain(goJson(blockIdJson(blockId)));
});
