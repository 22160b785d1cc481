import type { AmendmentPosition } from "./amendment.ts";
import type { SealedInterval } from "./sealInterval.ts";
import { zigzag } from "./sealInterval.ts";
import type { UnsignedMessage } from "./signEncoded.ts";
import { FieldWriter } from "./wire.ts";

/** What a MsgAmendInterval says of late readings. Count, hashes and energy are the amendment's own. */
export interface IntervalAmendment
  extends AmendmentPosition,
    Pick<SealedInterval, "signer" | "meterId" | "readingCount" | "fingerprint" | "readingsRoot" | "energy"> {
  /** 32 bytes: of the sealed interval or, from the second amendment on, of the amendment before. */
  readonly previousFingerprint: Uint8Array;
}

/** edream.ledger.v1.MsgAmendInterval, ready to sign; by hand for the reason given at sealIntervalMessage, and with the generated code's bytes. */
export function amendIntervalMessage(amendment: IntervalAmendment): UnsignedMessage {
  const writer = new FieldWriter()
    .text(1, amendment.signer)
    .text(2, amendment.meterId)
    .int(3, amendment.startMs)
    .int(4, amendment.endMs)
    .int(5, amendment.amendment)
    .int(6, amendment.readingCount)
    .bytes(7, amendment.previousFingerprint)
    .bytes(8, amendment.fingerprint)
    .bytes(9, amendment.readingsRoot);
  const { energy } = amendment;
  if ("sumMwh" in energy) writer.presentInt(10, zigzag(energy.sumMwh));
  else writer.message(11, energy.sumCommitment);
  return { typeUrl: "/edream.ledger.v1.MsgAmendInterval", value: writer.finish(), signers: [amendment.signer] };
}
