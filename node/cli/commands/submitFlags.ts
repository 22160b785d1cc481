import type { Command } from "commander";

/** Adds the flags of `SubmitFlags` to a command. */
export function withSubmitFlags(command: Command): Command {
  return command
    .option("--key <name>", "key that signs (default: the one that init made for it, or the only one)")
    .option("--memo <text>", "note in the transaction, readable by everyone")
    .option("--no-wait", "do not wait until the transaction is in a block")
    .option("--dry-run", "sign and show the transaction, but do not send it");
}

/** Collects a flag that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}
