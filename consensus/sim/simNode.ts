import type { PrivateKey } from "#storage/crypto/keys.ts";
import { addressOf, publicKeyOf } from "#storage/crypto/keys.ts";
import { loadAppState } from "#storage/db/appState.ts";
import { loadChainState } from "#storage/db/chainState.ts";
import { loadCommittedEvidence } from "#storage/db/committedEvidence.ts";
import type { LedgerStore } from "#storage/db/ledgerStore.ts";
import { openLedgerStore } from "#storage/db/ledgerStore.ts";
import { stripTimestamp } from "#storage/db/signBytes.ts";
import { createSignState, openSignState } from "#storage/db/signState.ts";
import type { Store } from "#storage/db/store.ts";
import { StoreError } from "#storage/db/storeError.ts";
import { loadValidators } from "#storage/db/validatorHistory.ts";
import { openWal } from "#storage/db/wal.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { createLedgerApplication } from "../application/ledgerApplication.ts";
import type { Engine } from "../engine/engine.ts";
import { createEngine } from "../engine/engine.ts";
import { createEvidencePool } from "../engine/evidencePool.ts";
import type { BlockExecutor, HeightRecord } from "../engine/executor.ts";
import { createExecutor, handshake } from "../engine/executor.ts";
import type { EngineLog, EngineOptions, SignerPort, StoredBlock } from "../engine/ports.ts";
import { createSigner } from "../engine/signer.ts";
import { createSimDisk, Died, type SimDisk } from "./simDisk.ts";
import type { Tamper } from "./tamper.ts";
import type { SimMempool, World } from "./world.ts";

export const SIGN_STATE_PATH = "node/priv_validator_state.json";

/** Small, so that the simulated disk, which copies a file at each append, stays quick, and so that segments end within a run. */
const WAL_SEGMENT_BYTES = 16 * 1024;

/** A node that found its disk full or failing is started again after this time, as a supervisor would. */
const RESTART_AFTER_FAILURE_MS = 700;

/** A validator or full node over all its lives: the parts of node/fullNode.ts, with the simulator's clock, network and disk. */
export interface SimNode {
  readonly index: number;
  readonly peerName: string;
  readonly address: Uint8Array | undefined;
  readonly isByzantine: boolean;
  readonly isUp: boolean;
  /** Counts starts: what was known to one life may be lost to the next. */
  readonly life: number;
  /** Height on disk. */
  readonly height: number;
  readonly disk: SimDisk;
  /** Of the present life; undefined while it is down or starting. */
  readonly engine: Engine | undefined;
  readonly store: Store | undefined;
  /** By how much its clock is ahead. */
  clockOffsetMs: number;
  start(): Promise<void>;
  /** Dies at once and starts again after `downMs`. */
  crash(loss: "kill" | "power", downMs: number): void;
  /** Dies at an effect to come. */
  arm(effect: number, point: "before" | "during" | "after", loss: "kill" | "power", downMs: number): void;
  receive(from: string, bytes: Uint8Array): void;
  receiveTx(from: string | undefined, tx: Uint8Array): void;
  loadBlocks(fromHeight: number, count: number): Promise<readonly StoredBlock[]>;
  loadLightBlock(height: number): Promise<LightBlock | undefined>;
}

export function createSimNode(
  world: World,
  options: EngineOptions,
  index: number,
  key: PrivateKey | undefined,
  tamper: Tamper | undefined,
): SimNode {
  const { invariants, trace } = world;
  const peerName = `n${index}`;
  const address = key === undefined ? undefined : addressOf(publicKeyOf(key));
  let afterCrash: { loss: "kill" | "power"; downMs: number } = { loss: "kill", downMs: 500 };
  const disk = createSimDisk(
    world.randomOf(`disk ${index}`),
    world.effects,
    () => node.crash(afterCrash.loss, afterCrash.downMs),
    () => onBatch(),
  );
  createSignState(disk.open().files, SIGN_STATE_PATH);

  let ledger: LedgerStore | undefined;
  let mempool: SimMempool | undefined;
  /** On its way to disk. */
  let saving: HeightRecord | undefined;

  const node: { -readonly [Field in keyof SimNode]: SimNode[Field] } = {
    index,
    peerName,
    address,
    isByzantine: tamper !== undefined,
    isUp: false,
    life: 0,
    height: 0,
    disk,
    engine: undefined,
    store: undefined,
    clockOffsetMs: 0,

    crash(loss, downMs) {
      if (!node.isUp) return;
      trace.note(world.nowMs(), "crash", index, loss);
      world.effects.count(loss === "kill" ? "killed" : "powerCut");
      stopLife(loss, downMs);
    },

    arm(effect, point, loss, downMs) {
      if (!node.isUp) return;
      afterCrash = { loss, downMs };
      disk.arm(effect, point);
    },

    async start() {
      if (node.isUp) return;
      node.isUp = true;
      node.life++;
      trace.note(world.nowMs(), "start", index, node.life);
      const { life } = node;
      try {
        await startLife(life);
      } catch (error) {
        if (node.life === life) onFailure(error);
      }
    },

    receive(from, bytes) {
      tamper?.received(from, bytes);
      if (!node.isByzantine) invariants.onDelivered(node, bytes);
      node.engine?.receive(from, bytes);
    },

    receiveTx(from, tx) {
      const source = from === undefined ? {} : { peer: from };
      void mempool?.addBatch([tx], source);
    },

    async loadBlocks(fromHeight, count) {
      const found: StoredBlock[] = [];
      if (ledger === undefined) return found;
      const { blocks } = ledger;
      for (let height = fromHeight; height < fromHeight + count; height++) {
        const blockBytes = await blocks.loadBlockBytes(height);
        const commit = await blocks.loadProvingCommit(height);
        if (blockBytes === undefined || commit === undefined) break;
        found.push({ blockBytes, commit });
      }
      return found;
    },

    async loadLightBlock(wanted) {
      const { store } = node;
      if (ledger === undefined || store === undefined) return undefined;
      const height = wanted === 0 ? ledger.blocks.height() : wanted;
      const header = await ledger.blocks.loadHeader(height);
      const commit = await ledger.blocks.loadProvingCommit(height);
      const validatorSet = await loadValidators(store, height);
      if (header === undefined || commit === undefined || validatorSet === undefined) return undefined;
      return { signedHeader: { header, commit }, validatorSet };
    },
  };

  function onBatch(): void {
    if (saving === undefined) return;
    const record = saving;
    saving = undefined;
    node.height = record.block.header.height;
    if (!node.isByzantine) invariants.onStored(node, record);
  }

  /** Ends the present life: nothing of it has any effect afterwards. */
  function stopLife(loss: "kill" | "power", downMs: number): void {
    node.isUp = false;
    node.engine = undefined;
    node.store = undefined;
    ledger = undefined;
    mempool = undefined;
    saving = undefined;
    disk.stop(loss);
    for (const other of world.nodes) if (other.isUp) other.engine?.peerDisconnected(peerName);
    world.schedule(downMs, () => void node.start());
  }

  /** The engine has stopped, or could not start. A disk that failed is a fault of the plan; anything else is one of ours. */
  function onFailure(error: unknown): void {
    if (error instanceof Died || !node.isUp) return;
    const isDisk =
      error instanceof StoreError && (error.code === "STORE_DISK_FULL" || error.code === "STORE_IO_FAILED");
    if (!isDisk && !node.isByzantine) invariants.onStopped(node, error);
    trace.note(world.nowMs(), "failed", index, error instanceof Error ? error.message : String(error));
    stopLife("kill", RESTART_AFTER_FAILURE_MS);
  }

  async function startLife(own: number): Promise<void> {
    const isAlive = () => node.isUp && node.life === own;
    const { files, store } = disk.open();
    const opened = await openLedgerStore(store);
    const { blocks } = opened;
    const nowMs = () => world.wallMs() + node.clockOffsetMs;

    const entries: (readonly [Uint8Array, Uint8Array])[] = [];
    for await (const entry of loadAppState(store)) entries.push(entry);
    const app = createLedgerApplication({
      chainId: options.chainId,
      entries,
      verifySignature: world.verifyTxSignature,
      clockMs: nowMs,
    });
    const stored = await loadChainState(store);
    const state = handshake(world.genesis, stored, app);
    if (stored === undefined) await opened.saveGenesis(state, []);
    if (!node.isByzantine) invariants.onStarted(node, state);
    node.height = state.lastBlockHeight;

    const gossipTx = (tx: Uint8Array): void => {
      for (const other of world.nodes)
        if (other.index !== index)
          world.network.send(index, other.index, tx, () => other.isUp && other.receiveTx(peerName, tx));
    };
    const pool = world.createMempool({
      checkTx: (request) => app.checkTx(request),
      prepareVerification: async () => undefined,
      onAdded(txs, source) {
        if (!isAlive()) return;
        if (source.peer === undefined) for (const tx of txs) gossipTx(tx);
        node.engine?.onTxsAvailable();
      },
    });

    const evidence = createEvidencePool(
      {
        chainId: options.chainId,
        loadValidators: (height) => loadValidators(store, height),
        loadBlockTime: async (height) => (await blocks.loadHeader(height))?.time,
        loadSignedHeader: (height) => blocks.loadSignedHeader(height),
      },
      await loadCommittedEvidence(store),
    );
    const plain = createExecutor(state, {
      app,
      evidence,
      async persistHeight(record: HeightRecord) {
        saving = record;
        await opened.saveHeight(record);
      },
    });
    /** As in node/: nothing is checked against a state that is in motion. */
    const locking: BlockExecutor = {
      ...plain,
      async applyBlock(decided, seenCommit) {
        pool.lock();
        try {
          return await plain.applyBlock(decided, seenCommit);
        } catch (error) {
          pool.unlock();
          throw error;
        }
      },
    };
    const executor = tamper?.executor(locking) ?? locking;

    const wal = openWal({ fileSystem: files, directory: "wal", maxSegmentBytes: WAL_SEGMENT_BYTES });
    const signer = key === undefined ? undefined : (tamper?.signer(key) ?? honestSigner(key));
    function honestSigner(own: PrivateKey): SignerPort {
      return createSigner(
        own,
        options.chainId,
        openSignState({ fileSystem: files, path: SIGN_STATE_PATH, stripTimestamp }),
      );
    }

    const sendTo = (to: number, bytes: Uint8Array): void => {
      const messages = tamper === undefined ? [bytes] : tamper.outgoing(to, bytes);
      for (const message of messages) {
        if (!isAlive() || !disk.countSend()) return;
        world.deliverConsensus(index, to, message);
      }
    };

    const engine = createEngine(options, {
      nowMs,
      steadyMs: () => world.nowMs(),
      schedule: (delayMs, run) => world.schedule(delayMs, () => isAlive() && run()),
      sendTo: (peer, bytes) => sendTo(Number(peer.slice(1)), bytes),
      broadcast(bytes) {
        if (!isAlive()) return;
        if (!node.isByzantine) invariants.onBroadcast(node, bytes);
        for (const other of world.nodes) if (other.index !== index) sendTo(other.index, bytes);
      },
      wal,
      signer,
      executor,
      evidence,
      mempoolTxs: (maxBytes) => pool.reap(maxBytes),
      hasTxs: () => pool.stats.txs > 0,
      async loadBlock(height) {
        const [found] = await node.loadBlocks(height, 1);
        return found;
      },
      baseHeight: () => blocks.base(),
      requestBlocks: (peer, fromHeight, count) => world.requestBlocks(index, Number(peer.slice(1)), fromHeight, count),
      async onBlock({ block }) {
        if (isAlive()) await pool.update(block.header.height, block.txs);
      },
      reportPeer(peer, code, reason) {
        if (isAlive() && !node.isByzantine) invariants.onReport(node, Number(peer.slice(1)), code, reason);
      },
      onFatal: (error) => {
        if (isAlive()) onFailure(error);
      },
      log: SILENT,
    });
    ledger = opened;
    mempool = pool;
    node.store = store;
    node.engine = engine;
    for (const other of world.nodes)
      if (other.isUp && other.index !== index && other.engine !== undefined) {
        engine.peerConnected(other.peerName);
        other.engine.peerConnected(peerName);
      }
    await engine.start();
  }

  return node;
}

const SILENT: EngineLog = { debug() {}, info() {}, warn() {}, error() {} };
