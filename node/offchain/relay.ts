import { DEFAULT_PREFETCH, type Delivery, type ReadingQueue } from "#storage/offchain/readingQueue.ts";

/**
 * Queue → queue: what one delivers is published to the other, in order, and acknowledged when that is confirmed. Published twice at worst: a store
 * behind it keeps a reading once. Up to DEFAULT_PREFETCH publishes are under way. Runs until the signal is aborted.
 * @throws what publishing throws
 */
export async function relayReadings(
  from: Pick<ReadingQueue, "consume">,
  to: Pick<ReadingQueue, "publish">,
  signal: AbortSignal,
): Promise<void> {
  const failing = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  const pass = async (delivery: Delivery): Promise<void> => {
    try {
      await to.publish(delivery.readings);
      await delivery.acknowledge();
    } catch (error) {
      failure ??= { error };
      failing.abort();
    }
  };
  const either = AbortSignal.any([signal, failing.signal]);
  const deliveries = from.consume({ signal: either, prefetch: DEFAULT_PREFETCH });
  // What ends the iteration makes its deliveries void: publishes that the end meets are published again, by whoever follows next.
  for await (const delivery of deliveries) {
    if (either.aborted) break;
    void pass(delivery);
  }
  if (failure !== undefined && !signal.aborted) throw failure.error;
}
