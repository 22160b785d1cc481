import { expect, test } from "vitest";
import { MAX_ADDRESSES_PER_PEER, MAX_PEERS_PER_ANSWER } from "./limits.ts";
import type { NodeStatus } from "./status.ts";
import { decodePeers, decodeStatus, encodePeers, encodeStatus } from "./status.ts";

const STATUS: NodeStatus = {
  chainId: "edream-1",
  role: "validator",
  height: 12,
  earliestHeight: 1,
  agent: "energy-ledger/0.1.0",
  addresses: ["/ip4/127.0.0.1/tcp/26656"],
};
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test("a status and a list of peers come out as they went in", () => {
  expect(decodeStatus(encodeStatus(STATUS))).toEqual(STATUS);
  const peers = [{ peer: "12D3KooW", addresses: STATUS.addresses }];
  expect(decodePeers(encodePeers(peers))).toEqual(peers);
});

test("lists are cut to their limits when sent and refused beyond them when received", () => {
  const addresses = Array.from({ length: MAX_ADDRESSES_PER_PEER + 1 }, (_, index) => `/ip4/10.0.0.${index}/tcp/1`);
  expect(decodeStatus(encodeStatus({ ...STATUS, addresses })).addresses).toHaveLength(MAX_ADDRESSES_PER_PEER);
  expect(() => decodeStatus(bytesOf({ ...STATUS, addresses }))).toThrow("STATUS_MALFORMED reason=addresses");
  const peers = Array.from({ length: MAX_PEERS_PER_ANSWER + 1 }, () => ({ peer: "p", addresses: [] }));
  expect(decodePeers(encodePeers(peers))).toHaveLength(MAX_PEERS_PER_ANSWER);
  expect(() => decodePeers(bytesOf({ peers }))).toThrow("PEERS_MALFORMED reason=peers");
});

test.each([
  ["chainId", { chainId: "x".repeat(51) }],
  ["chainId", { chainId: "" }],
  ["role", { role: "king" }],
  ["height", { height: -1 }],
  ["height", { height: 1.5 }],
  ["height", { height: 2 ** 53 }],
  ["earliestHeight", { earliestHeight: "1" }],
  ["agent", { agent: "a".repeat(65) }],
  ["addresses", { addresses: "none" }],
  ["addresses", { addresses: ["/".repeat(385)] }],
])("a status with a bad %s is STATUS_MALFORMED (%j)", (field, change) => {
  expect(() => decodeStatus(bytesOf({ ...STATUS, ...change }))).toThrow(`STATUS_MALFORMED reason=${field}`);
});

test.each([new Uint8Array(), Uint8Array.of(0xff, 0xfe), bytesOf(null), bytesOf(7)])(
  "bytes that are no object are refused (%j)",
  (bytes) => {
    expect(() => decodeStatus(bytes)).toThrow(expect.objectContaining({ code: "STATUS_MALFORMED" }));
    expect(() => decodePeers(bytes)).toThrow(expect.objectContaining({ code: "PEERS_MALFORMED" }));
  },
);

test.each([{ peers: [null] }, { peers: [{ peer: "", addresses: [] }] }, { peers: [{ peer: "p", addresses: [1] }] }])(
  "an entry that is no peer makes the list PEERS_MALFORMED (%j)",
  (value) => {
    expect(() => decodePeers(bytesOf(value))).toThrow(expect.objectContaining({ code: "PEERS_MALFORMED" }));
  },
);
