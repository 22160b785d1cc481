import type { MsgRecordErasure } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { recordTimeMs, signerAccount } from "./messageContext.ts";
import { checkSpan, isReadingCount, meterFor, takeNumber } from "./meterRecords.ts";
import { newRecord, numberedId } from "./stateRecords.ts";

/**
 * The receipt of an erasure: from now on an audit that misses these readings takes them for erased, not for lost. Checks in this order:
 *   a) the meter exists (METER_UNKNOWN); the signer is its owner, its device or a regulator (ROLE_FORBIDDEN, METER_REVOKED for the device)
 *   b) period, count and hash make sense (ERASURE_INVALID), and the period is no future (INTERVAL_IN_FUTURE)
 */
export function recordErasure(context: MessageContext, message: MsgRecordErasure): Failure | undefined {
  const { meterId, signer, fromMs, untilMs, readingCount, receiptHash } = message;
  const meter = meterFor(context, { meterId, signer, right: "recordErasure" });
  if ("code" in meter) return meter;
  const invalid = checkSpan(context, fromMs, untilMs, "ERASURE_INVALID");
  if (invalid !== undefined) return invalid;
  if (!isReadingCount(readingCount)) return fail("ERASURE_INVALID", `${readingCount} readings`);
  if (receiptHash.length !== 32) return fail("ERASURE_INVALID", "receipt hash");

  const number = takeNumber(context, meterId, "erasures");
  context.state.put(
    "erasure",
    numberedId(meterId, number),
    newRecord("erasure", {
      fromMs,
      untilMs,
      readingCount,
      receiptHash: new Uint8Array(receiptHash),
      recordedBy: signerAccount(signer),
      recordedMs: recordTimeMs(context),
    }),
  );
  context.events.push(
    event("erasure", {
      meter: meterId,
      number: number.toString(),
      from_ms: fromMs.toString(),
      until_ms: untilMs.toString(),
      count: readingCount.toString(),
    }),
  );
  return undefined;
}
