import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CellResult } from "./runCell.ts";

/** What must be the same for cells of one folder to be compared. */
export interface RunSettings {
  readonly isQuick: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly window: number;
  readonly bigchaindbUrl?: string | undefined;
}

/** The finished cells of an output folder: what is there is not measured again. */
export interface CellFiles {
  load(name: string): CellResult | undefined;
  save(result: CellResult): void;
}

/** @throws RangeError if the folder has cells of other settings */
export function openCellFiles(output: string, settings: RunSettings): CellFiles {
  const folder = join(output, "cells");
  mkdirSync(folder, { recursive: true });
  const settingsFile = join(output, "settings.json");
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (!existsSync(settingsFile) || readdirSync(folder).length === 0) writeFileSync(settingsFile, text);
  else if (readFileSync(settingsFile, "utf8") !== text)
    throw new RangeError(`${output} has cells of other settings (settings.json): name another folder by --output`);
  const fileOf = (name: string): string => join(folder, `${name}.json`);
  return {
    load: (name) =>
      existsSync(fileOf(name)) ? (JSON.parse(readFileSync(fileOf(name), "utf8")) as CellResult) : undefined,
    save(result) {
      const whole = `${fileOf(result.name)}.part`;
      writeFileSync(whole, `${JSON.stringify(result, null, 2)}\n`);
      renameSync(whole, fileOf(result.name));
    },
  };
}
