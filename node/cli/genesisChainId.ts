import { readFileSync } from "node:fs";
import type { HomePaths } from "../configurationHome.ts";
import { cliError } from "./cliError.ts";

/** The ledger's id as the home's genesis.json says it. @throws CliError GENESIS_UNREADABLE */
export function loadGenesisChainId({ genesis }: HomePaths): string {
  try {
    const { chain_id: chainId } = JSON.parse(readFileSync(genesis, "utf8")) as { chain_id: unknown };
    if (typeof chainId === "string" && chainId !== "") return chainId;
  } catch {}
  throw cliError("failure", "GENESIS_UNREADABLE", `${genesis} names no chain`, "name the home of a node with --home");
}
