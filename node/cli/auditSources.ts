import { existsSync, readFileSync } from "node:fs";
import { StoreError } from "#storage/db/storeError.ts";
import { parseGenesis } from "#storage/types/genesis.ts";
import { type AuditKeyFile, keysOfFile, keysOfSecret, type MeterKeys, parseAuditKeyFile } from "../audit/auditKeys.ts";
import { type AuditItem, decodeRows, type RowsRequest } from "../audit/auditRows.ts";
import { hasOwnAudit, openOwnAudit } from "../audit/openOwnAudit.ts";
import type { OwnAudit } from "../audit/ownAudit.ts";
import { storeRows } from "../audit/storeRows.ts";
import { meterSecretOf, SEED_PERIOD_MS } from "../light/meterKeys.ts";
import { CliError, cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import { loadKey } from "./keyStore.ts";
import type { LedgerClient } from "./ledgerClient.ts";
import { readPassphrase } from "./passphrase.ts";
import { openStore, type StoreFlags } from "./storeFlag.ts";

/** The light node whose meters are audited: running, or stopped. */
export interface AuditedNode extends AsyncDisposable {
  /** For people. */
  readonly name: string;
  readonly audit: OwnAudit;
}

/**
 * The light node that runs; when none answers and none was named, or `offline`, the data of this home.
 * @throws CliError NODE_UNREACHABLE, AUDIT_HOME_EMPTY, AUDIT_STORE_CORRUPT
 */
export async function openAuditedNode(
  context: CommandContext,
  { offline, isNodeNamed }: { readonly offline: boolean; readonly isNodeNamed: boolean },
): Promise<AuditedNode> {
  const { data } = context.paths;
  if (!offline) {
    const client = context.client();
    try {
      await client.get("/status");
      return { name: client.url, audit: remoteAudit(client), async [Symbol.asyncDispose]() {} };
    } catch (error) {
      const isAway = error instanceof CliError && error.details.exit === "unreachable";
      if (!isAway || isNodeNamed || !hasOwnAudit(data)) throw error;
    }
  }
  if (!hasOwnAudit(data)) {
    const hint = "name the home of a light node with --home, or a running one with --node URL";
    throw cliError("notFound", "AUDIT_HOME_EMPTY", `${data} has no data of a light node`, hint);
  }
  const opened = await asTampered(openOwnAudit(data, chainIdOf(context.paths.genesis)));
  return { ...opened, name: data, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

/** Damage of the database is what an audit looks for: it is told as such. */
async function asTampered<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "STORE_CORRUPT") throw error;
    const hint = "keep a copy of the folder, and restore it from a backup";
    throw cliError("tampered", "AUDIT_STORE_CORRUPT", error.message, hint);
  }
}

function remoteAudit(client: LedgerClient): OwnAudit {
  const query = (meterId: string, fromMs: number, toMs: number) =>
    `meter=${encodeURIComponent(meterId)}&from=${fromMs}&to=${toMs}`;
  return {
    seals: ({ meterId, fromMs, toMs }) => client.getPrivate(`/audit/seals?${query(meterId, fromMs, toMs)}`),
    rows: ({ meterId, afterMs, untilMs }) =>
      decodeRows(client.getStream(`/audit/readings?${query(meterId, afterMs, untilMs)}`)),
    async erasures(meterId) {
      try {
        const path = `/audit/erasures?meter=${encodeURIComponent(meterId)}`;
        const { erasures } = await client.getPrivate<{
          erasures: readonly (Omit<ErasureOf, "receiptHash"> & { receiptHash: string })[];
        }>(path);
        return erasures.map((each) => ({ ...each, receiptHash: new Uint8Array(Buffer.from(each.receiptHash, "hex")) }));
      } catch (error) {
        if (error instanceof CliError && error.details.code === "NOT_READY") return undefined;
        throw error;
      }
    },
  };
}

type ErasureOf = NonNullable<Awaited<ReturnType<OwnAudit["erasures"]>>>[number];

/** @throws CliError GENESIS_MISSING */
export function chainIdOf(path: string): string {
  if (!existsSync(path))
    throw cliError("failure", "GENESIS_MISSING", `there is no genesis in ${path}`, "name the node's home with --home");
  return parseGenesis(readFileSync(path, "utf8")).chainId;
}

/** @throws CliError AUDIT_KEY_UNREADABLE, AUDIT_KEY_OTHER_METER; AuditKeyError */
export function readAuditKeys(file: string, meterId: string): AuditKeyFile {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const hint = "the owner writes it with `energy-ledger audit key`";
    throw cliError("usage", "AUDIT_KEY_UNREADABLE", `cannot read ${file}: ${(error as Error).message}`, hint);
  }
  const keys = parseAuditKeyFile(text);
  if (keys.meterId !== meterId)
    throw cliError("usage", "AUDIT_KEY_OTHER_METER", `${file} is for meter ${keys.meterId}`, "name that meter");
  return keys;
}

/** Of the file where one is named, else of this home's meter key. */
export async function meterKeysOf(
  context: CommandContext,
  about: { readonly meterId: string; readonly ledgerId: string; readonly keyFile: string | undefined },
): Promise<MeterKeys> {
  const { meterId, ledgerId, keyFile } = about;
  if (keyFile !== undefined) return keysOfFile(readAuditKeys(keyFile, meterId));
  return keysOfSecret(await ownerOf(context, meterId, ledgerId), SEED_PERIOD_MS);
}

export async function ownerOf({ io, options, paths }: CommandContext, meterId: string, ledgerId: string) {
  const key = await loadKey(paths.keys, options.meterKey, await readPassphrase(io, options.passphraseFile));
  return { ledgerId, meterId, secret: meterSecretOf(key, meterId) };
}

/** Rows of a store of readings; it is opened while they are read. @throws CliError AUDIT_STORE_CORRUPT, and as openStore */
export async function* rowsOfStore(
  address: string,
  flags: Pick<StoreFlags, "storeCredentials">,
  request: RowsRequest,
): AsyncGenerator<AuditItem> {
  await using store = await asTampered(openStore(address, flags));
  yield* storeRows(store, request);
}
