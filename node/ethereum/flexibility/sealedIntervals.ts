import type { FlexibilityEvent } from "#bridge/baseline.ts";
import type { ActionContext } from "../action.ts";
import { inOrder, type SealedInterval, sealedNewestFirst } from "../sealedIntervals.ts";

/** Those of the event's intervals that the meter has sealed, by time. Asks the newest transactions first, and stops at the event's start. */
export async function sealedIntervalsOf(
  { ledger }: Pick<ActionContext, "ledger">,
  meterId: string,
  event: FlexibilityEvent,
): Promise<readonly SealedInterval[]> {
  const found: SealedInterval[] = [];
  for await (const sealed of sealedNewestFirst(ledger, meterId)) {
    found.push(...sealed.filter((one) => isOf(event, one)));
    if (found.length >= event.intervalCount || sealed.some(({ endMs }) => endMs <= event.startMs)) break;
  }
  return inOrder(found);
}

function isOf({ startMs, intervalMs, intervalCount }: FlexibilityEvent, sealed: SealedInterval): boolean {
  const index = (sealed.startMs - startMs) / intervalMs;
  return Number.isInteger(index) && index >= 0 && index < intervalCount && sealed.endMs === sealed.startMs + intervalMs;
}
