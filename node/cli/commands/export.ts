import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import type { Command } from "commander";
import { exportFile, exportText, type MdmsFormat } from "../../mdms/mdmsExport.ts";
import { directorySink, httpSink } from "../../mdms/mdmsSinks.ts";
import { readText, type SpanFlags, spanOf, wait, withReadings } from "../archiveParts.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import { loadGenesisChainId } from "../genesisChainId.ts";
import type { CliIo } from "../io.ts";
import { facts, show } from "../output.ts";
import { withStoreFlags } from "../storeFlag.ts";

interface ExportFlags extends SpanFlags {
  readonly output?: string;
  readonly folder?: string;
  readonly url?: string;
  readonly authorizationFile?: string;
}

const ABOUT: Readonly<Record<MdmsFormat, string>> = {
  csv: "Readings as CSV: exact decimals, ends of intervals in UTC, a status for each",
  cim: "Readings as an IEC 61968-9 MeterReadings message (CIM XML)",
};

export function exportCommand(program: Command, io: CliIo): void {
  const exporting = program
    .command("export")
    .description("Readings of a meter, for a metering data management system")
    .addHelpText(
      "after",
      example("export csv --meter lcl:MAC000002 --from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z"),
    );
  for (const format of ["csv", "cim"] as const)
    withStoreFlags(
      exporting.command(format).description(ABOUT[format]),
      "read this store of readings instead of the home's log",
    )
      .requiredOption("--meter <id>", "meter of the ledger")
      .requiredOption("--from <time>", "readings after this time: RFC 3339 with zone, or Unix ms")
      .requiredOption("--to <time>", "readings up to this time")
      .option("-o, --output <file>", "write here instead of to standard output")
      .option("--folder <path>", "put the file there, under a name of its own, whole or not at all")
      .option("--url <url>", "send it by HTTP POST, again while the system is busy")
      .option("--authorization-file <path>", "file with the value of the Authorization header for --url")
      .addHelpText(
        "after",
        example(
          `export ${format} --meter lcl:MAC000002 --from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z --folder ./mdms`,
        ),
      )
      .action(async (flags: ExportFlags, command: Command) => {
        const context = commandContext(io, command);
        if ([flags.output, flags.folder, flags.url].filter((each) => each !== undefined).length > 1)
          throw cliError(
            "usage",
            "TARGETS_SEVERAL",
            "--output, --folder and --url are one or none",
            "name one of them",
          );
        await exportReadings(context, format, flags);
      });
}

async function exportReadings(context: CommandContext, format: MdmsFormat, flags: ExportFlags): Promise<void> {
  const { io, json } = context;
  const { meterId, fromMs, untilMs } = spanOf(flags);
  const subject = { ledgerId: loadGenesisChainId(context.paths), meterId, fromMs, untilMs, version: 0 };
  await withReadings(context, flags, async (readings) => {
    let count = 0;
    const items = readings.read(meterId, subject)[Symbol.asyncIterator]();
    const first = await items.next();
    if (first.done === true) {
      const hint = "check the meter's name, --from and --to; `meter list` shows what this home reads";
      throw cliError("notFound", "READINGS_NONE", `there are no readings of ${meterId} here then`, hint);
    }
    async function* counted() {
      try {
        for (let item = first; item.done !== true; item = await items.next()) {
          if (item.value.type === "reading") count += 1;
          yield item.value;
        }
      } finally {
        await items.return?.();
      }
    }
    let target = "standard output";
    if (flags.output !== undefined) {
      target = flags.output;
      await writeText(flags.output, exportText(format, subject, counted()));
    } else if (flags.folder !== undefined || flags.url !== undefined) {
      const file = await exportFile(format, subject, counted());
      const authorization =
        flags.authorizationFile === undefined ? undefined : readText(flags.authorizationFile).trim();
      const sink =
        flags.folder !== undefined
          ? directorySink(flags.folder)
          : httpSink({ url: flags.url as string, authorization }, { fetch: io.fetch, wait });
      await sink.put(file);
      target = `${sink.name} ${file.name}`;
    } else {
      for await (const text of exportText(format, subject, counted())) io.out(text);
      return;
    }
    show(io, json, { target, readings: count }, () =>
      facts([
        ["target", target],
        ["readings", count],
      ]),
    );
  });
}

/** Nothing is left of a file that could not be finished. */
async function writeText(path: string, text: AsyncGenerator<string, unknown>): Promise<void> {
  const file = createWriteStream(path);
  try {
    await once(file, "open");
    for await (const chunk of text) if (!file.write(chunk)) await once(file, "drain");
    file.end();
    await once(file, "close");
  } catch (error) {
    file.destroy();
    rmSync(path, { force: true });
    throw error;
  }
}
