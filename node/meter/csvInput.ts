import { access } from "node:fs/promises";
import { createCsvSource } from "./csv.ts";
import type { StartInput } from "./input.ts";
import { OptionReader } from "./inputOptions.ts";
import { inputOfSource } from "./sourceInput.ts";

export interface CsvInputOptions {
  /** Whole path, or relative to where the node was started. */
  readonly path: string;
}

/** A Low Carbon London file, read once from its start: what is in the log already is recognised. @throws MeterSourceError METER_OPTION_INVALID */
export const startCsvInput: StartInput<CsvInputOptions> = async (options, ports) => {
  const reader = new OptionReader(options, "csv", ["path"]);
  const path = reader.text("path", { pattern: /^[^\0]{1,4096}$/, form: "the path of a file" });
  await access(path).catch(() => {
    throw reader.fault("path", "must be a file that can be read");
  });
  const source = createCsvSource({ path, nowMs: ports.nowMs });
  return inputOfSource(`csv ${path}`, source, (reading) => reading, ports);
};
