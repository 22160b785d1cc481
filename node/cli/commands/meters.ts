import type { Command } from "commander";
import type { KeyType } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { showKey } from "../keyStore.ts";
import { printable, show, table } from "../output.ts";
import { readAllPages } from "../pages.ts";
import { parseDuration, parseHex } from "../quantities.ts";
import { type SubmitFlags, signAndSubmit, signingAccount } from "../submit.ts";
import { withSubmitFlags } from "./submitFlags.ts";

export interface MeterAnswer {
  readonly meterId: string;
  readonly owner: string;
  readonly quantity: string;
  readonly direction: string;
  readonly intervalMs: string | number;
  readonly revoked: boolean;
}

interface EnrolFlags extends SubmitFlags {
  readonly owner: string;
  readonly deviceKey: string;
  readonly quantity: string;
  readonly direction: string;
  readonly interval: string;
  readonly seedCommitment: string;
}

export function metersCommand(program: Command, io: CliIo): void {
  const meters = program
    .command("meters")
    .description("Meters whose intervals the ledger accepts")
    .addHelpText("after", example("meters list"));

  meters
    .command("list", { isDefault: true })
    .description("All meters, their owners and what they measure")
    .addHelpText("after", example("meters list --json"))
    .action(async (_flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const meters = await readAllPages<MeterAnswer>(client(), "/meters", "meters");
      show(io, json, { meters }, () =>
        table(
          ["METER", "QUANTITY", "DIRECTION", "INTERVAL", "STATE", "OWNER"],
          meters.map((meter) => [
            printable(meter.meterId),
            meter.quantity,
            meter.direction,
            `${Number(meter.intervalMs) / 1000} s`,
            meter.revoked ? "revoked" : "enrolled",
            meter.owner,
          ]),
        ),
      );
    });

  withSubmitFlags(
    meters
      .command("enrol")
      .description("Let the ledger accept intervals of a meter")
      .argument("<meter>", "meter id")
      .requiredOption("--owner <account>", "member who owns the meter")
      .requiredOption("--device-key <key>", "name of a key in this home, or TYPE:HEX with type ed25519 or secp256k1")
      .requiredOption("--seed-commitment <hex>", "SHA256 of the meter's first period seed")
      .option("--quantity <name>", "electricity, gas, water, heat or ev", "electricity")
      .option("--direction <name>", "import (from the grid) or export (produced)", "import")
      .option("--interval <duration>", "length of one interval", "15m"),
  )
    .addHelpText(
      "after",
      example(
        `meters enrol MAC000002 --owner edream1… --device-key meter --interval 30m --seed-commitment ${"5e".repeat(32)}`,
      ),
    )
    .action(async (meterId: string, flags: EnrolFlags, command: Command) => {
      const context = commandContext(io, command);
      const { name, account: authority } = signingAccount(context, flags.key);
      const message = ledgerMessage("MsgEnrolMeter", {
        authority,
        meterId,
        deviceKey: deviceKeyOf(context, flags.deviceKey),
        owner: flags.owner,
        quantity: flags.quantity,
        direction: flags.direction,
        seedCommitment: parseHex(flags.seedCommitment, 32, "--seed-commitment"),
        intervalMs: BigInt(parseDuration(flags.interval)),
      });
      await signAndSubmit(context, [message], [name], flags);
    });

  withSubmitFlags(
    meters
      .command("revoke")
      .description("Refuse all further intervals of a meter")
      .argument("<meter>", "meter id")
      .option("--reason <text>", "why, readable by everyone", ""),
  )
    .addHelpText("after", example("meters revoke MAC000002 --reason 'calibration expired' --key owner"))
    .action(async (meterId: string, flags: SubmitFlags & { reason: string }, command: Command) => {
      const context = commandContext(io, command);
      const { name, account: authority } = signingAccount(context, flags.key);
      const message = ledgerMessage("MsgRevokeMeter", { authority, meterId, reason: flags.reason });
      await signAndSubmit(context, [message], [name], flags);
    });
}

function deviceKeyOf(context: CommandContext, text: string): { type: KeyType; key: Uint8Array } {
  const [type, digits] = text.split(":");
  if (digits === undefined) {
    const { publicKey } = showKey(context.paths.keys, text);
    return { type: publicKey.type, key: publicKey.bytes };
  }
  if (type === "ed25519") return { type, key: parseHex(digits, 32, "the device key") };
  if (type === "secp256k1") return { type, key: parseHex(digits, 33, "the device key") };
  throw cliError("usage", "DEVICE_KEY_MALFORMED", `${type} is no kind of key`, "write ed25519:HEX or secp256k1:HEX");
}
