import type { GossipsubOpts } from "@chainsafe/libp2p-gossipsub";
import type { TopicScoreParams } from "@chainsafe/libp2p-gossipsub/score";
import { createTopicScoreParams } from "@chainsafe/libp2p-gossipsub/score";

/**
 * GossipSub's own peer score, which decides about mesh and gossip. Its main term is our reputation (reputation.ts), so that
 * an offence on any protocol counts here too. Switched off are the terms that would punish honest nodes of a small
 * permissioned net: deliveries per mesh (quiet nets deliver nothing) and peers per address (operators share gateways).
 */
export function gossipScore(
  topics: readonly string[],
  pointsOf: (peer: string) => number,
): Pick<GossipsubOpts, "scoreParams" | "scoreThresholds"> {
  const topic: TopicScoreParams = createTopicScoreParams({
    topicWeight: 1,
    timeInMeshWeight: 0.01,
    timeInMeshQuantum: 1000,
    timeInMeshCap: 300,
    firstMessageDeliveriesWeight: 0.05,
    firstMessageDeliveriesDecay: 0.9,
    firstMessageDeliveriesCap: 100,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    invalidMessageDeliveriesWeight: -1,
    invalidMessageDeliveriesDecay: 0.9,
  });
  return {
    scoreParams: {
      topics: Object.fromEntries(topics.map((name) => [name, topic])),
      appSpecificScore: (peer) => -pointsOf(peer),
      appSpecificWeight: 1,
      IPColocationFactorWeight: 0,
      behaviourPenaltyWeight: -1,
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.9,
    },
    // Below 100 points, where reputation.ts disconnects: first no gossip, then no publishing, then deaf ears.
    scoreThresholds: {
      gossipThreshold: -40,
      publishThreshold: -60,
      graylistThreshold: -80,
      acceptPXThreshold: 1000,
      opportunisticGraftThreshold: 1,
    },
  };
}
