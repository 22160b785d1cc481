import type { Command } from "commander";
import type { CliIo } from "../cli/io.ts";
import type { EthereumAction, EthereumQuery } from "./action.ts";

/** What belongs to one contract's users: a command with its subcommands, and the routes below its name. */
export interface EthereumGroup {
  readonly name: string;
  readonly about: string;
  readonly actions: readonly EthereumAction[];
  readonly queries: readonly EthereumQuery[];
  /** Commands that need keys or files of a home and no Ethereum node: they have no route. */
  readonly homeCommands?: (group: Command, io: CliIo) => void;
}
