/** Limits of the BigchainDB interface: the real server's where it has one, else why it is what it is. */

/** Bytes of a request body: Tendermint's RPC, to which the real server sends transactions, reads no more. */
export const MAX_BODY_BYTES = 1_000_000;

/** Bytes of a body that is too long and read all the same, so that its sender reads the answer; beyond it the connection is closed. */
export const MAX_DISCARDED_BYTES = 8_000_000;

/** Bytes of all request headers; clients send a few hundred. */
export const MAX_HEADER_BYTES = 16 * 1024;

/** Characters of a path with its query: the longest are searches. */
export const MAX_TARGET_CHARS = 8 * 1024;

/** Sockets open at once on the HTTP port. */
export const MAX_CONNECTIONS = 512;

/** Bytes of bodies that are being read, checked or waited for at once: what strangers can take of the memory. */
export const MAX_HELD_BYTES = 128 * 1024 * 1024;

/** Time to send a whole request, in ms. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** How long a client may leave an answer unread before it is disconnected, in ms. */
export const UNREAD_TIMEOUT_MS = 10_000;

/** How long mode=commit waits for a block, in ms (timeout_broadcast_tx_commit). */
export const COMMIT_TIMEOUT_MS = 10_000;

/** Requests with mode=commit that wait at once. */
export const MAX_COMMIT_WAITERS = 4096;

/** Entries of one page, where a client asks for pages. */
export const MAX_PAGE = 1000;

/** Clients of the event stream at once. */
export const MAX_STREAM_CLIENTS = 256;

/** Bytes of events that a client may leave unread: some 30 000 events. */
export const MAX_UNREAD_STREAM_BYTES = 4 * 1024 * 1024;

/** Bytes of one inbound frame; none is ever read for its content. */
export const MAX_INBOUND_FRAME_BYTES = 16 * 1024;

/** How often a client of the stream is asked by a ping whether it is there, in ms. */
export const STREAM_PING_MS = 15_000;
