import { join } from "node:path";

/** Where things lie in a node's home folder. */
export interface HomePaths {
  readonly config: string;
  readonly genesis: string;
  /** Inputs and devices of a node that reads meters; it need not exist. */
  readonly meters: string;
  /** One encrypted file per key, `NAME.json`. */
  readonly keys: string;
  readonly data: string;
}

export function homePaths(home: string): HomePaths {
  return {
    config: join(home, "config.json"),
    genesis: join(home, "genesis.json"),
    meters: join(home, "meters.json"),
    keys: join(home, "keys"),
    data: join(home, "data"),
  };
}

/** Names of the keys that `init` makes. */
export const VALIDATOR_KEY_NAME = "validator";
export const NODE_KEY_NAME = "node";
