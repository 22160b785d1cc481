/** Limits of the RPC: CometBFT's where it has one (config.toml [rpc], rpc/core, rpc/jsonrpc/server), else why it is what it is. */

/** Bytes of a request body, and of one websocket message. */
export const MAX_BODY_BYTES = 1_000_000;

/** Requests of one batch (max_request_batch_size). */
export const MAX_BATCH_REQUESTS = 10;

/** Bytes of all request headers. CometBFT takes 1 MB; no client of it sends more than a few hundred bytes. */
export const MAX_HEADER_BYTES = 64 * 1024;

/** Characters of a query. */
export const MAX_QUERY_BYTES = 512;

/** Sockets open at once, websockets among them (max_open_connections). */
export const MAX_OPEN_CONNECTIONS = 900;

/** Clients with subscriptions (max_subscription_clients), and subscriptions of one (max_subscriptions_per_client). */
export const MAX_SUBSCRIPTION_CLIENTS = 100;
export const MAX_SUBSCRIPTIONS_PER_CLIENT = 5;

/** Bytes a websocket client may leave unread before its subscriptions end: some twenty blocks of 200 KB. CometBFT counts 200 messages. */
export const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/** After that, how long it may take to read at all before it is disconnected, in ms (CometBFT's write deadline). */
export const UNREAD_TIMEOUT_MS = 10_000;

/** How often a websocket is asked by a ping whether it is there, in ms; one that says nothing between two is gone. CometBFT waits 30 s for a word. */
export const SOCKET_PING_MS = 15_000;

/** Requests of one websocket that wait for their answer; further ones are read only when some are done. */
export const MAX_WAITING_MESSAGES = 16;

/** How long broadcast_tx_commit waits for a block, in ms (timeout_broadcast_tx_commit). */
export const BROADCAST_COMMIT_TIMEOUT_MS = 10_000;

/** Time to send a whole request, in ms (ReadTimeout). */
export const REQUEST_TIMEOUT_MS = 10_000;

export const DEFAULT_PER_PAGE = 30;
export const MAX_PER_PAGE = 100;

/** Headers of one blockchain answer. */
export const MAX_BLOCKCHAIN_HEADERS = 20;

/** Bytes of one chunk of the genesis document. */
export const GENESIS_CHUNK_BYTES = 16 * 1024 * 1024;

/** Index entries that one search looks at: 100 000 take 0.6 s (Node 24.21, LevelDB). CometBFT has no such limit. */
export const MAX_SEARCHED_ENTRIES = 100_000;

/**
 * Searches at once, and those that wait for their turn. One keeps the process busy for 25 ms at a time, eight at once for 170 ms, in which no vote is
 * counted. CometBFT searches in threads of their own.
 */
export const MAX_RUNNING_SEARCHES = 2;
export const MAX_WAITING_SEARCHES = 100;

/** Bytes of all answers over HTTP that their clients have not read yet; ten blocks of a batch can have 30 MB. */
export const MAX_UNREAD_ANSWER_BYTES = 256 * 1024 * 1024;
