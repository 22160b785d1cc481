import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { cometConfig } from "#node/cometbft/cometHome.ts";
import { createCometRpc } from "#node/cometbft/cometRpc.ts";
import { freePorts } from "#node/freePorts.ts";
import { defaultOptions } from "#node/options.ts";
import { addressOf, generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { formatGenesis } from "#storage/types/genesis.ts";
import { formatNodeKey, nodeIdOf } from "#storage/types/nodeKey.ts";
import { DEFAULT_CONSENSUS_PARAMS } from "#storage/types/params.ts";
import { formatPrivValidatorKey } from "#storage/types/privValidatorKey.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import type { BenchTarget } from "./target.ts";

/** How long CometBFT may take to end when asked, in ms. */
const STOP_TIMEOUT_MS = 10_000;

/**
 * Four CometBFTs with the key-value application of their own program: no signatures, no rules, no second process. What is offered to it are
 * `key=value` texts as long as the load's transactions.
 */
export async function startKvstoreTarget(options: {
  readonly binary: string;
  readonly chainId: string;
  readonly validators: number;
  readonly timeoutCommitMs: number;
  readonly signal: AbortSignal;
}): Promise<BenchTarget> {
  const { binary, validators, signal } = options;
  await using opening = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "kvstore-bench-"));
  opening.defer(() => rmSync(directory, { recursive: true, force: true }));
  const ports = await freePorts(2 * validators);
  const nodes = Array.from({ length: validators }, (_, i) => ({
    home: join(directory, `kvstore${i}`),
    nodeKey: generatePrivateKey("ed25519"),
    key: generatePrivateKey("ed25519"),
    p2p: `127.0.0.1:${ports[2 * i]}`,
    rpc: `127.0.0.1:${ports[2 * i + 1]}`,
  }));
  const genesis = formatGenesis({
    genesisTime: timestampFromMs(Date.now()),
    chainId: options.chainId,
    initialHeight: 1,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: nodes.map(({ key }) => {
      const publicKey = publicKeyOf(key);
      return { address: addressOf(publicKey), publicKey, power: 10n, name: "" };
    }),
    appHash: new Uint8Array(0),
    appState: {},
  });
  const children: ChildProcess[] = [];
  opening.defer(() => stopAll(children));
  for (const { home, nodeKey, key, p2p, rpc } of nodes) {
    mkdirSync(join(home, "config"), { recursive: true });
    mkdirSync(join(home, "data"), { recursive: true });
    const others = nodes.filter((other) => other.home !== home);
    const nodeOptions = defaultOptions({
      cometbftListen: p2p,
      cometbftPeers: others.map((other) => `${nodeIdOf(other.nodeKey)}@${other.p2p}`),
      timeoutCommitMs: options.timeoutCommitMs,
      timeoutProposeMs: 2_000,
      heartbeatMs: 1_000,
      mempoolMaxTxs: 50_000,
    });
    const config = cometConfig(nodeOptions, false, rpc);
    // Its mempool has nobody else to carry its transactions.
    const alone = { ...config, proxy_app: "kvstore", mempool: { ...config.mempool, broadcast: true } };
    writeFileSync(join(home, "config", "config.toml"), stringify(alone));
    writeFileSync(join(home, "config", "genesis.json"), genesis);
    writeFileSync(join(home, "config", "node_key.json"), formatNodeKey(nodeKey));
    writeFileSync(join(home, "config", "priv_validator_key.json"), formatPrivValidatorKey(key));
    writeFileSync(join(home, "data", "priv_validator_state.json"), '{"height":"0","round":0,"step":0}');
    const log = openSync(join(home, "cometbft.log"), "a");
    children.push(spawn(binary, ["start", "--home", home], { stdio: ["ignore", log, log] }));
  }
  const rpcs = nodes.map(({ rpc }) => createCometRpc(`http://${rpc}`));
  opening.defer(() => {
    for (const rpc of rpcs) rpc.close();
  });
  const [first] = rpcs;
  if (first === undefined) throw new RangeError("no validators");
  const heightOf = (rpc = first) =>
    rpc.status().then(
      ({ latestHeight }) => latestHeight,
      () => 0,
    );
  while (!((await heightOf()) >= 2)) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  const resources = opening.move();
  return {
    name: "CometBFT alone, kvstore",
    firstHeight: 3,
    pids: () => children.map(({ pid }) => (pid === undefined ? [] : [pid])),
    async submit(lane, txs) {
      const rpc = rpcs[lane] ?? first;
      const outcomes = await Promise.allSettled(txs.map((tx) => rpc.broadcastTx(tx)));
      return outcomes.filter(({ status }) => status === "rejected").length;
    },
    async blocks(from) {
      if (from > (await heightOf())) return [];
      return [(await first.block(from)).block.txs];
    },
    arrival: (timeoutMs) => new Promise((resolve) => setTimeout(resolve, Math.min(timeoutMs, 20))),
    async close() {
      const height = Math.min(...(await Promise.all(rpcs.map((rpc) => heightOf(rpc)))));
      const hashes = await Promise.all(
        rpcs.map(async (rpc) => Buffer.from((await rpc.block(height)).commit.blockId.hash).toString("hex")),
      );
      return { agreement: new Set(hashes).size === 1, rejectedInBlocks: 0 };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** What the key-value application takes, as long as the transactions of a load and each only once. */
export function keyValueLanes(lanes: readonly (readonly Uint8Array[])[]): readonly (readonly Uint8Array[])[] {
  return lanes.map((txs, lane) =>
    txs.map((tx, i) => {
      const key = `${lane}-${i}=`;
      return Buffer.from(
        key +
          Buffer.from(tx)
            .toString("hex")
            .slice(0, Math.max(1, tx.length - key.length)),
      );
    }),
  );
}

async function stopAll(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.pid === undefined) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await gone;
      clearTimeout(timer);
    }),
  );
}
