import { rmSync } from "node:fs";
import { join } from "node:path";
import type { CheckTxResponse } from "#consensus/abci.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { appStateOperations } from "#storage/db/appState.ts";
import { blockResultsOperation } from "#storage/db/blockResults.ts";
import { loadChainState } from "#storage/db/chainState.ts";
import { commitHeight } from "#storage/db/store.ts";
import { ACCEPTED, rejected } from "#storage/error.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { type AbciPorts, createAbciHandler } from "../abci/handler.ts";
import { createAbciServer } from "../abci/server.ts";
import { createSnapshots } from "../abci/snapshots.ts";
import type { ConsensusDriver, DriverParts } from "../consensusDriver.ts";
import { SIGN_STATE_FILE } from "../embeddedDriver.ts";
import { freePorts } from "../freePorts.ts";
import { type ListenAddress, parseListenAddress } from "../rpc/listenAddress.ts";
import { SUBMITTED_PREFIX, submitVerdictOf } from "../serve/serve.ts";
import { openSigner } from "../signerOpen.ts";
import { CometError } from "./cometError.ts";
import { writeCometHome } from "./cometHome.ts";
import { superviseComet } from "./cometProcess.ts";
import { createCometRpc } from "./cometRpc.ts";
import { startFollower } from "./follower.ts";
import { createPrivvalAnswers, serveSigner } from "./remoteSigner.ts";
import { createWaker } from "./waker.ts";

/** Where transactions come from that clients gave to CometBFT's own RPC: they still have to be gossiped. */
const FROM_COMET = `${SUBMITTED_PREFIX}cometbft`;

/** How often CometBFT is asked how far it is, in ms. */
const STATUS_MS = 1000;

const CHECKED: CheckTxResponse = { code: 0, codespace: "", log: "", gasWanted: 0n };

/**
 * CometBFT beside this node, under the same application: it talks ABCI over a socket to us, has its votes signed by us over another, and we copy its
 * blocks into our own store. @throws AbciError, CometError, SignStateError
 */
export async function createCometDriver(parts: DriverParts): Promise<ConsensusDriver> {
  const { options, genesis, keys, store, ledger, app, mempool, metrics, log } = parts;
  const { chainId } = genesis;
  const stored = await loadChainState(store);
  const home = writeCometHome(
    options,
    { node: keys.node, isValidator: keys.validator !== undefined },
    await rpcAddressOf(options.cometbftRpcListen),
  );
  const rpc = createCometRpc(home.rpcUrl);
  const waker = createWaker(rpc, log);
  /** Whether CometBFT is to begin a height: a full node's would only pass it by. */
  const wake = () => waker.wake(keys.validator === undefined ? undefined : mempool.reap(MAX_TX_BYTES, 1)[0]);
  const signer =
    keys.validator === undefined
      ? undefined
      : openSigner(keys.validator, chainId, join(parts.data, SIGN_STATE_FILE), {
          isNewChain: app.info().lastBlockHeight === 0,
        });
  /** The last block whose results and state are on disk: the application is ahead of it while they are being written. */
  let committedHeight = app.info().lastBlockHeight;
  let isCatchingUp = true;
  let failed = false;

  function fail(error: unknown): void {
    if (failed) return;
    failed = true;
    parts.onFatal(error);
  }

  const follower = startFollower(stored, {
    genesis,
    rpc,
    store,
    ledger,
    log,
    committedHeight: () => committedHeight,
    async onBlock(committed, blockBytes) {
      metrics.store.blockBytes.inc(blockBytes);
      await parts.onBlock(committed);
    },
    onFatal: fail,
  });

  const snapshots = createSnapshots({
    directory: join(parts.data, "snapshots"),
    store,
    app,
    onRestored(height) {
      committedHeight = height;
      log.info({ height }, "Took over a snapshot of the state");
      follower.wake();
    },
  });

  async function checkTx(tx: Uint8Array, isNew: boolean): Promise<CheckTxResponse> {
    const id = Buffer.from(sha256(tx)).toString("hex");
    if (mempool.has(id)) return CHECKED;
    if (!isNew) return { ...CHECKED, code: 1, codespace: "mempool", log: "TX_GONE: not valid any more" };
    const [verdict] = await mempool.addBatch([tx], { peer: FROM_COMET });
    if (verdict === undefined || verdict.added) return CHECKED;
    if (verdict.code === "TX_KNOWN")
      return { ...CHECKED, code: 1, codespace: "mempool", log: "TX_KNOWN: in a block already" };
    const { code, codespace, log: text } = submitVerdictOf(verdict);
    return { code, codespace, log: text, gasWanted: 0n };
  }

  const onCommit: AbciPorts["onCommit"] = async ({ height, txs, response, writes }) => {
    const started = performance.now();
    await commitHeight(store, [...appStateOperations(writes), blockResultsOperation(height, response)]);
    committedHeight = height;
    metrics.store.batchSeconds.observe((performance.now() - started) / 1000);
    await mempool.update(height, txs);
    follower.wake();
    const { snapshotIntervalBlocks } = options;
    if (snapshotIntervalBlocks > 0 && height % snapshotIntervalBlocks === 0)
      snapshots.take(height).catch((error) => log.warn({ err: error, height }, "Could not keep a snapshot"));
    wake();
    // CometBFT may forget what this node keeps no longer, and never what it has not copied yet.
    const kept = options.retainBlocks === 0 ? 0 : Math.max(0, height - options.retainBlocks + 1);
    return Math.min(kept, ledger.blocks.height());
  };

  const handler = createAbciHandler({
    app,
    genesis,
    snapshots,
    checkTx,
    txsToPropose: (maxBytes) => mempool.reap(Math.min(maxBytes, options.maxProposalBytes)),
    verifyAhead: parts.verifyAhead,
    async onGenesis(state) {
      await ledger.saveGenesis(state, []);
      follower.setState(state);
    },
    onCommitting: () => mempool.lock(),
    onCommit,
    onException: fail,
  });

  await using opening = new AsyncDisposableStack();
  opening.defer(() => rpc.close());
  opening.defer(() => follower.stop());
  const server = await createAbciServer(home.abciSocket, handler);
  opening.defer(() => server.close());
  const resources = opening.move();

  async function look(): Promise<void> {
    const status = await rpc.status().catch(() => undefined);
    const wasCatchingUp = isCatchingUp;
    isCatchingUp = status?.isCatchingUp ?? true;
    if (isCatchingUp) return;
    if (wasCatchingUp)
      log.info({ version: status?.version, height: status?.latestHeight }, "CometBFT is with its network");
    wake();
  }

  return {
    validatorAddress: signer?.address,
    async start() {
      if (signer !== undefined && keys.validator !== undefined) {
        const answer = createPrivvalAnswers(signer, publicKeyOf(keys.validator), chainId);
        resources.defer(serveSigner(home.signerSocket, answer, { log, onFatal: fail }));
      }
      const timer = setInterval(() => void look(), STATUS_MS);
      resources.defer(() => clearInterval(timer));
      if (options.cometbftBinary === "") return;
      const comet = superviseComet(
        { binary: options.cometbftBinary, directory: home.directory },
        {
          log,
          onStarting() {
            // One that was killed has left its socket behind, upon which the next one could not listen.
            rmSync(home.signerSocket, { force: true });
            isCatchingUp = true;
          },
          onFatal: fail,
        },
      );
      resources.defer(() => comet.stop());
    },
    stop: () => resources.disposeAsync(),
    state: () => follower.state(),
    status: () => ({ round: 0, isCatchingUp, peers: [] }),
    onTxs(_txs, source) {
      if (source.peer !== FROM_COMET) wake();
    },
    async addEvidence(evidence) {
      try {
        await rpc.broadcastEvidence(evidence);
        return ACCEPTED;
      } catch (error) {
        if (error instanceof CometError) return rejected("EVIDENCE_REFUSED", error.message);
        throw error;
      }
    },
    receive() {},
    peerConnected() {},
    peerDisconnected() {},
    roundState: () => undefined,
  };
}

/** CometBFT could not tell which free port it took. @throws CometError COMETBFT_OPTION_INVALID */
async function rpcAddressOf(value: string): Promise<ListenAddress> {
  const address = parseListenAddress(value);
  if (address === undefined) {
    const reason = "write host:port";
    throw new CometError({ code: "COMETBFT_OPTION_INVALID", option: "cometbftRpcListen", value, reason });
  }
  if (address.port !== 0) return address;
  const [port = 0] = await freePorts(1);
  return { ...address, port };
}
