import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { decodeHeader, hashHeader } from "#storage/types/header.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { hashValidatorSet, newValidatorSet } from "#storage/types/validatorSet.ts";
import type { NodeEvent, NodeStatus } from "../api/ports.ts";
import type { formatMetrics } from "../api/smallMetrics.ts";
import type { ArchiveJob } from "../archive/archiveJob.ts";
import { loadKey } from "../cli/keyStore.ts";
import { homePaths } from "../configurationHome.ts";
import { loadMetersFile } from "../meter/metersFile.ts";
import { createNetwork } from "../network/network.ts";
import type { SecondTier } from "../offchain/secondTier.ts";
import type { NodeOptions } from "../options.ts";
import type { RunningNode } from "../runningNode.ts";
import { VERSION } from "../version.ts";
import { createHeaderPace } from "./headerPace.ts";
import { createHeaders, type Headers } from "./headers.ts";
import { startLightArchives } from "./lightArchives.ts";
import { type LightDevices, METERS_PER_HEADER, startLightDevices } from "./lightDevices.ts";
import { type Metering, startMetering } from "./metering.ts";
import { openOutbox, type Sealable } from "./outbox.ts";
import { createProofs } from "./proofs.ts";
import { createSubmitter } from "./submitter.ts";
import { openTier, readingsPort } from "./tierPorts.ts";

/** Without news by gossip a light node asks for the newest block this often, in ms. */
const POLL_MS = 1_000;

/** Small: a light node reads little and writes a few KB a second, and its memory is the prosumer's. */
const STORE_BUFFERS = { cacheBytes: 256 * 1024, writeBufferBytes: 512 * 1024 };

/** Headers dropped beyond `retainHeaders` are removed every so many polls. */
const PRUNE_EVERY_POLLS = 60;

/**
 * A prosumer's node: headers it verified itself, its meters' readings, one signed energy transaction per interval, and the proof of each.
 * It keeps no block and believes no full node.
 */
export async function startLightNode(
  options: NodeOptions,
  genesis: Genesis,
  keys: { readonly node: PrivateKey; readonly passphrase: string },
  { log }: { readonly log: Logger },
): Promise<RunningNode> {
  const { chainId } = genesis;
  const { data, keys: keyFolder } = homePaths(options.home);
  mkdirSync(data, { recursive: true });
  const done = Promise.withResolvers<void>();
  await using opening = new AsyncDisposableStack();

  const store = await openLevelStore(join(data, "light"), STORE_BUFFERS);
  opening.defer(() => store.close());
  const outbox = await openOutbox(store);

  let headers: Headers | undefined;
  const pace = createHeaderPace({ pollMs: POLL_MS });
  const fail = (error: unknown) => {
    log.fatal({ err: error }, "This light node has stopped: look at the cause before starting it again");
    done.reject(error);
  };
  const net = await createNetwork(
    {
      nodeKey: keys.node.bytes,
      role: "light",
      chainId,
      listen: [],
      agent: `energy-ledger/${VERSION}`,
      discover: false,
      seeds: [...options.seeds, ...options.fullNodes],
      persistentPeers: options.persistentPeers,
    },
    {
      status: () => ({ height: headers?.trusted()?.signedHeader.header.height ?? 0, earliestHeight: 0 }),
      onTxs: async () => ({ decision: "ignore" }),
      async onHeader(bytes) {
        try {
          const announced = decodeHeader(bytes);
          const trusted = headers?.trusted()?.signedHeader.header.height ?? 0;
          if (announced.height > trusted) {
            pace.announced(announced.height);
            wake();
          }
          const own = announced.height <= trusted ? await headers?.load(announced.height) : undefined;
          if (own === undefined) return "ignore";
          return Buffer.compare(hashHeader(own) ?? bytes, hashHeader(announced) ?? bytes) === 0 ? "accept" : "reject";
        } catch {
          return "reject";
        }
      },
      onConsensusMessage: () => undefined,
      onPeerRejected: (peer, code, reason) => log.warn({ peer, code, reason }, "Peer refused"),
    },
  );
  opening.use(net);

  const validators = newValidatorSet(genesis.validators.map(({ publicKey, power }) => ({ publicKey, power })));
  headers = await createHeaders(options, chainId, {
    store,
    network: net,
    log,
    genesisValidatorsHash: hashValidatorSet(validators),
  });
  const verified = headers;
  const proofs = createProofs({
    network: net,
    peers: verified.peers,
    header: (height) => verified.load(height),
    update: () => verified.update(),
    onLie(peer, code, reason) {
      log.warn({ peer, code, reason }, "A full node sent a proof that does not hold");
      net.penalise(peer, "LIE");
    },
  });

  const verifiedHeight = () => verified.trusted()?.signedHeader.header.height ?? 0;

  const listeners = new Set<(event: NodeEvent) => void>();
  const metersFile = await loadMetersFile(homePaths(options.home).meters);
  const metersOn = options.meterSource === "inputs" ? metersFile.inputs.length > 0 : options.meterSource !== "none";
  const meterKey = metersOn ? await loadKey(keyFolder, options.meterKey, keys.passphrase) : undefined;
  const tier = meterKey && (await openTier(options, log));
  if (tier !== undefined) opening.use(tier);
  let devices: LightDevices | undefined;
  const submitter =
    meterKey &&
    createSubmitter(
      { chainId, meterKey, clearSums: (meterId) => devices?.clearSums(meterId) ?? options.meterClearSums },
      { network: net, peers: verified.peers, proofs, outbox, log, nowMs: Date.now },
    );

  // One loop follows the chain: a header by gossip wakes it, otherwise the clock does.
  let wakeLoop: (() => void) | undefined;
  let isAwake = false;
  function wake(): void {
    isAwake = true;
    wakeLoop?.();
  }
  const stopping = new AbortController();
  async function follow(): Promise<void> {
    let height = 0;
    for (let polls = 1; !stopping.signal.aborted; polls++) {
      isAwake = false;
      const reached = await verified.update();
      if (reached > height) {
        height = reached;
        announce();
      } else followDevices();
      const waitMs = pace.waitMs(reached);
      await submitter?.step();
      if (options.retainHeaders > 0 && polls % PRUNE_EVERY_POLLS === 0)
        await verified.prune(reached - options.retainHeaders + 1);
      if (!isAwake)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs);
          wakeLoop = () => {
            clearTimeout(timer);
            resolve();
          };
        });
    }
  }
  function followDevices(): void {
    const header = verified.trusted()?.signedHeader.header;
    if (header !== undefined) devices?.onHeader({ appHash: header.appHash, timeMs: timestampToMs(header.time) });
  }
  function announce(): void {
    const block = verified.trusted();
    if (block === undefined) return;
    const { header, commit } = block.signedHeader;
    const { hash } = commit.blockId;
    const timeMs = timestampToMs(header.time);
    followDevices();
    for (const listener of listeners)
      listener({
        type: "block",
        height: header.height,
        hash,
        appHash: header.appHash,
        timeMs,
        txs: 0,
        round: commit.round,
      });
  }
  const following = follow().catch(fail);
  opening.defer(async () => {
    stopping.abort();
    wake();
    await following;
  });

  const stopMetering = new AbortController();
  let archives: ArchiveJob | undefined;
  if (meterKey !== undefined && submitter !== undefined) {
    const enqueue = (items: readonly Sealable[]) => {
      submitter.enqueue(items);
      wake();
      for (const { meterId, endMs } of items) archives?.note(meterId, endMs);
    };
    devices = await startLightDevices(
      options,
      { chainId, meterKey, metersFile },
      {
        ...{ outbox, fail, log, metersPerHeader: METERS_PER_HEADER },
        // With the header that the node has just verified: bringing the headers up to date for every record would double the way.
        proofs: { state: (path, bytes, key) => proofs.state(path, bytes, key, verifiedHeight()) },
        notice: (meterId, message) => {
          const settled = submitter.notice(meterId, message);
          wake();
          return settled;
        },
        startMeters: (effective, file) =>
          startMetering(effective, { chainId, meterKey, metersFile: file }, { outbox, enqueue, fail, log, tier }),
      },
    );
    const running = devices;
    opening.use(running);
    stopMetering.signal.addEventListener("abort", running.stop);
    if (options.archiveEvery !== "") {
      archives = await startLightArchives(
        options,
        { chainId, meterKey, archiveKey: await loadKey(keyFolder, options.archiveKey, keys.passphrase) },
        {
          ...{ network: net, peers: verified.peers, proofs, log },
          isSealed: (meterId) => outbox.closedUntilMs(meterId) > 0,
          isReady: () => net.peers.length > 0 && verifiedHeight() >= 2,
        },
      );
      opening.use(archives);
    }
  }

  const status = (): NodeStatus => {
    const block = verified.trusted();
    const header = block?.signedHeader.header;
    return {
      role: "light",
      moniker: options.moniker,
      chainId,
      peerId: net.peerId,
      version: VERSION,
      height: header?.height ?? 0,
      round: 0,
      blockHash: block?.signedHeader.commit.blockId.hash ?? new Uint8Array(0),
      appHash: header?.appHash ?? new Uint8Array(0),
      blockTimeMs: header === undefined ? 0 : timestampToMs(header.time),
      earliestHeight: 0,
      catchingUp: header === undefined,
      peers: net.peers.length,
      validatorAddress: undefined,
      ...(tier === undefined ? {} : { secondTier: tier.state() }),
    };
  };
  const lightView = async () => {
    const { headers: count, headerBytes, storeBytes } = await verified.report();
    const meters = devices?.meters();
    const totals = outbox.totals();
    const sent = submitter?.stats();
    return {
      headers: count,
      headerBytes,
      storeBytes,
      proofsVerified: proofs.counts.verified,
      proofsFailed: proofs.counts.failed,
      readings: meters?.stats(),
      account: meters?.account(),
      channels: meters?.channels(),
      readingLog: meters?.log(),
      devices: devices?.view(),
      intervals: { ...totals, finalisedMwh: totals.finalisedMwh.toString() },
      transactions: sent && { sent: sent.sent, finalised: sent.finalised, rejected: sent.rejected },
      unknownMeters: sent?.unknownMeters ?? 0,
      finalitySeconds: sent?.finalitySeconds ?? [],
      isDrained: submitter?.isDrained() ?? true,
    };
  };

  let api: { readonly url: string; close(): Promise<void> } | undefined;
  if (options.api) {
    // Not the full API: Fastify and its validators would take 20 MB of a prosumer's memory.
    const [{ createSmallApi }, { formatMetrics }] = await Promise.all([
      import("../api/smallApi.ts"),
      import("../api/smallMetrics.ts"),
    ]);
    api = await createSmallApi(
      options,
      {
        status,
        readiness: () =>
          verified.trusted() === undefined ? { ready: false, reason: "no header is verified yet" } : { ready: true },
        peers: () =>
          net.peers.map(({ peer, addresses, direction, role, height }) => ({
            peerId: peer,
            addresses,
            direction,
            role,
            height,
          })),
        subscribe(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        header: (height) => verified.load(height),
        light: lightView,
        readings: readingsPort(tier, meterKey && (() => devices?.meters())),
        openings: (request) => outbox.openings(request),
        async unsealed(meterId, limit) {
          if (meterId !== undefined && outbox.firstEndMs(meterId) === 0) return undefined;
          const late = devices?.meters()?.unsealed(meterId) ?? [];
          return { late: late.slice(0, limit), refused: await outbox.refused(meterId, limit) };
        },
        audit: async () => {
          const { createOwnAudit } = await import("../audit/ownAudit.ts");
          const header = (height: number) => verified.load(height);
          return createOwnAudit(chainId, { store, readings: join(data, "readings"), header, proofs });
        },
        metrics: async () => {
          const { headers: count, headerBytes } = await verified.report();
          const meters = devices?.meters();
          return formatMetrics({
            ledger_light_height: ["Height of the latest verified header", status().height],
            ledger_light_headers: ["Headers kept", count],
            ledger_light_header_bytes: ["Bytes of the headers kept", headerBytes],
            ledger_light_proofs_verified_total: ["Proofs that held", proofs.counts.verified],
            ledger_light_proofs_failed_total: ["Proofs that did not hold", proofs.counts.failed],
            ...(meters === undefined ? {} : meterMetrics(meters)),
            ...(tier === undefined ? {} : tierMetrics(tier)),
            ledger_network_peers: ["Connected peers", net.peers.length],
          });
        },
      },
      { log },
    );
    const started = api;
    opening.defer(() => started.close());
  }

  const resources = opening.move();
  let stopped: Promise<void> | undefined;
  return {
    role: "light",
    api: api && { url: api.url },
    peerId: net.peerId,
    addresses: net.addresses,
    stop() {
      stopped ??= resources.disposeAsync().then(() => done.resolve());
      return stopped;
    },
    done: done.promise,
    stopMetering: () => stopMetering.abort(),
  };
}

function tierMetrics(tier: SecondTier): Parameters<typeof formatMetrics>[0] {
  const { backlogBatches, forwarded, isAway } = tier.state();
  return {
    ledger_readings_backlog_batches: ["Batches of the log that wait for the queue or the store", backlogBatches],
    ledger_readings_forwarded_total: ["Readings handed over to the queue or the store", forwarded],
    ledger_readings_away: ["1 while the queue or the store does not answer", isAway ? 1 : 0],
  };
}

function meterMetrics(meters: Metering): Parameters<typeof formatMetrics>[0] {
  const { bytes, maxBytes, thinned, isFull } = meters.log();
  const { durable, late, fingerprinted } = meters.stats();
  const unsealed = meters.unsealed().reduce((sum, { readings }) => sum + readings, 0);
  return {
    ledger_meter_readings_durable_total: ["Readings on disk since the start", durable],
    ledger_meter_readings_fingerprinted_total: ["Readings in closed intervals since the start", fingerprinted],
    ledger_meter_readings_late_total: ["Readings that were late for their interval", late],
    ledger_meter_readings_unsealed: ["Late readings that are kept and can be sealed no more", unsealed],
    ledger_meter_readings_thinned_total: ["Raw samples removed to keep within the bound", thinned],
    ledger_meter_log_bytes: ["Readings kept on disk", bytes],
    ledger_meter_log_max_bytes: ["Readings that may be kept on disk", maxBytes],
    ledger_meter_log_full: ["1 while meters wait because there is no room", isFull ? 1 : 0],
  };
}
