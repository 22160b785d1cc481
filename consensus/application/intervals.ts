import { sha256 } from "#storage/crypto/hash.ts";
import { MAX_ENERGY_MWH, MAX_UNOPENED_INTERVALS } from "#storage/limits.ts";
import type { Meter, MeterChain } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { MsgAmendInterval, MsgSealInterval } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { periodHashClear, periodHashCommitted } from "#storage/types/intervalHash.ts";
import { MAX_READING_TIME_MS } from "#storage/types/reading.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { signerAccount } from "./messageContext.ts";
import { isValidFor } from "./meters.ts";
import { revokedOnEthereum } from "./registryStanding.ts";
import { hasRight } from "./roles.ts";
import { withSealed } from "./sealedRuns.ts";
import { newRecord, periodId, unopenedId } from "./stateRecords.ts";

/**
 * The energy transaction (D5.1 Fig. 21). Checks in this order:
 *   a) the meter exists (METER_UNKNOWN)
 *   b) the signer is its device (ROLE_FORBIDDEN), and its certificate holds (METER_REVOKED, METER_REVOKED_ON_ETHEREUM)
 *   c) both ends are multiples of the meter's interval, end after start (INTERVAL_MISALIGNED), in one period (INTERVAL_CROSSES_PERIOD)
 *   d) it starts where the latest one ended, or later: gaps are allowed and stay visible (INTERVAL_OVERLAPS)
 *   e) the certificate holds for all of it (METER_NOT_VALID), and it does not end later than `max_future_ms` after block time (INTERVAL_IN_FUTURE)
 *   f) hashes have 32 bytes (INTERVAL_HASH_INVALID), the energy fits count and direction (INTERVAL_ENERGY_INVALID, AMOUNT_INVALID)
 */
export function sealInterval(context: MessageContext, message: MsgSealInterval): Failure | undefined {
  const { state, params } = context;
  const { meterId } = message;
  const meter = state.get("meter", meterId);
  const chain = state.get("chain", meterId);
  if (meter === undefined || chain === undefined) return fail("METER_UNKNOWN", JSON.stringify(meterId.slice(0, 96)));
  const standing = signerAccount(message.signer) === meter.deviceAccount ? "device" : undefined;
  if (!hasRight(standing, "sealInterval")) return fail("ROLE_FORBIDDEN", `the signer is not the device of ${meterId}`);
  if (meter.revoked) return fail("METER_REVOKED", meterId);
  const revoked = revokedOnEthereum(state, meterId);
  if (revoked !== undefined) return revoked;

  const times = readTimes(message, Number(meter.intervalMs), Number(params.periodMs));
  if ("code" in times) return times;
  const { startMs, endMs, periodStartMs } = times;
  if (startMs < Number(chain.lastEndMs))
    return fail("INTERVAL_OVERLAPS", `starts at ${startMs}, the latest one ends at ${chain.lastEndMs}`);
  if (!isValidFor(meter, startMs, endMs)) return fail("METER_NOT_VALID", `(${startMs}, ${endMs}]`);
  if (context.timeMs !== undefined && endMs > context.timeMs + Number(params.maxFutureMs))
    return fail("INTERVAL_IN_FUTURE", `ends at ${endMs}, block time is ${context.timeMs}`);
  const invalid = checkEnergy(message, meter);
  if (invalid !== undefined) return invalid;

  const isNewPeriod = chain.intervalCount === 0n || Number(chain.periodStartMs) !== periodStartMs;
  if (isNewPeriod && chain.intervalCount > 0n) closePeriod(context, meterId, chain);
  const previous = isNewPeriod ? periodOrigin(meterId, periodStartMs) : chain.periodHash;
  const clear = clearSum(message);
  let producedMwh = chain.producedMwh;
  if (meter.direction === "export") {
    if (message.energy.case === "sumCommitment") keepUnopened(context, meter, message, endMs, 0);
    else producedMwh += clear;
    if (producedMwh > MAX_ENERGY_MWH) return fail("AMOUNT_INVALID", "the meter's total exceeds 2^53 - 1 mWh");
  }
  state.put("chain", meterId, {
    ...chain,
    lastEndMs: message.intervalEndMs,
    periodStartMs: BigInt(periodStartMs),
    periodHash: linkHash(message, previous),
    periodIntervalCount: isNewPeriod ? 1 : chain.periodIntervalCount + 1,
    intervalCount: chain.intervalCount + 1n,
    readingCount: chain.readingCount + BigInt(message.readingCount),
    producedMwh,
    registerEndMwh: message.registerEndMwh ?? chain.registerEndMwh,
    sealedRuns: [...withSealed(isNewPeriod ? [] : chain.sealedRuns, startMs, endMs, params.sealedRunsPerPeriod)],
  });
  context.events.push(
    event("interval", {
      meter: meterId,
      end_ms: endMs.toString(),
      start_ms: startMs.toString(),
      count: message.readingCount.toString(),
    }),
  );
  return undefined;
}

/**
 * What H^{T_1} of a period is chained to: SHA256(0x17 ‖ meter id ‖ int64 periodStartMs). D5.1 takes HASH_SEED, but that seed is
 * secret here (storage/types/interval.ts) and the chain is public.
 */
export function periodOrigin(meterId: string, periodStartMs: number): Uint8Array {
  const input = Buffer.allocUnsafe(1 + meterId.length + 8);
  input[0] = 0x17;
  input.write(meterId, 1, "latin1");
  input.writeBigInt64BE(BigInt(periodStartMs), 1 + meterId.length);
  return sha256(input);
}

/** What an interval or an amendment says of its readings. */
type SealedReadings = Pick<MsgAmendInterval, "fingerprint" | "readingsRoot" | "readingCount" | "energy">;

/** H^{T_i} of D5.1 Fig. 23 over what came before it. */
export function linkHash({ fingerprint, readingCount, energy }: SealedReadings, previous: Uint8Array): Uint8Array {
  return energy.case === "sumCommitment"
    ? periodHashCommitted(fingerprint, energy.value, readingCount, previous)
    : periodHashClear(fingerprint, energy.value ?? 0n, readingCount, previous);
}

export function readTimes(
  message: Pick<MsgSealInterval, "intervalStartMs" | "intervalEndMs">,
  intervalMs: number,
  periodMs: number,
): { startMs: number; endMs: number; periodStartMs: number } | Failure {
  if (message.intervalStartMs < 0n || message.intervalEndMs > BigInt(MAX_READING_TIME_MS))
    return fail("INTERVAL_MISALIGNED", "time out of range");
  const startMs = Number(message.intervalStartMs);
  const endMs = Number(message.intervalEndMs);
  if (endMs <= startMs || startMs % intervalMs !== 0 || endMs % intervalMs !== 0)
    return fail("INTERVAL_MISALIGNED", `(${startMs}, ${endMs}] is not made of intervals of ${intervalMs} ms`);
  // The interval is half-open: one that ends with the period belongs to it.
  const periodStartMs = startMs - (startMs % periodMs);
  if (endMs > periodStartMs + periodMs)
    return fail("INTERVAL_CROSSES_PERIOD", `(${startMs}, ${endMs}] ends after ${periodStartMs + periodMs}`);
  return { startMs, endMs, periodStartMs };
}

/** Check f) of sealInterval. */
export function checkEnergy(
  message: SealedReadings & Partial<Pick<MsgSealInterval, "registerEndMwh">>,
  meter: Meter,
): Failure | undefined {
  const { energy, readingCount, registerEndMwh } = message;
  if (message.fingerprint.length !== 32) return fail("INTERVAL_HASH_INVALID", "fingerprint");
  if (message.readingsRoot.length !== 32) return fail("INTERVAL_HASH_INVALID", "readings root");
  if (registerEndMwh !== undefined && registerEndMwh > MAX_ENERGY_MWH) return fail("AMOUNT_INVALID", "register");
  if (energy.case === "sumCommitment")
    return energy.value.length === 32 ? undefined : fail("INTERVAL_HASH_INVALID", "sum commitment");
  if (energy.case === undefined && readingCount > 0)
    return fail("INTERVAL_ENERGY_INVALID", "readings without a sum or a commitment to it");
  const sum = clearSum(message);
  if (readingCount === 0 && sum !== 0n) return fail("INTERVAL_ENERGY_INVALID", "a sum without readings");
  if (sum < 0n && meter.direction === "export")
    return fail("INTERVAL_ENERGY_INVALID", "a production meter counts upwards");
  if (sum > MAX_ENERGY_MWH || sum < -MAX_ENERGY_MWH) return fail("AMOUNT_INVALID", "sum");
  return undefined;
}

/** The sum in the clear, 0 where there is none. */
export function clearSum(message: SealedReadings): bigint {
  return message.energy.case === "sumMwh" ? message.energy.value : 0n;
}

function closePeriod(context: MessageContext, meterId: string, chain: MeterChain): void {
  context.state.put(
    "period",
    periodId(meterId, Number(chain.periodStartMs)),
    newRecord("period", {
      hash: chain.periodHash,
      intervalCount: chain.periodIntervalCount,
      lastEndMs: chain.lastEndMs,
      sealedRuns: chain.sealedRuns,
    }),
  );
}

/**
 * Ends are distinct multiples of the interval, so that the slot of an end, taken modulo MAX_UNOPENED_INTERVALS, is its own among
 * the latest ones; writing a slot again retires what is MAX_UNOPENED_INTERVALS intervals old. No list is kept, and none grows.
 */
export function unopenedSlot(endMs: number, intervalMs: number): number {
  return (endMs / intervalMs) % MAX_UNOPENED_INTERVALS;
}

/** `amendment`: 0 for the interval itself. Amendments share the slot of their interval, each under its own number. */
export function keepUnopened(
  context: MessageContext,
  meter: Meter,
  message: MsgSealInterval | MsgAmendInterval,
  endMs: number,
  amendment: number,
): void {
  if (message.energy.case !== "sumCommitment") return;
  context.state.put(
    "unopened",
    unopenedId(message.meterId, unopenedSlot(endMs, Number(meter.intervalMs)), amendment),
    newRecord("unopened", {
      endMs: message.intervalEndMs,
      // A copy: the decoded value is a view of the block's bytes, which need not live as long as the state.
      sumCommitment: new Uint8Array(message.energy.value),
      readingCount: message.readingCount,
      amendment,
    }),
  );
}
