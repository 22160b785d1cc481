import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import type { CID } from "multiformats/cid";
import { readingCountOf } from "#storage/archive/archiveFormat.ts";
import { isEncryptedArchive } from "#storage/archive/archiveReader.ts";
import {
  compareWithIntervals,
  openAnyArchive,
  sealedSeriesOf,
  verifyArchiveContents,
  verifyArchiveFile,
} from "#storage/archive/verifyArchive.ts";
import { seriesName, seriesOf } from "#storage/offchain/readingStore.ts";
import { readingSaltKey } from "#storage/types/intervalSecrets.ts";
import { MAX_FILE_BYTES, openArchiveBlocks } from "../../archive/archiveBlocks.ts";
import { archiveFolders, kuboOf } from "../../archive/archiveJob.ts";
import { type LocalArchive, openArchiveRecords } from "../../archive/archiveRecords.ts";
import { createArchiver } from "../../archive/archiver.ts";
import { ArchiveStoreError } from "../../archive/archiveStoreError.ts";
import { createKubo, type Kubo } from "../../archive/kubo.ts";
import { exportText, type MdmsFormat } from "../../mdms/mdmsExport.ts";
import { sealedRoots } from "../archiveIntervals.ts";
import {
  meterSecret,
  parseCid,
  periodKey,
  QUIET,
  restLedger,
  type SealedArchiveView,
  type SpanFlags,
  sealedArchives,
  spanOf,
  withReadings,
} from "../archiveParts.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import { loadGenesisChainId } from "../genesisChainId.ts";
import type { CliIo } from "../io.ts";
import { facts, printable, show, table } from "../output.ts";
import { withStoreFlags } from "../storeFlag.ts";

interface MakeFlags extends SpanFlags {
  readonly key?: string;
  readonly plain?: boolean;
  readonly ipfs?: string;
}

interface GetFlags {
  readonly output: string;
  readonly format: string;
  readonly keyFile?: string;
  readonly ipfs?: string;
}

interface VerifyFlags {
  readonly meter: string;
  readonly keyFile?: string;
  readonly ipfs?: string;
  readonly file?: string;
  readonly sealedOnly?: boolean;
  readonly intervals?: boolean;
}

const MONTH = "--from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z";
const CID_EXAMPLE = "bafybeian7ginsfwjxjywdtypsazbnsocqc3vdnbp7oobiuz4gxfojwpzyq";

export function archiveCommand(program: Command, io: CliIo): void {
  const archive = program
    .command("archive")
    .description("A meter's readings of a period in one file, in IPFS, its CID sealed on the ledger")
    .addHelpText("after", example("archive list"));

  withSpan(archive.command("make"))
    .description("Make an archive now, pin it and seal it; `start` with archiveEvery does so by itself")
    .option("--key <name>", "key that seals: of the meter's owner or a DSO")
    .option("--plain", "do not encrypt it: whoever knows the CID can read it")
    .option("--ipfs <url>", "RPC API of the IPFS node that pins it (default: archiveIpfs of config.json)")
    .addHelpText("after", example(`archive make --meter lcl:MAC000002 ${MONTH}`))
    .action(async (flags: MakeFlags, command: Command) => {
      await make(commandContext(io, command), flags);
    });

  archive
    .command("list", { isDefault: true })
    .description("Archives this home has made; with --ledger those on the ledger, whoever made them")
    .option("--meter <id>", "only of this meter")
    .option("--ledger", "ask the ledger; needs --meter")
    .addHelpText("after", example("archive list --meter lcl:MAC000002 --ledger"))
    .action(async (flags: { meter?: string; ledger?: boolean }, command: Command) => {
      await list(commandContext(io, command), flags);
    });

  archive
    .command("get")
    .description("Fetch an archive by its CID, from this home or the IPFS node, and compare it with the CID")
    .argument("<cid>")
    .requiredOption("-o, --output <file>", "where to write it")
    .option("--format <name>", "archive (as sealed), csv or cim", "archive")
    .option("--key-file <path>", "key of the period, from `archive key`; without it this home's meter key")
    .option("--ipfs <url>", "RPC API of an IPFS node (default: archiveIpfs of config.json)")
    .addHelpText("after", example(`archive get ${CID_EXAMPLE} -o october.csv --format csv`))
    .action(async (cid: string, flags: GetFlags, command: Command) => {
      await get(commandContext(io, command), parseCid(cid), flags);
    });

  archive
    .command("verify")
    .description("Compare an archive with its record on the ledger: size, SHA-256, CID, then everything in it")
    .argument("<cid>")
    .requiredOption("--meter <id>", "whose archive it is")
    .option("--file <path>", "verify this file instead of fetching it")
    .option("--sealed-only", "size, SHA-256 and CID alone: needs no key")
    .option("--intervals", "compare the readings with the meter's sealed intervals too; needs this home's meter key")
    .option("--key-file <path>", "key of the period, from `archive key`; without it this home's meter key")
    .option("--ipfs <url>", "RPC API of an IPFS node (default: archiveIpfs of config.json)")
    .addHelpText("after", example(`archive verify ${CID_EXAMPLE} --meter lcl:MAC000002`))
    .action(async (cid: string, flags: VerifyFlags, command: Command) => {
      await verify(commandContext(io, command), parseCid(cid), flags);
    });

  withSpan(archive.command("key"))
    .description("Write the key of one period's archive, to give that period away and nothing else")
    .requiredOption("-o, --output <file>", "where to write it; whoever has it can read the period")
    .addHelpText("after", example(`archive key --meter lcl:MAC000002 ${MONTH} -o october.key`))
    .action(async (flags: SpanFlags & { output: string }, command: Command) => {
      const context = commandContext(io, command);
      const span = spanOf(flags);
      const key = await periodKey(context, loadGenesisChainId(context.paths), span);
      writeFileSync(flags.output, `${Buffer.from(key).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
      show(io, context.json, { file: flags.output, ...span }, () => facts([["file", flags.output]]));
    });
}

function withSpan(command: Command): Command {
  return withStoreFlags(command, "read this store of readings instead of the home's log")
    .requiredOption("--meter <id>", "meter of the ledger")
    .requiredOption("--from <time>", "readings after this time: RFC 3339 with zone, or Unix ms")
    .requiredOption("--to <time>", "readings up to this time");
}

async function make(context: CommandContext, flags: MakeFlags): Promise<void> {
  const { io, json, options, paths } = context;
  const span = spanOf(flags);
  const ledgerId = loadGenesisChainId(paths);
  const key = flags.plain || !options.archiveEncrypt ? undefined : await periodKey(context, ledgerId, span);
  const made = await withReadings(context, flags, async (readings) => {
    const { blocks, records } = archiveFolders(paths.data);
    const archiver = createArchiver(
      { ledgerId, every: "month", graceMs: 0 },
      {
        readings,
        blocks: openArchiveBlocks(blocks),
        records: openArchiveRecords(records),
        kubo: kuboFor(context, flags.ipfs),
        keyOf: key === undefined ? undefined : () => key,
        ledger: restLedger(context, flags.key),
        nowMs: io.nowMs,
        log: QUIET,
      },
    );
    return archiver.make(span.meterId, span);
  });
  if (made === undefined)
    throw cliError(
      "notFound",
      "READINGS_NONE",
      `there are no readings of ${span.meterId} then`,
      "look at --from and --to",
    );
  show(io, json, made, () =>
    facts([
      ["cid", made.cid],
      ["version", made.version],
      ["readings", made.readingCount],
      ["bytes", made.fileBytes],
      ["pinned by", made.pinnedBy.join(", ") || undefined],
      ["transaction", made.sealed?.txId || undefined],
      ["block", made.sealed?.height || undefined],
    ]),
  );
}

async function list(context: CommandContext, flags: { meter?: string; ledger?: boolean }): Promise<void> {
  const { io, json, paths } = context;
  const time = (ms: number) => new Date(ms).toISOString();
  if (flags.ledger) {
    if (flags.meter === undefined)
      throw cliError("usage", "METER_MISSING", "the ledger lists the archives of one meter", "name it with --meter");
    const { CID } = await import("multiformats/cid");
    const archives = (await sealedArchives(context.client(), flags.meter)).map(({ cid, fileHash, ...archive }) => ({
      ...archive,
      cid: CID.decode(cid).toString(),
      fileHash: Buffer.from(fileHash).toString("hex"),
    }));
    show(io, json, { archives }, () =>
      table(
        ["FROM", "UNTIL", "VERSION", "READINGS", "BYTES", "CID", "SEALED BY"],
        archives.map((each) => [
          ...[time(each.fromMs), time(each.untilMs), each.version, each.readingCount, each.fileBytes],
          ...[each.cid, printable(each.sealedBy)],
        ]),
      ),
    );
    return;
  }
  const archives = await openArchiveRecords(archiveFolders(paths.data).records).list(flags.meter);
  show(io, json, { archives }, () =>
    table(
      ["METER", "FROM", "UNTIL", "VERSION", "READINGS", "STATE", "CID"],
      archives.map((each) => [
        ...[printable(each.meterId), time(each.fromMs), time(each.untilMs), each.version, each.readingCount],
        ...[stateOf(each), each.cid],
      ]),
    ),
  );
}

function stateOf({ sealed, isRemoved, isStale }: LocalArchive): string {
  if (isRemoved) return "removed";
  if (sealed === undefined) return "not sealed";
  return isStale ? "stale" : "sealed";
}

async function get(context: CommandContext, cid: CID, flags: GetFlags): Promise<void> {
  const { io, json, paths } = context;
  if (!["archive", "csv", "cim"].includes(flags.format))
    throw cliError("usage", "FORMAT_UNKNOWN", `${flags.format} is no format`, "archive, csv or cim");
  const bytes = await fetchArchive(context, cid, flags.ipfs);
  if (flags.format === "archive") {
    writeFileSync(flags.output, bytes);
    show(io, json, { file: flags.output, bytes: bytes.length }, () =>
      facts([
        ["file", flags.output],
        ["bytes", bytes.length],
      ]),
    );
    return;
  }
  const local = (await openArchiveRecords(archiveFolders(paths.data).records).list()).find(
    (each) => each.cid === cid.toString(),
  );
  let key: Uint8Array | undefined;
  if (isEncryptedArchive(bytes)) {
    if (flags.keyFile === undefined && local === undefined)
      throw cliError("usage", "ARCHIVE_KEY_MISSING", "this home has not made this archive", "give --key-file");
    const span = local ?? { meterId: "", fromMs: 0, untilMs: 0 };
    key = await periodKey(context, loadGenesisChainId(paths), span, flags.keyFile);
  }
  const { header, items } = openAnyArchive(bytes, key);
  const chunks: string[] = [];
  const subject = { ...header, version: local?.version ?? 0 };
  for await (const text of exportText(flags.format as MdmsFormat, subject, items())) chunks.push(text);
  writeFileSync(flags.output, chunks.join(""));
  const readings = readingCountOf(header);
  show(io, json, { file: flags.output, meterId: header.meterId, readings }, () =>
    facts([
      ["file", flags.output],
      ["meter", printable(header.meterId)],
      ["readings", readings],
    ]),
  );
}

async function verify(context: CommandContext, cid: CID, flags: VerifyFlags): Promise<void> {
  const { io, json } = context;
  const sealed = await sealedArchives(context.client(), flags.meter);
  const record = sealed.findLast((each) => Buffer.compare(each.cid, cid.bytes) === 0);
  if (record === undefined)
    throw cliError(
      "notFound",
      "ARCHIVE_NOT_SEALED",
      `no archive of ${flags.meter} with this CID is on the ledger`,
      "see `archive list --ledger`",
    );
  const bytes = flags.file === undefined ? await fetchArchive(context, cid, flags.ipfs) : readFileSync(flags.file);
  const failed = (code: string, reason: string) =>
    cliError("verificationFailed", code, reason, "this is not the file that was sealed");
  const file = await verifyArchiveFile(bytes, record);
  if (!file.accepted) throw failed(file.code, file.reason);
  let intervals: IntervalSummary | undefined;
  if (!flags.sealedOnly) {
    const key = isEncryptedArchive(bytes)
      ? await periodKey(context, record.ledgerId, record, flags.keyFile)
      : undefined;
    const contents = verifyArchiveContents(bytes, record, key);
    if (!contents.accepted) throw failed(contents.code, contents.reason);
    if (flags.intervals) intervals = await compareIntervals(context, bytes, key, record);
    if (intervals !== undefined && intervals.altered > 0)
      throw failed(
        "ARCHIVE_INTERVAL_ALTERED",
        `${intervals.altered} sealed intervals have other readings than the archive`,
      );
  }
  const { fromMs, untilMs, version, readingCount, fileBytes, sealedBy } = record;
  const view = {
    intact: true,
    cid: cid.toString(),
    fromMs,
    untilMs,
    version,
    readingCount,
    fileBytes,
    sealedBy,
    intervals,
  };
  show(io, json, view, () =>
    facts([
      ["archive", "intact: the file is the one that was sealed"],
      ["contents", flags.sealedOnly ? "not looked at" : `${readingCount} readings, every one read`],
      ["intervals", intervals && INTERVAL_WORDS.map((word) => `${intervals[word]} ${word}`).join(", ")],
      ["version", version],
      ["sealed by", printable(sealedBy)],
    ]),
  );
}

const INTERVAL_WORDS = ["intact", "altered", "incomplete", "more"] as const;
type IntervalSummary = Readonly<Record<(typeof INTERVAL_WORDS)[number], number>>;

/** How many of the period's sealed intervals the archived readings lead to the roots of (storage/archive/verifyArchive.ts). */
async function compareIntervals(
  context: CommandContext,
  bytes: Uint8Array,
  key: Uint8Array | undefined,
  record: SealedArchiveView,
): Promise<IntervalSummary> {
  const { header, items } = openAnyArchive(bytes, key);
  const series = sealedSeriesOf(header);
  if (series === undefined)
    throw cliError(
      "failure",
      "ARCHIVE_SERIES_UNCLEAR",
      "the archive has several series that may be the sealed one",
      "leave --intervals out",
    );
  const name = seriesName(series.series);
  const own = [...items()].filter(
    (item) => seriesName(item.type === "reading" ? seriesOf(item.reading) : item.series) === name,
  );
  const { ledgerId, meterId } = record;
  const secret = await meterSecret(context, meterId);
  const roots = await sealedRoots(context.client(), meterId, record);
  const counts = { intact: 0, altered: 0, incomplete: 0, more: 0 };
  const saltKeyOf = (startMs: number, endMs: number) => readingSaltKey({ ledgerId, meterId, secret }, startMs, endMs);
  for (const { finding } of compareWithIntervals(own, roots, saltKeyOf)) counts[finding] += 1;
  return counts;
}

/** From this home's blocks, else from the IPFS node. @throws ArchiveStoreError */
async function fetchArchive(context: CommandContext, cid: CID, ipfs: string | undefined): Promise<Uint8Array> {
  try {
    return await openArchiveBlocks(archiveFolders(context.paths.data).blocks).get(cid);
  } catch (error) {
    const kubo = kuboFor(context, ipfs);
    if (kubo === undefined || !(error instanceof ArchiveStoreError)) throw error;
    return kubo.cat(cid, MAX_FILE_BYTES);
  }
}

function kuboFor({ io, options }: CommandContext, url: string | undefined): Kubo | undefined {
  return url === undefined ? kuboOf(options, { fetch: io.fetch }) : createKubo({ url }, { fetch: io.fetch });
}
