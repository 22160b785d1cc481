import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { CID } from "multiformats/cid";
import { keyHashOf, openKey } from "#bridge/ecies.ts";
import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { isEncryptedArchive } from "#storage/archive/archiveReader.ts";
import { openAnyArchive, verifyArchiveContents, verifyArchiveFile } from "#storage/archive/verifyArchive.ts";
import { seriesName, seriesOf } from "#storage/offchain/readingStore.ts";
import { MAX_FILE_BYTES, openArchiveBlocks } from "../../archive/archiveBlocks.ts";
import { archiveFolders, kuboOf } from "../../archive/archiveJob.ts";
import { ArchiveStoreError } from "../../archive/archiveStoreError.ts";
import { createKubo } from "../../archive/kubo.ts";
import { type SealedArchiveView, sealedArchives } from "../../cli/archiveParts.ts";
import { cliError } from "../../cli/cliError.ts";
import { type CommandContext, commandContext, example } from "../../cli/context.ts";
import { type ChainFlags, contractsOf, ethereumUrlOf, withChainFlags } from "../../cli/ethereum.ts";
import type { CliIo } from "../../cli/io.ts";
import { facts, printable, show } from "../../cli/output.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { exportText, type MdmsFormat } from "../../mdms/mdmsExport.ts";
import { openActionContext } from "../actionContext.ts";
import { notReleased } from "./buyerActions.ts";
import { boxContext, type DataListing, listingOf, releasedBox, type Where } from "./dataListing.ts";
import { listingId } from "./dataParams.ts";
import { timeText } from "./listingView.ts";
import { oneTimeKey } from "./oneTimeKeys.ts";

interface OpenFlags extends ChainFlags {
  readonly file?: string;
  readonly ipfs?: string;
  readonly meter?: string;
  readonly output?: string;
  readonly format: string;
  readonly keyOutput?: string;
}

/** What the buyer does at home with what it has bought. */
export function openCommand(data: Command, io: CliIo): void {
  withChainFlags(data.command("open"))
    .description("As the buyer: open the released key, decrypt the archive with it, and verify it against the ledger")
    .argument("<id>", "the listing's number")
    .option("--file <path>", "the archive; without it it is fetched by its CID from this home or the IPFS node")
    .option("--ipfs <url>", "RPC API of an IPFS node (default: archiveIpfs of config.json)")
    .option("--meter <id>", "whose archive it is, where the listing does not say it")
    .option("-o, --output <file>", "where to write the readings")
    .option("--format <name>", "of the readings: csv or cim", "csv")
    .option("--key-output <file>", "where to write the archive's key, for `archive get` and `archive verify`")
    .addHelpText("after", example("data open 1 -o october.csv"))
    .action(async (id: string, flags: OpenFlags, command: Command) => {
      await open(commandContext(io, command), listingId.parse(id), flags);
    });
}

async function open(home: CommandContext, id: bigint, flags: OpenFlags): Promise<void> {
  if (flags.format !== "csv" && flags.format !== "cim")
    throw cliError("usage", "FORMAT_UNKNOWN", `${flags.format} is no format`, "csv or cim");
  const { io } = home;
  using context = await openActionContext({
    ...{ ethereumUrl: ethereumUrlOf(home, flags), file: contractsOf(home, flags), contract: DataMarketplace.name },
    ...{ fetch: io.fetch, nowMs: io.nowMs, ledger: (path) => home.client().get(path), waitMs: 0 },
  });
  const listing = await listingOf(context, id);
  const key = await boughtKey(home, context, listing);
  if (flags.keyOutput !== undefined)
    writeFileSync(flags.keyOutput, `${Buffer.from(key).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
  const record = await recordOf(home, listing, flags.meter);
  const bytes =
    flags.file === undefined ? await fetchFile(home, record, flags.ipfs) : readArchive(flags.file, record.fileBytes);
  await requireAsSealed(bytes, record, key);
  const sums = sumsOf(bytes, key);
  if (flags.output !== undefined) await writeReadings(bytes, key, record, flags.format, flags.output);
  const { meterId, fromMs, untilMs, readingCount } = record;
  const view = {
    ...{ listingId: `${id}`, intact: true, meterId, from: timeText(fromMs), until: timeText(untilMs), readingCount },
    ...{ cid: CID.decode(record.cid).toString(), sealedBy: record.sealedBy, series: sums },
    ...{ file: flags.output ?? null, keyFile: flags.keyOutput ?? null },
  };
  show(io, home.json, view, () =>
    facts([
      ["key", "the one that the listing promised"],
      ["archive", "intact: the file that its owner sealed, every reading read"],
      ["meter", printable(meterId)],
      ["period", `${view.from} to ${view.until}`],
      ...sums.map((each) => [each.name, `${each.readings} readings${sumText(each)}`] as const),
      ["sealed by", printable(record.sealedBy)],
      ["written to", flags.output],
      ["key in", flags.keyOutput],
      ["next", "`data accept`"],
    ]),
  );
}

/** The archive's key out of the box that was released. @throws CliError KEY_NOT_RELEASED, ONE_TIME_KEY_UNKNOWN, RELEASED_KEY_WRONG */
async function boughtKey(home: CommandContext, where: Where, { id, state }: DataListing): Promise<Uint8Array> {
  const released = await releasedBox(where, id, state);
  if (released === undefined) throw notReleased(id);
  const key = openKey(released, await oneTimeKey(home, state.buyerKey), boxContext(where, id));
  if (keyHashOf(key) === state.keyHash) return key;
  const hint = `prove it within two days of the release: \`data prove-wrong-key ${id}\` brings price and bond`;
  throw cliError("verificationFailed", "RELEASED_KEY_WRONG", "the box holds another key than was promised", hint);
}

/** The ledger's record of the archive, by the file's hash that the contract has. @throws CliError METER_MISSING, ARCHIVE_NOT_SEALED */
async function recordOf(
  home: CommandContext,
  { state, archive }: DataListing,
  meter: string | undefined,
): Promise<SealedArchiveView> {
  const meterId = meter ?? archive?.meterId;
  if (meterId === undefined)
    throw cliError("usage", "METER_MISSING", "the listing does not say whose archive it is", "name it with --meter");
  const sealed = await sealedArchives(home.client(), meterId);
  const found = sealed.findLast(({ fileHash }) => `0x${Buffer.from(fileHash).toString("hex")}` === state.fileHash);
  if (found !== undefined) return found;
  const hint = "ask a node of the ledger that the contracts are of: --node URL";
  throw cliError("notFound", "ARCHIVE_NOT_SEALED", `the ledger has no archive of ${meterId} with this hash`, hint);
}

/** Nothing is read of a file that has another length: it may be anything. @throws CliError ARCHIVE_SIZE_MISMATCH, and errors of the file system */
function readArchive(path: string, fileBytes: number): Uint8Array {
  const { size } = statSync(path);
  if (size === fileBytes) return readFileSync(path);
  const message = `${path} has ${size} bytes, the ledger says ${fileBytes}`;
  throw cliError("verificationFailed", "ARCHIVE_SIZE_MISMATCH", message, NOT_THE_FILE);
}

const NOT_THE_FILE = "this is not the file that was sealed: fetch it again by its CID";

/** From this home's blocks, else from the IPFS node. @throws ArchiveStoreError */
async function fetchFile(home: CommandContext, { cid }: SealedArchiveView, ipfs: string | undefined) {
  const { io, options, paths } = home;
  const name = CID.decode(cid);
  try {
    return await openArchiveBlocks(archiveFolders(paths.data).blocks).get(name);
  } catch (error) {
    const kubo = ipfs === undefined ? kuboOf(options, io) : createKubo({ url: ipfs }, io);
    if (kubo === undefined || !(error instanceof ArchiveStoreError)) throw error;
    return kubo.cat(name, MAX_FILE_BYTES);
  }
}

/** @throws CliError with the code of the check that does not hold */
async function requireAsSealed(bytes: Uint8Array, record: SealedArchiveView, key: Uint8Array): Promise<void> {
  const file = await verifyArchiveFile(bytes, record);
  if (!file.accepted) throw cliError("verificationFailed", file.code, file.reason, NOT_THE_FILE);
  const contents = isEncryptedArchive(bytes) ? verifyArchiveContents(bytes, record, key) : file;
  if (contents.accepted) return;
  const hint = "the promised key does not open what was listed: `data dispute`, within two days of the release";
  throw cliError("verificationFailed", contents.code, contents.reason, hint);
}

interface SeriesSum {
  readonly name: string;
  readonly readings: number;
  /** Of interval values, in the quantity's unit (mWh, mL, …): what flowed in the period. Of other kinds null. */
  readonly sum: string | null;
}

function sumsOf(bytes: Uint8Array, key: Uint8Array): readonly SeriesSum[] {
  const { header, items } = openAnyArchive(bytes, key);
  const sums = new Map<string, bigint>();
  for (const item of items()) {
    if (item.type !== "reading") continue;
    const name = seriesName(seriesOf(item.reading));
    sums.set(name, (sums.get(name) ?? 0n) + BigInt(item.reading.value));
  }
  return header.series.map(({ series, readings }) => {
    const { quantity, kind, phase, tariff } = series;
    const name = [quantity, kind, phase === 0 ? "" : `phase ${phase}`, tariff === 0 ? "" : `tariff ${tariff}`];
    const sum = kind === "interval" ? `${sums.get(seriesName(series)) ?? 0n}` : null;
    return { name: name.filter((part) => part !== "").join(" "), readings, sum };
  });
}

function sumText({ name, sum }: SeriesSum): string {
  if (sum === null) return "";
  return name.startsWith("activeEnergy") ? `, ${formatEnergy(BigInt(sum))}` : `, sum ${sum}`;
}

async function writeReadings(
  bytes: Uint8Array,
  key: Uint8Array,
  { version }: SealedArchiveView,
  format: MdmsFormat,
  path: string,
): Promise<void> {
  const { header, items } = openAnyArchive(bytes, key);
  const chunks: string[] = [];
  for await (const text of exportText(format, { ...header, version }, items())) chunks.push(text);
  writeFileSync(path, chunks.join(""), { mode: 0o600 });
}
