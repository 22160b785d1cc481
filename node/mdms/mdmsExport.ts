import { readingCountOf } from "#storage/archive/archiveFormat.ts";
import type { ArchivePeriod } from "#storage/archive/archivePeriods.ts";
import type { StoredReading } from "#storage/offchain/readingStore.ts";
import type { ArchiveDelivery } from "../archive/archiver.ts";
import { writeMdmsCim } from "./mdmsCim.ts";
import { writeMdmsCsv } from "./mdmsCsv.ts";
import { withMissing } from "./mdmsItems.ts";
import type { MdmsFile, MdmsSink } from "./mdmsSinks.ts";

export type MdmsFormat = "csv" | "cim";

const CONTENT_TYPES: Readonly<Record<MdmsFormat, string>> = {
  csv: "text/csv; charset=utf-8; header=present",
  cim: "application/xml; charset=utf-8",
};

export interface ExportSubject extends ArchivePeriod {
  readonly ledgerId: string;
  readonly meterId: string;
  /** Of the archive with the same readings; 0 where there is none. */
  readonly version: number;
}

/** The text of an export, in pieces. */
export function exportText(
  format: MdmsFormat,
  subject: ExportSubject,
  items: Iterable<StoredReading> | AsyncIterable<StoredReading>,
): AsyncGenerator<string, unknown> {
  if (format === "csv") return writeMdmsCsv(withMissing(items));
  const { ledgerId, meterId, fromMs, untilMs, version } = subject;
  // Nothing of the moment: the same readings make the same message, which a receiver knows by its id.
  const messageId = `${ledgerId}/${meterId}/${fromMs}-${untilMs}/${version}`;
  const message = { meterId, fromMs, untilMs, messageId, createdMs: untilMs, source: ledgerId };
  return writeMdmsCim(message, withMissing(items));
}

/** The export as one file: `<meter>_<from>_<until>_v<version>.<csv|xml>`, every character of the meter id that a file name may not have as `-`. */
export async function exportFile(
  format: MdmsFormat,
  subject: ExportSubject,
  items: Iterable<StoredReading> | AsyncIterable<StoredReading>,
): Promise<MdmsFile> {
  const chunks: Buffer[] = [];
  for await (const text of exportText(format, subject, items)) chunks.push(Buffer.from(text));
  const time = (ms: number) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
  const { meterId, fromMs, untilMs, version } = subject;
  const meter = meterId.replace(/[^A-Za-z0-9._-]/g, "-");
  const extension = format === "csv" ? "csv" : "xml";
  return {
    name: `${meter}_${time(fromMs)}_${time(untilMs)}_v${version}.${extension}`,
    contentType: CONTENT_TYPES[format],
    bytes: Buffer.concat(chunks),
  };
}

/** What an archive's readings are given to, when it is made: one delivery per format and sink. */
export function mdmsDelivery(ledgerId: string, format: MdmsFormat, sink: MdmsSink): ArchiveDelivery {
  return {
    name: `${format} ${sink.name}`,
    async deliver(archive, { meterId, fromMs, untilMs, version }) {
      if (readingCountOf(archive.header) === 0) return;
      await sink.put(await exportFile(format, { ledgerId, meterId, fromMs, untilMs, version }, archive.items()));
    },
  };
}
