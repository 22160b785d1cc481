import { readFileSync } from "node:fs";
import type { DeepPartial } from "cosmjs-types/helpers";
import { Request, Response } from "cosmjs-types/tendermint/abci/types";
import { expect, test } from "vitest";
import type { SignerPort } from "#consensus/engine/ports.ts";
import { createPrivvalAnswers } from "../cometbft/remoteSigner.ts";
import { createFrameReader, encodeFrame } from "../network/framing.ts";
import { blockContextOf, commitInfoOf, paramsOfAbci, publicKeyOfAbci } from "./fields.ts";

/** Frames that CometBFT's own Go code wrote (testdata/emit), in hex. */
const VECTORS = JSON.parse(readFileSync(new URL("./testdata/cometbft.json", import.meta.url), "utf8")) as Record<
  "requests" | "responses" | "signer",
  Readonly<Record<string, string>>
>;

const fill = (length: number, value: number) => new Uint8Array(length).fill(value);
const MOMENT = { seconds: 1_795_249_800n, nanos: 120_000_001 };
const TXS = [fill(3, 9), fill(0, 0), fill(300, 10)];
const MISBEHAVIOR = [
  { type: "duplicateVote", address: fill(20, 4), power: 10n, height: 5, time: MOMENT, totalVotingPower: 40n },
  { type: "lightClientAttack", address: fill(20, 5), power: 11n, height: 6, time: MOMENT, totalVotingPower: 41n },
];
const COMMIT = {
  round: 2,
  votes: [
    { address: fill(20, 6), power: 10n, blockIdFlag: "commit" },
    { address: fill(20, 7), power: 10n, blockIdFlag: "absent" },
    { address: fill(20, 8), power: 10n, blockIdFlag: "nil" },
  ],
};
const SNAPSHOT = { height: 7n, format: 1, chunks: 2, hash: fill(32, 11), metadata: fill(64, 12) };

/** The one frame in these bytes. */
function unframe(hex: string | undefined): Uint8Array {
  const frames: Uint8Array[] = [];
  const reader = createFrameReader(1024 * 1024, (frame) => frames.push(frame));
  reader.push(new Uint8Array(Buffer.from(hex ?? "", "hex")));
  reader.end();
  expect(frames).toHaveLength(1);
  return frames[0] as Uint8Array;
}
const requestOf = (name: string) => Request.decode(unframe(VECTORS.requests[name]));

test("every request that CometBFT can send is read for what it is", () => {
  const kinds = Object.keys(VECTORS.requests).map((name) => {
    const present = Object.entries(requestOf(name)).filter(([, value]) => value !== undefined);
    expect(present, name).toHaveLength(1);
    return present[0]?.[0];
  });
  expect([...new Set(kinds)].sort()).toStrictEqual(
    Object.keys(VECTORS.requests)
      .map((name) => (name === "recheckTx" ? "checkTx" : name))
      .filter((name, index, all) => all.indexOf(name) === index)
      .sort(),
  );
});

test("blocks are read field by field: times, misbehaviour, votes, transactions", () => {
  const context = {
    height: 8,
    time: MOMENT,
    proposerAddress: fill(20, 18),
    misbehavior: MISBEHAVIOR,
    nextValidatorsHash: fill(32, 17),
  };
  const { prepareProposal, processProposal, finalizeBlock } = {
    ...requestOf("prepareProposal"),
    processProposal: requestOf("processProposal").processProposal,
    finalizeBlock: requestOf("finalizeBlock").finalizeBlock,
  };
  if (!prepareProposal || !processProposal || !finalizeBlock) throw new Error("a request is missing");
  for (const request of [prepareProposal, processProposal, finalizeBlock]) {
    expect(blockContextOf(request)).toStrictEqual(context);
    expect(request.txs).toStrictEqual(TXS);
  }
  expect(prepareProposal.maxTxBytes).toBe(2n ** 21n);
  expect(commitInfoOf(finalizeBlock.decidedLastCommit)).toStrictEqual(COMMIT);
  expect(commitInfoOf(processProposal.proposedLastCommit)).toStrictEqual(COMMIT);
  expect([processProposal.hash, finalizeBlock.hash]).toStrictEqual([fill(32, 19), fill(32, 19)]);
});

test("the start of a chain, transactions, queries and snapshots are read field by field", () => {
  const { initChain } = requestOf("initChain");
  expect(initChain).toMatchObject({ time: MOMENT, chainId: "grid", initialHeight: 1n });
  expect(Buffer.from(initChain?.appStateBytes ?? []).toString()).toBe('{"a":1}');
  expect(initChain?.validators.map(({ pubKey, power }) => [publicKeyOfAbci(pubKey), power])).toStrictEqual([
    [{ type: "ed25519", bytes: fill(32, 1) }, 10n],
    [{ type: "secp256k1", bytes: fill(33, 2) }, 2n ** 40n],
  ]);
  expect(paramsOfAbci(initChain?.consensusParams)).toStrictEqual({
    block: { maxBytes: 2_097_152, maxGas: -1 },
    evidence: { maxAgeNumBlocks: 100, maxAgeDurationMs: 48 * 3600 * 1000, maxBytes: 1000 },
    validator: { pubKeyTypes: ["ed25519"] },
    version: { app: 3 },
    abci: { voteExtensionsEnableHeight: 0 },
  });
  expect(requestOf("info").info).toMatchObject({ version: "0.38.25", abciVersion: "2.0.0", blockVersion: 11n });
  expect([requestOf("checkTx").checkTx?.type, requestOf("recheckTx").checkTx?.type]).toStrictEqual([0, 1]);
  expect(requestOf("query").query).toStrictEqual({
    data: fill(4, 13),
    path: "/edream/account",
    height: 9n,
    prove: true,
  });
  expect(requestOf("offerSnapshot").offerSnapshot).toStrictEqual({ snapshot: SNAPSHOT, appHash: fill(32, 15) });
  expect(requestOf("loadSnapshotChunk").loadSnapshotChunk).toStrictEqual({ height: 7n, format: 1, chunk: 1 });
  const apply = { index: 1, chunk: fill(9, 16), sender: "peer" };
  expect(requestOf("applySnapshotChunk").applySnapshotChunk).toStrictEqual(apply);
});

const EVENTS = [
  {
    type: "meter",
    attributes: [
      { key: "id", value: "a", index: true },
      { key: "empty", value: "", index: false },
    ],
  },
];

/** What the handler answers, as partial as it answers it. */
const RESPONSES: Readonly<Record<string, DeepPartial<Response>>> = {
  exception: { exception: { error: "wrong" } },
  echo: { echo: { message: "hello" } },
  flush: { flush: {} },
  info: {
    info: {
      data: "energy-ledger",
      version: "0.1.0",
      appVersion: 3n,
      lastBlockHeight: 9n,
      lastBlockAppHash: fill(32, 20),
    },
  },
  initChain: { initChain: { appHash: fill(32, 21), validators: [] } },
  query: {
    query: {
      code: 5,
      log: "why",
      key: fill(2, 22),
      value: fill(3, 23),
      proofOps: { ops: [{ type: "edream:state", key: fill(2, 22), data: fill(4, 24) }] },
      height: 9n,
      codespace: "edream",
    },
  },
  queryWithoutProof: { query: { height: 9n } },
  checkTx: { checkTx: { code: 31, log: "SIGNATURE_INVALID", gasWanted: 7n, codespace: "edream" } },
  checkTxAccepted: { checkTx: { code: 0 } },
  commit: { commit: { retainHeight: 12n } },
  commitKeepingAll: { commit: { retainHeight: 0n } },
  listSnapshots: { listSnapshots: { snapshots: [SNAPSHOT] } },
  offerSnapshot: { offerSnapshot: { result: 4 } },
  loadSnapshotChunk: { loadSnapshotChunk: { chunk: fill(9, 16) } },
  applySnapshotChunk: { applySnapshotChunk: { result: 3, refetchChunks: [0, 300], rejectSenders: ["peer"] } },
  prepareProposal: { prepareProposal: { txs: TXS } },
  processProposal: { processProposal: { status: 2 } },
  finalizeBlock: {
    finalizeBlock: {
      events: EVENTS,
      txResults: [
        { code: 1, data: fill(2, 25), log: "l", gasWanted: 5n, gasUsed: -1n, events: EVENTS, codespace: "edream" },
        {},
      ],
      validatorUpdates: [
        { pubKey: { ed25519: fill(32, 1) }, power: 10n },
        { pubKey: { ed25519: fill(32, 1) }, power: 0n },
      ],
      appHash: fill(32, 26),
    },
  },
  extendVote: { extendVote: {} },
  verifyVoteExtension: { verifyVoteExtension: { status: 1 } },
};

test("every response is, byte for byte, the one that CometBFT's own server would have sent", () => {
  for (const [name, response] of Object.entries(RESPONSES)) {
    const bytes = Response.encode(
      Response.fromPartial(response as Parameters<typeof Response.fromPartial>[0]),
    ).finish();
    expect(Buffer.from(encodeFrame(bytes)).toString("hex"), name).toBe(VECTORS.responses[name]);
  }
  expect(Object.keys(RESPONSES).sort()).toStrictEqual(Object.keys(VECTORS.responses).sort());
});

/** Signs with a fixed signature, or refuses. */
const signerWith = (signs: boolean): SignerPort => ({
  address: fill(20, 29),
  signVote: async (vote) => (signs ? { ...vote, signature: fill(64, 30) } : undefined),
  signProposal: async (proposal) => (signs ? { ...proposal, signature: fill(64, 31) } : undefined),
});

test("the signer reads CometBFT's requests, and its answers are, byte for byte, those of CometBFT's own signer", async () => {
  const publicKey = { type: "ed25519", bytes: fill(32, 1) } as const;
  const answer = createPrivvalAnswers(signerWith(true), publicKey, "grid");
  const pairs = {
    pubKeyRequest: "pubKeyResponse",
    signVoteRequest: "signedVoteResponse",
    signProposalRequest: "signedProposalResponse",
    pingRequest: "pingResponse",
  } as const;
  for (const [asked, answered] of Object.entries(pairs)) {
    const reply = await answer(unframe(VECTORS.signer[asked]));
    expect(Buffer.from(encodeFrame(reply)).toString("hex"), asked).toBe(VECTORS.signer[answered]);
  }
});

test("what is not signed is refused with CometBFT's error, for another chain too", async () => {
  const publicKey = { type: "ed25519", bytes: fill(32, 1) } as const;
  const vote = unframe(VECTORS.signer.signVoteRequest);
  for (const answer of [
    createPrivvalAnswers(signerWith(false), publicKey, "grid"),
    createPrivvalAnswers(signerWith(true), publicKey, "another"),
  ]) {
    const reply = Buffer.from(await answer(vote)).toString("hex");
    expect(reply).not.toContain("1e".repeat(64));
    // signed_vote_response = 4, in it no vote's content, and an error = 2.
    expect(reply).toMatch(/^22..0a..?.*12/);
  }
});
