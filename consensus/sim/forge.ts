import type { Block } from "#storage/types/block.ts";
import { dataHash, decodeBlock, encodeBlock } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import type { Commit, CommitSig } from "#storage/types/commit.ts";
import { ABSENT_COMMIT_SIG, hashCommit } from "#storage/types/commit.ts";
import { type Evidence, hashEvidenceList } from "#storage/types/evidence.ts";
import { type Header, hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { makePartSet, type PartSet } from "#storage/types/partSet.ts";
import { addMs } from "#storage/types/time.ts";
import { hashValidatorSet, newValidatorSet } from "#storage/types/validatorSet.ts";
import type { Vote } from "#storage/types/vote.ts";
import type { StoredBlock } from "../engine/ports.ts";
import type { Traitor } from "./byzantine.ts";

/** Forged blocks and commits: each is wrong in one way, and consistent in all others, so that only the check of that way can refuse it. */

export function randomHash(traitor: Traitor): Uint8Array {
  return Uint8Array.from({ length: 32 }, () => traitor.random.int(256));
}

/** The block with other content, its hashes made right again. */
export function withContent(
  block: Block,
  content: { txs?: readonly Uint8Array[]; evidence?: readonly Evidence[]; lastCommit?: Commit },
): Block {
  const changed = { ...block, ...content };
  const header: Header = {
    ...block.header,
    dataHash: dataHash(changed.txs),
    evidenceHash: hashEvidenceList(changed.evidence),
    lastCommitHash: hashCommit(changed.lastCommit),
  };
  return { ...changed, header };
}

export function withHeader(block: Block, fields: Partial<Header>): Block {
  return { ...block, header: { ...block.header, ...fields } };
}

export function identify(block: Block): { readonly blockId: BlockId; readonly partSet: PartSet } {
  const partSet = makePartSet(encodeBlock(block));
  return { partSet, blockId: { hash: hashHeader(block.header), partSetHeader: partSet.header } };
}

type BlockForgery = (traitor: Traitor, block: Block) => Block;

/** What is wrong with an invalid block, by turns. */
export const BLOCK_FORGERIES: readonly BlockForgery[] = [
  (traitor, block) => withHeader(block, { dataHash: randomHash(traitor) }),
  (traitor, block) => withHeader(block, { lastResultsHash: randomHash(traitor) }),
  (traitor, block) => withHeader(block, { validatorsHash: randomHash(traitor) }),
  (traitor, block) => withHeader(block, { nextValidatorsHash: randomHash(traitor) }),
  (traitor, block) => withHeader(block, { consensusHash: randomHash(traitor) }),
  (traitor, block) => withHeader(block, { evidenceHash: randomHash(traitor) }),
  (traitor, block) => withHeader(block, { lastCommitHash: randomHash(traitor) }),
  (traitor, block) => withHeader(block, { proposerAddress: randomHash(traitor).subarray(0, 20) }),
  (traitor, block) => withHeader(block, { lastBlockId: { ...block.header.lastBlockId, hash: randomHash(traitor) } }),
  (_, block) => withHeader(block, { height: block.header.height + 1 }),
  (_, block) => withHeader(block, { chainId: "another-chain" }),
  (_, block) => withHeader(block, { version: { block: 11n, app: 99n } }),
  (traitor, block) => withContent(block, { txs: [...block.txs, randomHash(traitor)] }),
];

type CommitForgery = (traitor: Traitor, commit: Commit) => Commit;

const withSignatures = (commit: Commit, change: (each: CommitSig, index: number) => CommitSig): Commit => ({
  ...commit,
  signatures: commit.signatures.map(change),
});

/** What is wrong with a forged commit, by turns. */
export const COMMIT_FORGERIES: readonly CommitForgery[] = [
  // A signature that is none.
  (traitor, commit) => {
    const victim = traitor.random.int(commit.signatures.length);
    return withSignatures(commit, (each, index) =>
      index === victim && each.blockIdFlag !== "absent" ? { ...each, signature: new Uint8Array(64).fill(1) } : each,
    );
  },
  // A vote in the name of somebody who gave none, or whose it is not (GHSA-6jrf-4jv4-r9mw).
  (traitor, commit) => {
    const own = commit.signatures.find((each) => Buffer.compare(each.validatorAddress, traitor.address) === 0);
    return own === undefined ? commit : withSignatures(commit, () => own);
  },
  // Addresses exchanged: power would be counted for one validator and the time taken from another (GHSA-c32p-wcqj-j677).
  (_, commit) => {
    const present = commit.signatures.filter((each) => each.blockIdFlag === "commit");
    const [first, second] = [present[0], present.at(-1)];
    if (first === undefined || second === undefined) return commit;
    return withSignatures(commit, (each) =>
      each === first
        ? { ...each, validatorAddress: second.validatorAddress }
        : each === second
          ? { ...each, validatorAddress: first.validatorAddress }
          : each,
    );
  },
  // Too few.
  (traitor, commit) => {
    let left = Math.floor((2 * commit.signatures.length) / 3);
    const start = traitor.random.int(commit.signatures.length);
    const isKept = new Set(
      commit.signatures.map((_, index) => (start + index) % commit.signatures.length).filter(() => left-- > 0),
    );
    return withSignatures(commit, (each, index) => (isKept.has(index) ? each : ABSENT_COMMIT_SIG));
  },
  // Of another time: the median would move.
  (traitor, commit) =>
    withSignatures(commit, (each) =>
      each.blockIdFlag === "absent" ? each : { ...each, timestamp: addMs(each.timestamp, traitor.random.int(100_000)) },
    ),
];

/** A commit for `blockId` with signatures of the traitor only; for the others those of the true commit, which do not fit. */
function commitFor(traitor: Traitor, commit: Commit, blockId: BlockId): Commit {
  const signatures = commit.signatures.map((each, validatorIndex): CommitSig => {
    if (Buffer.compare(each.validatorAddress, traitor.address) !== 0) return each;
    const vote: Vote = {
      type: "precommit",
      height: commit.height,
      round: commit.round,
      blockId,
      timestamp: each.timestamp,
      validatorAddress: traitor.address,
      validatorIndex,
      signature: each.signature,
    };
    return { ...each, blockIdFlag: "commit", signature: traitor.signVote(vote).signature };
  });
  return { ...commit, blockId, signatures };
}

/** A forged answer to block sync for `height`, made from a block that is there: another block, or a commit that does not prove it. */
export function forgeStored(traitor: Traitor, stored: StoredBlock, height: number): StoredBlock {
  const { random } = traitor;
  const block = decodeBlock(stored.blockBytes);
  if (block.header.height === height && random.chance(0.6))
    return { ...stored, commit: random.pick(COMMIT_FORGERIES)(traitor, stored.commit) };
  const forged =
    block.header.height === height
      ? withHeader(block, { appHash: randomHash(traitor) })
      : withHeader(withContent(block, { lastCommit: stored.commit }), { height, lastBlockId: stored.commit.blockId });
  const { blockId } = identify(forged);
  return { blockBytes: encodeBlock(forged), commit: commitFor(traitor, { ...stored.commit, height }, blockId) };
}

/** A light block that full nodes did not finalise: another state, other validators, or a commit that does not prove it. */
export function forgeLight(traitor: Traitor, block: LightBlock): LightBlock {
  const { random } = traitor;
  const { signedHeader } = block;
  const kind = random.int(4);
  if (kind === 0)
    return {
      ...block,
      signedHeader: { ...signedHeader, commit: random.pick(COMMIT_FORGERIES)(traitor, signedHeader.commit) },
    };
  const forged = { ...signedHeader.header, appHash: randomHash(traitor) };
  if (kind === 1) return { ...block, signedHeader: { ...signedHeader, header: forged } };
  if (kind === 2) {
    const blockId = { ...signedHeader.commit.blockId, hash: hashHeader(forged) };
    return { ...block, signedHeader: { header: forged, commit: commitFor(traitor, signedHeader.commit, blockId) } };
  }
  // A committee of the traitor alone signs a header that names it.
  const publicKey = traitor.publicKey ?? { type: "ed25519", bytes: randomHash(traitor) };
  const validatorSet = newValidatorSet([{ publicKey, power: 10n }]);
  const header = { ...forged, validatorsHash: hashValidatorSet(validatorSet) };
  const blockId = { ...signedHeader.commit.blockId, hash: hashHeader(header) };
  const { address } = validatorSet.proposer;
  const vote = traitor.signVote({
    type: "precommit",
    height: header.height,
    round: 0,
    blockId,
    timestamp: header.time,
    validatorAddress: address,
    validatorIndex: 0,
    signature: new Uint8Array(64),
  });
  const signature: CommitSig = {
    blockIdFlag: "commit",
    validatorAddress: address,
    timestamp: header.time,
    signature: vote.signature,
  };
  return {
    validatorSet,
    signedHeader: { header, commit: { height: header.height, round: 0, blockId, signatures: [signature] } },
  };
}
