import type { Command } from "commander";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { fetchOpenings, writeOpenings } from "../openings.ts";
import { facts, printable, show, table } from "../output.ts";
import { readAllPages } from "../pages.ts";
import { publicKeyOfFlag } from "../publicKeyFlag.ts";
import { formatEnergy, parseDuration, parseHex, parseTimeMs } from "../quantities.ts";
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
  readonly administrator?: string;
  readonly model?: string;
  readonly firmwareHash?: string;
  readonly validFrom?: string;
  readonly validUntil?: string;
}

interface OpeningsFlags {
  readonly from?: string;
  readonly to?: string;
  readonly output: string;
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

  meters
    .command("openings")
    .description(
      "Write what opens the committed sums of a meter's intervals, from its own light node, for `tx register`",
    )
    .argument("<meter>", "meter id")
    .option("--from <time>", "intervals that end at this time or later: RFC 3339 with zone, or Unix ms")
    .option("--to <time>", "intervals that end at this time or earlier")
    .requiredOption("-o, --output <file>", "where to write them; keep the file, whoever has it can read the sums")
    .addHelpText("after", example("meters openings MAC000002 -o openings.json --node http://127.0.0.1:26680"))
    .action(async (meterId: string, flags: OpeningsFlags, command: Command) => {
      const { json, client } = commandContext(io, command);
      const fromMs = flags.from === undefined ? 0 : parseTimeMs(flags.from);
      const toMs = flags.to === undefined ? undefined : parseTimeMs(flags.to);
      const openings = await fetchOpenings(client(), { meterId, fromMs, toMs });
      if (openings.length === 0) {
        const hint = "name the meter's own light node with --node, and wait until an interval is final";
        throw cliError("notFound", "OPENINGS_NONE", `this node has no final interval of meter ${meterId} then`, hint);
      }
      writeOpenings(flags.output, openings);
      const sumMwh = openings.reduce((sum, opening) => sum + BigInt(opening.sumMwh), 0n);
      const view = { file: flags.output, openings: openings.length, sumMwh: sumMwh.toString() };
      show(io, json, view, () =>
        facts([
          ["file", view.file],
          ["intervals", view.openings],
          ["energy", formatEnergy(sumMwh)],
          ["next", `tx register --meter ${meterId} --amount ENERGY --openings ${flags.output}`],
        ]),
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
      .option("--interval <duration>", "length of one interval", "15m")
      .option("--administrator <account>", "member who configures the device; else its owner does")
      .option("--model <text>", "maker and type of the device")
      .option("--firmware-hash <hex>", "SHA256 of its firmware")
      .option("--valid-from <time>", "when the certificate begins to hold: RFC 3339 with zone, or Unix ms")
      .option("--valid-until <time>", "when it ends; else it holds until it is revoked"),
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
      const { type, bytes: key } = publicKeyOfFlag(context, flags.deviceKey);
      const message = ledgerMessage("MsgEnrolMeter", {
        authority,
        meterId,
        deviceKey: { type, key },
        owner: flags.owner,
        quantity: flags.quantity,
        direction: flags.direction,
        seedCommitment: parseHex(flags.seedCommitment, 32, "--seed-commitment"),
        intervalMs: BigInt(parseDuration(flags.interval)),
        ...certificateFields(flags),
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

/** What a certificate may say beside what it must. */
function certificateFields({ administrator, model, firmwareHash, validFrom, validUntil }: EnrolFlags) {
  return {
    ...(administrator === undefined ? {} : { administrator }),
    ...(model === undefined ? {} : { model }),
    ...(firmwareHash === undefined ? {} : { firmwareHash: parseHex(firmwareHash, 32, "--firmware-hash") }),
    ...(validFrom === undefined ? {} : { validFromMs: BigInt(parseTimeMs(validFrom)) }),
    ...(validUntil === undefined ? {} : { validUntilMs: BigInt(parseTimeMs(validUntil)) }),
  };
}
