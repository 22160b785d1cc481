import type { Command } from "commander";
import { LEDGER_CODES } from "#consensus/application/codes.ts";
import type { UnsealedAnswer } from "../../api/smallApi.ts";
import { UNSEALED_REASONS } from "../../meter/unsealed.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { printable, show, table } from "../output.ts";

/** `meter unsealed`: what a light node has kept of its meters that is on no ledger, and why. */
export function unsealedCommand(meter: Command, io: CliIo): void {
  meter
    .command("unsealed")
    .description(
      "Readings that a light node has kept and that are in no interval of the ledger, with their range and why",
    )
    .argument("[meter]", "meter id on the ledger (default: all of this node)")
    .addHelpText("after", example("meter unsealed", "meter unsealed dsmr:4530303434303037/import --json"))
    .action(async (meterId: string | undefined, _flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const query = meterId === undefined ? "" : `?meter=${encodeURIComponent(meterId)}`;
      const answer = await client().getPrivate<UnsealedAnswer>(`/unsealed${query}`);
      show(io, json, answer, () => format(answer));
    });
}

function format({ late, refused }: UnsealedAnswer): string {
  if (late.length + refused.length === 0) return "Everything that is kept is sealed, or waits for it.\n";
  const rows = [
    ...late.map(({ meterId, readings, fromMs, toMs, reason }) => [
      printable(meterId),
      readings,
      time(fromMs),
      time(toMs),
      `${reason}: ${UNSEALED_REASONS[reason] ?? "late"}`,
    ]),
    ...refused.map(({ meterId, readings, startMs, endMs, amendment, code }) => [
      printable(meterId),
      readings,
      time(startMs),
      time(endMs),
      `${amendment === undefined ? "the interval" : `amendment ${amendment}`} was refused, ${printable(code)}: ${meaningOf(code)}`,
    ]),
  ];
  const hints = [
    ...(late.length > 0
      ? ["A larger latenessMs of the device in meters.json lets its next intervals wait for such readings."]
      : []),
    ...(refused.length > 0 ? ["`energy-ledger query meter METER` shows what the ledger knows of the meter."] : []),
  ];
  return `${table(["METER", "READINGS", "FROM", "TO", "WHY"], rows)}
They are kept: exports, archives and analytics have them, bills by the ledger do not.
${hints.map((hint) => `${hint}\n`).join("")}`;
}

function meaningOf(code: string): string {
  return Object.hasOwn(LEDGER_CODES, code)
    ? LEDGER_CODES[code as keyof typeof LEDGER_CODES][1]
    : "refused by all full nodes";
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
