import { publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { hashHeader } from "#storage/types/header.ts";
import { makeLightClientAttackEvidence } from "#storage/types/lightClientAttack.ts";
import { hashValidatorSet, newValidatorSet } from "#storage/types/validatorSet.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import { createEvidencePool, type EvidencePool } from "./evidencePool.ts";
import type { TestNet } from "./testNet.ts";
import { type TestDisk, validatorsAt } from "./testNode.ts";

/** What a light node saw: a block of `height` by validators 2 and 3 alone, with another application state. */
export function attackOn(net: TestNet, height: number) {
  const disk = net.nodes[0]?.disk;
  const blockAt = (at: number) => {
    const record = disk?.blocks.get(at)?.record;
    const validatorSet = disk && validatorsAt(disk, at);
    if (record === undefined || validatorSet === undefined) throw new TypeError("no block");
    return { signedHeader: { header: record.block.header, commit: record.seenCommit }, validatorSet };
  };
  const culprits = [2, 3].map((index) => net.keys[index]).filter((key) => key !== undefined);
  const validatorSet = newValidatorSet(culprits.map((key) => ({ publicKey: publicKeyOf(key), power: 1n })));
  const header = {
    ...blockAt(height).signedHeader.header,
    appHash: new Uint8Array(32).fill(7),
    validatorsHash: hashValidatorSet(validatorSet),
  };
  const blockId = { hash: hashHeader(header), partSetHeader: { total: 1, hash: new Uint8Array(32).fill(5) } };
  const signatures = validatorSet.validators.map(({ address, publicKey }) => {
    const key = culprits.find((each) => Buffer.compare(publicKeyOf(each).bytes, publicKey.bytes) === 0);
    if (key === undefined) throw new TypeError("no key");
    const vote = { type: "precommit", height, round: 0, blockId, timestamp: header.time } as const;
    const signature = sign(key, voteSignBytes(vote, net.genesis.chainId));
    return { blockIdFlag: "commit" as const, validatorAddress: address, timestamp: header.time, signature };
  });
  const conflicting = { signedHeader: { header, commit: { height, round: 0, blockId, signatures } }, validatorSet };
  return makeLightClientAttackEvidence(conflicting, blockAt(height - 1), blockAt(height));
}

/** A pool of its own, which knows the chain that is on `disk`. */
export function poolOver(net: TestNet, disk: TestDisk): EvidencePool {
  return createEvidencePool({
    chainId: net.genesis.chainId,
    loadValidators: async (height) => validatorsAt(disk, height),
    loadBlockTime: async (height) => disk.blocks.get(height)?.record.block.header.time,
    loadSignedHeader: async (height) => {
      const record = disk.blocks.get(height)?.record;
      return record && { header: record.block.header, commit: record.seenCommit };
    },
  });
}
