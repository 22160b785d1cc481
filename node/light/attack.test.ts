import { expect, test } from "vitest";
import { addressOf, generatePrivateKey, type PrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import { VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import { createNetwork, type Network } from "../network/network.ts";
import { decodeLightBlocks, encodeLightBlocks } from "../serve/messages.ts";
import { createTestNetwork, eventually } from "../testNetwork.ts";

/** Below it the second chain is the first. */
const FORK_HEIGHT = 5;

/** The validator signs a second block, with other transactions, in the same round. */
function signTwin(block: LightBlock, key: PrivateKey): LightBlock {
  const { header, commit } = block.signedHeader;
  if (header.height < FORK_HEIGHT) return block;
  const forged = { ...header, dataHash: new Uint8Array(32).fill(6) };
  const blockId = { hash: hashHeader(forged), partSetHeader: commit.blockId.partSetHeader };
  const { height, round } = commit;
  const signatures = commit.signatures.map((signature) => {
    const vote = { type: "precommit", height, round, blockId, timestamp: signature.timestamp } as const;
    return { ...signature, signature: sign(key, voteSignBytes(vote, header.chainId)) };
  });
  return { ...block, signedHeader: { header: forged, commit: { ...commit, blockId, signatures } } };
}

/** A full node of the second chain: what it is asked it asks the validator, and signs the twin of it. */
async function startTwin(chainId: string, validatorAddress: string, key: PrivateKey): Promise<Network> {
  const validatorId = validatorAddress.split("/").at(-1) ?? "";
  const network = await createNetwork(
    {
      nodeKey: generatePrivateKey("ed25519").bytes,
      role: "full",
      chainId,
      listen: ["/ip4/127.0.0.1/tcp/0"],
      agent: "twin",
      discover: false,
      seeds: [],
      persistentPeers: [validatorAddress],
    },
    {
      status: () => ({ height: 1, earliestHeight: 1 }),
      onTxs: async () => ({ decision: "ignore" }),
      onHeader: async () => "ignore",
      onConsensusMessage: () => undefined,
    },
  );
  const { light } = network.protocols;
  await network.handle(light, async (_peer, bytes) => {
    const [first, ...rest] = decodeLightBlocks(await network.request(validatorId, light, bytes));
    return encodeLightBlocks(first === undefined ? [] : [signTwin(first, key), ...rest]);
  });
  await eventually(() => network.peers.find(({ role }) => role === "validator"));
  return network;
}

test("a light node that sees two signed chains stops, tells the full nodes, and the guilty validator is named on the ledger", {
  timeout: 30_000,
}, async () => {
  await using network = await createTestNetwork({ validators: 1, light: 1 });
  const key = network.plan.nodes[0]?.keys[VALIDATOR_KEY_NAME] as PrivateKey;
  const validator = await network.start("validator0");
  const [address = ""] = validator.addresses;
  await using twin = await startTwin(network.chainId, address, key);
  const fullNodes = [address, ...twin.addresses];
  const light = await network.start("light0", { meterSource: "none", fullNodes, seeds: fullNodes });
  await expect(light.done).rejects.toMatchObject({ details: { code: "LIGHT_PROVIDER_CONFLICT" } });
  const exclusions = await eventually(async () => {
    const answer = await fetch(`${validator.api?.url}/ledger/v1/exclusions`);
    const { exclusions: found } = (await answer.json()) as { exclusions: object[] };
    return found.length > 0 ? found : undefined;
  });
  const guilty = Buffer.from(addressOf(publicKeyOf(key))).toString("hex");
  expect(exclusions).toMatchObject([{ address: guilty, reason: "lightClientAttack" }]);
});
