import { createRequire } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { weightOf } from "#storage/fuzz/weight.ts";
import { FieldWriter } from "#storage/types/wire.ts";
import { isPlausibleRpc } from "./gossipRpc.ts";
import { MAX_RPC_CONTROLS, MAX_RPC_MESSAGE_IDS, MAX_RPC_MESSAGES } from "./limits.ts";

/** GossipSub's own codec, which its package does not export. */
const entry = createRequire(import.meta.url).resolve("@chainsafe/libp2p-gossipsub");
const { RPC } = (await import(pathToFileURL(`${dirname(entry)}/message/rpc.js`).href)) as {
  RPC: { encode(rpc: object): Uint8Array; decode(bytes: Uint8Array): object };
};

const topic = "edream/test-1/txs/1";
const id = (fill: number) => new Uint8Array(32).fill(fill);
const subscriptions = [
  { subscribe: true, topic },
  { subscribe: false, topic: "edream/test-1/headers/1" },
];
const messages = [{ data: new Uint8Array(300).fill(7), topic }];
const control = {
  ihave: [{ topicID: topic, messageIDs: [id(1), id(2)] }],
  iwant: [{ messageIDs: [id(3)] }],
  graft: [{ topicID: topic }],
  prune: [{ topicID: topic, peers: [{ peerID: id(4), signedPeerRecord: id(5) }], backoff: 60 }],
  idontwant: [{ messageIDs: [id(6)] }],
};
const noControl = { ihave: [], iwant: [], graft: [], prune: [], idontwant: [] };
const SAMPLES = [
  RPC.encode({ subscriptions, messages: [] }),
  RPC.encode({ subscriptions: [], messages }),
  RPC.encode({ subscriptions: [], messages: [], control }),
  RPC.encode({ subscriptions, messages: [...messages, ...messages], control }),
];

/** One empty structure of GossipSub's, and what a byte of input may become: a message id of 32 bytes has an object of its own. */
const EMPTY_WEIGHT = 2048;
const GROWTH = 32;

test(
  "what GossipSub sends is let through; of anything else, no more than a multiple of its bytes is ever built",
  () => {
    for (const sample of SAMPLES) expect(isPlausibleRpc(sample)).toBe(true);
    fuzz("gossip RPC", changedSample(SAMPLES), 800, (bytes) => {
      if (!isPlausibleRpc(bytes)) return;
      let rpc: object;
      try {
        rpc = RPC.decode(bytes);
      } catch {
        // The guard takes this for garbage too.
        return;
      }
      expect(weightOf(rpc)).toBeLessThan(EMPTY_WEIGHT + GROWTH * bytes.length);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test("the most that honest nodes send is let through, and one entry more of each kind is not", () => {
  const ids = (count: number) => ({ messageIDs: Array(count).fill(id(1)) });
  const withControl = (part: object) =>
    RPC.encode({ subscriptions: [], messages: [], control: { ...noControl, ...part } });
  const idLists = (counts: readonly number[]) => withControl({ iwant: counts.map(ids) });
  expect(isPlausibleRpc(idLists([5000, 5000, 5000]))).toBe(true);
  expect(isPlausibleRpc(idLists([5000, 5000, MAX_RPC_MESSAGE_IDS - 10_000 + 1]))).toBe(false);
  const grafts = (count: number) => withControl({ graft: Array(count).fill({ topicID: topic }) });
  expect(isPlausibleRpc(grafts(MAX_RPC_CONTROLS))).toBe(true);
  expect(isPlausibleRpc(grafts(MAX_RPC_CONTROLS + 1))).toBe(false);
  const ofMessages = (count: number) => RPC.encode({ subscriptions: [], messages: Array(count).fill(messages[0]) });
  expect(isPlausibleRpc(ofMessages(MAX_RPC_MESSAGES))).toBe(true);
  expect(isPlausibleRpc(ofMessages(MAX_RPC_MESSAGES + 1))).toBe(false);
});

test("millions of two-byte entries are refused in every list, before the decoder builds them", () => {
  const count = 1_000_000;
  const repeated = (field: number) => Buffer.alloc(2 * count, Uint8Array.of(field * 8 + 2, 0));
  const nested = (...path: readonly number[]) =>
    path.reduceRight<Uint8Array>((inner, field) => new FieldWriter().message(field, inner).finish(), new Uint8Array(0));
  const within = (path: readonly number[], field: number) =>
    path.reduceRight<Uint8Array>((inner, outer) => new FieldWriter().message(outer, inner).finish(), repeated(field));
  for (const [path, field] of [
    [[], 1],
    [[], 2],
    [[], 3],
    [[], 9],
    [[1], 2],
    [[2], 2],
    [[3], 1],
    [[3, 1], 2],
    [[3, 2], 1],
    [[3, 3], 1],
    [[3, 4], 2],
    [[3, 4, 2], 1],
    [[3, 5], 1],
  ] as const)
    expect(isPlausibleRpc(within(path, field)), `${path} ${field}`).toBe(false);
  expect(isPlausibleRpc(nested(3, 3, 1))).toBe(true);
});
