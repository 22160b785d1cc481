import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { formatConfigFile } from "../configuration.ts";
import { homePaths } from "../configurationHome.ts";
import type { NodeOptions } from "../options.ts";
import { cliError } from "./cliError.ts";
import { saveKey } from "./keyStore.ts";

/** A home folder to be written. */
export interface NewHome {
  readonly home: string;
  /** What config.json says: everything that differs from the defaults. */
  readonly config: Partial<NodeOptions>;
  /** Text of genesis.json. */
  readonly genesis: string;
  /** By name, written encrypted. */
  readonly keys: Readonly<Record<string, PrivateKey>>;
}

/** Writes a home. A folder that is one already is left as it is. @throws CliError HOME_EXISTS */
export async function writeHome({ home, config, genesis, keys }: NewHome, passphrase: string): Promise<void> {
  const paths = homePaths(home);
  for (const file of [paths.config, paths.genesis, paths.keys])
    if (existsSync(file)) {
      const hint = "use it with --home, or choose another folder: keys are never overwritten";
      throw cliError("failure", "HOME_EXISTS", `${home} is a node's home already`, hint);
    }
  mkdirSync(home, { recursive: true, mode: 0o700 });
  mkdirSync(paths.data, { recursive: true, mode: 0o700 });
  // Keys first: a home without them is not one, and the command can simply be repeated after it was interrupted before.
  await Promise.all(Object.entries(keys).map(([name, key]) => saveKey(paths.keys, name, key, passphrase)));
  writeFileSync(paths.genesis, genesis, { flag: "wx" });
  writeFileSync(paths.config, formatConfigFile(config), { flag: "wx" });
}
