import type { Stream } from "@libp2p/interface";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeMessage } from "#consensus/engine/messages.ts";
import { mutateWire } from "#storage/fuzz/mutateWire.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import { cometBft, fromHex } from "#storage/types/cometbftVectors.ts";
import { encodeEvidence } from "#storage/types/evidence.ts";
import { parseTimestamp } from "#storage/types/time.ts";
import { decodeVote, type Vote } from "#storage/types/vote.ts";
import { FieldWriter } from "#storage/types/wire.ts";
import { encodeFrame } from "./network/framing.ts";
import { protocolsOf } from "./network/protocols.ts";
import { type RawPeer, startRawPeer } from "./network/rawPeer.ts";
import { encodeAnswer } from "./network/responseFrame.ts";
import { receiveOneFrame } from "./network/streams.ts";
import { encodeTxBatch } from "./network/txBatch.ts";
import type { RunningNode } from "./runningNode.ts";
import { encodeHeightRange, encodeProofRequest, encodeSubmission } from "./serve/messages.ts";
import { createTestNetwork, eventually, type TestNetwork } from "./testNetwork.ts";

let net: TestNetwork;
let validator: RunningNode;
let full: RunningNode;

beforeAll(async () => {
  net = await createTestNetwork({ validators: 1, full: 1 });
  validator = await net.start("validator0");
  full = await net.start("full0");
  await eventually(async () => (await height(full)) > 0);
}, 60_000);

afterAll(() => net[Symbol.asyncDispose]());

async function answerOf(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${validator.api?.url}/ledger/v1/${path}`);
  return (await response.json()) as Record<string, unknown>;
}

async function height(node: RunningNode): Promise<number> {
  const response = await fetch(`${node.api?.url}/ledger/v1/status`);
  return ((await response.json()) as { height: number }).height;
}

async function peersOf(node: RunningNode): Promise<readonly string[]> {
  const response = await fetch(`${node.api?.url}/ledger/v1/peers`);
  return ((await response.json()) as { peers: { peerId: string }[] }).peers.map(({ peerId }) => peerId);
}

const PROTOCOLS = protocolsOf("edream-test");
const GOSSIP = "/meshsub/1.2.0";

/** A field that no request has: what makes valid bytes malformed in the last place that looks. */
const malformed = (request: Uint8Array) => encodeFrame(Buffer.concat([request, Uint8Array.of(0x7a, 0)]));
const rpcOf = (topic: string, data: Uint8Array) => {
  const message = new FieldWriter().message(2, data).message(4, Buffer.from(topic)).finish();
  return encodeFrame(new FieldWriter().message(2, message).finish());
};
const vote = encodeMessage({ type: "vote", vote: decodeVote(fromHex(cometBft.votes[1]?.bytes ?? "")) });
const brokenVote = Buffer.concat([
  vote.subarray(0, 1),
  mutateWire(vote.subarray(1), [{ kind: "addUnknown", at: 0, pick: 9 }]),
]);

/** What the peer writes, anew each time: the next on another stream, or another gossip message. */
const CASES: readonly { name: string; protocol: string; bytes: (turn: number) => Uint8Array }[] = [
  { name: "a status that is no JSON", protocol: PROTOCOLS.status.id, bytes: () => encodeFrame(Buffer.from("{")) },
  { name: "a frame beyond the limit", protocol: PROTOCOLS.peers.id, bytes: () => encodeFrame(new Uint8Array(65)) },
  {
    name: "a malformed block request",
    protocol: PROTOCOLS.blocks.id,
    bytes: () => malformed(encodeHeightRange({ from: 1, count: 1 })),
  },
  {
    name: "a malformed request for light blocks",
    protocol: PROTOCOLS.light.id,
    bytes: () => malformed(encodeHeightRange({ from: 1, count: 1 })),
  },
  {
    name: "a malformed proof request",
    protocol: PROTOCOLS.proof.id,
    bytes: () => malformed(encodeProofRequest({ txIds: [] })),
  },
  { name: "a malformed submission", protocol: PROTOCOLS.submit.id, bytes: () => malformed(encodeSubmission([])) },
  { name: "malformed evidence", protocol: PROTOCOLS.evidence.id, bytes: () => malformed(new Uint8Array(0)) },
  { name: "a vote with a field too many", protocol: PROTOCOLS.consensus, bytes: () => encodeFrame(brokenVote) },
  {
    name: "an RPC of empty message ids",
    protocol: GOSSIP,
    bytes: () => encodeFrame(Buffer.from("1a060a0412001200", "hex")),
  },
  {
    name: "gossip that is no batch of transactions",
    protocol: GOSSIP,
    bytes: (turn) => rpcOf(PROTOCOLS.txsTopic, Uint8Array.of(0xff, 0xff, 0xff, turn)),
  },
  {
    name: "gossiped transactions that are none",
    protocol: GOSSIP,
    bytes: (turn) => rpcOf(PROTOCOLS.txsTopic, encodeTxBatch([Uint8Array.of(10, turn)])),
  },
  {
    name: "a gossiped header that is none",
    protocol: GOSSIP,
    bytes: (turn) => rpcOf(PROTOCOLS.headersTopic, Uint8Array.of(8, turn)),
  },
];

/** More than the mildest offence needs for a ban. */
const TURNS = 20;

/** Streams that carry one message after the other; on the others each request has its own. */
const LASTING: readonly string[] = [GOSSIP, PROTOCOLS.consensus];

async function writeUntilBanned(
  attacker: RawPeer,
  protocol: string,
  bytes: (turn: number) => Uint8Array,
): Promise<void> {
  const [address = ""] = validator.addresses;
  // The engine listens to those whom it can answer.
  let isHeard = protocol !== PROTOCOLS.consensus;
  await attacker.host.handle(PROTOCOLS.consensus, () => {
    isHeard = true;
  });
  const connection = await attacker.connect(address, { chainId: net.chainId });
  await eventually(() => isHeard);
  let stream: Stream | undefined;
  for (let turn = 0; turn < TURNS && connection.status === "open"; turn++) {
    if (LASTING.includes(protocol) && stream?.writeStatus === "writable") {
      stream.send(bytes(turn));
      continue;
    }
    stream = await attacker.write(connection, protocol, bytes(turn)).catch(() => undefined);
    // The refusal is awaited, so that the requests come one after the other.
    if (stream !== undefined && !LASTING.includes(protocol))
      await receiveOneFrame(stream, 10_000, AbortSignal.timeout(10_000)).catch(() => undefined);
  }
  await eventually(() => connection.status !== "open");
  await attacker.connect(address, { chainId: net.chainId }).catch(() => undefined);
  await eventually(() => attacker.host.getConnections().length === 0);
}

async function expectChainGoesOn(): Promise<void> {
  const [before, beforeFull] = [await height(validator), await height(full)];
  await eventually(async () => (await height(validator)) > before && (await height(full)) > beforeFull);
  expect(await peersOf(full)).toContain(validator.peerId);
}

test.each(CASES)(
  "$name costs its sender the connection, and the chain goes on",
  async ({ protocol, bytes }) => {
    await using attacker = await startRawPeer();
    await writeUntilBanned(attacker, protocol, bytes);
    await expectChainGoesOn();
  },
  30_000,
);

test("blocks that are none, in answer to a node that believes to be behind, cost their sender points", async () => {
  await using attacker = await startRawPeer();
  const [address = ""] = validator.addresses;
  const listening = Promise.withResolvers<void>();
  await attacker.host.handle(PROTOCOLS.consensus, () => listening.resolve());
  await attacker.host.handle(PROTOCOLS.blocks.id, (stream) => {
    stream.send(encodeFrame(encodeAnswer(Uint8Array.of(0xff, 1, 2, 3))));
    stream.close().catch(() => undefined);
  });
  const connection = await attacker.connect(address, { chainId: net.chainId });
  await listening.promise;
  const stream = await attacker.write(connection, PROTOCOLS.consensus, encodeFrame(brokenVote));
  // Nine tenths of a ban; what is answered is the rest.
  for (let turn = 1; turn < 9; turn++) stream.send(encodeFrame(brokenVote));
  const claim = { height: 1_000_000, base: 1, round: 0, hasProposal: false, parts: [], votes: [] };
  stream.send(encodeFrame(encodeMessage({ type: "status", status: { ...claim, lastCommit: new Uint8Array(0) } })));
  await eventually(() => connection.status !== "open");
  await expectChainGoesOn();
}, 30_000);

test("evidence of two votes that nobody signed costs its sender the connection at once", async () => {
  const header = await answerOf("headers/1");
  const { validators } = await answerOf("validators/1");
  const [{ address, votingPower }] = validators as [{ address: string; votingPower: string }];
  const hash = new Uint8Array(32).fill(7);
  const vote: Vote = {
    type: "precommit",
    height: 1,
    round: 0,
    blockId: NIL_BLOCK_ID,
    timestamp: parseTimestamp(String(header.time)),
    validatorAddress: Buffer.from(address, "hex"),
    validatorIndex: 0,
    signature: new Uint8Array(64).fill(1),
  };
  const evidence = encodeEvidence({
    type: "duplicateVote",
    voteA: vote,
    voteB: { ...vote, blockId: { hash, partSetHeader: { total: 1, hash } } },
    totalVotingPower: BigInt(votingPower),
    validatorPower: BigInt(votingPower),
    timestamp: vote.timestamp,
  });
  await using attacker = await startRawPeer();
  const connection = await attacker.connect(validator.addresses[0] ?? "", { chainId: net.chainId });
  await attacker.write(connection, PROTOCOLS.evidence.id, encodeFrame(evidence));
  await eventually(() => connection.status !== "open");
  await expectChainGoesOn();
}, 30_000);

test("garbage on libp2p's own protocols ends their streams and nothing else", async () => {
  await using attacker = await startRawPeer();
  const [address = ""] = validator.addresses;
  const connection = await attacker.connect(address, { chainId: net.chainId });
  const garbage = [
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f),
    encodeFrame(new Uint8Array(200).fill(0xff)),
    new Uint8Array(5000),
  ];
  for (const protocol of ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", PROTOCOLS.kademlia])
    for (const bytes of garbage) {
      const stream = await attacker.write(connection, protocol, bytes).catch(() => undefined);
      await stream?.close().catch(() => undefined);
    }
  await expectChainGoesOn();
}, 30_000);
