import type { Meter } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { MAX_READING_TIME_MS } from "#storage/types/reading.ts";
import type { Failure, LedgerCode } from "./codes.ts";
import { fail } from "./codes.ts";
import type { MessageContext } from "./messageContext.ts";
import { requireMeterRight, signerAccount } from "./messageContext.ts";
import type { Right } from "./roles.ts";
import { newRecord, type RecordOf } from "./stateRecords.ts";

/** What the rules for records about a meter's readings have in common: erasures, archives, flags, configurations. */

/** The meter, if there is one (METER_UNKNOWN) and `signer` has this right about it (ROLE_FORBIDDEN, METER_REVOKED, METER_REVOKED_ON_ETHEREUM). */
export function meterFor(
  context: MessageContext,
  { meterId, signer, right }: { readonly meterId: string; readonly signer: string; readonly right: Right },
): Meter | Failure {
  const meter = context.state.get("meter", meterId);
  if (meter === undefined) return fail("METER_UNKNOWN", JSON.stringify(meterId.slice(0, 96)));
  return requireMeterRight(context, signerAccount(signer), right, { meterId, meter }) ?? meter;
}

/** Whether (fromMs, untilMs] is a span of time (`code`) that lies at most `max_future_ms` ahead of block time (INTERVAL_IN_FUTURE). */
export function checkSpan(
  context: MessageContext,
  fromMs: bigint,
  untilMs: bigint,
  code: LedgerCode,
): Failure | undefined {
  if (fromMs < 0n || untilMs <= fromMs || untilMs > BigInt(MAX_READING_TIME_MS))
    return fail(code, `no period (${fromMs}, ${untilMs}]`);
  return checkNotFuture(context, untilMs);
}

export function checkNotFuture(context: MessageContext, timeMs: bigint): Failure | undefined {
  if (context.timeMs !== undefined && timeMs > BigInt(context.timeMs) + context.params.maxFutureMs)
    return fail("INTERVAL_IN_FUTURE", `${timeMs}, block time is ${context.timeMs}`);
  return undefined;
}

/** A count of readings that a number holds exactly. */
export function isReadingCount(count: bigint): boolean {
  return count > 0n && count <= BigInt(Number.MAX_SAFE_INTEGER);
}

export function countsOf(context: MessageContext, meterId: string): RecordOf<"counts"> {
  return context.state.get("counts", meterId) ?? newRecord("counts", {});
}

/** One more of what is counted; answers its number, from 1. */
export function takeNumber(
  context: MessageContext,
  meterId: string,
  counted: "amendments" | "erasures" | "archives" | "flags",
): bigint {
  const counts = countsOf(context, meterId);
  const number = counts[counted] + 1n;
  context.state.put("counts", meterId, { ...counts, [counted]: number });
  return number;
}
