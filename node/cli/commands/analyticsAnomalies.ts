import type { Command } from "commander";
import { MAX_TX_MESSAGES } from "#storage/limits.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { createAnomalyDetectors, SINGLE_PHASE_MILLIWATTS } from "../../analytics/anomalies.ts";
import { ANOMALY_KINDS, type Anomaly, type AnomalyKind, flagFields } from "../../analytics/anomaly.ts";
import { FleetDetector, fleetAnomalies } from "../../analytics/fleet.ts";
import { anomalyJson, fleetJson, timeJson } from "../../analytics/views.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, printable, show, table } from "../output.ts";
import { type SubmitFlags, signAndSubmit, signingAccount } from "../submit.ts";
import { type InputFlags, openInput, withInputFlags } from "./analyticsInput.ts";
import { withSubmitFlags } from "./submitFlags.ts";

/** Lines of a table, unless told otherwise; `--json` and `--limit` show more. */
const DEFAULT_LIMIT = "40";

interface AnomalyFlags extends InputFlags, SubmitFlags {
  readonly sign?: boolean;
  readonly kind?: string;
  readonly fuseKw: string;
  readonly limit: string;
  readonly json?: boolean;
}

export function anomaliesCommand(analytics: Command, io: CliIo): void {
  withSubmitFlags(withInputFlags(analytics.command("anomalies"), "UTC"))
    .description("Spikes, leaks, zero runs, steps of the base load and readings over the fuse limit")
    .option("--kind <names>", `only these, separated by commas: ${ANOMALY_KINDS.join(", ")}`)
    .option("--fuse-kw <number>", "most power of the connection", String(SINGLE_PHASE_MILLIWATTS / 1_000_000))
    .option("--limit <number>", "rows to show; 0 shows the counts alone", DEFAULT_LIMIT)
    .option("--sign", "sign what is shown as flags and send them to the ledger, beside the readings")
    .addHelpText("after", example("analytics anomalies readings.csv.gz --kind spike,zero-run --zone Europe/London"))
    .action(async (files: readonly string[], _flags: object, command: Command) => {
      const flags = command.optsWithGlobals<AnomalyFlags>();
      const kinds = kindsOf(flags.kind);
      const limit = numberOf("--limit", flags.limit, 10_000_000);
      const fuseMilliwatts = numberOf("--fuse-kw", flags.fuseKw, 1_000_000) * 1_000_000;
      const { slots, zone, counts } = openInput(io, files, flags, flags.json === true);
      const detectors = createAnomalyDetectors({ zone, fuseMilliwatts });
      const found: Record<string, number> = {};
      const kept: Anomaly[] = [];
      const note = (anomalies: readonly Anomaly[]) => {
        for (const anomaly of anomalies) {
          found[anomaly.kind] = (found[anomaly.kind] ?? 0) + 1;
          // A suspect reading is information: thousands a year are cooking and showers, so they are shown only when asked for.
          const isWanted = kinds?.has(anomaly.kind) ?? anomaly.kind !== "suspect";
          if (isWanted && kept.length < limit) kept.push(anomaly);
        }
      };
      for await (const slot of slots) note(detectors.put(slot));
      note(detectors.end());
      if (flags.sign === true) {
        await sendFlags(commandContext(io, command), kept, flags);
        return;
      }
      show(io, flags.json === true, { counts, found, anomalies: kept.map(withFlag) }, () => {
        const rows = kept.map(anomalyRow);
        const head = facts([
          ["readings", counts.used],
          ...ANOMALY_KINDS.map((kind) => [kind, found[kind]] as const),
          ["zone", zone.id],
        ]);
        return `${head}\n${table(["UNTIL (UTC)", "METER", "KIND", "SEVERITY", "SCORE", "DETAILS"], rows)}`;
      });
    });
}

interface FleetFlags extends InputFlags {
  readonly json?: boolean;
}

export function fleetCommand(analytics: Command, io: CliIo): void {
  withInputFlags(analytics.command("fleet"), "UTC")
    .description("Completeness, slots that many meters miss together, clocks that moved by an hour")
    .addHelpText("after", example("analytics fleet part-00.csv.gz part-01.csv.gz"))
    .action(async (files: readonly string[], _flags: object, command: Command) => {
      const flags = command.optsWithGlobals<FleetFlags>();
      const { slots, zone, slotMs, quantity, counts } = openInput(io, files, flags, flags.json === true);
      const detector = new FleetDetector(quantity, slotMs, zone);
      for await (const slot of slots) detector.put(slot);
      const view = detector.end();
      const anomalies = fleetAnomalies(quantity, view).map(anomalyJson);
      show(io, flags.json === true, { counts, ...fleetJson(view), anomalies }, () => {
        const [expected, present] = view.completeness.reduce(
          ([all, there], meter) => [all + meter.expected, there + meter.present],
          [0, 0],
        );
        const worst = view.completeness
          .toSorted((a, b) => b.expected - b.present - (a.expected - a.present))
          .slice(0, 5)
          .filter((meter) => meter.present < meter.expected);
        const events = [
          ...view.outages.map((outage) => [
            timeJson(outage.fromMs).slice(0, 16),
            timeJson(outage.untilMs).slice(0, 16),
            "outage",
            `${outage.missing} of ${outage.active} meters`,
          ]),
          ...view.clockShifts.map((shift) => [
            timeJson(shift.atMs).slice(0, 16),
            "",
            "clock",
            `${shift.shiftMs > 0 ? "+" : ""}${shift.shiftMs / 3_600_000} h in ${shift.shifted} of ${shift.compared} meters`,
          ]),
        ];
        const head = facts([
          ["meters", view.completeness.length],
          ["slots", `${present} of ${expected}`],
          ["missing", expected - present],
          ["zone", zone.id],
        ]);
        const missing = worst.map((meter) => [
          printable(meter.meterId),
          meter.expected - meter.present,
          meter.expected,
        ]);
        return `${head}\n${table(["FROM (UTC)", "UNTIL", "EVENT", "SEEN"], events)}\n${table(["METER", "MISSING", "EXPECTED"], missing)}`;
      });
    });
}

/** One transaction, a flag per anomaly. @throws CliError FLAGS_NONE, FLAGS_TOO_MANY, and as signAndSubmit */
async function sendFlags(context: CommandContext, anomalies: readonly Anomaly[], flags: SubmitFlags): Promise<void> {
  if (anomalies.length === 0)
    throw cliError("notFound", "FLAGS_NONE", "nothing was found that could be flagged", "look without --sign first");
  if (anomalies.length > MAX_TX_MESSAGES) {
    const message = `${anomalies.length} flags are more than the ${MAX_TX_MESSAGES} of one transaction`;
    throw cliError("usage", "FLAGS_TOO_MANY", message, "choose with --kind, --meter, --from and --to");
  }
  const { name, account: signer } = signingAccount(context, flags.key);
  const messages = anomalies.map((anomaly) =>
    ledgerMessage("MsgFlagReadings", { signer, ...flagFields(anomaly, anomaly.meterId as string) }),
  );
  await signAndSubmit(context, messages, [name], flags);
}

/** The anomaly with what a member would sign to put it on the ledger. */
function withFlag(anomaly: Anomaly) {
  const { meterId } = anomaly;
  if (meterId === undefined) return anomalyJson(anomaly);
  const { kind, detailsHash } = flagFields(anomaly, meterId);
  return { ...anomalyJson(anomaly), flag: { kind, detailsHash: Buffer.from(detailsHash).toString("hex") } };
}

function anomalyRow({ meterId = "", kind, severity, untilMs, score, details }: Anomaly): readonly string[] {
  const seen = Object.entries(details).map(([name, value]) => `${name} ${Array.isArray(value) ? value.length : value}`);
  const text = (score / 1000).toFixed(1);
  return [timeJson(untilMs).slice(0, 16), printable(meterId), kind, severity, text, seen.join(", ")];
}

function kindsOf(text: string | undefined): ReadonlySet<AnomalyKind> | undefined {
  if (text === undefined) return undefined;
  const names = text.split(",");
  const unknown = names.find((name) => !ANOMALY_KINDS.includes(name as AnomalyKind));
  if (unknown !== undefined)
    throw cliError("usage", "ANOMALY_KIND_UNKNOWN", `${unknown} is no kind`, `one of ${ANOMALY_KINDS.join(", ")}`);
  return new Set(names as AnomalyKind[]);
}

function numberOf(flag: string, text: string, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  throw cliError("usage", "NUMBER_MALFORMED", `${flag} ${text} is not a whole number up to ${max}`, "write digits");
}
