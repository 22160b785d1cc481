import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Command } from "commander";
import type { ReadingSeries, RetentionClass } from "#storage/offchain/readingStore.ts";
import { type RetentionRule, retentionBy } from "#storage/offchain/retention.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { openArchiveBlocks } from "../../archive/archiveBlocks.ts";
import { type Erased, EraseError, eraseReadings, type Replica } from "../../audit/erase.ts";
import { removeArchivesOf } from "../../audit/eraseArchives.ts";
import { type ErasureReceipt, receiptHash, signReceipt, verifyReceipt } from "../../audit/erasureReceipt.ts";
import { hasOwnAudit, openOwnAudit } from "../../audit/openOwnAudit.ts";
import { parseStoreAddress } from "../../offchain/tierAddress.ts";
import { forwardNameOf, storeAddressOf, tierFolders } from "../../offchain/tierOptions.ts";
import { number, timeOf } from "../auditReport.ts";
import { chainIdOf, meterKeysOf } from "../auditSources.ts";
import { CliError, cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { OPERATOR_KEY_NAME, PROSUMER_KEY_NAME } from "../keyNames.ts";
import { loadKey } from "../keyStore.ts";
import { facts, show } from "../output.ts";
import { readPassphrase } from "../passphrase.ts";
import { parseTimeMs } from "../quantities.ts";
import { openStore } from "../storeFlag.ts";
import { type SubmitFlags, signAndSubmit, signingAccount } from "../submit.ts";
import { collect, withSubmitFlags } from "./submitFlags.ts";

interface EraseFlags {
  readonly meter?: string;
  readonly from?: string;
  readonly to?: string;
  readonly output?: string;
  readonly store?: readonly string[];
  readonly storeCredentials?: string;
  readonly retention?: string;
  readonly key?: string;
}

export function eraseCommand(program: Command, io: CliIo): void {
  const erase = program
    .command("erase")
    .description("Remove readings from a stopped light node and from stores of readings; what is left stays proved")
    .option("--meter <id>", "meter id")
    .option("--from <time>", "readings after this time: RFC 3339 with zone, or Unix ms")
    .option("--to <time>", "readings up to this time")
    .option("-o, --output <file>", "where to write the signed receipt")
    .option(
      "--store <address>",
      "a store with copies of them beside that of the options: folder of a LevelDB, or cassandra://host/keyspace; may be given several times",
      collect,
      [],
    )
    .option("--store-credentials <file>", "file whose first line is user:password for a store on Cassandra")
    .option("--retention <file>", "JSON list of retention rules, before the default ones: what may be erased")
    .option("--key <name>", "key of the meter's owner, which signs the receipt (default: prosumer)")
    .addHelpText(
      "after",
      example(
        "erase --meter lcl:MAC000002/power --from 2026-06-01T00:00:00Z --to 2026-06-02T00:00:00Z -o receipt.json",
        "erase record receipt.json --node http://dso:26680",
      ),
    )
    .action(async (flags: EraseFlags, command: Command) => {
      const context = commandContext(io, command);
      const { output, ...range } = rangeOf(flags);
      if (existsSync(output))
        throw cliError("usage", "RECEIPT_EXISTS", `${output} is there already`, "choose another name for the receipt");
      if (!hasOwnAudit(context.paths.data)) {
        const hint = "name the home of a light node with --home";
        throw cliError("notFound", "AUDIT_HOME_EMPTY", `${context.paths.data} has no data of a light node`, hint);
      }
      const retentionOf = retentionBy(flags.retention === undefined ? [] : readRules(flags.retention));
      const { name } = signingAccount(context, flags.key, [PROSUMER_KEY_NAME, OPERATOR_KEY_NAME]);
      const key = await loadKey(context.paths.keys, name, await readPassphrase(io, context.options.passphraseFile));
      const ledgerId = chainIdOf(context.paths.genesis);
      const keys = await meterKeysOf(context, { meterId: range.meterId, ledgerId, keyFile: undefined });
      await using resources = new AsyncDisposableStack();
      const own = resources.use(await openOwnAudit(context.paths.data, ledgerId));
      const replicas = await openReplicas(context, flags, retentionOf, resources);
      const erased = await told(eraseReadings(own, range, { keys, replicas, retentionOf }));
      const { readings, intervals, replicas: counts } = erased;
      const archives = await removeArchivesOf(join(context.paths.data, "archive"), range, openArchiveBlocks);
      const elsewhere = [...archives.elsewhere, ...waitingOf(context)];
      if (erased.away.length > 0) throw awayError(erased);
      const text = signReceipt(
        {
          ...{ ledgerId, ...range, readings, erasedMs: io.nowMs(), replicas: counts },
          intervals: intervals.map(({ startMs, endMs, amendment, count, erased: gone, txId }) => ({
            ...{ startMs, endMs, amendment, count, erased: gone, txId },
          })),
          ...{ archives: archives.removed, elsewhere },
        },
        key,
      );
      writeFileSync(output, text, { flag: "wx" });
      const receiptHashHex = Buffer.from(receiptHash(text)).toString("hex");
      const view = {
        file: output,
        readings,
        intervals: intervals.length,
        replicas: counts,
        archives: archives.removed,
        elsewhere,
        receiptHash: receiptHashHex,
      };
      show(io, context.json, view, () =>
        facts([
          ["receipt", output],
          ["readings", number(readings)],
          ...counts.map((each) => [`in ${each.name}`, number(each.readings)] as const),
          ...archives.removed.map(
            ({ cid, readings: all }) => ["archive removed", `${cid}, ${number(all)} readings`] as const,
          ),
          ["intervals", `${number(intervals.length)}, whose fingerprints can no longer be recomputed`],
          ...elsewhere.map((each) => ["still there", each] as const),
          ["next", `erase record ${output} --node URL of a full node: else an audit takes them for lost`],
        ]),
      );
    });

  withSubmitFlags(
    erase
      .command("record")
      .description("Tell the ledger of an erasure: MsgRecordErasure with the receipt's hash")
      .argument("<receipt>", "file that `erase` wrote"),
  )
    .addHelpText("after", example("erase record receipt.json --node http://dso:26680"))
    .action(async (file: string, _flags: object, command: Command) => {
      // `erase` itself takes --key.
      const flags = command.optsWithGlobals<SubmitFlags>();
      const context = commandContext(io, command);
      const { receipt, hash } = readReceipt(file);
      const { name, account: signer } = signingAccount(context, flags.key, [PROSUMER_KEY_NAME, OPERATOR_KEY_NAME]);
      const { meterId, fromMs, untilMs, readings } = receipt;
      const message = ledgerMessage("MsgRecordErasure", {
        ...{ signer, meterId, fromMs: BigInt(fromMs), untilMs: BigInt(untilMs) },
        ...{ readingCount: BigInt(readings), receiptHash: hash },
      });
      await signAndSubmit(context, [message], [name], flags);
    });

  erase
    .command("verify")
    .description("Check the signature of a receipt, and whether the ledger knows it")
    .argument("<receipt>", "file that `erase` wrote")
    .addHelpText("after", example("erase verify receipt.json --node http://dso:26680"))
    .action(async (file: string, _flags: object, command: Command) => {
      const context = commandContext(io, command);
      const { receipt, hash } = readReceipt(file);
      const recorded = await isRecorded(context, receipt, hash);
      const { meterId, readings, fromMs, untilMs, signer } = receipt;
      const view = {
        meterId,
        readings,
        fromMs,
        untilMs,
        signer: signer.account,
        receiptHash: Buffer.from(hash).toString("hex"),
        recorded,
      };
      show(io, context.json, view, () =>
        facts([
          ["meter", meterId],
          ["time", `${timeOf(fromMs)} to ${timeOf(untilMs)}`],
          ["readings", number(readings)],
          ["signed by", signer.account],
          ["receipt hash", view.receiptHash],
          ["on the ledger", recorded ? "yes" : "NO"],
        ]),
      );
      if (!recorded)
        throw cliError(
          "verificationFailed",
          "RECEIPT_NOT_RECORDED",
          "the ledger does not know this receipt",
          "send it with `erase record`",
        );
    });
}

/** Stores of the flags, and the one that this node's options name. One that does not answer is among them, with the reason. */
async function openReplicas(
  { options }: CommandContext,
  flags: EraseFlags,
  retentionOf: (series: ReadingSeries) => RetentionClass,
  resources: AsyncDisposableStack,
): Promise<readonly Replica[]> {
  const configured = storeAddressOf(options);
  const named = (flags.store ?? []).map((address) => ({ address, credentials: flags.storeCredentials }));
  // The embedded store of a node that never ran has nothing yet.
  const isThere = configured !== undefined && (isCluster(configured) || existsSync(join(configured, "CURRENT")));
  if (isThere && !named.some(({ address }) => address === configured || resolve(address) === configured))
    named.unshift({ address: configured, credentials: options.readingStoreCredentialsFile });
  const replicas: Replica[] = [];
  for (const { address, credentials } of named) {
    const name = isCluster(address) ? address : basename(address);
    const file = credentials === undefined || credentials === "" ? {} : { storeCredentials: credentials };
    try {
      replicas.push({ name, store: resources.use(await openStore(address, file, { retentionOf })) });
    } catch (error) {
      if (!(error instanceof CliError) || error.details.code !== "READING_STORE_UNREACHABLE") throw error;
      replicas.push({ name, away: error.message });
    }
  }
  return replicas;
}

function isCluster(address: string): boolean {
  return parseStoreAddress(address).type === "cassandra";
}

/** Where readings may wait that are in no store yet: what is in a queue is for its operator to clear. */
function waitingOf({ options }: CommandContext): readonly string[] {
  const { forward } = tierFolders(options.home);
  const letters = join(forward, `${forwardNameOf(options)}.dead-letters.txt`);
  const queue = options.readingQueue === "embedded" ? [] : [`what waits at ${options.readingQueue}`];
  const hasLetters = existsSync(letters) && statSync(letters).size > 0;
  return hasLetters ? [...queue, `refused readings in ${basename(letters)}`] : queue;
}

/** Which are not done: without them there is no receipt. */
function awayError({ away, replicas }: Erased): CliError {
  const reasons = away.map(({ name, reason }) => `${name} (${reason})`).join(", ");
  const done = replicas.map(({ name, readings }) => `${name} (${number(readings)})`).join(", ");
  return cliError(
    "unreachable",
    "ERASE_REPLICA_AWAY",
    `not erased in ${reasons}; erased in ${done}`,
    "when it answers, run the same command again: it ends the erasure and writes the receipt",
  );
}

async function isRecorded(context: CommandContext, { meterId }: ErasureReceipt, hash: Uint8Array): Promise<boolean> {
  const client = context.client();
  const wanted = Buffer.from(hash).toString("hex");
  for (let after = ""; ; ) {
    const query = after === "" ? "" : `?after=${encodeURIComponent(after)}`;
    const path = `/meters/${encodeURIComponent(meterId)}/erasures${query}`;
    const page = await client.get<{ erasures: readonly { receiptHash: string }[]; next: string | null }>(path);
    if (page.erasures.some((each) => each.receiptHash === wanted)) return true;
    if (page.next === null) return false;
    after = page.next;
  }
}

/** @throws CliError RECEIPT_UNREADABLE, and the codes of verifyReceipt */
function readReceipt(file: string): { readonly receipt: ErasureReceipt; readonly hash: Uint8Array } {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw cliError("usage", "RECEIPT_UNREADABLE", `cannot read ${file}: ${(error as Error).message}`, "check the name");
  }
  const { verdict, receipt } = verifyReceipt(text);
  if (!verdict.accepted)
    throw cliError("verificationFailed", verdict.code, `${file}: ${verdict.reason}`, "do not rely on this file");
  return { receipt: receipt as ErasureReceipt, hash: receiptHash(text) };
}

function rangeOf({ meter, from, to, output }: EraseFlags) {
  if (meter === undefined || from === undefined || to === undefined || output === undefined)
    throw cliError("usage", "ERASE_INCOMPLETE", "an erasure needs --meter, --from, --to and -o", "see `erase --help`");
  const [fromMs, untilMs] = [parseTimeMs(from), parseTimeMs(to)];
  if (fromMs >= untilMs) throw cliError("usage", "RANGE_EMPTY", "--from is not before --to", "exchange them");
  return { meterId: meter, fromMs, untilMs, output };
}

/** @throws CliError RETENTION_MALFORMED */
function readRules(file: string): readonly RetentionRule[] {
  const malformed = (reason: string) =>
    cliError(
      "usage",
      "RETENTION_MALFORMED",
      `${file}: ${reason}`,
      'write [{"meterId": "sim:*", "kind": "interval", "retention": "raw"}]',
    );
  let rules: unknown;
  try {
    rules = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw malformed((error as Error).message);
  }
  const names = new Set(["meterId", "quantity", "kind", "phase", "tariff", "retention"]);
  const isRule = (rule: unknown): boolean =>
    typeof rule === "object" &&
    rule !== null &&
    Object.keys(rule).every((name) => names.has(name)) &&
    ["billing", "raw"].includes((rule as RetentionRule).retention);
  if (!Array.isArray(rules) || !rules.every(isRule)) throw malformed("it is no list of rules");
  return rules as readonly RetentionRule[];
}

async function told<T>(erasing: Promise<T>): Promise<T> {
  try {
    return await erasing;
  } catch (error) {
    if (!(error instanceof EraseError)) throw error;
    const hints: Readonly<Record<EraseError["code"], string>> = {
      ERASE_RETENTION_KEPT: "what bills are made of is kept; --retention names other classes",
      ERASE_NOT_SEALED: "wait until the interval is final, then stop the node again",
      ERASE_TAMPERED: "`audit` says what differs; an erasure would hide it",
      ERASE_NOTHING: "there is nothing left to erase in this time",
    };
    const exit = error.code === "ERASE_TAMPERED" ? "tampered" : error.code === "ERASE_NOTHING" ? "notFound" : "refused";
    throw cliError(exit, error.code, error.message, hints[error.code]);
  }
}
