import type { MsgSealArchive } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { checkFileCid } from "#storage/types/cid.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { recordTimeMs, signerAccount } from "./messageContext.ts";
import { checkSpan, isReadingCount, meterFor, takeNumber } from "./meterRecords.ts";
import { archiveId, newRecord } from "./stateRecords.ts";

/**
 * All readings of a period in one file (seed 000). Checks in this order:
 *   a) the meter exists (METER_UNKNOWN); the signer is its owner, its device or a dso (ROLE_FORBIDDEN, METER_REVOKED for the device)
 *   b) the period makes sense (ARCHIVE_INVALID) and is no future (INTERVAL_IN_FUTURE); size, count, hash and CID do (ARCHIVE_INVALID)
 *   c) the version is 1, or one more than the latest of exactly this period (ARCHIVE_VERSION_MISMATCH); other periods may overlap it
 */
export function sealArchive(context: MessageContext, message: MsgSealArchive): Failure | undefined {
  const { state } = context;
  const { meterId, signer, fromMs, untilMs, version, cid, fileBytes, readingCount, fileHash } = message;
  const meter = meterFor(context, { meterId, signer, right: "sealArchive" });
  if ("code" in meter) return meter;
  const invalid = checkSpan(context, fromMs, untilMs, "ARCHIVE_INVALID");
  if (invalid !== undefined) return invalid;
  if (fileBytes === 0n || fileBytes > BigInt(Number.MAX_SAFE_INTEGER)) return fail("ARCHIVE_INVALID", "file size");
  if (!isReadingCount(readingCount)) return fail("ARCHIVE_INVALID", `${readingCount} readings`);
  if (fileHash.length !== 32) return fail("ARCHIVE_INVALID", "file hash");
  const verdict = checkFileCid(cid, fileHash);
  if (!verdict.accepted) return fail("ARCHIVE_INVALID", verdict.reason);
  const isKnown = (number: number) => state.get("archive", archiveId(meterId, fromMs, untilMs, number)) !== undefined;
  if (version === 0 || isKnown(version) || (version > 1 && !isKnown(version - 1)))
    return fail("ARCHIVE_VERSION_MISMATCH", `version ${version} of (${fromMs}, ${untilMs}]`);

  takeNumber(context, meterId, "archives");
  state.put(
    "archive",
    archiveId(meterId, fromMs, untilMs, version),
    newRecord("archive", {
      cid: new Uint8Array(cid),
      fileBytes,
      readingCount,
      fileHash: new Uint8Array(fileHash),
      sealedBy: signerAccount(signer),
      sealedMs: recordTimeMs(context),
    }),
  );
  context.events.push(
    event("archive", {
      meter: meterId,
      cid: Buffer.from(cid).toString("hex"),
      from_ms: fromMs.toString(),
      until_ms: untilMs.toString(),
      version: version.toString(),
    }),
  );
  return undefined;
}
