/** A request whose answer says nothing of the chain: what CometBFT answers to it is recorded and must be what we answer. */
export interface RecordedRequest {
  readonly name: string;
  readonly method: "GET" | "POST";
  /** With query. */
  readonly path: string;
  readonly body?: string;
}

const call = (name: string, method: string, params?: unknown, id: unknown = 1): RecordedRequest => ({
  name,
  method: "POST",
  path: "/",
  body: JSON.stringify({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) }),
});

const post = (name: string, body: string, path = "/"): RecordedRequest => ({ name, method: "POST", path, body });
const get = (name: string, path: string): RecordedRequest => ({ name, method: "GET", path });

/** A block hash, evidence or transaction that no chain has. */
const NOTHING_HEX = "AB".repeat(32);
const NOTHING_BASE64 = Buffer.from(NOTHING_HEX, "hex").toString("base64");
const LONG_QUERY = `tx.hash='${"A".repeat(510)}'`;

export const HOSTILE_REQUESTS: readonly RecordedRequest[] = [
  post("not JSON", "hello"),
  post("JSON cut short", '{"jsonrpc":"2.0","id":1'),
  post("a number", "5"),
  post("null", "null"),
  post("an empty object", "{}"),
  post("an empty batch", "[]"),
  post("a batch of nothing", "[null]"),
  post("a batch of a number", "[5]"),
  post("an id that is an object", '{"jsonrpc":"2.0","id":{},"method":"health"}'),
  post("an id that is true", '{"jsonrpc":"2.0","id":true,"method":"health"}'),
  post("an id that is null", '{"jsonrpc":"2.0","id":null,"method":"health"}'),
  post("an id that is a text", '{"jsonrpc":"2.0","id":"a<b","method":"health"}'),
  post("an id with a fraction", '{"jsonrpc":"2.0","id":7.9,"method":"health"}'),
  post("a negative id", '{"jsonrpc":"2.0","id":-7,"method":"health"}'),
  post("a large id", '{"jsonrpc":"2.0","id":123456789012,"method":"health"}'),
  post("no id", '{"jsonrpc":"2.0","method":"health"}'),
  post("no version", '{"id":1,"method":"health"}'),
  post("a method that is a number", '{"jsonrpc":"2.0","id":1,"method":5}'),
  post("no method", '{"jsonrpc":"2.0","id":1}'),
  post("params of null", '{"jsonrpc":"2.0","id":1,"method":"health","params":null}'),
  post("params of a text", '{"jsonrpc":"2.0","id":1,"method":"health","params":"x"}'),
  post("params of a number", '{"jsonrpc":"2.0","id":1,"method":"health","params":5}'),
  post("the same key twice", '{"jsonrpc":"2.0","id":1,"id":2,"method":"health"}'),
  post("bytes behind the JSON", '{"jsonrpc":"2.0","id":1,"method":"health"} x'),
  post("another path", '{"jsonrpc":"2.0","id":1,"method":"health"}', "/v1"),
  post("a method's path", '{"jsonrpc":"2.0","id":1,"method":"status"}', "/health"),
  call("an unknown method", "dial_moon"),
  call("a method of every object", "constructor"),
  call("an empty method", ""),
  call("a subscription over HTTP", "subscribe", { query: "tm.event='Tx'" }),
  call("unsubscribe_all over HTTP", "unsubscribe_all"),
  call("an unsafe method", "unsafe_flush_mempool"),
  call("superfluous params", "health", { moon: "5" }),
  call("too many params in a list", "health", ["5"]),
  call("too few params in a list", "tx", [NOTHING_BASE64]),
  call("an empty list of params", "health", []),
  call("a height as number", "block", { height: 5 }),
  call("a height that is no number", "block", { height: "five" }),
  call("a height with a fraction", "block", { height: "5.5" }),
  call("a height beyond 64 bits", "block", { height: "9223372036854775808" }),
  call("a height that is an object", "block", { height: {} }),
  call("a height of zero", "block", { height: "0" }),
  call("a negative height", "block", { height: "-5" }),
  call("a negative height of a commit", "commit", { height: "-1" }),
  call("a negative height of validators", "validators", { height: "-1" }),
  call("blockchain of negative heights", "blockchain", { minHeight: "-1", maxHeight: "5" }),
  call("blockchain the wrong way round", "blockchain", { minHeight: "5", maxHeight: "2" }),
  call("an unknown block", "block_by_hash", { hash: NOTHING_BASE64 }),
  call("a block by a hash that is not base64", "block_by_hash", { hash: "%%%" }),
  call("a block by no hash", "block_by_hash"),
  call("an unknown header", "header_by_hash", { hash: NOTHING_HEX }),
  call("a header by a hash that is not hex", "header_by_hash", { hash: "xyz" }),
  call("a header by a hash of odd length", "header_by_hash", { hash: "abc" }),
  call("an unknown transaction", "tx", { hash: NOTHING_BASE64 }),
  call("no transaction", "tx"),
  call("prove that is a text", "tx", { hash: NOTHING_BASE64, prove: "yes" }),
  call("a query that is none", "tx_search", { query: "=" }),
  call("a query that is a number", "tx_search", { query: 5 }),
  call("no query", "tx_search"),
  call("a query that is too long", "tx_search", { query: LONG_QUERY }),
  call("a hash in a query that is not hex", "tx_search", { query: "tx.hash='xyz'" }),
  call("an unknown transaction in a query", "tx_search", { query: `tx.hash='${NOTHING_HEX}'` }),
  call("an unknown order", "tx_search", { query: "tx.height>1000000", order_by: "up" }),
  call("page 0", "tx_search", { query: "tx.height>1000000", page: "0" }),
  call("page 2 of 1", "tx_search", { query: "tx.height>1000000", page: "2" }),
  call("a negative page", "tx_search", { query: "tx.height>1000000", page: "-1" }),
  call("nothing found", "tx_search", { query: "tx.height>1000000" }),
  call("a page size of zero", "tx_search", { query: "tx.height>1000000", per_page: "0" }),
  call("a page size as number", "tx_search", { query: "tx.height>1000000", per_page: 5 }),
  call("a query for blocks that is none", "block_search", { query: "block.height=" }),
  call("an unknown order of blocks", "block_search", { query: "block.height>1000000", order_by: "up" }),
  call("no blocks found", "block_search", { query: "block.height>1000000" }),
  call("page 2 of validators", "validators", { page: "2" }),
  call("a chunk that is not there", "genesis_chunked", { chunk: "1" }),
  call("a negative chunk", "genesis_chunked", { chunk: "-1" }),
  call("a transaction that is not base64", "broadcast_tx_sync", { tx: "%%%" }),
  call("a transaction that is a number", "broadcast_tx_sync", { tx: 5 }),
  call("evidence of null", "broadcast_evidence", { evidence: null }),
  call("no evidence", "broadcast_evidence"),
  call("evidence without type", "broadcast_evidence", { evidence: { value: {} } }),
  call("evidence without value", "broadcast_evidence", { evidence: { type: "tendermint/DuplicateVoteEvidence" } }),
  call("evidence of an unknown type", "broadcast_evidence", { evidence: { type: "tendermint/Rumour", value: {} } }),
  call("evidence that is empty", "broadcast_evidence", {
    evidence: { type: "tendermint/DuplicateVoteEvidence", value: {} },
  }),
  call("evidence of an attack that is empty", "broadcast_evidence", {
    evidence: { type: "tendermint/LightClientAttackEvidence", value: {} },
  }),
  call("evidence that is a text", "broadcast_evidence", { evidence: "x" }),
  call("query data that is not hex", "abci_query", { path: "/x", data: "xyz" }),
  call("a negative query height", "abci_query", { path: "/x", data: "", height: "x" }),
  post("a batch of two", '[{"jsonrpc":"2.0","id":1,"method":"health"},{"jsonrpc":"2.0","id":2,"method":"moon"}]'),
  post("a batch of one", '[{"jsonrpc":"2.0","id":1,"method":"health"}]'),
  post(
    "a batch with a notification",
    '[{"jsonrpc":"2.0","method":"health"},{"jsonrpc":"2.0","id":2,"method":"health"}]',
  ),
  post("a batch of ten", JSON.stringify(Array(10).fill({ jsonrpc: "2.0", id: 1, method: "health" }))),
  post("a batch of eleven", JSON.stringify(Array(11).fill({ jsonrpc: "2.0", id: 1, method: "health" }))),
  post("a body of a megabyte", `"${"x".repeat(1_000_000 - 2)}"`),
  post("a body beyond a megabyte", `"${"x".repeat(1_000_000 - 1)}"`),
  get("URI health", "/health"),
  get("URI of nothing", "/moon"),
  get("URI of a method of every object", "/constructor"),
  get("URI subscription", "/subscribe?query=%22tm.event=%27Tx%27%22"),
  get("URI height that is no number", "/block?height=five"),
  get("URI height of zero", "/block?height=0"),
  get("URI negative height", "/block?height=-1"),
  get("URI height in quotes that is none", "/block?height=%22x%22"),
  get("URI height in hex", "/block?height=0x5"),
  get("URI height beyond 64 bits", "/block?height=9223372036854775808"),
  get("URI hash in hex", `/tx?hash=0x${NOTHING_HEX}`),
  get("URI hash in capital hex", `/tx?hash=0X${NOTHING_HEX}`),
  get("URI hash that is not hex", "/tx?hash=0xzz"),
  get("URI hash in quotes", "/tx?hash=%22abc%22"),
  get("URI hash in base64", `/tx?hash=${encodeURIComponent(NOTHING_BASE64)}`),
  get("URI unknown block", `/block_by_hash?hash=0x${NOTHING_HEX}`),
  get("URI unknown header", `/header_by_hash?hash=0x${NOTHING_HEX}`),
  get("URI prove that is none", `/tx?hash=0x${NOTHING_HEX}&prove=maybe`),
  get("URI query without quotes", "/tx_search?query=tx.height>1000000"),
  get("URI query", "/tx_search?query=%22tx.height>1000000%22&prove=true&page=1&per_page=5&order_by=%22desc%22"),
  get("URI query in hex", `/tx_search?query=0x${Buffer.from("tx.height>1000000").toString("hex")}`),
  get("URI page 2", "/tx_search?query=%22tx.height>1000000%22&page=2"),
  get("URI without its argument", "/tx_search"),
  get("URI chunk that is not there", "/genesis_chunked?chunk=7"),
  get("URI evidence that is none", "/broadcast_evidence?evidence=5"),
  get("URI with a slash behind", "/health/"),
  get("URI in capitals", "/Health"),
];

/** Messages over one websocket, in this order; each is answered by one message unless `silent`. */
export interface RecordedMessage {
  readonly name: string;
  readonly text: string;
  readonly silent?: true;
}

const message = (name: string, method: string, params?: unknown, id: unknown = 1): RecordedMessage => ({
  name,
  text: JSON.stringify({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) }),
});
/** Queries that match nothing, so that only their acknowledgements come. */
const never = (n: number) => `tm.event='Never' AND n=${n}`;

export const HOSTILE_MESSAGES: readonly RecordedMessage[] = [
  message("health", "health"),
  message("an id that is a text", "health", {}, "abc"),
  message("an unknown method", "moon"),
  message("an empty method", ""),
  { name: "not JSON", text: "hello" },
  { name: "a batch", text: '[{"jsonrpc":"2.0","id":1,"method":"health"}]' },
  { name: "a notification", text: '{"jsonrpc":"2.0","method":"health"}', silent: true },
  { name: "an id that is an object", text: '{"jsonrpc":"2.0","id":{},"method":"health"}' },
  { name: "bytes behind the JSON", text: '{"jsonrpc":"2.0","id":1,"method":"health"} x' },
  message("a height as number", "block", { height: 5 }),
  message("a negative height", "block", { height: "-5" }),
  message("too many params in a list", "health", ["5"]),
  message("a query that is none", "subscribe", { query: "=" }),
  message("an empty query", "subscribe", { query: "" }),
  message("a query that is too long", "subscribe", { query: LONG_QUERY }),
  message("a query that is a number", "subscribe", { query: 5 }),
  message("unsubscribe without subscription", "unsubscribe", { query: never(1) }),
  message("unsubscribe_all without subscription", "unsubscribe_all"),
  message("unsubscribe from no query", "unsubscribe", { query: "=" }),
  message("subscription 1", "subscribe", { query: never(1) }),
  message("subscription 1 again", "subscribe", { query: never(1) }),
  message("subscription 1 in other spaces", "subscribe", { query: "tm.event = 'Never'   AND n = 1" }),
  message("subscription 2 in a list", "subscribe", [never(2)]),
  message("subscription 3", "subscribe", { query: never(3) }),
  message("subscription 4", "subscribe", { query: never(4) }),
  message("subscription 5", "subscribe", { query: never(5) }),
  message("subscription 6", "subscribe", { query: never(6) }),
  message("unsubscribe", "unsubscribe", { query: never(2) }),
  message("unsubscribe again", "unsubscribe", { query: never(2) }),
  message("subscription 6 in the place of 2", "subscribe", { query: never(6) }),
  message("unsubscribe_all", "unsubscribe_all"),
  message("unsubscribe_all again", "unsubscribe_all"),
  message("subscription after all", "subscribe", { query: never(1) }),
];
