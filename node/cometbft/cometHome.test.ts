import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "smol-toml";
import { afterAll, expect, test } from "vitest";
import { generatePrivateKey } from "#storage/crypto/keys.ts";
import { nodeIdOf, parseNodeKey } from "#storage/types/nodeKey.ts";
import { defaultOptions, type NodeOptions } from "../options.ts";
import { writeCometHome } from "./cometHome.ts";
import { cometNodeId } from "./cometNodeKey.ts";

const folder = mkdtempSync(join(tmpdir(), "comet-home-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const node = generatePrivateKey("ed25519");
const RPC = { host: "127.0.0.1", port: 26_657 };

function write(options: Partial<NodeOptions> = {}, isValidator = true, rpc = RPC) {
  const home = mkdtempSync(join(folder, "home-"));
  writeFileSync(join(home, "genesis.json"), '{"chain_id":"x"}');
  const comet = writeCometHome(defaultOptions({ home, ...options }), { node, isValidator }, rpc);
  const config = parse(readFileSync(join(comet.directory, "config", "config.toml"), "utf8"));
  return { home, comet, config };
}

test("the configuration is a permissioned network's, out of the node's own options", () => {
  const peer = `${"ab".repeat(20)}@10.0.0.2:26720`;
  const { config, comet } = write({
    moniker: 'a "moniker"\nof two lines',
    cometbftPeers: [peer, peer],
    cometbftListen: "10.0.0.1:26720",
    timeoutProposeMs: 1234,
    heartbeatMs: 5000,
    mempoolMaxTxs: 77,
    stateSyncServers: ["http://10.0.0.2:1", "http://10.0.0.3:1"],
    trustedHeight: 9,
    trustedHash: "cd".repeat(32),
  });
  expect(config).toMatchObject({
    proxy_app: "unix://abci.sock",
    priv_validator_laddr: "unix://signer.sock",
    moniker: 'a "moniker"\nof two lines',
    p2p: { laddr: "tcp://10.0.0.1:26720", pex: false, persistent_peers: `${peer},${peer}` },
    mempool: { type: "flood", broadcast: false, size: 77 },
    consensus: { timeout_propose: "1234ms", create_empty_blocks: false, create_empty_blocks_interval: "5000ms" },
    statesync: {
      enable: true,
      rpc_servers: "http://10.0.0.2:1,http://10.0.0.3:1",
      trust_height: 9,
      trust_hash: "cd".repeat(32),
    },
    rpc: { laddr: "tcp://127.0.0.1:26657" },
  });
  expect(comet.rpcUrl).toBe("http://127.0.0.1:26657");
});

test("a full node has nothing to sign with, and no state sync unless asked for", () => {
  expect(write({}, false).config).toMatchObject({ priv_validator_laddr: "", statesync: { enable: false } });
});

test("the key of CometBFT's network is not the node's own, only this user reads it, and its id is known from the node's", () => {
  const { comet } = write();
  const file = join(comet.directory, "config", "node_key.json");
  const key = parseNodeKey(readFileSync(file, "utf8"));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(Buffer.from(key.bytes).equals(node.bytes)).toBe(false);
  expect(nodeIdOf(key)).toBe(cometNodeId(node));
  expect(cometNodeId(node)).toMatch(/^[0-9a-f]{40}$/);
});

test("no validator key is ever written", () => {
  const { comet } = write();
  expect(existsSync(join(comet.directory, "config", "priv_validator_key.json"))).toBe(false);
});

test("an RPC that listens everywhere is asked on this machine", () => {
  const urlOf = (host: string) => write({}, true, { host, port: 1 });
  expect(urlOf("0.0.0.0").comet.rpcUrl).toBe("http://127.0.0.1:1");
  expect(urlOf("::").comet.rpcUrl).toBe("http://[::1]:1");
  expect(urlOf("::").config).toMatchObject({ rpc: { laddr: "tcp://[::]:1" } });
});

test.each(["10.0.0.1:26720", "xyz@10.0.0.1:26720", `${"ab".repeat(20)}@10.0.0.1`, `${"ab".repeat(20)}@a,b:1@c`])(
  "a peer such as %s is refused by name",
  (peer) => {
    expect(() => write({ cometbftPeers: [peer] })).toThrow(/COMETBFT_OPTION_INVALID option=cometbftPeers/);
  },
);
