import type { Verdict } from "#storage/error.ts";
import { rejected } from "#storage/error.ts";
import { decodeBlock } from "#storage/types/block.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import { acceptMessage, addEvidence } from "./accept.ts";
import type { BlockRequest } from "./blockSync.ts";
import { createBlockSync } from "./blockSync.ts";
import { votesOfCommit } from "./commits.ts";
import { EngineError } from "./engineError.ts";
import { missingMessages, statusOf } from "./gossip.ts";
import { createInputQueue } from "./inputQueue.ts";
import { decodeMessage, encodeMessage } from "./messages.ts";
import { feed, performReplayed, scheduleStart } from "./perform.ts";
import type { EngineOptions, EnginePorts, StoredBlock } from "./ports.ts";
import type { RoundState } from "./roundState.ts";
import { roundStateOf } from "./roundState.ts";
import type { PeerStatus } from "./status.ts";
import { applySynced } from "./syncBlocks.ts";
import type { LastBlock, QueueItem, Tip } from "./tip.ts";
import { createTip, setTimer, viewOf } from "./tip.ts";
import { decodeWalRecord, encodeWalRecord } from "./walRecord.ts";

/**
 * The consensus of one validator or full node: collects proposals and votes at the end of the chain, decides blocks, executes and
 * stores them, and fetches what it missed. Everything it reaches of the world is in its ports; with the same ports it does the same.
 */
export interface Engine {
  /** Replays the write-ahead log and begins. @throws what the ports throw */
  start(): Promise<void>;
  /** A consensus message from a connected peer; hostile until checked. */
  receive(peer: string, bytes: Uint8Array): void;
  peerConnected(peer: string): void;
  peerDisconnected(peer: string): void;
  /** The mempool has become non-empty. */
  onTxsAvailable(): void;
  /** Evidence from outside consensus: a light node that saw two chains. */
  addEvidence(evidence: Evidence): Promise<Verdict>;
  /** Resolves when nothing is waiting to be processed. */
  idle(): Promise<void>;
  /** Ends after the item in progress; nothing is sent or stored afterwards. */
  stop(): Promise<void>;
  status(): EngineStatus;
  /** Votes, proposal and locks of the height being decided; undefined before `start`. */
  roundState(): RoundState | undefined;
}

export interface EngineStatus {
  /** Height being decided. */
  readonly height: number;
  readonly round: number;
  readonly step: string;
  /** A peer that delivers claims to be at least two blocks ahead. */
  readonly isCatchingUp: boolean;
  /** 20 bytes: proposer of the present round. */
  readonly proposerAddress: Uint8Array;
  readonly peers: readonly { readonly peer: string; readonly height: number; readonly round: number }[];
}

interface Peer {
  status: PeerStatus | undefined;
  /** When which message went to it, for the heights in `sentFor`. */
  sent: Map<string, number>;
  sentFor: string;
}

export function createEngine(options: EngineOptions, ports: EnginePorts): Engine {
  const { log } = ports;
  const queue = createInputQueue(options.maxQueuedBytesPerPeer);
  const peers = new Map<string, Peer>();
  const blockSync = createBlockSync();
  let tip: Tip | undefined;
  let isRunning = false;
  let isPumping = false;
  let idleWaiters: (() => void)[] = [];
  let statusSentMs = Number.NEGATIVE_INFINITY;
  let cancelStatus: (() => void) | undefined;
  let cancelTick: (() => void) | undefined;

  function enqueue(item: QueueItem): void {
    if (isRunning && queue.push(item)) void pump();
  }

  /** The only place where items are processed: one at a time, and the first failure ends everything. */
  async function pump(): Promise<void> {
    if (isPumping || tip === undefined) return;
    isPumping = true;
    try {
      while (isRunning) {
        const item = queue.shift();
        if (item === undefined) break;
        await process(tip, item);
      }
    } catch (error) {
      halt();
      log.error({ height: tip.height, error }, "Consensus has stopped");
      ports.onFatal(error);
    } finally {
      isPumping = false;
      const waiters = idleWaiters;
      idleWaiters = [];
      for (const resolve of waiters) resolve();
    }
  }

  async function process(current: Tip, item: QueueItem): Promise<void> {
    switch (item.type) {
      case "message":
        await processMessage(current, item.peer, item.bytes);
        return;
      case "timeout":
        if (item.height !== current.height || isStale(current, item)) return;
        ports.wal.append(encodeWalRecord(item));
        log.debug({ height: item.height, round: item.round, step: item.step }, "Timeout");
        await feed(current, item);
        return;
      case "startDue":
        if (item.height === current.height) await startIfDue(current, item.heartbeat);
        return;
      case "txsAvailable":
        if (current.isWaitingForTxs) await startIfDue(current, false);
        return;
      case "blocks":
        await processBlocks(current, item);
        return;
    }
  }

  async function processMessage(current: Tip, name: string, bytes: Uint8Array): Promise<void> {
    const message = decodeMessage(bytes);
    if ("code" in message) {
      ports.reportPeer(name, message.code, message.reason);
      return;
    }
    if (message.type === "status") {
      processStatus(current, name, message.status);
      return;
    }
    const verdict = await acceptMessage(current, name, message, bytes);
    if (!verdict.accepted) ports.reportPeer(name, verdict.code, verdict.reason);
  }

  function processStatus(current: Tip, name: string, status: PeerStatus): void {
    const peer = peers.get(name);
    if (peer === undefined) return;
    peer.status = status;
    blockSync.onStatus(name, status.base, status.height - 1);
    requestBlocks(current);
  }

  /** Starts the first round, or waits when there is nothing to decide. */
  async function startIfDue(current: Tip, heartbeat: boolean): Promise<void> {
    const { machine, height } = current;
    if (machine.step !== "idle") return;
    const othersStarted = machine.proposals.size > 0 || machine.votes.rounds.size > 0;
    const hasSomething =
      current.needsProofBlock || ports.hasTxs() || ports.evidence.pending(EVIDENCE_PROBE_BYTES).length > 0;
    if (options.createEmptyBlocks || heartbeat || othersStarted || hasSomething) {
      current.isWaitingForTxs = false;
      current.timers.get("heartbeat")?.();
      ports.wal.append(encodeWalRecord({ type: "start", height }));
      await feed(current, { type: "start" });
    } else if (!current.isWaitingForTxs) {
      current.isWaitingForTxs = true;
      if (options.emptyBlockIntervalMs > 0)
        setTimer(current, "heartbeat", options.emptyBlockIntervalMs, () =>
          enqueue({ type: "startDue", height, heartbeat: true }),
        );
    }
  }

  async function processBlocks(current: Tip, answer: Extract<QueueItem, { type: "blocks" }>): Promise<void> {
    const { peer, fromHeight, blocks } = answer;
    if (blocks === undefined) blockSync.onFailure(peer, false, ports.steadyMs());
    else {
      const { good, fault } = await applySynced(current, fromHeight, blocks);
      if (fault === undefined) blockSync.onApplied(peer, good, ports.steadyMs());
      else {
        ports.reportPeer(peer, fault.code, fault.reason);
        blockSync.onFailure(peer, true, ports.steadyMs());
      }
    }
    requestBlocks(current);
  }

  /** Asks for blocks when somebody has one more than the one that its decided commit would bring us. */
  function requestBlocks(current: Tip): void {
    const nowMs = ports.steadyMs();
    if (blockSync.bestHeight(nowMs) <= current.height && !isStuckBehind(current, nowMs)) return;
    const request = blockSync.next(current.height, nowMs);
    if (request !== undefined) sendRequest(request);
  }

  /** One block behind for longer than its commit should take, for example because that peer no longer has the parts in memory. */
  let behindSince: { height: number; ms: number } | undefined;
  function isStuckBehind(current: Tip, nowMs: number): boolean {
    if (blockSync.bestHeight(nowMs) < current.height) {
      behindSince = undefined;
      return false;
    }
    if (behindSince?.height !== current.height) behindSince = { height: current.height, ms: nowMs };
    return behindSince.ms + STUCK_STATUS_INTERVALS * options.statusIntervalMs <= nowMs;
  }

  function sendRequest({ peer, fromHeight, count }: BlockRequest): void {
    let isAnswered = false;
    const answer = (blocks: readonly StoredBlock[] | undefined): void => {
      if (isAnswered) return;
      isAnswered = true;
      cancel();
      enqueue({ type: "blocks", peer, fromHeight, blocks: blocks?.slice(0, count) });
    };
    const cancel = ports.schedule(options.syncTimeoutMs, () => answer(undefined));
    ports.requestBlocks(peer, fromHeight, count).then(answer, () => answer(undefined));
  }

  function sendStatus(current: Tip): void {
    cancelStatus?.();
    cancelStatus = undefined;
    statusSentMs = ports.steadyMs();
    ports.broadcast(encodeMessage({ type: "status", status: statusOf(viewOf(current)) }));
  }

  /** Several changes within `statusMinGapMs` make one status. */
  function statusChanged(): void {
    if (!isRunning || cancelStatus !== undefined) return;
    const delayMs = Math.max(0, statusSentMs + options.statusMinGapMs - ports.steadyMs());
    cancelStatus = ports.schedule(delayMs, () => {
      if (isRunning && tip !== undefined) sendStatus(tip);
    });
  }

  function tick(): void {
    if (!isRunning || tip === undefined) return;
    const nowMs = ports.steadyMs();
    if (statusSentMs + options.statusIntervalMs <= nowMs) sendStatus(tip);
    const view = viewOf(tip);
    for (const [name, peer] of peers) {
      if (peer.status === undefined) continue;
      const sentFor = `${view.height} ${peer.status.height}`;
      if (peer.sentFor !== sentFor) Object.assign(peer, { sentFor, sent: new Map() });
      for (const message of missingMessages(view, peer.status, peer.sent, nowMs, options)) ports.sendTo(name, message);
    }
    requestBlocks(tip);
    cancelTick = ports.schedule(options.gossipIntervalMs, tick);
  }

  /** Feeds the inputs of the unfinished height again, without signing or sending, then does what is still due. */
  async function replay(current: Tip): Promise<void> {
    const lastHeight = ports.executor.state().lastBlockHeight;
    const payloads = ports.wal.replay(lastHeight);
    if (payloads === undefined) {
      await ports.wal.endHeight(lastHeight);
      return;
    }
    current.replayed = [];
    // Copied first: deciding a block during replay writes to the log.
    for (const payload of [...payloads]) {
      const record = decodeWalRecord(payload);
      if (record === undefined) log.warn({ bytes: payload.length }, "Unknown record in the write-ahead log");
      else if (record.type === "message") {
        const message = decodeMessage(record.message);
        if ("code" in message || message.type === "status") continue;
        await acceptMessage(current, record.peer === "" ? undefined : record.peer, message, record.message);
      } else if (record.height !== current.height) continue;
      else await feed(current, record);
    }
    const effects = current.replayed;
    current.replayed = undefined;
    log.info({ height: current.height, round: current.machine.round }, "Replayed the write-ahead log");
    await performReplayed(current, effects);
  }

  function halt(): void {
    isRunning = false;
    cancelTick?.();
    cancelStatus?.();
    for (const cancel of tip?.timers.values() ?? []) cancel();
  }

  return {
    async start() {
      const queueOfTip = { enqueue, enqueueFirst: queue.pushFirst, statusChanged };
      tip = createTip(options, ports, queueOfTip, await loadLastBlock(ports));
      isRunning = true;
      isPumping = true;
      try {
        await replay(tip);
      } finally {
        isPumping = false;
      }
      if (tip.machine.step === "idle") scheduleStart(tip, 0);
      tick();
      await pump();
    },

    receive(peer, bytes) {
      if (peers.has(peer)) enqueue({ type: "message", peer, bytes });
    },

    peerConnected(peer) {
      if (!peers.has(peer)) peers.set(peer, { status: undefined, sent: new Map(), sentFor: "" });
      if (isRunning && tip !== undefined)
        ports.sendTo(peer, encodeMessage({ type: "status", status: statusOf(viewOf(tip)) }));
    },

    peerDisconnected(peer) {
      peers.delete(peer);
      blockSync.forget(peer);
    },

    addEvidence: async (evidence) =>
      tip === undefined || !isRunning
        ? rejected("EVIDENCE_FUTURE", "consensus has not begun")
        : addEvidence(tip, evidence),

    onTxsAvailable: () => enqueue({ type: "txsAvailable" }),

    idle: () => (isPumping ? new Promise((resolve) => idleWaiters.push(resolve)) : Promise.resolve()),

    async stop() {
      halt();
      if (isPumping) await new Promise<void>((resolve) => idleWaiters.push(resolve));
    },

    roundState: () => (tip === undefined ? undefined : roundStateOf(tip)),

    status() {
      const height = tip?.height ?? 0;
      const round = tip?.machine.round ?? 0;
      return {
        height,
        round,
        step: tip?.machine.step ?? "idle",
        isCatchingUp: blockSync.bestHeight(ports.steadyMs()) > height,
        proposerAddress: tip?.proposerOf(round).validator.address ?? new Uint8Array(0),
        peers: [...peers].flatMap(([peer, { status }]) =>
          status === undefined ? [] : [{ peer, height: status.height, round: status.round }],
        ),
      };
    },
  };
}

/** Whether there is any evidence at all. */
const EVIDENCE_PROBE_BYTES = 65_536;

/** Statuses to wait for a peer's decided commit before asking for the block. */
const STUCK_STATUS_INTERVALS = 2;

/** A timeout that the state machine would ignore need not be written to the log. */
function isStale({ machine }: Tip, timeout: Extract<QueueItem, { type: "timeout" }>): boolean {
  if (timeout.round !== machine.round) return true;
  return timeout.step !== "precommit" && timeout.step !== machine.step;
}

/** The commit of the last block, which the next one must carry. */
async function loadLastBlock(ports: EnginePorts): Promise<LastBlock | undefined> {
  const { lastBlockHeight, lastValidators } = ports.executor.state();
  if (lastBlockHeight === 0 || lastValidators === undefined) return undefined;
  const stored = await ports.loadBlock(lastBlockHeight);
  if (stored === undefined) throw new EngineError({ code: "ENGINE_LAST_BLOCK_MISSING", height: lastBlockHeight });
  const { commit, blockBytes } = stored;
  const { appHash } = decodeBlock(blockBytes).header;
  return { commit, precommits: votesOfCommit(commit, lastValidators), appHash, decided: undefined };
}
