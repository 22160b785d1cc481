import type { Logger } from "pino";
import { type OpenBridgeClient, openBridgeClient } from "#bridge/evm/bridgeClient.ts";
import { openOutboxClient } from "#bridge/evm/outboxClient.ts";
import { ledgerIdOf } from "#bridge/ledgerId.ts";
import { type ObserverReport, OutboxObserver } from "#bridge/outboxObserver.ts";
import { Relayer, type RelayReport } from "#bridge/relayer.ts";
import { ETHEREUM_WINDOW } from "#consensus/application/ethereumEvents.ts";
import type { LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import type { Store } from "#storage/db/store.ts";
import { MAX_ETHEREUM_EVENTS } from "#storage/limits.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { queryRecord } from "../api/ledgerQueries.ts";
import type { Metrics } from "../api/metrics.ts";
import type { GossipDecision } from "../mempoolGossip.ts";
import type { Mempool } from "../mempoolTypes.ts";
import type { NodeOptions } from "../options.ts";
import { BridgeSession } from "./bridgeSession.ts";
import { type BridgeStatus, measureBridge, plannedOf } from "./bridgeStatus.ts";
import { bridgeVotes } from "./bridgeVotes.ts";
import { EvidenceReports } from "./evidenceReports.ts";
import { ledgerBridge, type RecordQuery } from "./ledgerBridge.ts";
import { oneAtATime } from "./oneAtATime.ts";
import { firstCursor, loadCursor, saveCursor } from "./outboxCursor.ts";
import { planChain } from "./planChain.ts";

/** How often Ethereum is looked at, and signatures are sent again, in ms. */
const LOOK_MS = 2000;
const REPEAT_MS = 10_000;
const BUMP_AFTER_MS = 60_000;
const VOTE_AGAIN_MS = 30_000;
const GWEI = 1_000_000_000n;

export type BridgeOptions = Pick<
  NodeOptions,
  "ethereumUrl" | "contractsFile" | "bridgeRelay" | "relayMaxFeeGwei" | "reorgMarginBlocks"
>;

export interface BridgeNodeParts {
  readonly genesis: Genesis;
  readonly data: string;
  readonly keys: { readonly bridge: PrivateKey | undefined; readonly relayer: PrivateKey | undefined };
  readonly store: Store;
  readonly blocks: BlockStore;
  readonly app: LedgerApplication;
  readonly mempool: Mempool;
  readonly publish: (bytes: Uint8Array) => void;
  readonly metrics: Metrics["bridge"];
  readonly log: Logger;
}

export interface BridgeNode extends AsyncDisposable {
  onBlock(): void;
  receive(bytes: Uint8Array): GossipDecision;
  status(): BridgeStatus;
  /** Undefined: there is no bridge. */
  session(): BridgeSession | undefined;
}

/**
 * A full node's part in the bridge: it plans what is anchored, signs with the validator's second key if it has one, keeps others' signatures, relays if it is told to, and
 * as a validator votes on what Ethereum has emitted. Whatever Ethereum does, the ledger goes on.
 */
export async function startBridge(options: BridgeOptions, parts: BridgeNodeParts): Promise<BridgeNode> {
  const { app, blocks, store, mempool, log, keys, data } = parts;
  const record: RecordQuery = (path, id) => queryRecord((request) => app.query(request), path, id);
  const ledgerId = ledgerIdOf(parts.genesis);
  const chain = planChain(parts.genesis, store, blocks, app, record);
  const signers = new Set<string>();
  let session: BridgeSession | undefined;
  let relayer: Relayer | undefined;
  let client: OpenBridgeClient | undefined;
  let observer: OutboxObserver | undefined;
  let outbox: Disposable | undefined;
  let relayReport: RelayReport | undefined;
  let observerReport: ObserverReport | undefined;
  let fault = "";
  const votes = keys.bridge && bridgeVotes(parts.genesis.chainId, keys.bridge, { record, mempool });

  const reports = new EvidenceReports(votes, log);

  const closeSession = () => {
    session?.close();
    client?.[Symbol.dispose]();
    outbox?.[Symbol.dispose]();
    session = client = outbox = undefined;
    relayer = observer = undefined;
    relayReport = observerReport = undefined;
  };

  const openSession = async () => {
    const bridge = await ledgerBridge(record);
    if (bridge === undefined || bridge.name === session?.bridge.name) return;
    if (Buffer.compare(bridge.domain.ledgerId, ledgerId) !== 0)
      throw new Error("the configured bridge is another ledger's: its ledger id is not this genesis'");
    // Files first: what cannot be read is asked for again with the next block, with nothing half open.
    const isVoting = votes !== undefined && options.ethereumUrl !== "";
    const cursor = isVoting ? (loadCursor(data, bridge.outbox) ?? firstCursor(options.contractsFile)) : undefined;
    closeSession();
    session = await BridgeSession.open(bridge, {
      data,
      chain,
      keepState: (height) => app.keepState(height),
      key: keys.bridge,
      isSigner: (address) => signers.has(address),
      publish: parts.publish,
      onEquivocation(evidence) {
        reports.add(evidence);
        void reports.send();
      },
      log,
    });
    const { domain } = bridge;
    if (options.ethereumUrl === "") return;
    const ethereum = { url: options.ethereumUrl, chainId: domain.chainId };
    const isRelaying = options.bridgeRelay && keys.relayer !== undefined;
    client = openBridgeClient({
      ...ethereum,
      contract: domain.contract,
      ...(isRelaying && keys.relayer !== undefined ? { privateKey: keys.relayer.bytes } : {}),
    });
    if (isRelaying)
      relayer = new Relayer(client, session.source(), {
        domain,
        reorgMargin: options.reorgMarginBlocks,
        maxFeePerGas: BigInt(options.relayMaxFeeGwei) * GWEI,
        bumpAfterMs: BUMP_AFTER_MS,
        nowMs: () => performance.now(),
      });
    if (votes === undefined || cursor === undefined) return;
    const outboxClient = openOutboxClient({ ...ethereum, contract: bridge.outbox });
    outbox = outboxClient;
    const limits = { maxEvents: MAX_ETHEREUM_EVENTS, window: Number(ETHEREUM_WINDOW), voteAgainMs: VOTE_AGAIN_MS };
    observer = new OutboxObserver(
      outboxClient,
      votes,
      { chainId: domain.chainId, ...limits, nowMs: () => performance.now() },
      cursor,
    );
  };

  /** Second keys of the present sets: those of older ones are in the sets of the plan. */
  const learnSigners = async () => {
    const latest = BigInt(String((await record("/edream/bridge-sets", ""))?.latest ?? 0));
    for (let number = latest; number > 0n && number > latest - 8n; number -= 1n)
      for (const { address } of (await chain.set(number))?.members ?? []) signers.add(address);
  };

  let plannedAt = -1;
  let lastRepeatMs = performance.now();

  const plan = async () => {
    // Of before: a block that comes while this is under way is planned the next time.
    const height = chain.height();
    if (height === plannedAt) return;
    try {
      await openSession();
      await learnSigners();
      await session?.advance();
      fault = "";
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== fault) log.error({ err: error }, "The bridge is not followed any further by this node");
      fault = reason;
    }
    plannedAt = height;
  };

  /** Of one session: planning may open another meanwhile. */
  const lookAtEthereum = async () => {
    const now = { session, relayer, client, observer };
    if (now.session === undefined) return;
    if (now.relayer !== undefined) {
      const report = await now.relayer.tick();
      note("relayer", relayReport?.state, report);
      relayReport = report;
      if (report.head !== undefined) now.session.proofs.contractHas(report.head.seq);
    } else if (now.client !== undefined) await watch(now.client, now.session, options.reorgMarginBlocks);
    if (now.observer !== undefined) {
      const report = await now.observer.tick();
      note("observer", observerReport?.state, report);
      observerReport = report;
      if (now.observer.isSettled) await saveCursor(data, now.session.bridge.outbox, now.observer.cursor);
    }
    measureBridge(parts.metrics, status());
  };

  const note = (who: string, before: string | undefined, { state, detail }: { state: string; detail: string }) => {
    if (state !== before) log.info({ who, state, detail }, "Bridge");
  };

  const repeat = async () => {
    if (performance.now() - lastRepeatMs < REPEAT_MS) return;
    lastRepeatMs = performance.now();
    await reports.send();
    try {
      session?.repeat();
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    }
  };

  const failed = (err: unknown) => log.error({ err }, "Bridge");
  // Apart from each other: an Ethereum node that is slow or silent must not keep a validator from signing.
  const planning = oneAtATime(async () => {
    await plan();
    await repeat();
    measureBridge(parts.metrics, status());
  }, failed);
  const looking = oneAtATime(lookAtEthereum, failed);
  const run = () => {
    planning.want();
    looking.want();
  };
  const status = (): BridgeStatus => ({
    contract: session?.bridge.domain.contract,
    chainId: session && `${session.bridge.domain.chainId}`,
    address: session?.address,
    planned: plannedOf(session),
    relay: relayReport,
    observer: observerReport,
    fault,
  });
  const timer = setInterval(run, LOOK_MS);
  run();

  return {
    onBlock: run,
    receive: (bytes) => session?.receive(bytes) ?? "ignore",
    session: () => session,
    status,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await Promise.all([planning.stop(), looking.stop()]);
      closeSession();
    },
  };
}

/** One that does not relay learns all the same what need not be kept any more. */
async function watch(client: OpenBridgeClient, session: BridgeSession, margin: number): Promise<void> {
  try {
    session.proofs.contractHas((await client.state("latest")).seq);
    const settled = await client.state((await client.blockNumber()) - margin);
    if (settled !== undefined) session.source().confirmed(settled);
  } catch {
    // Its observer or its relayer says that the node is away; signatures are kept meanwhile.
  }
}
