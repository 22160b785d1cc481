import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Application } from "#consensus/abci.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import type { ArchiveJob } from "../archive/archiveJob.ts";
import { homePaths } from "../configurationHome.ts";
import type { ChainTip } from "../devices/deviceAgent.ts";
import type { Mempool } from "../mempoolTypes.ts";
import type { MetersFile } from "../meter/metersFile.ts";
import type { Network } from "../network/network.ts";
import type { SecondTier } from "../offchain/secondTier.ts";
import type { NodeOptions } from "../options.ts";
import type { ChainReader } from "../serve/chainReader.ts";
import { decodeSubmission, encodeSubmitVerdicts, resultCodeOf } from "../serve/messages.ts";
import { submitVerdictOf } from "../serve/serve.ts";
import { type LightDevices, METERS_PER_BLOCK, startLightDevices } from "./lightDevices.ts";
import { type Metering, startMetering } from "./metering.ts";
import { openOutbox } from "./outbox.ts";
import type { Answer } from "./peers.ts";
import { createSubmitter } from "./submitter.ts";

/** Between two blocks, for what waits for nothing but time. */
const STEP_MS = 1000;

/** Meters that a full node reads: those of a grid operator, which runs one. */
export interface Collector extends AsyncDisposable {
  /** A block was committed. */
  onBlock(): void;
  /** Undefined while they are started anew. */
  meters(): Metering | undefined;
}

/**
 * The way of a light node's intervals, at a full node: what a light node asks others for, with proofs, this node looks up in its own chain, and its
 * transactions go into its own mempool. Readings, intervals and outbox are in the same places of the home.
 * @throws MeterSourceError, ReadingLogError
 */
export async function startCollector(
  options: NodeOptions,
  owner: {
    readonly chainId: string;
    readonly meterKey: PrivateKey;
    readonly metersFile: MetersFile;
    /** Signs archives, where they are made. */
    readonly archiveKey?: PrivateKey;
  },
  ports: {
    readonly reader: ChainReader;
    readonly app: Application;
    readonly mempool: Mempool;
    readonly network: Pick<Network, "peerId" | "protocols" | "penalise">;
    /** The newest block; undefined while the node catches up: what the chain said then may be outdated. */
    readonly tip: () => ChainTip | undefined;
    readonly tier?: SecondTier | undefined;
    readonly log: Logger;
    readonly fail: (error: unknown) => void;
  },
): Promise<Collector> {
  const { reader, app, mempool, network, tip, tier, log, fail } = ports;
  const { data } = homePaths(options.home);
  mkdirSync(data, { recursive: true });
  await using opening = new AsyncDisposableStack();
  const store = await openLevelStore(join(data, "light"));
  opening.defer(() => store.close());
  const outbox = await openOutbox(store);

  const ask = async (_protocol: unknown, bytes: Uint8Array): Promise<Answer> => {
    const verdicts = await mempool.addBatch(decodeSubmission(bytes));
    return { peer: network.peerId, answer: encodeSubmitVerdicts(verdicts.map(submitVerdictOf)) };
  };
  let devices: LightDevices | undefined;
  let archives: ArchiveJob | undefined;
  // What this node looks up in its own chain and state: there is nobody to be believed.
  const own = {
    async transactions(txIds: readonly Uint8Array[]) {
      const proofs = (await Promise.all(txIds.map((id) => reader.txProof(id)))).filter((proof) => proof !== undefined);
      return proofs.map((proof) => ({
        proof,
        code: proof.result === undefined ? undefined : resultCodeOf(proof.result.bytes),
      }));
    },
    async state(_path: string, _data: Uint8Array, key: Uint8Array) {
      const { value, height } = app.query({ path: "/edream/state", data: key, height: 0, prove: false });
      return { value: value.length > 0 ? value : undefined, height };
    },
  };
  const submitter = createSubmitter(
    {
      ...{ chainId: owner.chainId, meterKey: owner.meterKey },
      clearSums: (meterId) => devices?.clearSums(meterId) ?? options.meterClearSums,
    },
    {
      network: {
        protocols: network.protocols,
        penalise: network.penalise,
        publishTxs: (txs) => void mempool.addBatch(txs).catch(fail),
      },
      peers: { ask, askAll: async (protocol, bytes) => [await ask(protocol, bytes)], rotate: () => undefined },
      proofs: {
        counts: { verified: 0, failed: 0 },
        transactions: own.transactions,
        async state(path, bytes) {
          // Records as they stand in the state come with a proof only.
          const { code, value, height } = app.query({ path, data: bytes, height: 0, prove: true });
          return { value: code === 0 && value.length > 0 ? value : undefined, height };
        },
      },
      ...{ outbox, log, nowMs: Date.now },
    },
  );

  const step = (): void => {
    void submitter.step().catch(fail);
    const newest = tip();
    if (newest !== undefined) devices?.onHeader(newest);
  };
  const timer = setInterval(step, STEP_MS);
  opening.defer(() => clearInterval(timer));
  devices = await startLightDevices(options, owner, {
    ...{ outbox, fail, log, metersPerHeader: METERS_PER_BLOCK },
    proofs: own,
    notice(meterId, message) {
      const settled = submitter.notice(meterId, message);
      step();
      return settled;
    },
    startMeters: (effective, metersFile) =>
      startMetering(
        effective,
        { ...owner, metersFile },
        {
          ...{ outbox, fail, log, tier },
          enqueue(items) {
            submitter.enqueue(items);
            step();
            for (const { meterId, endMs } of items) archives?.note(meterId, endMs);
          },
        },
      ),
  });
  opening.use(devices);
  const running = devices;
  if (owner.archiveKey !== undefined) {
    const { startLightArchives } = await import("./lightArchives.ts");
    archives = await startLightArchives(
      options,
      { chainId: owner.chainId, meterKey: owner.meterKey, archiveKey: owner.archiveKey },
      {
        ...{ network, peers: { ask }, proofs: own, log },
        isSealed: (meterId) => outbox.closedUntilMs(meterId) > 0,
        isReady: () => tip() !== undefined,
      },
    );
    opening.use(archives);
  }
  step();
  const resources = opening.move();
  return {
    onBlock: step,
    meters: () => running.meters(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
