import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import type { IntervalOwner } from "../types/intervalSecrets.ts";
import { ArchiveError } from "./archiveError.ts";
import { MAX_ARCHIVE_BYTES } from "./archiveFormat.ts";
import type { ArchivePeriod } from "./archivePeriods.ts";
import { ENCRYPTED_MAGIC, isEncryptedArchive } from "./archiveReader.ts";

/**
 * An encrypted archive: `"ELAE" ‖ 0x01 ‖ tag S (32) ‖ AES-256-GCM ciphertext ‖ GCM tag (16)`, where S = HMAC(K, 0x01 ‖ archive), the key of
 * the file is HMAC(K, 0x02 ‖ S), the nonce is zero, the first 37 bytes are authenticated. K is the key of the meter's period. The same
 * readings give the same file, so that the CID still follows from them; other readings give another S and so another key, so that the
 * nonce is never used twice.
 */
const TAG_BYTES = 32;
const GCM_TAG_BYTES = 16;
const HEAD_BYTES = ENCRYPTED_MAGIC.length + TAG_BYTES;
const NONCE = Buffer.alloc(12);

/** Bytes of an encrypted archive beyond the archive's own. */
export const ENCRYPTION_BYTES = HEAD_BYTES + GCM_TAG_BYTES;

export const ARCHIVE_KEY_BYTES = 32;

/**
 * K: opens every version of the archive of this meter and period, and nothing else. What a buyer of the period's data is given.
 * HKDF-SHA256(meter secret, no salt, info = "edream archive key" ‖ 0x00 ‖ ledger id ‖ 0x00 ‖ meter id ‖ 0x00 ‖ from ‖ "-" ‖ until), 32 bytes.
 */
export function archiveKeyOf(
  { ledgerId, meterId, secret }: IntervalOwner,
  { fromMs, untilMs }: ArchivePeriod,
): Uint8Array {
  const info = ["edream archive key", ledgerId, meterId, `${fromMs}-${untilMs}`].join("\0");
  return new Uint8Array(hkdfSync("sha256", secret, "", info, ARCHIVE_KEY_BYTES));
}

export function encryptArchive(key: Uint8Array, archive: Uint8Array): Uint8Array {
  const tag = createHmac("sha256", key).update(Buffer.of(1)).update(archive).digest();
  const head = Buffer.concat([ENCRYPTED_MAGIC, tag]);
  const cipher = createCipheriv("aes-256-gcm", fileKey(key, tag), NONCE).setAAD(head);
  return Buffer.concat([head, cipher.update(archive), cipher.final(), cipher.getAuthTag()]);
}

/** @throws ArchiveError ARCHIVE_TOO_LARGE, ARCHIVE_MALFORMED, ARCHIVE_KEY_WRONG for another key or changed bytes */
export function decryptArchive(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_ARCHIVE_BYTES + ENCRYPTION_BYTES)
    throw new ArchiveError({ code: "ARCHIVE_TOO_LARGE", what: "bytes", limit: MAX_ARCHIVE_BYTES });
  if (!isEncryptedArchive(bytes) || bytes.length < ENCRYPTION_BYTES)
    throw new ArchiveError({ code: "ARCHIVE_MALFORMED", offset: 0, reason: "not an encrypted archive" });
  const head = bytes.subarray(0, HEAD_BYTES);
  const tag = head.subarray(ENCRYPTED_MAGIC.length);
  const decipher = createDecipheriv("aes-256-gcm", fileKey(key, tag), NONCE)
    .setAAD(head)
    .setAuthTag(bytes.subarray(bytes.length - GCM_TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES, bytes.length - GCM_TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new ArchiveError({ code: "ARCHIVE_KEY_WRONG" }, { cause });
  }
}

function fileKey(key: Uint8Array, tag: Uint8Array): Uint8Array {
  return createHmac("sha256", key).update(Buffer.of(2)).update(tag).digest();
}
