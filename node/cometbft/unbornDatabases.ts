import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * Removes those of CometBFT's databases that a killed CometBFT was only about to make. goleveldb writes a first MANIFEST, then CURRENT, which names it: a
 * folder without CURRENT, with the first MANIFEST and no table has never held anything, and CometBFT refuses to open it for ever ("database entry point either missing
 * or corrupted"). Any other folder is left as it is, a damaged one too. Answers the names of those removed.
 */
export function removeUnbornDatabases(cometHome: string): readonly string[] {
  const data = join(cometHome, "data");
  if (!existsSync(data)) return [];
  const unborn = readdirSync(data).filter((name) => name.endsWith(".db") && isUnborn(readdirSync(join(data, name))));
  for (const name of unborn) rmSync(join(data, name), { recursive: true });
  return unborn;
}

/** Files of a database before it has been made; 000000 is the number of its first MANIFEST, and of no later one. */
const BEFORE_BIRTH = /^(LOCK|LOG|MANIFEST-000000)$/;

function isUnborn(files: readonly string[]): boolean {
  return files.every((file) => BEFORE_BIRTH.test(file));
}
