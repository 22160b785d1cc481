import { join } from "node:path";
import type { Logger } from "pino";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { openReadingLog, type ReadingRange } from "#storage/offchain/readingLog.ts";
import type { Reading } from "#storage/types/reading.ts";
import { homePaths } from "../configurationHome.ts";
import { createChannelSource } from "../meter/channelSource.ts";
import { type ChannelCounts, createChannels } from "../meter/channels.ts";
import { createLiveSource, type LiveSource } from "../meter/liveSource.ts";
import { createEventLog } from "../meter/meterEvents.ts";
import { startMeters } from "../meter/meterInputs.ts";
import type { MetersFile } from "../meter/metersFile.ts";
import { createPipeline, type PipelineStats } from "../meter/pipeline.ts";
import type { MeterSource, SourceAccount } from "../meter/source.ts";
import type { UnsealedRun } from "../meter/unsealed.ts";
import type { SecondTier } from "../offchain/secondTier.ts";
import type { NodeOptions } from "../options.ts";
import { type BoundedLogState, createBoundedLog, LogStoppedError } from "./boundedLog.ts";
import { meterSecretOf } from "./meterKeys.ts";
import type { Outbox, Sealable } from "./outbox.ts";
import { openSource } from "./source.ts";

/** D5.1's period P: 24 hours. Also the ledger's default (consensus/application/genesisState.ts). */
const PERIOD_MS = 24 * 3600 * 1000;

const MAX_SEGMENT_BYTES = 16 * 1024 * 1024;

/** A meter that no longer shows its register has no intervals that could be waited for. */
const SILENT_MS = 7 * 24 * 3600 * 1000;

/** The meters of a node, from their inputs to the outbox. */
export interface Metering extends AsyncDisposable {
  stats(): PipelineStats;
  /** Where every row of the source went. */
  account(): Omit<SourceAccount, "acceptedMwh"> & { readonly acceptedMwh: string };
  /** What the readings of devices became; undefined where the source's are those of meters already. */
  channels(): ChannelCounts | undefined;
  log(): BoundedLogState;
  /** All that is kept, in the order in which it came. */
  scan(range?: ReadingRange): AsyncIterable<Reading>;
  /** Late readings that are kept and can be sealed no more, of one meter of the ledger or of all. */
  unsealed(meterId?: string): readonly UnsealedRun[];
  /** Takes no further readings. */
  stop(): void;
}

/**
 * Inputs (or the one source that the options name) → channels → reading log → intervals → outbox. `fail` hears of what stops it.
 * @throws MeterSourceError for options of an input that cannot be; ReadingLogError
 */
export async function startMetering(
  options: NodeOptions,
  owner: { readonly chainId: string; readonly meterKey: PrivateKey; readonly metersFile: MetersFile },
  ports: {
    readonly outbox: Outbox;
    readonly enqueue: (items: readonly Sealable[]) => void;
    readonly fail: (error: unknown) => void;
    readonly log: Logger;
    /** Where the log is not all: it gets every reading from there. */
    readonly tier?: SecondTier | undefined;
  },
): Promise<Metering> {
  const { outbox, enqueue, fail, tier } = ports;
  const log = ports.log.child({ part: "meters" });
  await using opening = new AsyncDisposableStack();
  const directory = join(homePaths(options.home).data, "readings");
  // Small enough that the oldest of them is a small part of what may be kept.
  const segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.floor(options.meterMaxBytes / 16));
  const readings = await openReadingLog(directory, { segmentBytes });
  opening.defer(() => readings.close());
  const forwarding = await tier?.forward(readings);
  if (forwarding !== undefined) opening.use(forwarding);

  const hasInputs = options.meterSource === "inputs";
  const channels = hasInputs ? createChannels(owner.metersFile.devices) : undefined;
  const live: LiveSource | undefined = hasInputs ? createLiveSource({ nowMs: Date.now }) : undefined;
  const events = createEventLog({ nowMs: Date.now, log });
  const source: MeterSource =
    live === undefined || channels === undefined
      ? await openSource(options, readings)
      : createChannelSource(live, channels, events.note);

  const bounded = createBoundedLog(
    { maxBytes: options.meterMaxBytes, rawDays: options.meterRawDays },
    {
      ...{ readings, directory, log, nowMs: Date.now },
      ...(forwarding === undefined ? {} : { forwarded: forwarding }),
      isRaw: (reading) => channels?.isRaw(reading) ?? false,
      isSealed: ({ meterId, timestampMs }) =>
        timestampMs < Date.now() - SILENT_MS ||
        (channels?.sealedBeside(meterId) ?? []).every((beside) => timestampMs <= outbox.closedUntilMs(beside)),
    },
  );
  const metering = new AbortController();
  metering.signal.addEventListener("abort", bounded.stop);
  const pipeline = createPipeline(
    {
      ledgerId: owner.chainId,
      intervalMs: options.meterIntervalMs,
      periodMs: PERIOD_MS,
      syncMs: options.meterSyncMs,
      amendAfterMs: options.meterAmendAfterMs,
    },
    {
      source,
      readings: bounded,
      outbox,
      secretOf: (meterId) => meterSecretOf(owner.meterKey, meterId),
      onClosed: enqueue,
      onAmended: enqueue,
      onUnsealed: (readings) =>
        log.warn(
          { readings },
          "Late readings are kept that can be sealed no more: `energy-ledger meter unsealed` lists them and says why",
        ),
      ...(channels === undefined ? {} : { channels }),
    },
  );
  const running = pipeline.run(metering.signal).catch((error: unknown) => {
    if (!(error instanceof LogStoppedError)) fail(error);
  });
  opening.defer(async () => {
    metering.abort();
    await running;
  });
  if (live !== undefined) opening.use(await startMeters(owner.metersFile, { offer: live.offer, nowMs: Date.now, log }));

  const resources = opening.move();
  return {
    stats: pipeline.stats,
    account() {
      const { acceptedMwh, ...counts } = source.account();
      return { ...counts, acceptedMwh: acceptedMwh.toString() };
    },
    channels: () => channels?.counts(),
    log: bounded.state,
    scan: (range) => readings.scan(range),
    unsealed: pipeline.unsealed,
    stop: () => metering.abort(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
