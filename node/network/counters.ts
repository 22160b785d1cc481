/** What the network counts. Plain numbers that only grow; node/api makes metrics of them. */
export interface NetworkCounters {
  /** Gossip messages and bytes received as new, and what became of them. */
  gossipReceived: number;
  gossipReceivedBytes: number;
  gossipAccepted: number;
  gossipIgnored: number;
  gossipRejected: number;
  /** RPCs dropped by the rate limit, and RPCs that could not be decoded. */
  gossipFlooded: number;
  gossipGarbage: number;
  gossipPublished: number;
  gossipPublishedBytes: number;
  gossipPublishFailed: number;
  txsReceived: number;
  txsPublished: number;
  consensusReceived: number;
  consensusReceivedBytes: number;
  consensusSent: number;
  consensusSentBytes: number;
  /** Consensus messages dropped because a peer reads too slowly. */
  consensusDropped: number;
  consensusFlooded: number;
  requestsServed: number;
  requestsRefused: number;
  requestsSent: number;
  requestsFailed: number;
  frameViolations: number;
  peersAdmitted: number;
  peersLost: number;
  peersRejected: number;
  peersBanned: number;
  dials: number;
  dialsFailed: number;
}

export function createCounters(): NetworkCounters {
  return {
    gossipReceived: 0,
    gossipReceivedBytes: 0,
    gossipAccepted: 0,
    gossipIgnored: 0,
    gossipRejected: 0,
    gossipFlooded: 0,
    gossipGarbage: 0,
    gossipPublished: 0,
    gossipPublishedBytes: 0,
    gossipPublishFailed: 0,
    txsReceived: 0,
    txsPublished: 0,
    consensusReceived: 0,
    consensusReceivedBytes: 0,
    consensusSent: 0,
    consensusSentBytes: 0,
    consensusDropped: 0,
    consensusFlooded: 0,
    requestsServed: 0,
    requestsRefused: 0,
    requestsSent: 0,
    requestsFailed: 0,
    frameViolations: 0,
    peersAdmitted: 0,
    peersLost: 0,
    peersRejected: 0,
    peersBanned: 0,
    dials: 0,
    dialsFailed: 0,
  };
}
