import type { Logger } from "pino";
import type { AssetStore, SubmitResult } from "#storage/assets/assetStore.ts";
import type { AssetSigner } from "#storage/assets/buildTransaction.ts";
import { pause } from "../../meter/pause.ts";
import type { MeterRecord, OutboxEntry } from "./aggregatorRecords.ts";
import type { AggregatorState } from "./aggregatorState.ts";
import type { AggregateMetadata } from "./measurement.ts";
import { meterCreate, meterTransfer } from "./meterAsset.ts";

/** Meters whose transactions are under way at once; each has one connection to the store at a time. */
const METERS_AT_ONCE = 32;

/** Entries of a meter's outbox that are compared with the chain at once: more than a year of an attribute. */
const MAX_RECONCILED = 50_000;

const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 60_000;

export interface SenderCounts {
  readonly registered: number;
  readonly sent: number;
  /** Found on the chain already, after a crash or an answer that was lost. */
  readonly foundSent: number;
  /** Attempts that failed and are made again. */
  readonly failures: number;
}

export interface Sender extends AsyncDisposable {
  readonly counts: SenderCounts;
  /** These meters have something to send. */
  kick(meterIds: readonly string[]): void;
  /** Resolves when nothing is under way or waits. */
  idle(): Promise<void>;
}

/**
 * Sends what waits in the outbox, each meter's in order, one transaction after another, for each spends the one before. What is not known to be in a block is
 * sent again: being the same transaction it cannot count twice. Where the chain has gone another way (an outbox that came back from a backup), the meter's state is
 * read from the chain and goes on from there.
 */
export function createSender(
  state: AggregatorState,
  store: AssetStore,
  { signerOf, log }: { readonly signerOf: (meterId: string) => AssetSigner; readonly log: Logger },
): Sender {
  const stopped = new AbortController();
  const { signal } = stopped;
  const counts = { registered: 0, sent: 0, foundSent: 0, failures: 0 };
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  let idlers: (() => void)[] = [];

  async function register(record: MeterRecord, signer: AssetSigner): Promise<MeterRecord> {
    if (record.registered) return record;
    const { text } = meterCreate(signer, record.meterId);
    orThrow(await store.submit(text, "commit"));
    const registered = { ...record, registered: true };
    await state.save(registered);
    counts.registered += 1;
    log.info(
      { meter: record.meterId, asset: record.assetId, publicKey: record.publicKey },
      "Registered a meter as an asset",
    );
    return registered;
  }

  async function send(record: MeterRecord, signer: AssetSigner, entry: OutboxEntry): Promise<void> {
    const { id, text } = meterTransfer(signer, record, entry.metadata);
    const result = await store.submit(text, "commit");
    if (result.accepted) {
      await state.save({ ...record, head: id }, [entry]);
      counts.sent += 1;
      return;
    }
    if (result.temporary || !["DoubleSpend", "InputDoesNotExist"].includes(result.error)) orThrow(result);
    const chain = await readChain(store, record);
    if (chain === undefined || chain.head === record.head) return orThrow(result);
    // Whatever else waits may have been told too: it would fit behind the new head, and count twice.
    const waiting = await state.waiting(record.meterId, MAX_RECONCILED);
    const found = waiting.filter(({ metadata }) => chain.told.has(nameOf(metadata)));
    await state.save({ ...record, head: chain.head }, found);
    counts.foundSent += found.length;
  }

  async function sendAll(meterId: string): Promise<void> {
    const signer = signerOf(meterId);
    let failures = 0;
    while (!signal.aborted) {
      try {
        const known = await state.meter(meterId);
        if (known === undefined) return;
        const record = await register(known, signer);
        const [entry] = await state.waiting(meterId, 1);
        if (entry === undefined) return;
        await send(record, signer, entry);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        counts.failures += 1;
        log.warn({ err: error, meter: meterId, failures }, "A meter's transaction was not accepted; it is sent again");
        await pause(Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(failures - 1, 10)), signal);
      }
    }
  }

  function startMore(): void {
    for (const meterId of waiting) {
      if (running.size >= METERS_AT_ONCE || signal.aborted) break;
      // What comes for a meter that is being sent is looked for again when that is done.
      if (running.has(meterId)) continue;
      waiting.delete(meterId);
      const done = sendAll(meterId)
        .catch((error: unknown) => log.error({ err: error, meter: meterId }, "A meter cannot be sent"))
        .finally(() => {
          running.delete(meterId);
          startMore();
        });
      running.set(meterId, done);
    }
    if (running.size === 0 && (waiting.size === 0 || signal.aborted)) for (const resolve of idlers.splice(0)) resolve();
  }

  return {
    counts,
    kick(meterIds) {
      for (const meterId of meterIds) waiting.add(meterId);
      startMore();
    },
    async idle() {
      if (running.size === 0 && waiting.size === 0) return;
      await new Promise<void>((resolve) => {
        idlers = [...idlers, resolve];
      });
    },
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await Promise.all(running.values());
      startMore();
    },
  };
}

/** The unspent end of a meter's asset, and what its transactions have told; undefined when the store has none of it. */
async function readChain(
  store: AssetStore,
  { assetId, publicKey }: MeterRecord,
): Promise<{ readonly head: string; readonly told: ReadonlySet<string> } | undefined> {
  const unspent = await store.outputs(publicKey, false);
  const told = new Set<string>();
  const ids = new Set<string>();
  for (const json of await store.transactionsOf(assetId)) {
    const { id, metadata } = JSON.parse(json) as { id: string; metadata: AggregateMetadata | null };
    ids.add(id);
    if (metadata !== null) told.add(nameOf(metadata));
  }
  const head = unspent.find(({ transactionId }) => ids.has(transactionId));
  return head && { head: head.transactionId, told };
}

/** What is told once: an interval of an attribute, and how often it has been told before. */
function nameOf({ attrName, aggregation, intervalMs, recvTime, revision }: AggregateMetadata): string {
  return `${attrName} ${aggregation} ${intervalMs} ${recvTime} ${revision}`;
}

/** @throws Error with the store's words */
function orThrow(result: SubmitResult): void {
  if (!result.accepted) throw new Error(`${result.error} ${result.message}`);
}
