import { readFileSync } from "node:fs";

/** What CometBFT's own Go types say (testdata/emit). Responses are whole texts with id -1. */
export interface CometbftVectors {
  /** Protobuf in hex. */
  readonly fixtures: Readonly<Record<string, string>>;
  readonly responses: Readonly<Record<string, string>>;
  readonly evidence: Readonly<Record<string, string>>;
  readonly queries: readonly { readonly query: string; readonly text?: string; readonly error?: string }[];
  readonly matches: readonly {
    readonly query: string;
    readonly events: Readonly<Record<string, readonly string[]>>;
    readonly matches: boolean;
  }[];
}

export const COMETBFT_VECTORS = JSON.parse(
  readFileSync(new URL("./testdata/cometbft.json", import.meta.url), "utf8"),
) as CometbftVectors;
