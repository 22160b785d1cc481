import { join } from "node:path";
import { setsUrgentConfiguration } from "#consensus/application/urgentBlock.ts";
import { createEngine } from "#consensus/engine/engine.ts";
import { createEvidencePool } from "#consensus/engine/evidencePool.ts";
import { type BlockExecutor, createExecutor, handshake } from "#consensus/engine/executor.ts";
import { DEFAULT_ENGINE_OPTIONS, type EngineOptions } from "#consensus/engine/ports.ts";
import { loadChainState } from "#storage/db/chainState.ts";
import { loadCommittedEvidence } from "#storage/db/committedEvidence.ts";
import { NODE_FILE_SYSTEM } from "#storage/db/fileSystem.ts";
import { loadValidators } from "#storage/db/validatorHistory.ts";
import { openWal } from "#storage/db/wal.ts";
import type { ConsensusDriver, DriverParts } from "./consensusDriver.ts";
import { decodeAnswer } from "./light/peers.ts";
import { timedWal } from "./nodeMetrics.ts";
import type { NodeOptions } from "./options.ts";
import { decodeStoredBlocks, encodeHeightRange } from "./serve/messages.ts";
import { openSigner } from "./signerOpen.ts";

/** The name of the sign state in a node's data folder, whichever engine runs. */
export const SIGN_STATE_FILE = "priv_validator_state.json";

/** Tendermint in this process, its messages over libp2p. @throws EngineError, WalError, SignStateError when the chain on disk cannot be continued */
export async function createEmbeddedDriver(parts: DriverParts): Promise<ConsensusDriver> {
  const { options, genesis, keys, store, ledger, app, mempool, network, metrics, log } = parts;
  const { chainId } = genesis;
  const { blocks } = ledger;
  const stored = await loadChainState(store);
  const state = handshake(genesis, stored, app);
  if (stored === undefined) await ledger.saveGenesis(state, []);

  const evidence = createEvidencePool(
    {
      chainId,
      loadValidators: (height) => loadValidators(store, height),
      loadBlockTime: async (height) => (await blocks.loadHeader(height))?.time,
      loadSignedHeader: (height) => blocks.loadSignedHeader(height),
    },
    await loadCommittedEvidence(store),
  );
  const executor = withMempool(
    createExecutor(state, {
      app,
      evidence,
      async persistHeight(record) {
        const started = performance.now();
        await ledger.saveHeight(record);
        metrics.store.blockBytes.inc(record.blockBytes.length);
        metrics.store.batchSeconds.observe((performance.now() - started) / 1000);
      },
    }),
    parts,
  );

  const wal = openWal({ fileSystem: NODE_FILE_SYSTEM, directory: join(parts.data, "wal") });
  await using opening = new AsyncDisposableStack();
  opening.defer(() => wal.close());
  if (wal.recovery !== undefined) log.warn({ recovery: wal.recovery }, "Repaired the write-ahead log");
  const signer =
    keys.validator === undefined
      ? undefined
      : openSigner(keys.validator, chainId, join(parts.data, SIGN_STATE_FILE), {
          isNewChain: state.lastBlockHeight === 0 && wal.lastEndHeight() === undefined,
        });

  const engine = createEngine(engineOptions(options, chainId), {
    nowMs: Date.now,
    steadyMs: () => performance.now(),
    schedule(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    sendTo: (peer, bytes) => void network.sendConsensus(peer, bytes),
    broadcast: (bytes) => network.broadcastConsensus(bytes),
    wal: timedWal(wal, metrics),
    signer,
    executor,
    evidence,
    mempoolTxs: (maxBytes) => mempool.reap(Math.min(maxBytes, options.maxProposalBytes)),
    hasTxs: () => mempool.stats.txs > 0,
    isUrgent: setsUrgentConfiguration,
    async loadBlock(height) {
      const [blockBytes, commit] = await Promise.all([blocks.loadBlockBytes(height), blocks.loadProvingCommit(height)]);
      return blockBytes === undefined || commit === undefined ? undefined : { blockBytes, commit };
    },
    baseHeight: () => blocks.base(),
    async requestBlocks(peer, from, count) {
      const answer = await network.request(peer, network.protocols.blocks, encodeHeightRange({ from, count }));
      return decodeAnswer(network, peer, () => decodeStoredBlocks(answer));
    },
    async onBlock(committed) {
      await mempool.update(committed.block.header.height, committed.block.txs);
      await parts.onBlock(committed);
    },
    reportPeer(peer, code, reason) {
      log.warn({ peer, code, reason }, "Peer sent what no correct node sends");
      network.penalise(peer, "CONSENSUS_INVALID");
    },
    onTransition: parts.onTransition,
    onFatal: parts.onFatal,
    log,
  });

  const resources = opening.move();
  return {
    validatorAddress: signer?.address,
    async start() {
      await engine.start();
      for (const { peer, role } of network.peers) if (role !== "light") engine.peerConnected(peer);
    },
    async stop() {
      await engine.stop();
      await resources.disposeAsync();
    },
    state: () => executor.state(),
    status: () => engine.status(),
    onTxs: () => engine.onTxsAvailable(),
    addEvidence: (found) => engine.addEvidence(found),
    receive: (peer, bytes) => engine.receive(peer, bytes),
    peerConnected: (peer) => engine.peerConnected(peer),
    peerDisconnected: (peer) => engine.peerDisconnected(peer),
    roundState: () => engine.roundState(),
  };
}

/** Applying a block holds the mempool still until its transactions are out of it, and has signatures checked on the workers first. */
function withMempool(executor: BlockExecutor, { mempool, verifyAhead, metrics }: DriverParts): BlockExecutor {
  return {
    ...executor,
    async validateBlock(block) {
      await verifyAhead(block.txs);
      return executor.validateBlock(block);
    },
    async applyBlock(decided, seenCommit) {
      const started = performance.now();
      mempool.lock();
      try {
        return await executor.applyBlock(decided, seenCommit);
      } catch (error) {
        mempool.unlock();
        throw error;
      } finally {
        metrics.consensus.applySeconds.observe((performance.now() - started) / 1000);
      }
    },
  };
}

function engineOptions(options: NodeOptions, chainId: string): EngineOptions {
  return {
    ...DEFAULT_ENGINE_OPTIONS,
    chainId,
    timeoutProposeMs: options.timeoutProposeMs,
    timeoutProposeDeltaMs: options.timeoutProposeDeltaMs,
    timeoutPrevoteMs: options.timeoutVoteMs,
    timeoutPrevoteDeltaMs: options.timeoutVoteDeltaMs,
    timeoutPrecommitMs: options.timeoutVoteMs,
    timeoutPrecommitDeltaMs: options.timeoutVoteDeltaMs,
    timeoutCommitMs: options.timeoutCommitMs,
    createEmptyBlocks: options.createEmptyBlocks,
    emptyBlockIntervalMs: options.heartbeatMs,
  };
}
