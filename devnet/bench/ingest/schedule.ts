/**
 * An open loop: item i is due i / rate seconds after the start, whether the one before was answered or not. What is answered late is late from
 * when it was due, not from when a busy generator came to it.
 */
export interface Schedule {
  readonly perSecond: number;
  /** Items in all. */
  readonly total: number;
}

/** Items due until this time, at most the total. */
export function dueBy({ perSecond, total }: Schedule, elapsedMs: number): number {
  return Math.min(total, Math.max(0, Math.floor((elapsedMs * perSecond) / 1000) + 1));
}

/** When an item is due, ms after the start. */
export function dueMs({ perSecond }: Schedule, item: number): number {
  return (item * 1000) / perSecond;
}
