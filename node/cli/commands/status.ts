import type { Command } from "commander";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, paint, printable, show } from "../output.ts";

export interface StatusAnswer {
  readonly role: string;
  readonly moniker: string;
  readonly chainId: string;
  readonly peerId: string;
  readonly version: string;
  readonly height: number;
  readonly round: number;
  readonly blockHash: string;
  readonly appHash: string;
  readonly blockTime: string | null;
  readonly catchingUp: boolean;
  readonly peers: number;
}

export function statusCommand(program: Command, io: CliIo): void {
  program
    .command("status")
    .description("Role, chain, height and peers of a node")
    .addHelpText("after", example("status", "status --node http://127.0.0.1:26680 --json"))
    .action(async (_flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const status = await client().get<StatusAnswer>("/status");
      show(io, json, status, () =>
        facts([
          ["node", `${printable(status.moniker)} (${status.role})`],
          ["chain", printable(status.chainId)],
          ["height", status.height],
          ["block hash", status.blockHash],
          ["block time", status.blockTime ?? "no block yet"],
          ["app hash", status.appHash],
          ["peers", status.peers],
          ["state", status.catchingUp ? paint(io, "yellow", "catching up") : paint(io, "green", "synchronised")],
          ["peer id", status.peerId],
        ]),
      );
    });
}
