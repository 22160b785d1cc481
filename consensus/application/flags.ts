import type { MsgFlagReadings, MsgWithdrawFlag } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { recordTimeMs, signerAccount } from "./messageContext.ts";
import { checkSpan, meterFor, takeNumber } from "./meterRecords.ts";
import { isLabel } from "./meters.ts";
import { newRecord, numberedId } from "./stateRecords.ts";

/** What was noticed. A known load is a spike that comes back too often to be one. */
export const FLAG_KINDS = [
  "spike",
  "leak",
  "gap",
  "reset",
  "clock",
  "known-load",
  "zero-run",
  "over-limit",
  "tamper",
  "other",
] as const;
export type FlagKind = (typeof FLAG_KINDS)[number];

/** info: for who looks; warning: owner and dso should look; critical: the readings are not to be billed unseen. */
export const FLAG_SEVERITIES = ["info", "warning", "critical"] as const;
export type FlagSeverity = (typeof FLAG_SEVERITIES)[number];

/**
 * A flag is a record of its own: the readings stay. Checks in this order:
 *   a) the meter exists (METER_UNKNOWN), the signer may flag its readings (ROLE_FORBIDDEN)
 *   b) the period makes sense (FLAG_INVALID) and is no future (INTERVAL_IN_FUTURE); it need not be a sealed interval, as in a gap there is none
 *   c) kind and severity are known, the detector has a name, the hash 32 bytes (FLAG_INVALID)
 */
export function flagReadings(context: MessageContext, message: MsgFlagReadings): Failure | undefined {
  const { meterId, signer, intervalStartMs, intervalEndMs, kind, severity, score, detector, detailsHash } = message;
  const meter = meterFor(context, { meterId, signer, right: "flagReadings" });
  if ("code" in meter) return meter;
  const invalid = checkSpan(context, intervalStartMs, intervalEndMs, "FLAG_INVALID");
  if (invalid !== undefined) return invalid;
  if (!(FLAG_KINDS as readonly string[]).includes(kind)) return fail("FLAG_INVALID", "kind");
  if (!(FLAG_SEVERITIES as readonly string[]).includes(severity)) return fail("FLAG_INVALID", "severity");
  if (!isLabel(detector)) return fail("FLAG_INVALID", "detector");
  if (detailsHash.length !== 32) return fail("FLAG_INVALID", "details hash");

  const number = takeNumber(context, meterId, "flags");
  context.state.put(
    "flag",
    numberedId(meterId, number),
    newRecord("flag", {
      intervalStartMs,
      intervalEndMs,
      kind,
      severity,
      score,
      detector,
      detailsHash: new Uint8Array(detailsHash),
      flaggedBy: signerAccount(signer),
      flaggedMs: recordTimeMs(context),
    }),
  );
  context.events.push(flagEvent(meterId, number, { kind, severity }, "raised"));
  return undefined;
}

/**
 * Withdraws a flag, which stays to be seen with who withdrew it. Checks in this order:
 *   a) as flagReadings
 *   b) there is such a flag (FLAG_UNKNOWN), the signer raised it or is a regulator (ROLE_FORBIDDEN), and it stands (FLAG_WITHDRAWN)
 *   c) the hash of the reasons has 32 bytes (FLAG_INVALID)
 */
export function withdrawFlag(context: MessageContext, message: MsgWithdrawFlag): Failure | undefined {
  const { state } = context;
  const { meterId, signer, reasonHash } = message;
  const meter = meterFor(context, { meterId, signer, right: "flagReadings" });
  if ("code" in meter) return meter;
  const id = numberedId(meterId, message.flag);
  const flag = state.get("flag", id);
  if (flag === undefined) return fail("FLAG_UNKNOWN", `${message.flag}`);
  const account = signerAccount(signer);
  if (account !== flag.flaggedBy && state.get("member", account)?.role !== "regulator")
    return fail("ROLE_FORBIDDEN", `${flag.flaggedBy} raised flag ${message.flag}`);
  if (flag.withdrawnBy !== "") return fail("FLAG_WITHDRAWN", `${message.flag}`);
  if (reasonHash.length !== 32) return fail("FLAG_INVALID", "reason hash");
  const withdrawnMs = recordTimeMs(context);
  state.put("flag", id, { ...flag, withdrawnBy: account, withdrawnMs, reasonHash: new Uint8Array(reasonHash) });
  context.events.push(flagEvent(meterId, message.flag, flag, "withdrawn"));
  return undefined;
}

function flagEvent(
  meter: string,
  number: bigint,
  { kind, severity }: { readonly kind: string; readonly severity: string },
  action: "raised" | "withdrawn",
) {
  return event("flag", { meter, number: number.toString(), kind, severity, action });
}
