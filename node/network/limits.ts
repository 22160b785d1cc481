import { MAX_TX_BYTES } from "#storage/limits.ts";

/** Every limit of the network: its unit, and why it is what it is. A limit is checked before anything is allocated. */

/** Bytes at which a batch of transactions leaves at once: 64 transactions of 250 B, where gossip costs 3 µs each (research/limits.md §6). */
export const TX_BATCH_TARGET_BYTES = 16 * 1024;

/** Bytes of a batch of several transactions; a larger transaction travels alone. Beyond 64 KiB the gain per transaction is small. */
export const TX_BATCH_MAX_BYTES = 64 * 1024;

/** Milliseconds a transaction waits for company. */
export const TX_BATCH_DELAY_MS = 5;

/** Transactions of one batch: 64 KiB of the smallest signed transactions, about 100 B, with room to spare. */
export const TX_BATCH_MAX_TXS = 1024;

/** Bytes of one gossip message: the largest transaction with its framing. */
export const MAX_GOSSIP_MESSAGE_BYTES = MAX_TX_BYTES + 64;

/** Bytes of one gossiped header: header, commit and validator set of 100 validators are about 22 KB. */
export const MAX_HEADER_MESSAGE_BYTES = 64 * 1024;

/** Bytes of one gossiped signature of an anchor: about 230 with all fields (bridge/signatureWire.ts). */
export const MAX_CHECKPOINT_MESSAGE_BYTES = 512;

/** Bytes of one GossipSub RPC: an answer to IWANT holds the messages of up to three heartbeats. */
export const MAX_GOSSIP_RPC_BYTES = 8 * 1024 * 1024;
export const MAX_LIGHT_GOSSIP_RPC_BYTES = 2 * 1024 * 1024;

/**
 * What one GossipSub RPC may hold. Honest nodes put into one: their subscriptions (two), messages that were asked for, one list of up to 5000
 * ids a topic they offer and one they ask for, a graft or prune a topic. The other fields are those of subscriptions, grafts and prunes.
 */
export const MAX_RPC_MESSAGES = 5000;
export const MAX_RPC_CONTROLS = 64;
export const MAX_RPC_MESSAGE_IDS = 15_000;
export const MAX_RPC_OTHER_FIELDS = 512;

/** Bytes of a gossip message's id: SHA-256 of its data. */
export const GOSSIP_MESSAGE_ID_BYTES = 32;

/** Bytes of gossip that may wait for one slow peer before its stream is given up. */
export const MAX_GOSSIP_SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Gossip RPCs per second from one peer: 20 publishers that flush every 5 ms, all heard through one neighbour, are 4 000; half of that costs 15 % of a core. */
export const GOSSIP_MESSAGES_PER_SECOND = 2000;
export const GOSSIP_MESSAGES_BURST = 4000;

/** Bytes per second from one peer: five times 10 000 transactions of 300 B. */
export const GOSSIP_BYTES_PER_SECOND = 16 * 1024 * 1024;
export const GOSSIP_BYTES_BURST = 32 * 1024 * 1024;

/** Bytes of gossip of one peer, and of all peers, that may be in validation at once; what comes on top is ignored. */
export const MAX_VALIDATING_BYTES_PER_PEER = 8 * 1024 * 1024;
export const MAX_VALIDATING_BYTES = 32 * 1024 * 1024;

/** Bytes of one consensus message: a block part of 64 KiB with its proof is the largest honest one. */
export const MAX_CONSENSUS_MESSAGE_BYTES = 1024 * 1024;

/** Bytes that may wait for one peer on its consensus stream; the oldest go first, the engine's status exchange repairs the loss. */
export const MAX_CONSENSUS_QUEUE_BYTES = 8 * 1024 * 1024;

/** Consensus bytes per second from one peer: two blocks of 2 MiB a second in parts, votes and catch-up beside them. */
export const CONSENSUS_BYTES_PER_SECOND = 16 * 1024 * 1024;
export const CONSENSUS_BYTES_BURST = 64 * 1024 * 1024;

/** What a consensus message takes of that rate beside its bytes: an empty one is read and judged too. */
export const CONSENSUS_MESSAGE_OVERHEAD_BYTES = 256;

/** Milliseconds between two attempts to open a consensus stream again. */
export const CONSENSUS_REOPEN_MS = 500;

/** Requests of one peer that are answered at once, and bytes of all answers that may be under way. */
export const MAX_REQUESTS_PER_PEER = 8;
export const MAX_RESPONSE_BYTES_IN_FLIGHT = 64 * 1024 * 1024;

/** Milliseconds for a whole request, from either end. */
export const REQUEST_TIMEOUT_MS = 15_000;

/** Milliseconds from the connection to a successful handshake. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Bytes of the code and the reason in an error frame. */
export const MAX_ERROR_FRAME_BYTES = 1024;

/** Addresses of one peer, bytes of one address (the longest dns multiaddr with a peer id), peers in one `peers` answer. */
export const MAX_ADDRESSES_PER_PEER = 8;
export const MAX_ADDRESS_BYTES = 384;
export const MAX_PEERS_PER_ANSWER = 64;

/** Bytes of an agent name in the status. */
export const MAX_AGENT_BYTES = 64;

/** Connections: a full node serves 100 validators and some hundred prosumers; a light node needs a few full nodes. */
export const MAX_CONNECTIONS = 300;
export const MAX_LIGHT_CONNECTIONS = 16;

/** Peers a node looks for by itself. */
export const TARGET_PEERS = 32;
export const TARGET_LIGHT_PEERS = 4;

/** New connections per second from one address: a household gateway restarts with all its nodes, a devnet lives on one address. */
export const INBOUND_CONNECTIONS_PER_SECOND = 64;

/** Milliseconds between two rounds of discovery, and before an address that failed is tried again. */
export const DISCOVERY_INTERVAL_MS = 15_000;
export const DISCOVERY_RETRY_MS = 120_000;

/** Addresses whose failure is remembered. */
export const MAX_FAILED_ADDRESSES = 1024;

/** Milliseconds before a lost persistent peer or seed is dialled again: doubled from the first to the last, without end. */
export const RECONNECT_FIRST_MS = 500;
export const RECONNECT_LAST_MS = 30_000;

/** Bytes a stream may receive before it is read: 256 KiB is Yamux's least; 1 MiB keeps a 100 ms path at 10 MB/s. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
export const MAX_STREAM_WINDOW_BYTES = 1024 * 1024;

/** Penalty points at which a peer is disconnected and banned, points forgiven per second, and milliseconds of the ban. */
export const BAN_POINTS = 100;
export const FORGIVEN_POINTS_PER_SECOND = 1;
export const BAN_MS = 300_000;

/** Peers whose penalties are remembered. */
export const MAX_REPUTATIONS = 4096;

/** Entries of the peer store and the DHT kept in memory: 512 B each, so that strangers cannot fill it. */
export const MAX_DATASTORE_ENTRIES = 8192;
