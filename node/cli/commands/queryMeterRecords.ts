import type { Command } from "commander";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { printable, show, table } from "../output.ts";
import { readAllPages } from "../pages.ts";

type Entry = Readonly<Record<string, string | number>>;

interface MeterList {
  readonly name: string;
  readonly description: string;
  readonly headings: readonly string[];
  cells(entry: Entry): readonly (string | number | undefined)[];
}

const LISTS: readonly MeterList[] = [
  {
    name: "amendments",
    description: "Sealed intervals of a meter to which readings came late",
    headings: ["INTERVAL END", "AMENDMENTS", "LATE READINGS"],
    cells: ({ endMs, amendments, readingCount }) => [timeOf(endMs), amendments, readingCount],
  },
  {
    name: "erasures",
    description: "Receipts of readings of a meter that were erased on purpose",
    headings: ["NUMBER", "AFTER", "UNTIL", "READINGS", "RECORDED BY", "RECEIPT SHA256"],
    cells: ({ number, fromMs, untilMs, readingCount, recordedBy, receiptHash }) => [
      number,
      timeOf(fromMs),
      timeOf(untilMs),
      readingCount,
      recordedBy,
      receiptHash,
    ],
  },
  {
    name: "archives",
    description: "Files in which a meter's readings were put together",
    headings: ["AFTER", "UNTIL", "VERSION", "READINGS", "BYTES", "CID (HEX)"],
    cells: ({ fromMs, untilMs, version, readingCount, fileBytes, cid }) => [
      timeOf(fromMs),
      timeOf(untilMs),
      version,
      readingCount,
      fileBytes,
      cid,
    ],
  },
  {
    name: "flags",
    description: "What was noticed about a meter's readings, and what of it was withdrawn",
    headings: ["NUMBER", "AFTER", "UNTIL", "KIND", "SEVERITY", "SCORE", "DETECTOR", "STATE"],
    cells: ({ number, intervalStartMs, intervalEndMs, kind, severity, score, detector, withdrawnBy }) => [
      number,
      timeOf(intervalStartMs),
      timeOf(intervalEndMs),
      kind,
      severity,
      score,
      detector,
      withdrawnBy === "" ? "raised" : "withdrawn",
    ],
  },
  {
    name: "configurations",
    description: "What a meter's device was told to be, version by version, and what it answered",
    headings: ["VERSION", "SET", "PRIORITY", "SCHEMA", "BYTES", "OUTCOME"],
    cells: ({ version, setMs, priority, schemaId, schemaVersion, payloadBytes, outcome, code }) => [
      version,
      timeOf(setMs),
      priority,
      `${schemaId} ${schemaVersion}`,
      payloadBytes,
      outcome === "" ? "waiting" : outcome === "rejected" ? `rejected, code ${code}` : outcome,
    ],
  },
];

/** `query amendments|erasures|archives|flags|configurations METER` */
export function queryMeterRecords(query: Command, io: CliIo): void {
  for (const { name, description, headings, cells } of LISTS)
    query
      .command(name)
      .description(description)
      .argument("<meter>", "meter id")
      .addHelpText("after", example(`query ${name} MAC000002`))
      .action(async (meterId: string, _flags: object, command: Command) => {
        const { json, client } = commandContext(io, command);
        const entries = await readAllPages<Entry>(client(), `/meters/${encodeURIComponent(meterId)}/${name}`, name);
        show(io, json, { [name]: entries }, () =>
          table(
            headings,
            entries.map((entry) => cells(entry).map((cell) => printable(String(cell ?? "")))),
          ),
        );
      });
}

/** Unix ms as RFC 3339 in UTC. */
function timeOf(timeMs: string | number | undefined): string {
  return new Date(Number(timeMs)).toISOString();
}
