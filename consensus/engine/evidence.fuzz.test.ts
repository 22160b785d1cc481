import { expect, test } from "vitest";
import { LedgerError } from "#storage/error.ts";
import { changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "#storage/fuzz/runs.ts";
import { makeDuplicateVoteEvidence } from "#storage/types/duplicateVote.ts";
import { decodeEvidence, type Evidence, encodeEvidence, hashEvidence } from "#storage/types/evidence.ts";
import { attackOn, poolOver } from "./testAttack.ts";
import { voteFor } from "./testFaults.ts";
import { createTestNet, type TestNet } from "./testNet.ts";

const HASH = new Uint8Array(32).fill(7);
const OTHER_BLOCK = { hash: HASH, partSetHeader: { total: 1, hash: HASH } };

/** Before the evidence in a message. */
const EVIDENCE_TAG = Uint8Array.of(6);

/** Two precommits of validator 3 at height 1, and an attack on a light node by two of four. */
async function evidenceOn(net: TestNet): Promise<readonly Evidence[]> {
  const record = net.nodes[0]?.disk.blocks.get(1)?.record;
  if (record === undefined) throw new TypeError("no block");
  const votes = [{}, { blockId: OTHER_BLOCK }].map((changes) =>
    voteFor(net, 3, 0, { height: 1, round: 5, type: "precommit", ...changes }),
  );
  const [first, second] = votes as [(typeof votes)[0], (typeof votes)[0]];
  return [
    makeDuplicateVoteEvidence(first, second, record.block.header.time, record.stateBefore.validators),
    attackOn(net, 3),
  ];
}

/** Whom it blames, and for what; an attack's evidence may be written in several ways that say the same. */
function blameOf(evidence: Evidence): unknown {
  const guilty =
    evidence.type === "duplicateVote"
      ? [evidence.voteA.validatorAddress]
      : evidence.byzantineValidators.map(({ address }) => address);
  const { totalVotingPower, timestamp } = evidence;
  const hexes = [hashEvidence(evidence), ...guilty].map((bytes) => Buffer.from(bytes).toString("hex"));
  return [evidence.type, hexes, totalVotingPower, timestamp];
}

test(
  "changed evidence is refused with a code, whether it is known by name or not, or blames the same for the same",
  async () => {
    const net = await createTestNet({ seed: 63, validators: 4 });
    await net.runUntil(() => net.height() >= 4, 60_000);
    const disk = net.nodes[0]?.disk;
    if (disk?.state === undefined) throw new TypeError("no chain");
    const { state } = disk;
    const truths = await evidenceOn(net);
    const knowing = poolOver(net, disk);
    for (const truth of truths) expect(await knowing.add(truth, state)).toEqual({ accepted: true });
    let judged = 0;
    await fuzzAsync("evidence", changedSample(truths.map(encodeEvidence)), 300, async (bytes) => {
      const evidence = decoded(bytes);
      if (evidence === undefined) return;
      judged += 1;
      const fresh = poolOver(net, disk);
      for (const verdict of [
        await knowing.check([evidence], state),
        await fresh.check([evidence], state),
        await fresh.add(evidence, state),
      ])
        if (verdict.accepted) expect(truths.map(blameOf)).toContainEqual(blameOf(evidence));
        else expect(verdict.code).toMatch(/^(EVIDENCE|COMMIT)_/);
    });
    expect(judged).toBeGreaterThan(20);
  },
  FUZZ_TIMEOUT_MS,
);

function decoded(bytes: Uint8Array): Evidence | undefined {
  try {
    return decodeEvidence(bytes);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

test(
  "a peer that sends changed evidence to a running engine is reported at most, and the chain goes on",
  async () => {
    const script = changedSample((await vectors()).map(encodeEvidence));
    await fuzzAsync("evidence to a running engine", script, 12, async (bytes) => {
      const net = await createTestNet({ seed: 64, validators: 4 });
      await net.runUntil(() => net.height() >= 4, 60_000);
      net.send(3, 1, Buffer.concat([EVIDENCE_TAG, bytes]));
      await net.runUntil(() => net.height() >= 6, 60_000);
      net.checkAgreement();
      for (const { peer, code } of net.nodes[1]?.reports ?? []) {
        expect(peer).toBe("n3");
        expect(code).toMatch(/^(MESSAGE|EVIDENCE|COMMIT)_/);
      }
    });
  },
  FUZZ_TIMEOUT_MS,
);

/** The evidence of a net of the same seed: the same keys, heights and times. */
async function vectors(): Promise<readonly Evidence[]> {
  const net = await createTestNet({ seed: 64, validators: 4 });
  await net.runUntil(() => net.height() >= 4, 60_000);
  return evidenceOn(net);
}
