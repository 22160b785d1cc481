import { CID } from "multiformats/cid";
import { keyHashOf } from "#bridge/ecies.ts";
import { isEncryptedArchive } from "#storage/archive/archiveReader.ts";
import { decryptArchive } from "#storage/archive/encryptArchive.ts";
import { openArchiveBlocks } from "../../archive/archiveBlocks.ts";
import { archiveFolders } from "../../archive/archiveJob.ts";
import { ArchiveStoreError } from "../../archive/archiveStoreError.ts";
import { periodKey } from "../../cli/archiveParts.ts";
import { cliError } from "../../cli/cliError.ts";
import type { CommandContext } from "../../cli/context.ts";
import { loadGenesisChainId } from "../../cli/genesisChainId.ts";
import type { SealedArchiveFacts } from "./dataListing.ts";

/** Flags of the commands that need the key of an archive that is sold. */
export const ARCHIVE_KEY_FLAGS = [
  [
    "--archive-key-file <path>",
    "key of the archive's period, from `archive key`; without it this home's meter key makes it",
  ],
] as const;

export interface ArchiveKeyFlags {
  readonly archiveKeyFile?: string;
}

/** Key of an archive, from a file or this home's meter key. @throws CliError KEY_UNKNOWN, ARCHIVE_KEY_FILE_MISSING … */
export async function ownArchiveKey(
  home: CommandContext,
  archive: SealedArchiveFacts | undefined,
  { archiveKeyFile }: ArchiveKeyFlags,
): Promise<Uint8Array> {
  if (archive === undefined && archiveKeyFile === undefined) {
    const hint = "write the key with `archive key`, and name it with --archive-key-file";
    throw cliError("usage", "ARCHIVE_UNCLEAR", "the listing does not say which meter's archive it is", hint);
  }
  const span = archive ?? { meterId: "", fromMs: 0, untilMs: 0 };
  return periodKey(home, loadGenesisChainId(home.paths), span, archiveKeyFile);
}

/** That the key opens the archive, if its file is in this home. @throws CliError ARCHIVE_PLAIN; ArchiveError ARCHIVE_KEY_WRONG */
export async function requireOpens(home: CommandContext, cid: string, key: Uint8Array): Promise<void> {
  let bytes: Uint8Array;
  try {
    bytes = await openArchiveBlocks(archiveFolders(home.paths.data).blocks).get(CID.parse(cid));
  } catch (error) {
    if (error instanceof ArchiveStoreError && error.code === "ARCHIVE_NOT_FOUND") return;
    throw error;
  }
  if (!isEncryptedArchive(bytes)) {
    const hint = "whoever knows its CID can read it: seal an encrypted one, `archive make` without --plain";
    throw cliError("failure", "ARCHIVE_PLAIN", "the archive is not encrypted: there is nothing to sell", hint);
  }
  decryptArchive(key, bytes);
}

/** @throws CliError ARCHIVE_KEY_OTHER */
export function requireCommitted(key: Uint8Array, keyHash: string): void {
  if (keyHashOf(key) === keyHash) return;
  const hint =
    "the buyer would prove that it is wrong, and take price and bond: release it from the home that listed it";
  throw cliError("verificationFailed", "ARCHIVE_KEY_OTHER", "this is not the key that the listing promises", hint);
}
