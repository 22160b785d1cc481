import { pause } from "../pause.ts";

/**
 * Waits for the next multiple of the period on the clock, so that there is a poll at the border of every interval; a multiple that has passed while something
 * else was done is left out.
 */
export async function nextSlot(periodMs: number, nowMs: () => number, signal: AbortSignal): Promise<void> {
  const now = nowMs();
  await pause((Math.floor(now / periodMs) + 1) * periodMs - now, signal);
}
