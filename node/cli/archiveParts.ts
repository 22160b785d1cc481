import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CID } from "multiformats/cid";
import pino from "pino";
import type { ArchivePeriod } from "#storage/archive/archivePeriods.ts";
import { ARCHIVE_KEY_BYTES, archiveKeyOf } from "#storage/archive/encryptArchive.ts";
import type { ArchiveRecord } from "#storage/archive/verifyArchive.ts";
import { scanReadingLog } from "#storage/offchain/readingLogScan.ts";
import { isMeterId } from "#storage/types/reading.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { type ArchiveReadings, readingsOfLog, readingsOfStore } from "../archive/archiveReadings.ts";
import type { ArchiverPorts, SealRequest } from "../archive/archiver.ts";
import { meterSecretOf } from "../light/meterKeys.ts";
import { cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import { OPERATOR_KEY_NAME, PROSUMER_KEY_NAME } from "./keyNames.ts";
import { loadKey } from "./keyStore.ts";
import type { LedgerClient } from "./ledgerClient.ts";
import { readAllPages } from "./pages.ts";
import { readPassphrase } from "./passphrase.ts";
import { parseHex, parseTimeMs } from "./quantities.ts";
import { openStore, type StoreFlags } from "./storeFlag.ts";
import { signingAccount, signMessages } from "./submit.ts";

export interface SpanFlags extends StoreFlags {
  readonly meter: string;
  readonly from: string;
  readonly to: string;
}

/** @throws CliError METER_ID_MALFORMED, TIME_MALFORMED, SPAN_EMPTY */
export function spanOf({ meter, from, to }: SpanFlags): ArchivePeriod & { readonly meterId: string } {
  if (!isMeterId(meter))
    throw cliError("usage", "METER_ID_MALFORMED", `${JSON.stringify(meter)} is no meter id`, "see `meters list`");
  const [fromMs, untilMs] = [parseTimeMs(from), parseTimeMs(to)];
  if (untilMs <= fromMs) throw cliError("usage", "SPAN_EMPTY", "--to is not after --from", "times are of (from, to]");
  return { meterId: meter, fromMs, untilMs };
}

/**
 * The readings of the home's log, which may be in use by its running node, or of a store: a LevelDB must be open in no process.
 * @throws as openStore
 */
export async function withReadings<T>(
  context: CommandContext,
  flags: StoreFlags,
  use: (readings: ArchiveReadings) => Promise<T>,
): Promise<T> {
  if (flags.store === undefined) {
    const log = join(context.paths.data, "readings");
    return use(readingsOfLog({ scan: () => scanReadingLog(log) }));
  }
  await using store = await openStore(flags.store, flags);
  return await use(readingsOfStore(store));
}

/** Key of a period's archive: from a file, or from the meter key of the home. @throws CliError ARCHIVE_KEY_FILE_MALFORMED, KEY_UNKNOWN */
export async function periodKey(
  context: CommandContext,
  ledgerId: string,
  { meterId, ...period }: ArchivePeriod & { readonly meterId: string },
  keyFile?: string,
): Promise<Uint8Array> {
  if (keyFile !== undefined) return parseHex(readText(keyFile).trim(), ARCHIVE_KEY_BYTES, "--key-file");
  return archiveKeyOf({ ledgerId, meterId, secret: await meterSecret(context, meterId) }, period);
}

/** The meter's secret, from the meter key of the home. @throws CliError KEY_UNKNOWN */
export async function meterSecret({ io, options, paths }: CommandContext, meterId: string): Promise<Uint8Array> {
  const passphrase = await readPassphrase(io, options.passphraseFile);
  return meterSecretOf(await loadKey(paths.keys, options.meterKey, passphrase), meterId);
}

interface ArchiveAnswer {
  readonly fromMs: string;
  readonly untilMs: string;
  readonly version: number;
  readonly cid: string;
  readonly fileBytes: string;
  readonly readingCount: string;
  readonly fileHash: string;
  readonly sealedBy: string;
  readonly sealedMs: string;
}

export type SealedArchiveView = ArchiveRecord & {
  readonly version: number;
  readonly sealedBy: string;
  readonly sealedMs: number;
};

/** Every archive of a meter that is on the ledger, by period and version. */
export async function sealedArchives(client: LedgerClient, meterId: string): Promise<readonly SealedArchiveView[]> {
  const { chainId: ledgerId } = await client.get<{ chainId: string }>("/status");
  const path = `/meters/${encodeURIComponent(meterId)}/archives`;
  const answers = await readAllPages<ArchiveAnswer>(client, path, "archives");
  return answers.map((answer) => ({
    ...{ ledgerId, meterId, version: answer.version, sealedBy: answer.sealedBy },
    ...{ fromMs: Number(answer.fromMs), untilMs: Number(answer.untilMs), sealedMs: Number(answer.sealedMs) },
    ...{ fileBytes: Number(answer.fileBytes), readingCount: Number(answer.readingCount) },
    cid: new Uint8Array(Buffer.from(answer.cid, "hex")),
    fileHash: new Uint8Array(Buffer.from(answer.fileHash, "hex")),
  }));
}

/** The ledger through a node's REST API; `keyName` signs: of the meter's owner, its device or a DSO. */
export function restLedger(context: CommandContext, keyName: string | undefined): ArchiverPorts["ledger"] {
  const client = context.client();
  return {
    async sealed(meterId, { fromMs, untilMs }) {
      const all = await sealedArchives(client, meterId);
      return all.filter((each) => each.fromMs === fromMs && each.untilMs === untilMs);
    },
    async seal(request) {
      const { name, account } = signingAccount(context, keyName, [PROSUMER_KEY_NAME, OPERATOR_KEY_NAME]);
      const tx = await signMessages(context, [sealMessage(account, request)], [name]);
      const { txId, height = 0 } = await client.submit(tx, "commit");
      return { txId, height };
    },
  };
}

function sealMessage(signer: string, { meterId, version, cid, fileHash, ...numbers }: SealRequest) {
  return ledgerMessage("MsgSealArchive", {
    ...{ signer, meterId, version },
    fromMs: BigInt(numbers.fromMs),
    untilMs: BigInt(numbers.untilMs),
    fileBytes: BigInt(numbers.fileBytes),
    readingCount: BigInt(numbers.readingCount),
    cid: new Uint8Array(cid),
    fileHash: new Uint8Array(fileHash),
  });
}

/** @throws CliError CID_MALFORMED */
export function parseCid(text: string): CID {
  try {
    return CID.parse(text);
  } catch {
    throw cliError("usage", "CID_MALFORMED", `${JSON.stringify(text.slice(0, 100))} is no CID`, "see `archive list`");
  }
}

export const QUIET = pino({ level: "silent" });

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** @throws CliError FILE_UNREADABLE */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw cliError("notFound", "FILE_UNREADABLE", `cannot read ${file} (${reason})`, "name a readable file");
  }
}
