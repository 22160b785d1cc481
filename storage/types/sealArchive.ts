import type { UnsignedMessage } from "./signEncoded.ts";
import { FieldWriter } from "./wire.ts";

/** What a MsgSealArchive says of one file. */
export interface SealedArchive {
  readonly signer: string;
  readonly meterId: string;
  /** (fromMs, untilMs] */
  readonly fromMs: number;
  readonly untilMs: number;
  /** From 1. */
  readonly version: number;
  /** CIDv1 in binary form. */
  readonly cid: Uint8Array;
  readonly fileBytes: number;
  readonly readingCount: number;
  /** SHA-256, 32 bytes. */
  readonly fileHash: Uint8Array;
}

/** edream.ledger.v1.MsgSealArchive, ready to sign; by hand for the reason given at sealIntervalMessage, and with the generated code's bytes. */
export function sealArchiveMessage(archive: SealedArchive): UnsignedMessage {
  const value = new FieldWriter()
    .text(1, archive.signer)
    .text(2, archive.meterId)
    .int(3, archive.fromMs)
    .int(4, archive.untilMs)
    .int(5, archive.version)
    .bytes(6, archive.cid)
    .int(7, archive.fileBytes)
    .int(8, archive.readingCount)
    .bytes(9, archive.fileHash)
    .finish();
  return { typeUrl: "/edream.ledger.v1.MsgSealArchive", value, signers: [archive.signer] };
}
