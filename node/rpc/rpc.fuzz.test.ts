import { once } from "node:events";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz, fuzzAsync } from "#storage/fuzz/runs.ts";
import { weightOf } from "#storage/fuzz/weight.ts";
import { createTestNetwork, eventually, type TestNetwork } from "../testNetwork.ts";
import { ArgumentFault } from "./argument.ts";
import { COMETBFT_VECTORS } from "./cometbftVectors.ts";
import { readEvidence } from "./cometJson/readEvidence.ts";
import { JsonFields } from "./cometJson/readFields.ts";
import { readCommit, readHeader, readValidator } from "./cometJson/readHeaders.ts";
import { compileQuery } from "./query/match.ts";
import { formatQuery, parseQuery } from "./query/parser.ts";
import { QueryError } from "./query/queryError.ts";
import { RPC_ERRORS } from "./rpcError.ts";

let net: TestNetwork;
let url: string;

beforeAll(async () => {
  net = await createTestNetwork({ validators: 1 });
  const node = await net.start("validator0", { rpcListen: "127.0.0.1:0", createEmptyBlocks: true });
  url = node.rpc?.url ?? "";
  await eventually(async () => (await fetch(`${url}/block?height=2`)).status === 200 || undefined);
}, 60_000);

afterAll(() => net[Symbol.asyncDispose]());

/** Each method with arguments that it takes. */
const CALLS: readonly (readonly [method: string, params: object])[] = [
  ["status", {}],
  ["block", { height: "1" }],
  ["block_by_hash", { hash: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }],
  ["block_results", { height: "1" }],
  ["blockchain", { minHeight: "1", maxHeight: "2" }],
  ["commit", { height: "1" }],
  ["header", { height: "2" }],
  ["validators", { height: "1", page: "1", per_page: "10" }],
  ["genesis_chunked", { chunk: "0" }],
  ["consensus_params", { height: "1" }],
  ["consensus_state", {}],
  ["dump_consensus_state", {}],
  ["net_info", {}],
  ["unconfirmed_txs", { limit: "5" }],
  ["abci_info", {}],
  ["abci_query", { path: "/edream/members", data: "7B7D", height: "0", prove: false }],
  ["tx", { hash: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", prove: true }],
  ["tx_search", { query: "tx.height > 0", prove: false, page: "1", per_page: "5", order_by: "asc" }],
  [
    "block_search",
    { query: "block.height > 0 AND validator.action EXISTS", page: "1", per_page: "5", order_by: "desc" },
  ],
  ["check_tx", { tx: "CgEKEgEKGgEK" }],
  ["broadcast_tx_sync", { tx: "CgEKEgEKGgEK" }],
  ["broadcast_tx_async", { tx: "CgEKEgEKGgEK" }],
  ["broadcast_tx_commit", { tx: "CgEKEgEKGgEK" }],
  ...Object.values(COMETBFT_VECTORS.evidence).map(
    (text) => ["broadcast_evidence", { evidence: JSON.parse(text) }] as const,
  ),
];
const REQUESTS = CALLS.map(([method, params]) => JSON.stringify({ jsonrpc: "2.0", id: 7, method, params }));
const LISTED = CALLS.map(([method, params]) =>
  JSON.stringify({ jsonrpc: "2.0", id: "x", method, params: Object.values(params) }),
);
const BATCHES = [`[${REQUESTS.slice(0, 4).join()}]`, `[${LISTED.slice(3, 13).join()}]`];

const CODES: readonly number[] = Object.values(RPC_ERRORS).map(({ code }) => code);

/** One answer or the answers of a batch, each a result or an error of the table, and none that says the node met what it did not expect. */
function expectAnswers(text: string): void {
  const answers = JSON.parse(text) as unknown;
  for (const answer of (Array.isArray(answers) ? answers : [answers]) as Record<string, unknown>[]) {
    expect(answer.jsonrpc).toBe("2.0");
    const error = answer.error as { code: number; data?: string } | undefined;
    if (error === undefined) expect(answer).toHaveProperty("result");
    else expect(CODES).toContain(error.code);
    expect(error?.data ?? "").not.toContain("could not answer this request");
  }
}

test(
  "a changed body is answered with a result or an error of the table",
  async () => {
    await fuzzAsync("RPC body", changedJson([...REQUESTS, ...LISTED, ...BATCHES]), 150, async (body) => {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(url, { method: "POST", headers, body });
      const text = await answer.text();
      expect([200, 400, 500]).toContain(answer.status);
      // An empty body lists the methods; a notification is not answered.
      if (text !== "" && !text.startsWith("<html>")) expectAnswers(text);
    });
  },
  FUZZ_TIMEOUT_MS,
);

const uriText = fc.oneof(
  changedJson(CALLS.flatMap(([, params]) => Object.values(params).map((value) => JSON.stringify(value)))),
  fc.stringMatching(/^0[xX][0-9a-fA-Fg]{0,70}$/),
  fc.string({ unit: "binary" }),
);
const uri = fc
  .record({ call: fc.constantFrom(...CALLS), values: fc.array(uriText, { maxLength: 4 }), extra: fc.string() })
  .map(({ call: [method, params], values, extra }) => {
    const names = Object.keys(params);
    const query = new URLSearchParams(values.map((value, index): [string, string] => [names[index] ?? extra, value]));
    return `${method}?${query}`;
  });

test(
  "a changed URI is answered with a result or an error of the table",
  async () => {
    await fuzzAsync("RPC URI", uri, 150, async (path) => {
      const answer = await fetch(`${url}/${path}`);
      // 431: more header than the server reads.
      expect([200, 404, 431, 500]).toContain(answer.status);
      const text = await answer.text();
      if (answer.status === 200 || answer.status === 500) expectAnswers(text);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "changed messages on a websocket are answered, and the next request too",
  async () => {
    const subscriptions = ["subscribe", "unsubscribe"].map((method) =>
      JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method,
        params: { query: "tm.event = 'NewBlock' AND block.height > 1" },
      }),
    );
    const messages = fc.array(changedJson([...REQUESTS, ...subscriptions]), { minLength: 1, maxLength: 8 });
    await fuzzAsync("RPC messages", messages, 25, async (texts) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`);
      await once(socket, "open");
      const ended = once(socket, "close");
      const last = Promise.withResolvers<void>();
      socket.on("message", (data) => {
        expectAnswers(String(data));
        if ((JSON.parse(String(data)) as { id: unknown }).id === "the last") last.resolve();
      });
      for (const text of texts) socket.send(text);
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: "the last", method: "health", params: {} }));
      await last.promise;
      socket.close();
      await ended;
    });
  },
  FUZZ_TIMEOUT_MS,
);

/** What another reader than JSON.parse must refuse in its own words. */
function readOrFault<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentFault);
    return undefined;
  }
}

test(
  "changed evidence, headers, commits and validators in Go's JSON are read or a fault of the argument",
  () => {
    const result = (name: string) =>
      (JSON.parse(COMETBFT_VECTORS.responses[name] ?? "{}") as { result?: unknown }).result;
    const evidence = Object.values(COMETBFT_VECTORS.evidence).map(
      (text) => JSON.parse(text) as { type: string; value: unknown },
    );
    const readers = [
      ...evidence.map(({ type, value }) => ({
        sample: value,
        read: (json: JsonFields) => readEvidence(type, json) as unknown,
      })),
      { sample: (result("block") as { block?: { header?: object } })?.block?.header ?? {}, read: readHeader },
      { sample: (result("block") as { block?: { last_commit?: object } })?.block?.last_commit ?? {}, read: readCommit },
      { sample: (result("validators") as { validators?: object[] })?.validators?.[0] ?? {}, read: readValidator },
    ];
    for (const { sample, read } of readers)
      fuzz("Go's JSON", changedJson([JSON.stringify(sample)]), 60, (text) => {
        let json: unknown;
        try {
          json = JSON.parse(text);
        } catch {
          return;
        }
        const value = readOrFault(() => read(new JsonFields(json, "sample")));
        expect(weightOf(value)).toBeLessThan(8192 + 64 * text.length);
      });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed query is refused in CometBFT's words, or is the same when it is written and read again",
  () => {
    const samples = COMETBFT_VECTORS.queries.map(({ query }) => Buffer.from(query));
    const changed = fc
      .tuple(fc.constantFrom(...samples), fc.constantFrom(...samples), fc.array(byteMutation, { maxLength: 3 }))
      .map(([sample, donor, mutations]) => Buffer.from(mutateBytes(sample, mutations, donor)).toString("utf8"));
    const events = {
      "tm.event": ["NewBlock"],
      "tx.height": ["5", "x"],
      "a.b": ["2026-01-01T00:00:00Z", "1".repeat(200)],
    };
    fuzz("query of events", changed, 800, (text) => {
      let written: string;
      try {
        const query = parseQuery(text);
        // With a space behind them these words begin a moment, here as in CometBFT: tags of that name have no normal form.
        if (query.some(({ tag }) => tag === "TIME" || tag === "DATE")) return;
        written = formatQuery(query);
        expect(typeof compileQuery(query)(events)).toBe("boolean");
      } catch (error) {
        expect(error).toBeInstanceOf(QueryError);
        return;
      }
      expect(formatQuery(parseQuery(written))).toBe(written);
    });
  },
  FUZZ_TIMEOUT_MS,
);
