import { MAX_ENERGY_MWH, MAX_INTERVAL_AMENDMENTS } from "#storage/limits.ts";
import type { MsgAmendInterval } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { amendmentsOrigin } from "#storage/types/amendment.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import { checkEnergy, clearSum, keepUnopened, linkHash, readTimes } from "./intervals.ts";
import type { MessageContext } from "./messageContext.ts";
import { requireMeterRight, signerAccount } from "./messageContext.ts";
import { takeNumber } from "./meterRecords.ts";
import { isValidFor } from "./meters.ts";
import { isSealed } from "./sealedRuns.ts";
import { amendedId, newRecord } from "./stateRecords.ts";

/**
 * Late readings of a sealed interval, which itself stays as it is. Checks in this order:
 *   a) the meter exists (METER_UNKNOWN); the signer is its device (ROLE_FORBIDDEN), whose certificate holds (METER_REVOKED, METER_NOT_VALID)
 *   b) start and end are those of one sealed interval (INTERVAL_MISALIGNED, INTERVAL_CROSSES_PERIOD, INTERVAL_NOT_SEALED)
 *   c) the number is the next one and at most MAX_INTERVAL_AMENDMENTS (AMENDMENT_OUT_OF_ORDER, AMENDMENTS_FULL); from the second on, the
 *      previous fingerprint is that of the amendment before. The first one's is the interval's: the chain of a period holds it only hashed,
 *      and the audit, which has the interval, compares them
 *   d) there are readings, and hashes and energy are as an interval's (INTERVAL_HASH_INVALID, INTERVAL_ENERGY_INVALID, AMOUNT_INVALID)
 */
export function amendInterval(context: MessageContext, message: MsgAmendInterval): Failure | undefined {
  const { state, params } = context;
  const { meterId, amendment, readingCount } = message;
  const meter = state.get("meter", meterId);
  const chain = state.get("chain", meterId);
  if (meter === undefined || chain === undefined) return fail("METER_UNKNOWN", JSON.stringify(meterId.slice(0, 96)));
  const forbidden = requireMeterRight(context, signerAccount(message.signer), "amendInterval", { meterId, meter });
  if (forbidden !== undefined) return forbidden;
  const times = readTimes(message, Number(meter.intervalMs), Number(params.periodMs));
  if ("code" in times) return times;
  const { startMs, endMs } = times;
  if (!isValidFor(meter, startMs, endMs)) return fail("METER_NOT_VALID", `(${startMs}, ${endMs}]`);
  if (!isSealed(state, chain, { meterId, ...times })) {
    const runs = Number(params.sealedRunsPerPeriod);
    return fail(
      "INTERVAL_NOT_SEALED",
      `(${startMs}, ${endMs}]: never sealed, or behind the ${runs} runs of intervals of its period that the ledger remembers; others can be amended`,
    );
  }

  const id = amendedId(meterId, endMs);
  const before = state.get("amended", id);
  if (before?.amendments === MAX_INTERVAL_AMENDMENTS) return fail("AMENDMENTS_FULL", `${MAX_INTERVAL_AMENDMENTS}`);
  const next = (before?.amendments ?? 0) + 1;
  if (amendment !== next) return fail("AMENDMENT_OUT_OF_ORDER", `number ${amendment}, next is ${next}`);
  if (message.previousFingerprint.length !== 32) return fail("INTERVAL_HASH_INVALID", "previous fingerprint");
  if (before !== undefined && Buffer.compare(before.fingerprint, message.previousFingerprint) !== 0)
    return fail("AMENDMENT_OUT_OF_ORDER", `the fingerprint of amendment ${before.amendments} is another`);
  if (readingCount === 0) return fail("INTERVAL_ENERGY_INVALID", "an amendment without readings");
  const invalid = checkEnergy(message, meter);
  if (invalid !== undefined) return invalid;

  let producedMwh = chain.producedMwh;
  if (meter.direction === "export") {
    if (message.energy.case === "sumCommitment") keepUnopened(context, meter, message, endMs, amendment);
    else producedMwh += clearSum(message);
    if (producedMwh > MAX_ENERGY_MWH) return fail("AMOUNT_INVALID", "the meter's total exceeds 2^53 - 1 mWh");
  }
  state.put("chain", meterId, { ...chain, producedMwh, readingCount: chain.readingCount + BigInt(readingCount) });
  state.put(
    "amended",
    id,
    newRecord("amended", {
      startMs: message.intervalStartMs,
      amendments: next,
      fingerprint: new Uint8Array(message.fingerprint),
      amendmentsHash: linkHash(message, before?.amendmentsHash ?? amendmentsOrigin(meterId, startMs, endMs)),
      readingCount: (before?.readingCount ?? 0n) + BigInt(readingCount),
    }),
  );
  takeNumber(context, meterId, "amendments");
  context.events.push(
    event("amendment", {
      meter: meterId,
      end_ms: endMs.toString(),
      amendment: amendment.toString(),
      count: readingCount.toString(),
    }),
  );
  return undefined;
}
