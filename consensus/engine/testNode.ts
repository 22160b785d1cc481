import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { ChainState } from "#storage/db/chainState.ts";
import type { CommittedEvidence } from "#storage/db/committedEvidence.ts";
import { stripTimestamp } from "#storage/db/signBytes.ts";
import type { SignState } from "#storage/db/signState.ts";
import { createSignState, openSignState } from "#storage/db/signState.ts";
import type { SimulatedFileSystem } from "#storage/db/simulatedFileSystem.ts";
import { createSimulatedFileSystem, SimulatedCrash } from "#storage/db/simulatedFileSystem.ts";
import { openWal } from "#storage/db/wal.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Vote } from "#storage/types/vote.ts";
import { blockKey, votedValue } from "../tendermint/value.ts";
import type { Engine } from "./engine.ts";
import { createEngine } from "./engine.ts";
import { createEvidencePool } from "./evidencePool.ts";
import type { HeightRecord } from "./executor.ts";
import { createExecutor, handshake } from "./executor.ts";
import { decodeMessage } from "./messages.ts";
import type { EngineLog, EngineOptions, StoredBlock, WalPort } from "./ports.ts";
import { createSigner } from "./signer.ts";
import type { TestApplication } from "./testApplication.ts";
import { createTestApplication } from "./testApplication.ts";
import type { TestNet } from "./testNet.ts";

/** What outlives a crash. */
export interface TestDisk {
  readonly blocks: Map<
    number,
    { readonly record: HeightRecord; readonly app: { height: number; txs: readonly string[] } }
  >;
  state: ChainState | undefined;
  /** The write-ahead log and the sign state. */
  readonly files: SimulatedFileSystem;
  readonly committedEvidence: CommittedEvidence[];
}

export interface TestNode {
  readonly index: number;
  readonly disk: TestDisk;
  engine: Engine | undefined;
  app: TestApplication;
  isRunning: boolean;
  /** Resolves when the node dies. */
  death: Promise<void>;
  /** An error that stopped the engine. */
  failure: unknown;
  /** Waiting transactions, oldest first. */
  readonly mempool: Map<string, Uint8Array>;
  readonly reports: { readonly peer: string; readonly code: string; readonly reason: string }[];
  /** Votes of this node that left it, by height, round and type: the double-sign check. */
  readonly votesSent: Map<string, string>;
  readonly deaths: number;
  /** It dies when it is about to mark a stored height in its write-ahead log. */
  diesBeforeMark: boolean;
  addTx(text: string): void;
  start(): Promise<void>;
  crash(): void;
  height(): number;
}

/** Thrown out of whatever a dead node was doing. */
class Died extends Error {}

const SIGN_STATE_PATH = "node/priv_validator_state.json";

/** Small, so that the simulated disk, which copies a file at each append, stays quick. */
const WAL_SEGMENT_BYTES = 64 * 1024;

export function createTestNode(
  net: TestNet,
  index: number,
  key: PrivateKey | undefined,
  options: EngineOptions,
): TestNode {
  const disk: TestDisk = {
    blocks: new Map(),
    state: undefined,
    files: createSimulatedFileSystem({ random: net.random }),
    committedEvidence: [],
  };
  createSignState(disk.files, SIGN_STATE_PATH);
  /** Everything of one life; what is left of an earlier one does nothing any more. */
  let life = 0;
  let die: () => void = () => {};

  const node: TestNode & { deaths: number } = {
    index,
    disk,
    engine: undefined,
    app: createTestApplication(),
    isRunning: false,
    death: Promise.resolve(),
    failure: undefined,
    mempool: new Map(),
    reports: [],
    votesSent: new Map(),
    deaths: 0,
    diesBeforeMark: false,

    addTx(text) {
      node.mempool.set(text, Buffer.from(text));
      node.engine?.onTxsAvailable();
    },

    height: () => disk.state?.lastBlockHeight ?? 0,

    crash() {
      if (!node.isRunning) return;
      node.isRunning = false;
      node.engine = undefined;
      node.deaths++;
      life++;
      disk.files.restart(net.random() < 0.5 ? "kill" : "power");
      for (const other of net.nodes) if (other.isRunning) other.engine?.peerDisconnected(`n${index}`);
      die();
    },

    async start() {
      node.isRunning = true;
      node.death = new Promise((resolve) => {
        die = resolve;
      });
      await Promise.race([startLife(++life).catch(onStartFailed), node.death]);
    },
  };

  function onStartFailed(error: unknown): void {
    if (error instanceof SimulatedCrash) node.crash();
    else if (!(error instanceof Died)) node.failure = error;
  }

  async function startLife(own: number): Promise<void> {
    const isAlive = () => own === life && node.isRunning;
    /** An operation on files, which the simulated disk may stop at any effect. */
    const onFiles = <T>(run: () => T, isRisky: boolean): T => {
      if (!isAlive()) throw new Died();
      if (isRisky && net.random() < net.crashRate) {
        const point = (["before", "during", "after"] as const)[Math.floor(net.random() * 3)] ?? "before";
        disk.files.crashAt(1 + Math.floor(net.random() * 4), point);
      }
      try {
        return run();
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
        node.crash();
        throw new Died();
      }
    };
    /** A disk operation: the node may die before it and after it. Dead code waits for ever, as that of a killed process. */
    const onDisk = async (write: () => void): Promise<void> => {
      for (const act of [() => {}, write]) {
        if (!isAlive()) return new Promise(() => {});
        act();
        if (net.random() < net.crashRate) node.crash();
      }
      if (!isAlive()) return new Promise(() => {});
    };
    const stored = disk.state === undefined ? undefined : disk.blocks.get(disk.state.lastBlockHeight)?.app;
    node.app = createTestApplication(stored);
    const evidence = createEvidencePool(
      {
        chainId: options.chainId,
        loadValidators: async (height) => validatorsAt(disk, height),
        loadBlockTime: async (height) => disk.blocks.get(height)?.record.block.header.time,
        loadSignedHeader: async (height) => {
          const record = disk.blocks.get(height)?.record;
          return record && { header: record.block.header, commit: record.seenCommit };
        },
      },
      disk.committedEvidence,
    );
    const executor = createExecutor(handshake(net.genesis, disk.state, node.app), {
      app: node.app,
      evidence,
      persistHeight: (record) =>
        onDisk(() => {
          const { height } = record.block.header;
          disk.blocks.set(height, { record, app: { height, txs: node.app.committed } });
          disk.state = record.stateAfter;
          disk.committedEvidence.push(...record.committedEvidence);
        }),
    });
    const { files } = disk;
    const signState = openSignState({ fileSystem: files, path: SIGN_STATE_PATH, stripTimestamp });
    const guarded: Pick<SignState, "checkAndRecord"> = {
      checkAndRecord: (request, sign) => onFiles(() => signState.checkAndRecord(request, sign), true),
    };
    const signer = key === undefined ? undefined : createSigner(key, options.chainId, guarded);
    const log = openWal({ fileSystem: files, directory: "wal", maxSegmentBytes: WAL_SEGMENT_BYTES });
    const wal: WalPort = {
      append: (payload) => onFiles(() => log.append(payload), false),
      sync: () => onFiles(() => log.sync(), true),
      endHeight(height) {
        if (node.diesBeforeMark) node.crash();
        onFiles(() => log.endHeight(height), true);
      },
      replay: (height) => log.replay(height),
      prune: (height) => onFiles(() => log.prune(height), true),
    };
    const engine = createEngine(options, {
      nowMs: net.nowMs,
      steadyMs: net.nowMs,
      schedule: (delayMs, run) => net.schedule(delayMs, () => isAlive() && run()),
      sendTo: (peer, bytes) => {
        if (isAlive()) net.send(index, Number(peer.slice(1)), bytes);
      },
      broadcast: (bytes) => {
        if (!isAlive()) return;
        noteVoteSent(node, bytes);
        for (const other of net.nodes) if (other.index !== index) net.send(index, other.index, bytes);
      },
      wal,
      signer,
      executor,
      evidence,
      mempoolTxs: () => [...node.mempool.values()],
      hasTxs: () => node.mempool.size > 0,
      isUrgent: net.isUrgent,
      loadBlock: async (height) => storedBlock(disk, height),
      baseHeight: () => (disk.blocks.size > 0 ? 1 : 0),
      requestBlocks: (peer, fromHeight, count) => requestBlocks(net, index, Number(peer.slice(1)), fromHeight, count),
      onBlock: ({ block }) => {
        for (const tx of block.txs) node.mempool.delete(Buffer.from(tx).toString());
      },
      reportPeer: (peer, code, reason) => node.reports.push({ peer, code, reason }),
      onFatal: (error) => {
        if (isAlive() && !(error instanceof Died)) node.failure = error;
      },
      log: SILENT,
    });
    node.engine = engine;
    for (const other of net.nodes)
      if (other.isRunning && other.index !== index) {
        engine.peerConnected(`n${other.index}`);
        other.engine?.peerConnected(`n${index}`);
      }
    await engine.start();
  }

  return node;
}

/** One validator's vote must never leave it with two different contents. */
function noteVoteSent(node: TestNode, bytes: Uint8Array): void {
  const message = decodeMessage(bytes);
  if (!("type" in message) || (message.type !== "vote" && message.type !== "proposal")) return;
  const content: Vote | { type: "proposal"; height: number; round: number; signature: Uint8Array; value: string } =
    message.type === "vote"
      ? message.vote
      : { ...message.proposal, type: "proposal", value: blockKey(message.proposal.blockId) };
  const step = `${content.height} ${content.round} ${content.type}`;
  const value = "value" in content ? content.value : String(votedValue(content.blockId));
  const said = `${value} ${Buffer.from(content.signature).toString("hex")}`;
  const before = node.votesSent.get(step);
  if (before !== undefined && before !== said) throw new Error(`n${node.index} signed twice at ${step}`);
  node.votesSent.set(step, said);
}

function storedBlock(disk: TestDisk, height: number): StoredBlock | undefined {
  const stored = disk.blocks.get(height);
  if (stored === undefined) return undefined;
  const commit = disk.blocks.get(height + 1)?.record.block.lastCommit ?? stored.record.seenCommit;
  return { blockBytes: stored.record.blockBytes, commit };
}

/** The set that decided `height`. */
export function validatorsAt(disk: TestDisk, height: number): ValidatorSet | undefined {
  return disk.blocks.get(height)?.record.stateBefore.validators;
}

function requestBlocks(
  net: TestNet,
  from: number,
  to: number,
  fromHeight: number,
  count: number,
): Promise<readonly StoredBlock[]> {
  return new Promise((resolve, reject) => {
    net.schedule(5, () => {
      const disk = net.nodes[to]?.disk;
      if (disk === undefined || !net.canReach(from, to)) {
        reject(new Error("unreachable"));
        return;
      }
      const blocks: StoredBlock[] = [];
      for (let height = fromHeight; height < fromHeight + count; height++) {
        const block = storedBlock(disk, height);
        if (block === undefined) break;
        blocks.push(block);
      }
      resolve(net.falsifyBlocks?.(to, from, blocks) ?? blocks);
    });
  });
}

const SILENT: EngineLog = { debug() {}, info() {}, warn() {}, error() {} };
